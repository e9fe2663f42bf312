#include "core/config/numbering.h"

#include <functional>
#include <set>

#include "core/flow/five_tuple.h"

namespace sluice {

BackendIdentity identity_of(const Backend& backend) {
  return {backend.service_name, backend.name, backend.address, backend.port};
}

void inherit_numbers(Snapshot& out, const Snapshot* previous) {
  if (previous == nullptr) return;
  out.listeners = previous->listeners;
  for (Listener& listener : out.listeners) listener.in_use = false;
  out.backends.grow(previous->backends.size());
  for (std::size_t i = 0; i < out.backends.size(); ++i)
    out.backends.edit(i).target = previous->backends[i].target;
  out.sources = previous->sources;
}

std::size_t BackendNumbers::Hash::operator()(const BackendIdentity& identity) const {
  const auto& [service, name, address, port] = identity;
  const std::hash<std::string_view> of_text;
  const std::size_t of_address = std::hash<Address>()(address);
  return mix64(of_text(service) ^ mix64(of_text(name) ^ mix64(of_address ^ port.value())));
}

BackendNumbers::BackendNumbers(Snapshot& out, const Snapshot* previous) : out_(out) {
  if (previous != nullptr) known_.reserve(previous->backends.size());
  for (std::size_t i = 0; previous != nullptr && i < previous->backends.size(); ++i) {
    const Backend& backend = previous->backends[i];
    if (backend.in_use) known_[identity_of(backend)] = i;
  }
  for (std::size_t i = 0; i < out.backends.size(); ++i)
    if (!previous->backends[i].in_use) free_.push_back(i);
}

std::size_t BackendNumbers::claim(const BackendIdentity& identity) {
  if (const auto it = known_.find(identity); it != known_.end()) return it->second;
  // A number is reused only when half of them are spent: entries of its last owner have aged out
  // by then.
  if (!free_.empty() && out_.backends.size() >= backends_max / 2) {
    const std::size_t index = free_.back();
    free_.pop_back();
    const Target last = out_.backends[index].target;
    out_.backends.edit(index).target =
        Target::of(BackendId{static_cast<std::uint32_t>(index)},
                   static_cast<std::uint16_t>(last.incarnation() + 1) % 4096);
    return index;
  }
  const std::size_t index = out_.backends.size();
  out_.backends.grow(index + 1);
  out_.backends.edit(index).target = Target::of(BackendId{static_cast<std::uint32_t>(index)}, 0);
  return index;
}

ListenerNumbers::ListenerNumbers(Snapshot& out, const Snapshot* previous) : out_(out) {
  for (std::size_t i = 0; i < out.listeners.size(); ++i) {
    const Listener& listener = out.listeners[i];
    if (previous->listeners[i].in_use)
      known_[listener.listening()] = i;
    else
      free_.push_back(i);
  }
}

std::size_t ListenerNumbers::claim(const Listening& identity) {
  if (const auto it = known_.find(identity); it != known_.end()) return it->second;
  if (!free_.empty() && out_.listeners.size() >= listeners_max / 2) {
    const std::size_t index = free_.back();
    free_.pop_back();
    return index;
  }
  out_.listeners.emplace_back();
  return out_.listeners.size() - 1;
}

SourceNumbers::SourceNumbers(Snapshot& out, const Config& config) : sources_(out.sources) {
  std::set<Address> wanted;
  for (const ServiceConfig& service : config.services)
    wanted.insert(service.source_pool.begin(), service.source_pool.end());
  for (const Address& source : sources_) claimed_.push_back(wanted.contains(source));
}

std::uint16_t SourceNumbers::claim(const Address& address) {
  std::size_t index = 0;
  while (index < sources_.size() && sources_[index] != address) ++index;
  if (index == sources_.size() && sources_.size() >= source_addresses_max) {
    index = 0;
    while (claimed_[index])
      ++index;  // validate keeps the configured ones below half of the maximum
    sources_[index] = address;
  } else if (index == sources_.size()) {
    sources_.push_back(address);
  }
  claimed_.resize(sources_.size());
  claimed_[index] = true;
  return static_cast<std::uint16_t>(index);
}

}  // namespace sluice
