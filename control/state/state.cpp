#include "control/state/state.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/config/compile.h"

namespace sluice::control {
namespace {

// A restarted sluiced is newer than whatever the data plane still has, since no generation lasts
// less than a microsecond.
std::uint64_t first_generation() {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(
      duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

Health health_of(const HealthNotes& notes) {
  Health out;
  for (const auto& [name, note] : notes)
    out.entries.push_back({name.service, name.backend, note.state});
  return out;
}

FileError at_beginning(std::string_view file, const Error& error) {
  FileError out{.file = std::string(file), .what = error.what, .remedy = error.remedy};
  if (!error.where.empty() && error.where != file) out.what += " (" + error.where + ")";
  return out;
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string describe_first(const std::vector<FileError>& errors) {
  return "the file has " +
         (errors.size() == 1 ? "an error" : std::to_string(errors.size()) + " errors") +
         ", first: " + errors.front().text();
}

}  // namespace

State::State(Options options)
    : options_(std::move(options)),
      config_generation_(first_generation()),
      health_generation_(config_generation_),
      paths_generation_(config_generation_) {}

std::expected<void, std::vector<FileError>> State::load() {
  load_overrides();
  auto prepared = prepare_file(options_.config_path, {});
  if (!prepared) {
    const FileErrors errors = std::move(prepared.error());
    const std::string last_good = options_.state_dir + "/last-good.toml";
    if (!exists(last_good)) return std::unexpected(errors);
    prepared = prepare_file(last_good, {});
    if (!prepared) return std::unexpected(errors);
    warning_ = "the last good configuration (" + last_good + ") is in force, since " +
               describe_first(errors);
  }
  put_in_force(std::move(*prepared));
  return {};
}

std::expected<Plan, std::vector<FileError>> State::reload() {
  auto prepared = prepare_file(options_.config_path, options_.host_check);
  if (!prepared) {
    warning_ =
        "the configuration read before is in force, since " + describe_first(prepared.error());
    return std::unexpected(std::move(prepared.error()));
  }
  warning_.clear();
  storage_warning_.clear();
  return put_in_force(std::move(*prepared));
}

std::expected<Plan, std::vector<FileError>> State::apply(std::string_view text,
                                                         std::string_view file) {
  auto prepared = prepare(text, file, options_.host_check);
  if (!prepared) return std::unexpected(std::move(prepared.error()));
  if (auto stored = store_config(text); !stored) return std::unexpected(std::move(stored.error()));
  warning_.clear();
  storage_warning_.clear();
  return put_in_force(std::move(*prepared));
}

std::expected<Plan, std::vector<FileError>> State::plan(std::string_view text,
                                                        std::string_view file) const {
  const auto prepared = prepare(text, file, options_.host_check);
  if (!prepared) return std::unexpected(prepared.error());
  return diff(snapshot_, prepared->snapshot);
}

std::expected<Plan, Error> State::set_override(const BackendName& name, const Override& change) {
  if (auto checked = check_override(name, change, file_.config); !checked)
    return std::unexpected(std::move(checked.error()));
  Overrides wanted = overrides_;
  wanted.erase(name);
  if (change != Override{}) wanted.emplace(name, change);
  const Config config = with_overrides(file_.config, wanted);
  Ramps ramps = ramps_;
  Health health = health_with(health_notes_, config, ramps);
  auto after = compile(config, health, paths_, &snapshot_);
  if (!after)
    return std::unexpected(Error{after.error().front().what, after.error().front().path,
                                 after.error().front().remedy});
  Plan plan = diff(snapshot_, *after);
  overrides_ = std::move(wanted);
  snapshot_ = std::move(*after);
  ++config_generation_;
  ramps_ = std::move(ramps);
  const bool ramped = health_settled_ && health != health_;
  if (health != health_) {
    health_ = std::move(health);
    ++health_generation_;
  }
  storage_warning_.clear();
  keep("overrides.json", overrides_text(overrides_));
  tell({.config = true, .health = ramped});
  return plan;
}

void State::set_health(const BackendName& name, TargetState state, std::string reason) {
  const auto note = health_notes_.find(name);
  if (note == health_notes_.end()) return;  // it left the configuration meanwhile
  note->second = {state, std::move(reason), std::chrono::system_clock::now()};
}

void State::publish_health() {
  Health health = health_with(health_notes_, snapshot_.config, ramps_);
  const bool is_first = !std::exchange(health_settled_, true);
  if (health == health_ && !is_first) return;
  health_ = std::move(health);
  ++health_generation_;
  recompile();
  tell({.health = true});
}

void State::set_paths(Paths paths) {
  if (paths == paths_) return;
  paths_ = std::move(paths);
  ++paths_generation_;
  recompile();
  tell({.paths = true});
}

void State::set_report(std::optional<Report> report) {
  if (report == report_) return;
  report_ = std::move(report);
  tell({.data_plane = true});
}

void State::subscribe(std::function<void(const Touched&)> listener) {
  listeners_.push_back(std::move(listener));
}

std::expected<State::Prepared, std::vector<FileError>> State::prepare(
    std::string_view text, std::string_view file, const HostCheck& host_check) const {
  auto parsed = parse_config(text, file, host_check);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  Prepared out{
      .file = std::move(*parsed), .health_notes = {}, .ramps = {}, .health = {}, .snapshot = {}};
  out.health_notes = notes_for(out.file.config);
  out.ramps = ramps_;
  const Config config = with_overrides(out.file.config, overrides_);
  out.health = health_with(out.health_notes, config, out.ramps);
  auto snapshot = compile(config, out.health, paths_, &snapshot_);
  if (!snapshot) {
    FileErrors errors;
    for (const ConfigError& error : snapshot.error())
      errors.push_back({.file = std::string(file),
                        .what = error.path + ": " + error.what,
                        .remedy = error.remedy});
    return std::unexpected(std::move(errors));
  }
  out.snapshot = std::move(*snapshot);
  return out;
}

std::expected<State::Prepared, std::vector<FileError>> State::prepare_file(
    const std::string& path, const HostCheck& host_check) const {
  const auto text = read_file(path);
  if (!text) return std::unexpected(FileErrors{at_beginning(path, text.error())});
  return prepare(*text, path, host_check);
}

// A backend keeps its state where the question to it is the same as before; others start unknown.
HealthNotes State::notes_for(const Config& config) const {
  std::map<BackendName, ProbeTarget> before;
  for (ProbeTarget& target : probe_targets(file_.config)) before.emplace(target.name, target);
  HealthNotes out;
  for (const ProbeTarget& target : probe_targets(config)) {
    const auto old = before.find(target.name);
    const auto note = health_notes_.find(target.name);
    const bool known =
        old != before.end() && note != health_notes_.end() && same_question(old->second, target);
    out.emplace(target.name,
                known ? note->second
                      : HealthNote{TargetState::unknown, "", std::chrono::system_clock::now()});
  }
  return out;
}

std::expected<void, std::vector<FileError>> State::store_config(std::string_view text) const {
  const std::string& path = options_.config_path;
  if (exists(path)) {
    const auto old = read_file(path);
    if (!old) return std::unexpected(FileErrors{at_beginning(path, old.error())});
    if (auto kept = replace_file(path + ".previous", *old); !kept)
      return std::unexpected(FileErrors{at_beginning(path, kept.error())});
  }
  if (auto stored = replace_file(path, text); !stored)
    return std::unexpected(FileErrors{at_beginning(path, stored.error())});
  return {};
}

Plan State::put_in_force(Prepared prepared) {
  Plan plan = diff(snapshot_, prepared.snapshot);
  Touched touched{.config = true, .health = prepared.health != health_};
  file_ = std::move(prepared.file);
  health_notes_ = std::move(prepared.health_notes);
  ramps_ = std::move(prepared.ramps);
  health_ = std::move(prepared.health);
  snapshot_ = std::move(prepared.snapshot);
  ++config_generation_;
  if (touched.health) ++health_generation_;
  // Written again even when they are as before: the directory may not have been writable then.
  if (Overrides left = without_gone(overrides_, file_.config);
      left != overrides_ || !left.empty()) {
    overrides_ = std::move(left);
    keep("overrides.json", overrides_text(overrides_));
  }
  keep("last-good.toml", file_.text);
  tell(touched);
  return plan;
}

void State::load_overrides() {
  const std::string path = options_.state_dir + "/overrides.json";
  if (!exists(path)) return;
  const auto text = read_file(path);
  auto overrides = text ? parse_overrides(*text) : std::nullopt;
  if (overrides)
    overrides_ = std::move(*overrides);
  else
    storage_warning_ = (text ? "not readable as overrides (" + path + ")" : text.error().text()) +
                       ": the configuration file alone decides on drain and weight";
}

// Not being able to costs something at the next start only, so it is a warning.
void State::keep(const std::string& name, const std::string& text) {
  if (auto kept = replace_file(options_.state_dir + "/" + name, text); !kept)
    storage_warning_ = kept.error().text();
}

// What is there when this process starts is not new.
Health State::health_with(const HealthNotes& notes, const Config& config, Ramps& ramps) const {
  Health out = health_of(notes);
  const Ramps::Time now = options_.clock();
  ramps.follow(config, out, now, health_settled_);
  ramps.write(out, now);
  return out;
}

std::optional<Ramps::Time> State::next_ramp_step() const {
  return ramps_.next_step(options_.clock());
}

void State::advance_ramps() {
  Health health = health_;
  ramps_.write(health, options_.clock());
  if (health == health_) return;
  health_ = std::move(health);
  ++health_generation_;
  recompile();
  tell({.health = true});
}

void State::recompile() {
  // The configuration has compiled before, and neither health nor paths can make it fail.
  if (auto snapshot = compile(snapshot_.config, health_, paths_, &snapshot_))
    snapshot_ = std::move(*snapshot);
}

void State::tell(const Touched& touched) {
  for (const auto& listener : listeners_) listener(touched);
}

}  // namespace sluice::control
