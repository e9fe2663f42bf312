#include "core/config/diff.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/config/diff_access.h"
#include "core/contract/codec.h"

namespace sluice {
namespace {

template <typename T>
std::string show(const T& value);

template <typename T>
std::string show_list(const std::vector<T>& values) {
  std::string out = "[";
  for (const T& value : values) out += (out.size() > 1 ? ", " : "") + show(value);
  return out + "]";
}

// A field's value in the operator's spelling.
template <typename T>
std::string show(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "\"" + value + "\"";
  } else if constexpr (std::is_same_v<T, Address> || Written<T>) {
    return value.text();
  } else if constexpr (std::is_same_v<T, Port>) {
    return std::to_string(value.value());
  } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
    return std::to_string(value.count()) + "ms";
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(spell(value));
  } else if constexpr (std::is_integral_v<T>) {
    return std::to_string(value);
  } else if constexpr (Described<T>) {
    std::string out;
    T::fields(value, [&](std::string_view name, const auto& field) {
      out += (out.empty() ? "{" : ", ") + std::string(name) + " " + show(field);
    });
    return out + "}";
  } else {
    return show_list(value);
  }
}

// "weight 10 -> 20, drain false -> true": the fields that differ. Nested lists of structs are left
// to the caller.
template <Described T>
void list_differences(const T& before, const T& after, std::string_view prefix,
                      std::vector<std::string>& out) {
  std::vector<std::string> old_values;
  const auto visit_before = [&](std::string_view, const auto& field) {
    using Field = std::remove_cvref_t<decltype(field)>;
    if constexpr (!Described<Field> && !std::is_same_v<Field, std::vector<BackendConfig>>)
      old_values.push_back(show(field));
  };
  T::fields(before, visit_before);
  std::size_t next = 0;
  const auto visit_after = [&](std::string_view name, const auto& field) {
    using Field = std::remove_cvref_t<decltype(field)>;
    if constexpr (!Described<Field> && !std::is_same_v<Field, std::vector<BackendConfig>>) {
      const std::string new_value = show(field);
      const std::string& old_value = old_values[next++];
      if (old_value != new_value)
        out.push_back(std::string(prefix) + std::string(name) + " " + old_value + " -> " +
                      new_value);
    }
  };
  T::fields(after, visit_after);
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

template <typename T>
using ByName = std::unordered_map<std::string_view, const T*>;

// The first of a name counts.
template <typename T>
ByName<T> by_name(const std::vector<T>& list) {
  ByName<T> out;
  out.reserve(list.size());
  for (const T& item : list) out.emplace(item.name, &item);
  return out;
}

template <typename T>
const T* named(const ByName<T>& list, std::string_view name) {
  const auto it = list.find(name);
  return it == list.end() ? nullptr : it->second;
}

// Pairs two lists by name: visit(before or null, after or null), removed ones last.
template <typename T, typename Visit>
void for_each_pair(const std::vector<T>& before, const std::vector<T>& after, Visit&& visit) {
  const ByName<T> old_items = by_name(before);
  const ByName<T> new_items = by_name(after);
  for (const T& item : after) visit(named(old_items, item.name), &item);
  for (const T& item : before)
    if (!new_items.contains(item.name)) visit(&item, nullptr);
}

// Compares one pair and adds what it finds; true when both are there, for a look inside.
template <typename T>
bool compare(Plan& plan, const T* before, const T* after, const std::string& subject,
             const std::string& added_detail, bool needs_restart) {
  if (before != nullptr && after != nullptr) {
    std::vector<std::string> differences;
    list_differences(*before, *after, "", differences);
    if constexpr (std::is_same_v<T, ServiceConfig>) {
      list_differences(before->affinity, after->affinity, "affinity.", differences);
      list_differences(before->health, after->health, "health.", differences);
    }
    if (!differences.empty())
      plan.changes.push_back({Change::Kind::changed, subject, joined(differences), needs_restart});
    return true;
  }
  plan.changes.push_back({after != nullptr ? Change::Kind::added : Change::Kind::removed, subject,
                          after != nullptr ? added_detail : "", needs_restart});
  return false;
}

std::string describe(const ServiceConfig& service) {
  const std::string ports =
      service.protocol == Protocol::any ? "" : " port " + show_list(service.ports);
  return show_list(service.vips) + ports + " " + show(service.protocol) + " " +
         show(service.forward) + ", " + std::to_string(service.backends.size()) + " backends";
}

void diff_services(Plan& plan, const Config& before, const Config& after) {
  for_each_pair(
      before.services, after.services,
      [&](const ServiceConfig* old_service, const ServiceConfig* new_service) {
        const ServiceConfig& either = new_service != nullptr ? *new_service : *old_service;
        if (!compare(plan, old_service, new_service, "service " + either.name, describe(either),
                     false))
          return;
        for_each_pair(
            old_service->backends, new_service->backends,
            [&](const BackendConfig* old_backend, const BackendConfig* new_backend) {
              const BackendConfig& backend = new_backend != nullptr ? *new_backend : *old_backend;
              compare(plan, old_backend, new_backend, "backend " + either.name + "/" + backend.name,
                      backend.address.text() + " weight " + std::to_string(backend.weight), false);
            });
      });
}

void shift_slots(Plan& plan, const Snapshot& before, const Snapshot& after) {
  for (const Service& service : after.services) {
    const Service* old = before.service(service.name);
    if (old == nullptr || old->slots == service.slots) continue;
    SlotShift shift{service.name, service.slots->size(), 0};
    // Tables of different sizes are compared at the same fraction of the hash space.
    for (std::uint32_t slot = 0; slot < shift.slots; ++slot) {
      const auto hash = ((static_cast<std::uint64_t>(slot) << 32) / shift.slots + 1) << 32;
      const bool same = !old->slots->empty() &&
                        old->slots->owner(old->slots->slot_of(hash)) == service.slots->owner(slot);
      if (!same) ++shift.slots_moved;
    }
    if (shift.slots_moved > 0) plan.shifts.push_back(shift);
  }
}

}  // namespace

bool Plan::needs_restart() const {
  return std::ranges::any_of(changes, [](const Change& change) { return change.needs_restart; });
}

Plan diff(const Snapshot& before, const Snapshot& after) {
  Plan plan;
  std::vector<std::string> dataplane;
  list_differences(before.config().dataplane, after.config().dataplane, "", dataplane);
  if (!dataplane.empty())
    plan.changes.push_back({Change::Kind::changed, "dataplane", joined(dataplane), true});
  for_each_pair(before.config().ports, after.config().ports,
                [&](const PortConfig* old_port, const PortConfig* new_port) {
                  const PortConfig& either = new_port != nullptr ? *new_port : *old_port;
                  compare(plan, old_port, new_port, "port " + either.name,
                          show(either.driver) + " " + either.device, true);
                });
  // A port's number is its place in the list, and the data plane opens ports once.
  const bool reordered = !plan.needs_restart() && before.config().ports != after.config().ports;
  if (reordered) plan.changes.push_back({Change::Kind::changed, "port", "order of the list", true});
  diff_services(plan, before.config(), after.config());
  diff_access(plan, before.config(), after.config());
  shift_slots(plan, before, after);
  for (std::size_t i = 0; i < before.backends.size(); ++i) {
    const Backend& old = before.backends[i];
    if (old.in_use && after.owner(old.target) == nullptr)
      plan.evicted.push_back(BackendId{static_cast<std::uint32_t>(i)});
  }
  return plan;
}

}  // namespace sluice
