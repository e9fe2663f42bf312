#include <algorithm>
#include <charconv>

#include "control/admin/routes.h"
#include "core/config/explain.h"
#include "core/flow/idle.h"

namespace sluice::control {
namespace {

constexpr std::uint32_t flows_limit_default = 1'000;
constexpr std::uint32_t flows_limit_max = 100'000;
// The ring waits while tables are read: some tens of milliseconds for this many flows.
constexpr std::uint64_t flows_looked_at_max = 4'000'000;

// A target that nobody owns: of a backend that is gone.
constexpr Target nobody{0xffff'ffff};

std::string_view state_name(FlowState state) {
  switch (state) {
    case FlowState::empty:
      break;
    case FlowState::opening:
      return "opening";
    case FlowState::established:
      return "established";
    case FlowState::unanswered:
      return "unanswered";
    case FlowState::answered:
      return "answered";
    case FlowState::closing:
      return "closing";
  }
  return "empty";
}

Json flow_to_json(const FlowRecord& flow, std::size_t worker, const BackendName* owner) {
  Json out = {{"protocol", protocol_text(flow.tuple.protocol)},
              {"source", flow.tuple.source_text()},
              {"destination", flow.tuple.destination_text()},
              {"service", owner != nullptr ? Json(owner->service) : Json(nullptr)},
              {"backend", owner != nullptr ? Json(owner->backend) : Json(nullptr)},
              {"state", state_name(flow.state)},
              {"idle_seconds", flow.idle_seconds},
              {"worker", worker}};
  if (flow.is_nat) out["nat_source"] = flow.nat_source.text();
  return out;
}

struct FlowFilter {
  std::uint32_t limit = flows_limit_default;
  const std::string* service = nullptr;
  const std::string* backend = nullptr;

  [[nodiscard]] bool admits(const BackendName* owner) const {
    if (service == nullptr && backend == nullptr) return true;
    return owner != nullptr && (service == nullptr || owner->service == *service) &&
           (backend == nullptr || owner->backend == *backend);
  }
};

std::expected<FlowFilter, Error> read_filter(const Request& request) {
  FlowFilter out{.service = query_value(request, "service"),
                 .backend = query_value(request, "backend")};
  const std::string* limit = query_value(request, "limit");
  if (limit == nullptr) return out;
  const char* end = limit->data() + limit->size();
  const auto [stop, problem] = std::from_chars(limit->data(), end, out.limit);
  if (problem != std::errc() || stop != end || out.limit == 0 || out.limit > flows_limit_max)
    return std::unexpected(
        Error{"limit \"" + *limit + "\" is not usable", request.path, "write 1 to 100000"});
  return out;
}

Json list_flows(const DataplaneView& data_plane, const FlowFilter& filter) {
  Json list = Json::array();
  std::uint64_t looked_at = 0;
  bool is_cut = false;
  for (std::size_t worker = 0; worker < data_plane.flows().size() && !is_cut; ++worker) {
    const auto visit = [&](const FlowRecord& flow) {
      const BackendName* owner = data_plane.directory().name_of(flow.target);
      const bool is_wanted = filter.admits(owner);
      is_cut = ++looked_at > flows_looked_at_max || (is_wanted && list.size() == filter.limit);
      if (is_wanted && !is_cut) list.push_back(flow_to_json(flow, worker, owner));
      return !is_cut;
    };
    data_plane.flows()[worker].for_each(*data_plane.counters(), visit);
  }
  const auto count = list.size();
  return {{"flows", std::move(list)}, {"count", count}, {"limit", filter.limit}, {"cut", is_cut}};
}

struct FoundFlow {
  FlowRecord record;
  std::size_t worker = 0;
};

std::optional<FoundFlow> find_flow(const DataplaneView& data_plane, const Snapshot& snapshot,
                                   const FiveTuple& tuple) {
  const auto ours = snapshot.listener_of(tuple.destination, tuple.destination_port, tuple.protocol);
  if (!ours) return std::nullopt;
  const Listener& listener = snapshot.listener(*ours);
  const auto& listeners = data_plane.directory().listeners;
  const auto theirs = listeners.find(listener.listening());
  if (theirs == listeners.end()) return std::nullopt;
  for (std::size_t worker = 0; worker < data_plane.flows().size(); ++worker)
    if (const auto record = data_plane.flows()[worker].find(tuple, listener, theirs->second))
      return FoundFlow{*record, worker};
  return std::nullopt;
}

// What the data plane's target is called here: both number backends on their own, names are common.
Target our_target(const DataplaneView& data_plane, const Snapshot& snapshot, Target theirs) {
  const BackendName* name = data_plane.directory().name_of(theirs);
  if (name == nullptr) return nobody;
  for (const Backend& backend : snapshot.backends) {
    if (!backend.in_use || backend.service_name != name->service || backend.name != name->backend)
      continue;
    // Another address makes it another backend.
    return data_plane.directory().find(*name)->address == backend.address ? backend.target : nobody;
  }
  return nobody;
}

const Service* service_of(const Snapshot& snapshot, const FiveTuple& tuple) {
  const auto id = snapshot.listener_of(tuple.destination, tuple.destination_port, tuple.protocol);
  return id ? &snapshot.services[snapshot.listener(*id).service] : nullptr;
}

// Why the packet path passes over an entry that it finds; empty when it goes by it.
std::string why_passed_over(const FoundFlow& flow, const Service& service) {
  if (flow.record.is_nat != (service.forward == Forward::nat))
    return "the flow table has an entry from before the service's forward was changed: it does not "
           "count";
  if (is_idle_too_long(flow.record.state, flow.record.idle_seconds, service.idle_timeout_seconds))
    return "the flow table has an entry that is idle for " +
           std::to_string(flow.record.idle_seconds) + " s, which is too long: it does not count";
  return "";
}

// By BackendId; empty when the data plane's counters cannot be read.
std::vector<std::uint64_t> active_flows(const DataplaneView& data_plane, const Snapshot& snapshot) {
  if (data_plane.counters() == nullptr) return {};
  std::vector<std::uint64_t> out;
  for (const Backend& backend : snapshot.backends)
    out.push_back(backend.in_use ? data_plane.backend({backend.service_name, backend.name}).active
                                 : 0);
  return out;
}

std::optional<Endpoint> read_end(const std::string& text, Protocol protocol) {
  if (has_ports(protocol)) return Endpoint::parse(text);
  const auto address = Address::parse(text);
  return address ? std::optional(Endpoint{*address, Port{}}) : std::nullopt;
}

std::expected<FiveTuple, Error> read_tuple(const Request& request) {
  const std::string* protocol_text = query_value(request, "protocol");
  const std::string* source_text = query_value(request, "source");
  const std::string* destination_text = query_value(request, "destination");
  const auto bad = [&](const std::string& what, const std::string& remedy) {
    return std::unexpected(Error{what, request.path, remedy});
  };
  if (protocol_text == nullptr || source_text == nullptr || destination_text == nullptr)
    return bad("explain needs protocol, source and destination",
               "such as ?protocol=tcp&source=192.0.2.1:1234&destination=203.0.113.10:80");
  const auto protocol = parse_protocol(*protocol_text);
  if (!protocol)
    return bad("\"" + *protocol_text + "\" is no protocol",
               "write tcp, udp, sctp, icmp, icmpv6, gre, esp, or an IP protocol's number");
  const auto source = read_end(*source_text, *protocol);
  const auto destination = read_end(*destination_text, *protocol);
  if (!source || !destination)
    return has_ports(*protocol)
               ? bad("\"" + (source ? *destination_text : *source_text) +
                         "\" is no address with a port",
                     "write it as 192.0.2.1:1234 or [2001:db8::1]:1234")
               : bad("\"" + (source ? *destination_text : *source_text) + "\" is no address",
                     "write it as 192.0.2.1 or 2001:db8::1, without port: " +
                         sluice::protocol_text(*protocol) + " has none");
  if (source->address.family() != destination->address.family())
    return bad("source and destination are of different IP versions", "give two of the same");
  return FiveTuple{source->address, destination->address, source->port, destination->port,
                   *protocol};
}

std::expected<std::optional<QuicConnectionId>, Error> read_connection_id(const Request& request) {
  const std::string* text = query_value(request, "quic_cid");
  if (text == nullptr) return std::nullopt;
  if (const auto id = QuicConnectionId::parse(*text)) return id;
  return std::unexpected(Error{"\"" + *text + "\" is no QUIC connection ID", request.path,
                               "write 1 to 20 bytes, two hexadecimal digits each"});
}

Json explanation_to_json(const Explanation& explanation, const Snapshot& snapshot) {
  const bool is_ours = explanation.listener.has_value();
  const bool is_sent = explanation.backend.has_value();
  Json out = {{"tuple", explanation.tuple.text()},
              {"service", is_ours ? Json(explanation.service) : Json(nullptr)},
              {"forward", is_ours ? Json(spell(explanation.forward)) : Json(nullptr)},
              {"by_connection_id", explanation.by_connection_id},
              {"known_flow", explanation.known_flow},
              {"flow_hash", explanation.flow_hash},
              {"slot", explanation.slot_count > 0 ? Json(explanation.slot) : Json(nullptr)},
              {"slots", explanation.slot_count},
              {"backend", is_sent ? Json(explanation.backend_name) : Json(nullptr)}};
  out["address"] =
      is_sent ? Json(snapshot.backend(*explanation.backend).address.text()) : Json(nullptr);
  out["encapsulation"] = explanation.encapsulation;
  out["path"] = explanation.path ? to_json(*explanation.path) : Json(nullptr);
  return out;
}

}  // namespace

Response get_flows(const Request& request, const ApiContext& context) {
  const auto filter = read_filter(request);
  if (!filter) return error_response(400, filter.error());
  if (context.data_plane.counters() == nullptr)
    return error_response(503, context.data_plane.problem().value_or(Error{}));
  Json out = list_flows(context.data_plane, *filter);
  out["live"] = is_live(context);
  return json_response(out);
}

Response get_explain(const Request& request, const ApiContext& context) {
  const auto tuple = read_tuple(request);
  if (!tuple) return error_response(400, tuple.error());
  const auto connection_id = read_connection_id(request);
  if (!connection_id) return error_response(400, connection_id.error());
  std::optional<QuicHeader> quic;
  if (*connection_id) quic = QuicHeader{.is_long = true, .connection_id = (*connection_id)->view()};
  const Snapshot& snapshot = context.state.snapshot();
  const auto flow = find_flow(context.data_plane, snapshot, *tuple);
  const Service* service = service_of(snapshot, *tuple);
  const std::string passed_over =
      flow && service != nullptr ? why_passed_over(*flow, *service) : "";
  std::optional<Target> entry;
  if (flow && passed_over.empty())
    entry = our_target(context.data_plane, snapshot, flow->record.target);

  Explanation explanation =
      explain(snapshot, *tuple, entry, active_flows(context.data_plane, snapshot), quic);
  if (!passed_over.empty())
    std::ranges::replace(explanation.reasons, std::string(unknown_flow_reason), passed_over);
  Json reasons = explanation.reasons;
  const std::string out_of_sync = why_out_of_sync(context.state);
  if (!out_of_sync.empty()) reasons.push_back("this may not hold on the wire yet: " + out_of_sync);

  Json out = explanation_to_json(explanation, snapshot);
  out["flow"] = flow ? flow_to_json(flow->record, flow->worker,
                                    context.data_plane.directory().name_of(flow->record.target))
                     : Json(nullptr);
  out["in_sync"] = out_of_sync.empty();
  out["reasons"] = std::move(reasons);
  return json_response(out);
}

}  // namespace sluice::control
