#include "tests/sim/simulator.h"

#include <algorithm>

#include "core/flow/idle.h"
#include "core/net/wire.h"

namespace sluice::sim {
namespace {

using dataplane::Outcome;
using dataplane::Rig;

constexpr std::size_t flows_live_max = 4'000;
constexpr std::size_t table_flows_max = 32'768;
constexpr double restless_seconds = 2;  // around a time-out either answer is right
constexpr std::uint8_t syn = wire::TcpHeader::syn;
constexpr std::uint8_t ack = wire::TcpHeader::ack;
constexpr std::uint8_t fin_ack = wire::TcpHeader::fin | wire::TcpHeader::ack;

std::unique_ptr<Rig> new_rig(std::size_t worker) {
  return std::make_unique<Rig>(Rig::Options{
      .flows_max = table_flows_max, .worker = static_cast<std::uint16_t>(worker), .workers = 2});
}

MacAddress sent_to(const Outcome& out) {
  MacAddress mac;
  std::copy_n(out.frame.begin(), mac.bytes.size(), mac.bytes.begin());
  return mac;
}

FiveTuple tuple_of(const Outcome& out) {
  ParsedPacket parsed;
  if (parse(out.frame, parsed) != Verdict::none) return {};
  return {parsed.source, parsed.destination, Port::from_be(parsed.source_port),
          Port::from_be(parsed.destination_port), Protocol{parsed.ip_protocol}};
}

FiveTuple turned(const FiveTuple& tuple) {
  return {tuple.destination, tuple.source, tuple.destination_port, tuple.source_port,
          tuple.protocol};
}

bool is_sent(const Outcome& out) {
  return dataplane::exit_of(out.verdict) == dataplane::Exit::transmit;
}

const BackendConfig* backend_named(const ServiceConfig& service, const std::string& name) {
  const auto it = std::ranges::find(service.backends, name, &BackendConfig::name);
  return it == service.backends.end() ? nullptr : &*it;
}

// Whether the end of a backend is the end of its connections.
bool ends_flows(const ServiceConfig& service) {
  return service.protocol == Protocol::tcp &&
         (service.forward == Forward::nat || service.on_death == OnDeath::reset);
}

const BackendConfig* backend_at(const ServiceConfig& service, const MacAddress& mac) {
  for (const BackendConfig& backend : service.backends)
    if (mac_of(backend.address) == mac) return &backend;
  return nullptr;
}

// For how long a flow is known at least. Of UDP the model does not follow who spoke last.
double remembered_seconds(const ServiceConfig& service) {
  const double idle = static_cast<double>(service.effective_idle_timeout().count()) / 1'000;
  return service.protocol == Protocol::udp ? std::min<double>(idle, unanswered_timeout_seconds)
                                           : idle;
}

}  // namespace

Simulator::Simulator(std::uint64_t seed) : random_(seed), world_(random_) { restart(); }

// The weights are those of a busy balancer: mostly packets, now and then a change.
std::optional<std::string> Simulator::step() {
  const std::size_t draw = below(random_, 10'000);
  if (draw < 150) return change(), std::nullopt;
  if (draw < 350) return catch_up(), std::nullopt;
  if (draw < 351) return restart(), std::nullopt;
  if (draw < 900) return wait(), std::nullopt;
  if (draw < 2'400) return begin_flow();
  if (draw < 3'500) return end_flow();
  if (draw < 5'500) return answer_flow();
  return continue_flow();
}

// One worker learns of it at once, the other when it catches up: an update frozen halfway.
void Simulator::change() {
  ++counts_["changes"];
  last_change_ = world_.change();
  const std::size_t first = below(random_, workers_.size());
  workers_[first].view = world_.publish();
  forget_removed(first);
}

void Simulator::catch_up() {
  const std::shared_ptr<const View> view = world_.publish();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i].view = view;
    forget_removed(i);
  }
}

// The flow tables are gone: every flow is chosen for anew.
void Simulator::restart() {
  ++counts_["restarts"];
  world_.restart();
  for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i] = {new_rig(i), nullptr};
  catch_up();
  for (Flow& flow : flows_) {
    flow.backend.clear();
    flow.answer.reset();
  }
}

void Simulator::wait() {
  now_ += static_cast<double>(below(random_, 500)) / 1'000;
  for (const Worker& worker : workers_)
    worker.rig->pipeline().age(worker.view->snapshot,
                               {static_cast<std::uint64_t>(now_ * 1'000'000'000)});
}

Simulator::Fault Simulator::begin_flow() {
  if (flows_.size() >= flows_live_max) return end_flow();
  Flow flow;
  flow.worker = below(random_, workers_.size());
  const View& view = *workers_[flow.worker].view;
  const ServiceConfig& service = view.config.services[below(random_, view.config.services.size())];
  flow.service = service.name;
  const Address& vip = service.vips.front().prefix.address;
  flow.tuple = {test::random_address(random_, vip.family()), vip,
                Port(static_cast<std::uint16_t>(below(random_, 64'000) + 1'024)),
                service.ports[below(random_, service.ports.size())].first, service.protocol};
  if (flow.tuple.source.is_multicast() || flow.tuple.source.is_loopback() ||
      !clients_.emplace(flow.tuple.source, flow.tuple.source_port).second)
    return std::nullopt;
  ++counts_["flows"];
  Fault fault = send(flow, syn, true);
  if (!fault && !flow.backend.empty()) fault = send(flow, ack, false);
  flows_.push_back(std::move(flow));
  return fault;
}

Simulator::Fault Simulator::continue_flow() {
  if (flows_.empty()) return std::nullopt;
  return send(flows_[below(random_, flows_.size())], ack, false);
}

// Some clients use their port again at once, for a connection that is another one.
Simulator::Fault Simulator::end_flow() {
  if (flows_.empty()) return std::nullopt;
  const std::size_t index = below(random_, flows_.size());
  Flow& flow = flows_[index];
  Fault fault = send(flow, fin_ack, false);
  if (!fault && flow.tuple.protocol == Protocol::tcp && below(random_, 8) == 0) {
    ++counts_["ports used again"];
    flow.backend.clear();
    fault = send(flow, syn, true);
    if (!fault && !flow.backend.empty()) fault = send(flow, ack, false);
    return fault;
  }
  if (!fault) forget(index);
  return fault;
}

Simulator::Fault Simulator::answer_flow() {
  if (flows_.empty()) return std::nullopt;
  Flow& flow = flows_[below(random_, flows_.size())];
  const Worker& worker = workers_[flow.worker];
  const ServiceConfig* service = worker.view->service(flow.service);
  if (!flow.answer || service == nullptr) return std::nullopt;
  if (now_ - flow.last_seen > remembered_seconds(*service) - restless_seconds) return std::nullopt;
  ++counts_["answers"];
  test::FrameSpec spec = test::spec_of(*flow.answer);
  spec.tcp_flags = ack;
  const Outcome out = worker.rig->send(worker.view->snapshot, spec, now_);
  if (out.verdict != Verdict::sent_nat_return && out.verdict != Verdict::sent_nat64_return)
    return describe(flow) + ": its server's answer left as " + out.name();
  if (tuple_of(out) != turned(flow.tuple))
    return describe(flow) + ": its server's answer went to " + tuple_of(out).text();
  flow.last_seen = now_;
  return std::nullopt;
}

Simulator::Fault Simulator::send(Flow& flow, std::uint8_t tcp_flags, bool is_new) {
  ++counts_["packets"];
  const Worker& worker = workers_[flow.worker];
  test::FrameSpec spec = test::spec_of(flow.tuple);
  spec.tcp_flags = tcp_flags;
  const Outcome out = worker.rig->send(worker.view->snapshot, spec, now_);
  if (Fault fault = judge(flow, out, is_new)) return fault;
  if (is_new && below(random_, 50) == 0) return compare_with_peer(flow, spec, out);
  return std::nullopt;
}

Simulator::Fault Simulator::judge(Flow& flow, const Outcome& out, bool is_new) {
  const View& view = *workers_[flow.worker].view;
  const ServiceConfig& service = *view.service(flow.service);
  if (is_sent(out) && !test::wrong_checksums(out.frame).empty())
    return describe(flow) + ": " + test::wrong_checksums(out.frame);
  const bool is_remembered = now_ - flow.last_seen < remembered_seconds(service) - restless_seconds;
  const BackendConfig* before = backend_named(service, flow.backend);
  if (!is_new && is_remembered && before != nullptr && view.keeps(service, *before)) {
    if (!is_sent(out) || sent_to(out) != flow.backend_mac)
      return describe(flow) + ": moved off its backend, as " + out.name() + " to " +
             sent_to(out).text();
  }
  const bool must_end = !is_new && is_remembered && before != nullptr && ends_flows(service) &&
                        !view.keeps(service, *before);
  if (must_end && out.verdict != Verdict::replied_reset)
    return describe(flow) + ": its backend is down, and it was not reset but left as " + out.name();
  return settle(flow, service, out, is_new);
}

// Where the packet went, if that is a place for it.
Simulator::Fault Simulator::settle(Flow& flow, const ServiceConfig& service, const Outcome& out,
                                   bool is_new) const {
  const View& view = *workers_[flow.worker].view;
  const std::vector<std::string> takers = view.take_new(service);
  if (out.verdict == Verdict::replied_reset) {
    flow.backend.clear();
    flow.answer.reset();
    if (!is_new && ends_flows(service)) return std::nullopt;
    return describe(flow) + ": was reset";
  }
  if (!is_sent(out)) {
    flow.backend.clear();
    flow.answer.reset();
    if (out.verdict == Verdict::drop_no_backend && takers.empty()) return std::nullopt;
    return describe(flow) + ": left as " + out.name() + " with " + std::to_string(takers.size()) +
           " backends to choose from";
  }
  const BackendConfig* backend = backend_at(service, sent_to(out));
  if (backend == nullptr) return describe(flow) + ": went to no backend of its service";
  const bool stayed = backend->name == flow.backend && view.keeps(service, *backend);
  if (!stayed && std::ranges::find(takers, backend->name) == takers.end())
    return describe(flow) + ": went to " + backend->name + ", which takes no new flow";
  flow.backend = backend->name;
  flow.backend_mac = sent_to(out);
  flow.last_seen = now_;
  if (service.forward == Forward::nat) flow.answer = turned(tuple_of(out));
  return std::nullopt;
}

// A balancer beside this one, with the same configuration and health and no memory.
Simulator::Fault Simulator::compare_with_peer(const Flow& flow, const test::FrameSpec& spec,
                                              const Outcome& out) {
  ++counts_["comparisons with another balancer"];
  const Snapshot snapshot = from_scratch(*workers_[flow.worker].view);
  Rig peer;
  const Outcome other = peer.send(snapshot, spec, now_);
  if (is_sent(other) != is_sent(out) || (is_sent(out) && sent_to(other) != sent_to(out)))
    return describe(flow) + ": another balancer would choose " + sent_to(other).text();
  return std::nullopt;
}

void Simulator::forget(std::size_t index) {
  clients_.erase({flows_[index].tuple.source, flows_[index].tuple.source_port});
  flows_[index] = std::move(flows_.back());
  flows_.pop_back();
}

// Flows of services and backends that a worker no longer has: their connections are broken, or may
// go elsewhere.
void Simulator::forget_removed(std::size_t worker) {
  const View& view = *workers_[worker].view;
  for (std::size_t i = flows_.size(); i-- > 0;) {
    Flow& flow = flows_[i];
    if (flow.worker != worker) continue;
    const ServiceConfig* service = view.service(flow.service);
    if (service == nullptr) {
      forget(i);
    } else if (backend_named(*service, flow.backend) == nullptr) {
      flow.backend.clear();
      flow.answer.reset();
    }
  }
}

std::string Simulator::describe(const Flow& flow) const {
  return flow.service + " " + flow.tuple.text() + " on worker " + std::to_string(flow.worker) +
         ", backend " + (flow.backend.empty() ? "none" : flow.backend) + ", after " + last_change_;
}

std::string Simulator::report() const {
  std::string out;
  for (const auto& [what, count] : counts_)
    out += (out.empty() ? "" : ", ") + std::to_string(count) + " " + what;
  return out;
}

}  // namespace sluice::sim
