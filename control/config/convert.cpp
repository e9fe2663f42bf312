#include "control/config/convert.h"

#include <charconv>
#include <limits>
#include <sstream>

#include "control/config/address_advice.h"
#include "control/config/duration.h"
#include "control/config/quantity.h"

namespace sluice::control {
namespace {

constexpr std::size_t shown_bytes_max = 60;

std::string quoted(std::string_view text) { return '"' + shortened(text, shown_bytes_max) + '"'; }

std::unexpected<Complaint> complaint(std::string what, std::string remedy) {
  return std::unexpected(Complaint{std::move(what), std::move(remedy)});
}

std::string range_text(Range range) {
  return std::to_string(range.low) + " to " + std::to_string(range.high);
}

std::optional<std::uint16_t> parse_status(std::string_view text) {
  std::uint16_t status = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, status);
  if (error != std::errc{} || after != end || status < 100 || status > 599) return std::nullopt;
  return status;
}

}  // namespace

std::string described(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return node.is_array_of_tables() ? "a list of tables" : "a list";
    case toml::node_type::string:
      return "a string (" + quoted(node.ref<std::string>()) + ")";
    case toml::node_type::integer:
      return "a number (" + std::to_string(node.ref<std::int64_t>()) + ")";
    case toml::node_type::floating_point: {
      std::ostringstream text;
      text << node.ref<double>();
      return "a number with a fraction (" + text.str() + ")";
    }
    case toml::node_type::boolean:
      return node.ref<bool>() ? "a truth value (true)" : "a truth value (false)";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
  }
  return "a value";
}

Complaint wrong_type(std::string_view key, const toml::node& node, std::string wanted) {
  return {std::string(key) + " is " + described(node), std::move(wanted)};
}

Complaint unknown_word(std::string_view key, std::string_view word,
                       std::span<const std::string_view> known) {
  const auto near = nearest(word, known);
  return {std::string(key) + " cannot be " + quoted(word),
          near ? "did you mean \"" + std::string(*near) + "\"? Known are " + quoted_list(known)
               : "write one of " + quoted_list(known)};
}

Converted<std::string> to_text(std::string_view key, const toml::node& node,
                               std::string_view example) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  return std::unexpected(wrong_type(
      key, node, "write a string: " + std::string(key) + " = \"" + std::string(example) + '"'));
}

Converted<bool> to_flag(std::string_view key, const toml::node& node) {
  if (const auto flag = node.value_exact<bool>()) return *flag;
  return std::unexpected(wrong_type(key, node, "write true or false, without quotes"));
}

Converted<std::int64_t> to_number(std::string_view key, const toml::node& node, Range range) {
  const auto number = node.value_exact<std::int64_t>();
  const std::string wanted = "write a number from " + range_text(range);
  if (!number)
    return std::unexpected(
        wrong_type(key, node, wanted + (node.is_string() ? ", without quotes" : "")));
  if (*number < range.low || *number > range.high)
    return complaint(std::string(key) + " is " + std::to_string(*number), wanted);
  return *number;
}

Converted<Address> to_address(std::string_view key, const toml::node& node) {
  const auto text = node.value_exact<std::string_view>();
  if (!text)
    return std::unexpected(
        wrong_type(key, node, "write an address in quotes: \"192.0.2.10\" or \"2001:db8::10\""));
  if (const auto address = Address::parse(*text)) return *address;
  const AddressAdvice advice = advise_on_address(*text);
  return complaint(std::string(key) + " " + quoted(*text) + " " + advice.why, advice.remedy);
}

Converted<std::chrono::milliseconds> to_duration(std::string_view key, const toml::node& node,
                                                 std::string_view example) {
  const std::string wanted =
      "write a whole number and its unit, ms, s, m or h: \"" + std::string(example) + '"';
  if (const auto number = node.value_exact<std::int64_t>())
    return complaint(
        std::string(key) + " is a number without a unit (" + std::to_string(*number) + ")", wanted);
  const auto text = node.value_exact<std::string_view>();
  if (!text) return std::unexpected(wrong_type(key, node, wanted));
  if (const auto duration = parse_duration(*text)) return *duration;
  return complaint(std::string(key) + " " + quoted(*text) + " is not a duration", wanted);
}

