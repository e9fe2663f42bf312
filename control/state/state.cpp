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

HealthTable health_of(const HealthNotes& notes) {
  Health out;
  for (const auto& [name, note] : notes)
    out.entries.push_back({name.service, name.backend, note.state});
  return HealthTable(out);
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
  return diff(snapshot(), prepared->snapshot);
}

std::expected<Plan, Error> State::set_override(const BackendName& name, const Override& change) {
  if (auto checked = check_override(name, change, file_.config); !checked)
    return std::unexpected(std::move(checked.error()));
  Overrides wanted = overrides_;
  wanted.erase(name);
  if (change != Override{}) wanted.emplace(name, change);
  auto config = std::make_shared<const Config>(with_overrides(file_.config, wanted));
  Ramps ramps = ramps_;
  HealthTable health = health_with(health_notes_, *config, ramps);
  auto after = compile({std::move(config), std::move(health), inputs_.paths}, &snapshot());
  if (!after)
    return std::unexpected(Error{after.error().front().what, after.error().front().path,
                                 after.error().front().remedy});
  Plan plan = diff(snapshot(), *after);
  overrides_ = std::move(wanted);
  ramps_ = std::move(ramps);
  const bool ramped = health_settled_ && after->inputs.health != inputs_.health;
  put_in_force(std::move(*after));
  storage_warning_.clear();
  keep("overrides.json", overrides_text(overrides_));
  tell({.config = true, .health = ramped});
  return plan;
}

void State::set_health(const BackendName& name, TargetState state, std::string reason) {
  const auto note = health_notes_.find(name);
  if (note == health_notes_.end()) return;  // it left the configuration meanwhile
  note->second = {state, std::move(reason), std::chrono::system_clock::now()};
  flipped_.push_back(name);
}

void State::publish_health() {
  HealthTable after = health();
  for (const BackendName& name : std::exchange(flipped_, {}))
    if (const auto note = health_notes_.find(name); note != health_notes_.end())
      after.set(
          {name.service, name.backend, note->second.state, ramps_.tenths(name, options_.clock())});
  const Ramps::Time now = options_.clock();
  for (const std::string& name : HealthTable::changed_services(health(), after))
    if (const auto number = snapshot_.service_numbers.find(name))
      ramps_.follow(config().services[*number], after, now, health_settled_);
  ramps_.write(after, now);
  const bool is_first = !std::exchange(health_settled_, true);
  if (after != health() || is_first) put_in_force(std::move(after));
}

void State::put_in_force(HealthTable health) {
  inputs_.health = std::move(health);
  ++health_generation_;
  is_stale_ = true;
  tell({.health = true});
}

void State::set_paths(Paths paths) {
  if (paths == *inputs_.paths) return;
  inputs_.paths = std::make_shared<const Paths>(std::move(paths));
  ++paths_generation_;
  is_stale_ = true;
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
  Prepared out{.file = std::move(*parsed), .health_notes = {}, .ramps = {}, .snapshot = {}};
  out.health_notes = notes_for(out.file.config);
  out.ramps = ramps_;
  auto config = std::make_shared<const Config>(with_overrides(out.file.config, overrides_));
  HealthTable health = health_with(out.health_notes, *config, out.ramps);
  auto compiled = compile({std::move(config), std::move(health), inputs_.paths}, &snapshot());
  if (!compiled) {
    FileErrors errors;
    for (const ConfigError& error : compiled.error())
      errors.push_back({.file = std::string(file),
                        .what = error.path + ": " + error.what,
                        .remedy = error.remedy});
    return std::unexpected(std::move(errors));
  }
  out.snapshot = std::move(*compiled);
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
  Plan plan = diff(snapshot(), prepared.snapshot);
  const Touched touched{.config = true, .health = prepared.snapshot.inputs.health != health()};
  file_ = std::move(prepared.file);
  health_notes_ = std::move(prepared.health_notes);
  ramps_ = std::move(prepared.ramps);
  put_in_force(std::move(prepared.snapshot));
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
HealthTable State::health_with(const HealthNotes& notes, const Config& config, Ramps& ramps) const {
  HealthTable out = health_of(notes);
  const Ramps::Time now = options_.clock();
  ramps.follow(config, out, now, health_settled_);
  ramps.write(out, now);
  return out;
}

std::optional<Ramps::Time> State::next_ramp_step() const {
  return ramps_.next_step(options_.clock());
}

void State::advance_ramps() {
  HealthTable after = health();
  ramps_.write(after, options_.clock());
  if (after != health()) put_in_force(std::move(after));
}

void State::put_in_force(Snapshot snapshot) {
  if (snapshot.inputs.health != health()) ++health_generation_;
  ++config_generation_;
  inputs_ = snapshot.inputs;
  snapshot_ = std::move(snapshot);
  is_stale_ = false;
}

const Snapshot& State::snapshot() const {
  if (!std::exchange(is_stale_, false)) return snapshot_;
  // The configuration has compiled before, and neither health nor paths can make it fail.
  if (auto compiled = compile(inputs_, &snapshot_)) snapshot_ = std::move(*compiled);
  return snapshot_;
}

void State::tell(const Touched& touched) {
  for (const auto& listener : listeners_) listener(touched);
}

}  // namespace sluice::control
