#pragma once

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/config/compile.h"
#include "core/health/state.h"

namespace sluice::sim {

using Random = std::mt19937_64;

/// A number from 0 to `count` - 1.
[[nodiscard]] std::size_t below(Random& random, std::size_t count);

/// What the operator wrote and what the checker found, and what a worker forwards by while it holds
/// this view. `take_new` and `keeps` say who may be sent to in the words of the manual, apart from
/// core/config, so that a mistake there is not repeated here.
struct View {
  Config config;
  Health health;
  Snapshot snapshot;

  [[nodiscard]] const ServiceConfig* service(std::string_view name) const;
  /// The names of those that a new flow may go to: who is up, neither drained nor of weight 0;
  /// while there is none, who is unknown; while there is none either, who is down.
  [[nodiscard]] std::vector<std::string> take_new(const ServiceConfig& service) const;
  /// Whether flows that were begun on this backend stay there.
  [[nodiscard]] bool keeps(const ServiceConfig& service, const BackendConfig& backend) const;

 private:
  [[nodiscard]] TargetState state(const ServiceConfig& service, const BackendConfig& backend) const;
  [[nodiscard]] std::vector<std::string> takers(const ServiceConfig& service,
                                                TargetState state) const;
};

/// Compiled upon nothing, as another balancer would.
[[nodiscard]] Snapshot from_scratch(const View& view);

/// The configuration and health of one balancer, changed at random. Every change leaves a
/// configuration that compiles.
class World {
 public:
  explicit World(Random& random);

  /// One to four changes; returns what they were.
  std::string change();
  /// Compiled upon the last view, as the running data plane does.
  [[nodiscard]] std::shared_ptr<const View> publish();
  /// The data plane starts anew: what is published next is compiled upon nothing.
  void restart() { last_.reset(); }

 private:
  std::string change_once();
  std::string change_backend(ServiceConfig& service);
  std::string flip_health(const ServiceConfig& service);
  std::string add_service();
  std::string remove_service();
  std::string add_backend(ServiceConfig& service);
  std::string remove_backend(ServiceConfig& service);
  [[nodiscard]] BackendConfig new_backend(const ServiceConfig& service);

  Random& random_;
  Config config_;
  Health health_;
  std::shared_ptr<const View> last_;
  unsigned services_made_ = 0;
  unsigned backends_made_ = 0;
};

/// The link address of a backend: how the simulator knows where a frame was sent to.
[[nodiscard]] MacAddress mac_of(const Address& backend);

}  // namespace sluice::sim