Converted<std::uint32_t> to_memory(std::string_view key, const toml::node& node, Range range) {
  const std::string wanted = "write it in MiB or GiB: \"256 MiB\"";
  if (const auto number = node.value_exact<std::int64_t>())
    return complaint(
        std::string(key) + " is a number without a unit (" + std::to_string(*number) + ")", wanted);
  const auto text = node.value_exact<std::string_view>();
  if (!text) return std::unexpected(wrong_type(key, node, wanted));
  const auto mebibytes = parse_mebibytes(*text);
  if (!mebibytes)
    return complaint(std::string(key) + " " + quoted(*text) + " is not an amount of memory",
                     wanted);
  if (*mebibytes < static_cast<std::uint64_t>(range.low) ||
      *mebibytes > static_cast<std::uint64_t>(range.high))
    return complaint(std::string(key) + " is " + quoted(*text),
                     "write " + range_text(range) + " MiB");
  return static_cast<std::uint32_t>(*mebibytes);
}

Converted<StatusRange> to_status(std::string_view key, const toml::node& node) {
  const std::string wanted = "write statuses from 100 to 599: \"200-399\", or 200";
  std::string text;
  if (const auto number = node.value_exact<std::int64_t>())
    text = std::to_string(*number);
  else if (const auto written = node.value_exact<std::string>())
    text = *written;
  else
    return std::unexpected(wrong_type(key, node, wanted));
  const std::size_t dash = text.find('-', 1);
  const auto low = parse_status(std::string_view(text).substr(0, dash));
  const auto high =
      dash == std::string::npos ? low : parse_status(std::string_view(text).substr(dash + 1));
  if (!low || !high || *low > *high)
    return complaint(std::string(key) + " " + quoted(text) + " is not a range of statuses", wanted);
  return StatusRange{*low, *high};
}

Converted<TunnelSource> to_tunnel_source(std::string_view key, const toml::node& node) {
  const std::string wanted =
      "write an address or a prefix, host bits zero: \"192.0.2.1\", \"198.18.0.0/16\" or "
      "\"2001:db8:1::/64\"";
  const auto text = node.value_exact<std::string_view>();
  if (!text) return std::unexpected(wrong_type(key, node, wanted));
  if (const auto source = TunnelSource::parse(*text)) return *source;
  return complaint(std::string(key) + " " + quoted(*text) + " is no address and no prefix", wanted);
}

Converted<TunnelDscp> to_tunnel_dscp(std::string_view key, const toml::node& node) {
  const std::string wanted = "write \"copy\", or a number from 0 to 63";
  if (const auto text = node.value_exact<std::string_view>())
    return *text == "copy" ? Converted<TunnelDscp>(TunnelDscp{})
                           : complaint(std::string(key) + " is " + quoted(*text), wanted);
  const auto number = node.value_exact<std::int64_t>();
  if (!number) return std::unexpected(wrong_type(key, node, wanted));
  if (*number < 0 || *number > TunnelDscp::value_max)
    return complaint(std::string(key) + " is " + std::to_string(*number), wanted);
  return TunnelDscp{static_cast<std::uint8_t>(*number)};
}

Converted<MssClamp> to_mss_clamp(std::string_view key, const toml::node& node) {
  const std::string wanted = "write \"off\", \"auto\", or a number from 536 to 65495";
  if (const auto text = node.value_exact<std::string_view>()) {
    if (*text == "off" || *text == "auto") return *MssClamp::parse(*text);
    return complaint(std::string(key) + " is " + quoted(*text), wanted);
  }
  const auto number = node.value_exact<std::int64_t>();
  if (!number) return std::unexpected(wrong_type(key, node, wanted));
  if (const auto clamp = MssClamp::parse(std::to_string(*number))) return *clamp;
  return complaint(std::string(key) + " is " + std::to_string(*number), wanted);
}

Converted<Hugepages> to_hugepages(std::string_view key, const toml::node& node) {
  if (const auto flag = node.value_exact<bool>()) return *flag ? Hugepages::on : Hugepages::off;
  return to_enum<Hugepages>(key, node);
}

}  // namespace sluice::control
