#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/state/state.h"
#include "core/contract/shared_view.h"

namespace sluice::control {

/// A file mapped read-only. The writer never shrinks its files, so what was there when it was
/// opened stays readable, after it was replaced too.
class FileMapping {
 public:
  /// Which file stood at the path; another one after the data plane has started anew.
  struct Identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size_bytes = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  /// The file at the path now, or nothing.
  [[nodiscard]] static std::optional<Identity> look(const std::string& path);

  [[nodiscard]] static std::expected<FileMapping, Error> open(const std::string& path);
  FileMapping(FileMapping&& other) noexcept;
  FileMapping& operator=(FileMapping&& other) noexcept;
  ~FileMapping();
  [[nodiscard]] std::span<const std::uint8_t> memory() const { return memory_; }
  [[nodiscard]] const Identity& identity() const { return identity_; }

 private:
  FileMapping(std::span<const std::uint8_t> memory, Identity identity)
      : memory_(memory), identity_(identity) {}
  std::span<const std::uint8_t> memory_;
  Identity identity_;
};

/// The data plane's numbers by the operator's names, all of one moment.
struct Directory {
  struct BackendNumber {
    std::uint32_t id = 0;
    Target target;
    Address address;
  };
  std::map<Listening, std::uint16_t> listeners;
  std::map<BackendName, BackendNumber> backends;
  std::map<std::uint32_t, BackendName> names;  // by target bits

  [[nodiscard]] const BackendName* name_of(Target target) const;
  [[nodiscard]] const BackendNumber* find(const BackendName& name) const;
};

/// Counters and flow tables of the data plane, out of <run_dir>/counters and <run_dir>/flows.N.
/// `refresh` follows a data plane that has started anew; between two calls everything stays mapped.
class DataplaneView {
 public:
  explicit DataplaneView(std::string run_dir) : run_dir_(std::move(run_dir)) {}

  void refresh();
  /// Null when there are none to read; `problem` says why.
  [[nodiscard]] const CountersView* counters() const { return counters_ ? &*counters_ : nullptr; }
  [[nodiscard]] const Directory& directory() const { return directory_; }
  /// One per worker, in order; those that cannot be read are left out.
  [[nodiscard]] const std::vector<FlowsView>& flows() const { return flows_; }
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }

  /// By name; zeros when the data plane does not know it.
  [[nodiscard]] TrafficCounter listener(const Listener& listener) const;
  [[nodiscard]] BackendCounter backend(const BackendName& name) const;

 private:
  void forget(std::optional<Error> why);
  void open_flows();
  void read_directory();

  std::string run_dir_;
  std::optional<FileMapping> counters_file_;
  std::optional<CountersView> counters_;
  std::vector<FileMapping> flows_files_;
  std::vector<FlowsView> flows_;
  Directory directory_;
  std::uint64_t directory_sequence_ = 0;  // that `directory_` was read at; 0: not yet
  std::optional<Error> problem_ = Error{"the data plane's counters were not looked at yet", "", ""};
};

}  // namespace sluice::control
