#include "tools/pktgen/traffic.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "core/net/wire.h"
#include "tools/pktgen/flow_space.h"
#include "tools/pktgen/quantity.h"
#include "tools/pktgen/signature.h"

namespace sluice::pktgen {
namespace {

// All of the text, or nothing.
template <typename Number>
std::optional<Number> parse_whole(std::string_view text) {
  Number out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

struct Split {
  std::string_view before;
  std::optional<std::string_view> after;  // none: there is no separator
};

Split split_at(std::string_view text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

struct PortSpan {
  Port first;
  Port last;
};

std::optional<PortSpan> parse_ports(std::string_view text) {
  const Split ends = split_at(text, '-');
  const auto first = Port::parse(ends.before);
  const auto last = Port::parse(ends.after.value_or(ends.before));
  if (!first || !last || *last < *first) return std::nullopt;
  return PortSpan{*first, *last};
}

// An IPv6 block stands in square brackets, an IPv4 one does not.
std::optional<Prefix> parse_block(std::string_view text) {
  const bool is_bracketed = text.starts_with('[') && text.ends_with(']');
  if (is_bracketed) text = text.substr(1, text.size() - 2);
  const auto block = Prefix::parse(text);
  if (!block || block->address.is_ipv4() == is_bracketed) return std::nullopt;
  return block;
}

std::optional<SizeShare> parse_size(std::string_view text) {
  const Split share = split_at(text, ':');
  const auto bytes = parse_whole<std::uint16_t>(share.before);
  const auto weight = parse_whole<std::uint16_t>(share.after.value_or("1"));
  if (!bytes || !weight || *bytes < 64 || *bytes > frame_bytes_max || *weight == 0)
    return std::nullopt;
  return SizeShare{*bytes, *weight};
}

}  // namespace

std::optional<std::vector<SizeShare>> parse_sizes(std::string_view text) {
  if (text == "imix") return std::vector<SizeShare>{{64, 7}, {594, 4}, {1'518, 1}};
  std::vector<SizeShare> out;
  std::uint32_t weights = 0;
  for (std::optional<std::string_view> rest = text; rest;) {
    const Split one = split_at(*rest, ',');
    const auto size = parse_size(one.before);
    if (!size) return std::nullopt;
    out.push_back(*size);
    weights += size->weight;
    rest = one.after;
  }
  if (out.size() > sizes_max || weights > weights_max) return std::nullopt;
  return out;
}

std::optional<std::vector<Endpoint>> parse_targets(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto block = parse_block(text.substr(0, colon));
  const auto ports = parse_ports(text.substr(colon + 1));
  if (!block || !ports) return std::nullopt;
  const int free_bits = (block->address.is_ipv4() ? 32 : 128) - block->length_bits;
  const std::size_t port_count = ports->last.value() - ports->first.value() + std::size_t{1};
  if (free_bits > 16 || (port_count << free_bits) > targets_max) return std::nullopt;
  std::vector<Endpoint> out;
  for (std::size_t i = 0; i < std::size_t{1} << free_bits; ++i)
    for (std::size_t port = 0; port < port_count; ++port)
      out.push_back({block->at(i), Port(static_cast<std::uint16_t>(ports->first.value() + port))});
  return out;
}

std::uint16_t frame_bytes_min(const Traffic& traffic) {
  const std::size_t link =
      sizeof(wire::EthernetHeader) + (traffic.vlan ? sizeof(wire::VlanTag) : std::size_t{0});
  const std::size_t network =
      traffic.family() == Family::ipv4 ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header);
  const std::size_t bytes =
      link + network + signed_layer4_bytes(traffic.protocol) + check_sequence_bytes;
  return static_cast<std::uint16_t>(std::max<std::size_t>(bytes, 64));
}

std::expected<void, Error> validate(const Traffic& traffic) {
  for (const Endpoint& target : traffic.targets)
    if (target.address.family() != traffic.family())
      return std::unexpected(
          Error{traffic.targets.front().text() + " and " + target.text() + " in one run", "--to",
                "write addresses of one family, and run a second sluice-pktgen for the other"});
  if (traffic.sources.address.family() != traffic.family())
    return std::unexpected(
        Error{traffic.sources.text() + " is not of the family of " + traffic.targets.front().text(),
              "--from", "write a prefix of the same family"});
  const std::uint16_t smallest = frame_bytes_min(traffic);
  for (const SizeShare& size : traffic.sizes)
    if (size.frame_bytes < smallest)
      return std::unexpected(Error{"frames of " + std::to_string(size.frame_bytes) +
                                       " bytes have no room for headers and signature",
                                   "--size", "write " + std::to_string(smallest) + " or more"});
  const std::uint64_t room = FlowSpace(traffic.sources, traffic.targets).capacity();
  const bool has_new = traffic.new_flows_ppm != 0;
  if (traffic.flows + (has_new ? 1 : 0) > room)
    return std::unexpected(Error{std::to_string(traffic.flows) +
                                     (has_new ? " flows and new ones" : " flows") +
                                     ", but sources and targets make " + std::to_string(room),
                                 "--flows", "write a wider --from, or more targets"});
  return {};
}

}  // namespace sluice::pktgen
