#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/config/file.h"
#include "control/state/overrides.h"
#include "control/state/ramps.h"
#include "core/config/config.h"
#include "core/config/diff.h"
#include "core/config/paths.h"
#include "core/config/snapshot.h"
#include "core/contract/message.h"
#include "core/health/health_table.h"
#include "core/health/probe_target.h"
#include "core/health/state.h"
#include "core/result.h"

namespace sluice::control {

/// The last thing the health checker had to say about a backend.
struct HealthNote {
  TargetState state = TargetState::unknown;
  std::string reason;                           // "HTTP status 503, wanted 200 to 399"
  std::chrono::system_clock::time_point since;  // of the last flip
};
using HealthNotes = std::map<BackendName, HealthNote>;  // of every backend that is probed

/// Which parts of the state a change touched.
struct Touched {
  bool config = false;
  bool health = false;
  bool paths = false;
  bool data_plane = false;  // it connected, left or reported
};

/// Everything that sluiced has decided: the configuration in force, health, paths, and the snapshot
/// they compile to. The checker, the path finder, the publisher and the control socket change it by
/// its functions and hear of each other's changes by `subscribe`. One thread.
class State {
 public:
  struct Options {
    std::string config_path;  // what the operator wrote
    std::string state_dir;    // last-good.toml and overrides.json
    // Asked of a changed configuration, not of the one at start: an interface may come up later.
    HostCheck host_check = {};
    std::function<Ramps::Time()> clock = std::chrono::steady_clock::now;  // of slow starts
  };
  explicit State(Options options);
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// At start: the configuration file, else the last good one (then `warning()` says why), else the
  /// errors.
  [[nodiscard]] std::expected<void, std::vector<FileError>> load();
  /// The configuration file again (SIGHUP). After an error everything stays as it was.
  [[nodiscard]] std::expected<Plan, std::vector<FileError>> reload();
  /// Makes `text` the configuration file and puts it in force: all, or nothing and every error. The
  /// text it replaces is kept beside it as <config_path>.previous.
  [[nodiscard]] std::expected<Plan, std::vector<FileError>> apply(std::string_view text,
                                                                  std::string_view file);
  /// What `apply` would do.
  [[nodiscard]] std::expected<Plan, std::vector<FileError>> plan(std::string_view text,
                                                                 std::string_view file) const;
  /// Sets an override, or clears those parts of it that are not set; kept over restarts and reloads
  /// while the backend is in the configuration.
  [[nodiscard]] std::expected<Plan, Error> set_override(const BackendName& name,
                                                        const Override& change);

  /// A flip of one backend. It is only noted: `publish_health` puts the flips since the last one in
  /// force and tells of them together, since the slot tables are built anew then. The checker calls
  /// it soon after a flip, but the first time only when it has had the time to judge every backend.
  void set_health(const BackendName& name, TargetState state, std::string reason);
  void publish_health();
  /// When a backend in its slow start takes its next step; nothing while none is in it.
  [[nodiscard]] std::optional<Ramps::Time> next_ramp_step() const;
  /// Puts the steps that are due in force.
  void advance_ramps();
  void set_paths(Paths paths);
  /// What the data plane last said; nothing while it is not connected.
  void set_report(std::optional<Report> report);

  /// `listener` is called after each change, for as long as the state lives.
  void subscribe(std::function<void(const Touched&)> listener);

  [[nodiscard]] const Config& config() const { return *inputs_.config; }    // with overrides
  [[nodiscard]] const Config& file_config() const { return file_.config; }  // without
  [[nodiscard]] const std::string& config_text() const { return file_.text; }
  [[nodiscard]] std::uint64_t config_generation() const { return config_generation_; }
  [[nodiscard]] const HealthTable& health() const { return inputs_.health; }
  [[nodiscard]] std::uint64_t health_generation() const { return health_generation_; }
  /// Whether health has been published since this process started. Until then it is all unknown,
  /// and a data plane that still runs by the verdicts of our predecessor knows better.
  [[nodiscard]] bool health_settled() const { return health_settled_; }
  [[nodiscard]] const Paths& paths() const { return *inputs_.paths; }
  [[nodiscard]] std::uint64_t paths_generation() const { return paths_generation_; }
  /// What the data plane forwards by once it has all three generations. Numbers of backends and
  /// listeners are ours, not the data plane's: go by names. Good until the next change.
  [[nodiscard]] const Snapshot& snapshot() const;
  [[nodiscard]] const HealthNotes& health_notes() const { return health_notes_; }
  [[nodiscard]] const Overrides& overrides() const { return overrides_; }
  [[nodiscard]] const std::optional<Report>& report() const { return report_; }
  [[nodiscard]] const Options& options() const { return options_; }
  /// Why the configuration in force is not the file's; empty when it is.
  [[nodiscard]] const std::string& warning() const { return warning_; }
  /// What could not be kept in the state directory, or read from it; empty when all is well.
  [[nodiscard]] const std::string& storage_warning() const { return storage_warning_; }

 private:
  using FileErrors = std::vector<FileError>;
  // A configuration that is good to be put in force, with what follows from it.
  struct Prepared {
    ConfigFile file;
    HealthNotes health_notes;
    Ramps ramps;
    Snapshot snapshot;
  };
  [[nodiscard]] std::expected<Prepared, FileErrors> prepare(std::string_view text,
                                                            std::string_view file,
                                                            const HostCheck& host_check) const;
  [[nodiscard]] std::expected<Prepared, FileErrors> prepare_file(const std::string& path,
                                                                 const HostCheck& host_check) const;
  [[nodiscard]] HealthNotes notes_for(const Config& config) const;
  [[nodiscard]] std::expected<void, FileErrors> store_config(std::string_view text) const;
  Plan put_in_force(Prepared prepared);
  void load_overrides();
  void keep(const std::string& name, const std::string& text);
  // The health that goes with these notes and that configuration, slow starts included.
  [[nodiscard]] HealthTable health_with(const HealthNotes& notes, const Config& config,
                                        Ramps& ramps) const;
  void put_in_force(HealthTable health);
  void put_in_force(Snapshot snapshot);
  void tell(const Touched& touched);

  Options options_;
  ConfigFile file_;  // as written, without overrides
  Overrides overrides_;
  HealthNotes health_notes_;
  Ramps ramps_;
  std::vector<BackendName> flipped_;  // since health was published
  bool health_settled_ = false;
  SnapshotInputs inputs_;
  // Flips come when they come, and nobody here may want to see what they compile to: `snapshot`
  // does it when asked.
  mutable Snapshot snapshot_;
  mutable bool is_stale_ = false;  // health or paths have changed since
  std::optional<Report> report_;
  std::string warning_;
  std::string storage_warning_;
  std::uint64_t config_generation_ = 0;
  std::uint64_t health_generation_ = 0;
  std::uint64_t paths_generation_ = 0;
  std::vector<std::function<void(const Touched&)>> listeners_;
};

}  // namespace sluice::control
