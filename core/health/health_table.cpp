#include "core/health/health_table.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace sluice {
namespace {

// The place of `name` in a list in order of name, or where it would be.
template <typename List>
std::size_t place_in(const List& list, std::string_view name) {
  const auto it = std::ranges::lower_bound(
      list, name, {}, [](const auto& element) -> std::string_view { return element.name; });
  return static_cast<std::size_t>(it - list.begin());
}

bool is_at(const std::vector<HealthTable::Backend>& list, std::size_t place,
           std::string_view name) {
  return place < list.size() && list[place].name == name;
}

}  // namespace

const HealthTable::Backend* HealthTable::Service::find(std::string_view backend) const {
  const std::size_t place = place_in(backends, backend);
  return is_at(backends, place, backend) ? &backends[place] : nullptr;
}

HealthTable::HealthTable(const Health& health) {
  std::vector<const Health::Entry*> order;
  order.reserve(health.entries.size());
  for (const Health::Entry& entry : health.entries) order.push_back(&entry);
  std::ranges::stable_sort(order, [](const Health::Entry* one, const Health::Entry* other) {
    return std::tie(one->service, one->backend) < std::tie(other->service, other->backend);
  });
  std::shared_ptr<Service> service;
  for (const Health::Entry* entry : order) {
    if (service == nullptr || service->name != entry->service) {
      service = std::make_shared<Service>();
      service->name = entry->service;
      services_.push_back(service);
    }
    Backend backend{entry->backend, entry->state, entry->ramp_tenths};
    if (!service->backends.empty() && service->backends.back().name == backend.name)
      service->backends.back() = std::move(backend);
    else
      service->backends.push_back(std::move(backend));
  }
}

std::size_t HealthTable::place_of(std::string_view service) const {
  const auto it = std::ranges::lower_bound(
      services_, service, {}, [](const auto& each) -> std::string_view { return each->name; });
  return static_cast<std::size_t>(it - services_.begin());
}

const HealthTable::Service* HealthTable::of(std::string_view service) const {
  const std::size_t place = place_of(service);
  const bool is_there = place < services_.size() && services_[place]->name == service;
  return is_there ? services_[place].get() : nullptr;
}

const HealthTable::Backend* HealthTable::find(std::string_view service,
                                              std::string_view backend) const {
  const Service* const found = of(service);
  return found == nullptr ? nullptr : found->find(backend);
}

void HealthTable::set(const Health::Entry& entry) {
  const std::size_t place = place_of(entry.service);
  if (of(entry.service) == nullptr)
    services_.insert(services_.begin() + static_cast<std::ptrdiff_t>(place),
                     std::make_shared<Service>(Service{.name = entry.service, .backends = {}}));
  std::shared_ptr<Service>& service = services_[place];
  if (service.use_count() != 1) service = std::make_shared<Service>(*service);
  std::vector<Backend>& backends = service->backends;
  Backend backend{entry.backend, entry.state, entry.ramp_tenths};
  const std::size_t at = place_in(backends, entry.backend);
  if (is_at(backends, at, entry.backend))
    backends[at] = std::move(backend);
  else
    backends.insert(backends.begin() + static_cast<std::ptrdiff_t>(at), std::move(backend));
}

Health HealthTable::whole() const {
  Health out;
  for (const auto& service : services_)
    for (const Backend& backend : service->backends)
      out.entries.push_back({service->name, backend.name, backend.state, backend.ramp_tenths});
  return out;
}

std::vector<std::string> HealthTable::changed_services(const HealthTable& before,
                                                       const HealthTable& after) {
  std::vector<std::string> out;
  auto old = before.services_.begin();
  auto now = after.services_.begin();
  while (old != before.services_.end() || now != after.services_.end()) {
    if (old != before.services_.end() && now != after.services_.end() && *old == *now) {
      ++old;
      ++now;
      continue;
    }
    const bool is_gone = now == after.services_.end() ||
                         (old != before.services_.end() && (*old)->name < (*now)->name);
    const bool is_new = !is_gone && (old == before.services_.end() || (*now)->name < (*old)->name);
    if (is_gone) {
      out.push_back((*old++)->name);
    } else if (is_new) {
      out.push_back((*now++)->name);
    } else {
      if (**old != **now) out.push_back((*now)->name);
      ++old;
      ++now;
    }
  }
  return out;
}

std::vector<Health::Entry> HealthTable::changes(const HealthTable& before,
                                                const HealthTable& after) {
  std::vector<Health::Entry> out;
  for (const std::string& name : changed_services(before, after)) {
    const Service* const old = before.of(name);
    const Service* const now = after.of(name);
    for (std::size_t i = 0; now != nullptr && i < now->backends.size(); ++i) {
      const Backend& backend = now->backends[i];
      const Backend* const was = old == nullptr ? nullptr : old->find(backend.name);
      if (was == nullptr || *was != backend)
        out.push_back({name, backend.name, backend.state, backend.ramp_tenths});
    }
    for (std::size_t i = 0; old != nullptr && i < old->backends.size(); ++i)
      if (now == nullptr || now->find(old->backends[i].name) == nullptr)
        out.push_back({name, old->backends[i].name});
  }
  return out;
}

}  // namespace sluice
