#include "dataplane/l4/nat.h"

#include "core/flow/five_tuple.h"

namespace sluice::dataplane {
namespace {

constexpr std::uint16_t source_port_first = 1024;
constexpr std::uint32_t source_port_count = 65'536 - source_port_first;
// Ports tried per pool address before the next address: with w workers one in w suits, and of those
// few are taken unless the pool is nearly spent.
constexpr std::uint32_t port_tries = 512;
// Ports found taken after which a half-open session among their holders is to give way, instead of
// a search through a pool that a flood has used up.
constexpr std::uint32_t taken_ports_max = 32;
// Sessions looked at, a cache line each, for a half-open one when all are taken.
constexpr std::uint32_t half_open_looks = 16;

Protocol protocol_of(const Packet& packet) { return Protocol{packet.parsed.ip_protocol}; }

// The clock wraps, but half-open sessions live a minute.
bool is_older(const NatSession& session, const NatSession& other) {
  return static_cast<FlowTick>(other.last_seen - session.last_seen) < 0x8000 &&
         session.last_seen != other.last_seen;
}

}  // namespace

NatSessions::NatSessions(const FlowMemory& memory, const ReturnSteering& steering,
                         std::uint16_t worker)
    : sessions_(memory.sessions),
      returns4_(memory.returns4, memory.header->seed),
      returns6_(memory.returns6, memory.header->seed),
      seed_(memory.header->seed),
      steering_(steering),
      worker_(worker) {
  free_.reserve(sessions_.size());
}

NatSession* NatSessions::open(const Snapshot& snapshot, const Packet& packet,
                              const Backend& backend, Verdict& why) {
  const ParsedPacket& parsed = packet.parsed;
  const Service& service = snapshot.services[backend.service];
  why = Verdict::drop_nat_table_full;
  if (free_.empty() && never_used_ == sessions_.size()) return nullptr;
  const std::uint32_t number = free_.empty() ? never_used_ : free_.back();
  NatSession& session = sessions_[number];
  session = NatSession{};
  session.client = parsed.source;
  session.client_port = parsed.source_port;
  session.server = backend.address;
  session.server_port = backend.port.value() != 0 ? backend.port.be() : parsed.destination_port;
  session.listener = packet.listener;
  session.target = backend.target.bits;
  session.protocol = parsed.ip_protocol;

  why = Verdict::drop_nat_ports_exhausted;
  half_open_port_ = nullptr;
  for (std::size_t i = 0; i < service.source_pool.size(); ++i) {
    session.source = service.source_pool[(next_pool_ + i) % service.source_pool.size()];
    if (!claim_port(session, snapshot.sources[session.source], protocol_of(packet))) continue;
    next_pool_ += static_cast<std::uint32_t>(i) + 1;
    if (free_.empty())
      ++never_used_;
    else
      free_.pop_back();
    why = Verdict::none;
    return &session;
  }
  session = NatSession{};
  return nullptr;
}

bool NatSessions::claim_port(NatSession& session, const Address& source, Protocol protocol) {
  const FiveTuple client{session.client, session.server, Port::from_be(session.client_port),
                         Port::from_be(session.server_port), protocol};
  const std::uint64_t start = hash_flow(client, seed_);
  std::uint32_t taken = 0;
  bool any_half_open = false;
  for (std::uint32_t i = 0; i < port_tries; ++i) {
    const Port port(
        static_cast<std::uint16_t>(source_port_first + (start + i) % source_port_count));
    const FiveTuple answer{session.server, source, Port::from_be(session.server_port), port,
                           protocol};
    if (steering_.worker_of(answer) != worker_) continue;
    const NatReturnKey key{session.server, session.server_port, port.be(), session.source,
                           protocol};
    NatSession* holder = claim_key(session, key);
    if (holder == nullptr) {
      session.source_port = port.be();
      return true;
    }
    if (is_half_open(holder->state)) {
      any_half_open = true;
      if (half_open_port_ == nullptr || is_older(*holder, *half_open_port_))
        half_open_port_ = holder;
    }
    if (++taken >= taken_ports_max && any_half_open) break;
  }
  return false;
}

NatSession* NatSessions::claim_key(NatSession& session, const NatReturnKey& key) {
  return key.server.is_ipv4() ? insert_return(returns4_, key, session)
                              : insert_return(returns6_, key, session);
}

template <typename Entry>
NatSession* NatSessions::insert_return(ConnectionTable<Entry>& table, const NatReturnKey& key,
                                       NatSession& session) {
  const auto bits = Entry::key_of(key);
  const std::uint64_t hash = table.hash(bits);
  if (const Entry* known = table.find(bits, hash)) return &sessions_[known->session];
  Entry* entry = table.insert(hash, [](const Entry&) { return false; }, [](Entry&) {});
  if (entry == nullptr) return &session;
  entry->set_key(bits);
  entry->session = number_of(session);
  return nullptr;
}

template <typename Entry>
void NatSessions::erase_return(ConnectionTable<Entry>& table, const NatReturnKey& key) {
  const auto bits = Entry::key_of(key);
  if (Entry* entry = table.find(bits, table.hash(bits))) table.clear(*entry);
}

NatSession* NatSessions::find_half_open() {
  for (std::uint32_t i = 0; i < half_open_looks; ++i) {
    NatSession& session = sessions_[next_look_];
    next_look_ = next_look_ + 1 == sessions_.size() ? 0 : next_look_ + 1;
    if (is_half_open(session.state)) return &session;
  }
  return nullptr;
}

void NatSessions::close(NatSession& session) {
  if (session.protocol == 0) return;
  const NatReturnKey key{session.server, session.server_port, session.source_port, session.source,
                         Protocol{session.protocol}};
  if (session.server.is_ipv4())
    erase_return(returns4_, key);
  else
    erase_return(returns6_, key);
  free_.push_back(number_of(session));
  set_state(session, FlowState::empty);
  session = NatSession{};
}

NatReturnKey NatSessions::return_key(const Packet& packet) const {
  return {packet.parsed.source, packet.parsed.source_port, packet.parsed.destination_port,
          packet.source_index, protocol_of(packet)};
}

std::uint64_t NatSessions::prefetch_return(const Packet& packet) const {
  const NatReturnKey key = return_key(packet);
  std::uint64_t hash = 0;
  if (packet.parsed.family == Family::ipv4) {
    hash = returns4_.hash(NatReturn4::key_of(key));
    returns4_.prefetch(hash);
  } else {
    hash = returns6_.hash(NatReturn6::key_of(key));
    returns6_.prefetch(hash);
  }
  return hash;
}

NatSession* NatSessions::find_return(const Packet& packet) const {
  const NatReturnKey key = return_key(packet);
  if (packet.parsed.family == Family::ipv4) {
    const NatReturn4* entry = returns4_.find(NatReturn4::key_of(key), packet.table_hash);
    return entry == nullptr ? nullptr : &sessions_[entry->session];
  }
  const NatReturn6* entry = returns6_.find(NatReturn6::key_of(key), packet.table_hash);
  return entry == nullptr ? nullptr : &sessions_[entry->session];
}

std::uint16_t NatSessions::rss_worker(const Packet& packet) const {
  const ParsedPacket& parsed = packet.parsed;
  return steering_.worker_of({parsed.source, parsed.destination, Port::from_be(parsed.source_port),
                              Port::from_be(parsed.destination_port), protocol_of(packet)});
}

}  // namespace sluice::dataplane
