#pragma once

#include <expected>
#include <memory>
#include <vector>

#include "core/config/config.h"
#include "core/config/paths.h"
#include "core/net/address.h"
#include "core/result.h"

namespace sluice::control {

/// Learns from the kernel, by rtnetlink, how this host reaches the backends: route, outgoing
/// interface, next hop, its link address, MTU, and our own address towards it. Asks the kernel to
/// resolve and to keep fresh the neighbours that are needed.
class PathFinder {
 public:
  /// Of the network namespace that the calling thread is in.
  [[nodiscard]] static std::expected<PathFinder, Error> open();
  PathFinder(PathFinder&&) noexcept;
  PathFinder& operator=(PathFinder&&) noexcept;
  ~PathFinder();

  /// Readable when links, addresses, routes or neighbours have changed.
  [[nodiscard]] int changes() const;
  /// Takes what `changes` has to say; true when anything that may matter to the last `find`
  /// changed.
  [[nodiscard]] bool drain_changes();

  /// The path to each destination that has one now: its route leaves by the kernel interface of one
  /// of `ports`, which is running, and the next hop's link address is known. For the others
  /// resolution is begun, and `changes` will tell. In order of address, none twice. The kernel is
  /// silent when a neighbour grows stale and gives up on one that does not answer: call this every
  /// few seconds even without a change, to keep the one fresh and to try the other again.
  [[nodiscard]] Paths find(const std::vector<Address>& destinations,
                           const std::vector<PortConfig>& ports);

 private:
  struct State;
  explicit PathFinder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::control
