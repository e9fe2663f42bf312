#include "control/config/findings.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace sluice::control {
namespace {

// More help nobody, and would fill the answer of the control socket.
constexpr std::size_t reported_max = 1'000;

// "service[2].backend[1].address" -> "service[2].backend[1]" -> "service[2].backend" ->
// "service[2]" -> ...
std::string_view parent_of(std::string_view path) {
  const std::size_t end = path.find_last_of(".[");
  return end == std::string_view::npos ? std::string_view{} : path.substr(0, end);
}

// The first is judged by the second, a key of the same port or service: when that could not be
// read, nothing can be said of the first. "[]" stands for any index.
struct Dependence {
  std::string_view judged;
  std::string_view by;
};
constexpr std::array dependences{
    Dependence{"port[].device", "driver"},
    Dependence{"port[].kernel_tap", "driver"},
    Dependence{"port[].name", "kernel_tap"},
    Dependence{"service[]", "backend"},
    Dependence{"service[].vip[]", "vip"},
    Dependence{"service[].vip[]", "forward"},
    Dependence{"service[].port", "port"},
    Dependence{"service[].port", "protocol"},
    Dependence{"service[].source_pool", "forward"},
    Dependence{"service[].source_pool[]", "forward"},
    Dependence{"service[].source_pool[]", "vip"},
    Dependence{"service[].gue_variant", "forward"},
    Dependence{"service[].gue_port", "forward"},
    Dependence{"service[].tunnel_source", "forward"},
    Dependence{"service[].tunnel_ttl", "forward"},
    Dependence{"service[].tunnel_dscp", "forward"},
    Dependence{"service[].quic_lb", "protocol"},
    Dependence{"service[].quic_lb[].config_id", "quic_lb"},
    Dependence{"service[].quic_lb[].server_id_length", "quic_lb"},
    Dependence{"service[].backend[].quic_server_id", "quic_lb"},
    Dependence{"service[].backend[].quic_server_id[]", "quic_lb"},
    Dependence{"service[].backend[].port", "forward"},
    Dependence{"service[].backend[].address", "vip"},
    Dependence{"service[].health.timeout", "health.interval"},
};

std::string without_indexes(std::string_view path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    if (c == ']') inside = false;
    if (!inside) out += c;
    if (c == '[') inside = true;
  }
  return out;
}

// "service[2]" of "service[2].vip[0]".
std::string_view owner_of(std::string_view path) { return path.substr(0, path.find('.')); }

}  // namespace

Position Findings::position_of(std::string_view path) const {
  for (; !path.empty(); path = parent_of(path))
    if (const auto it = positions_.find(path); it != positions_.end()) return it->second;
  return {};
}

void Findings::unreadable(std::string path, Position position, std::string what,
                          std::string remedy) {
  unreadable_.insert(std::move(path));
  wrong(position, std::move(what), std::move(remedy));
}

void Findings::wrong(Position position, std::string what, std::string remedy) {
  errors_.push_back({file_, position.line, position.column, std::move(what), std::move(remedy)});
}

bool Findings::is_unreadable(const std::string& path) const {
  const auto it = unreadable_.lower_bound(path);
  return it != unreadable_.end() && it->starts_with(path) &&
         (it->size() == path.size() || (*it)[path.size()] == '[');
}

bool Findings::rests_on_unreadable(std::string_view path) const {
  for (std::string_view around = path; !around.empty(); around = parent_of(around))
    if (unreadable_.contains(around)) return true;
  const std::string kind = without_indexes(path);
  return std::ranges::any_of(dependences, [&](const Dependence& dependence) {
    return dependence.judged == kind &&
           is_unreadable(std::string(owner_of(path)) + "." + std::string(dependence.by));
  });
}

void Findings::invalid(const ConfigError& error) {
  if (rests_on_unreadable(error.path)) return;
  wrong(position_of(error.path), error.what, error.remedy);
}

std::vector<FileError> Findings::take() && {
  std::ranges::sort(errors_, std::less{}, [](const FileError& error) {
    return std::tie(error.line, error.column, error.what, error.remedy);
  });
  const auto repeated = std::ranges::unique(errors_);
  errors_.erase(repeated.begin(), repeated.end());
  if (errors_.size() > reported_max) {
    errors_[reported_max].what =
        "there are " + std::to_string(errors_.size() - reported_max) + " more errors from here on";
    errors_[reported_max].remedy = "correct those before it first";
    errors_.resize(reported_max + 1);
  }
  return std::move(errors_);
}

}  // namespace sluice::control
