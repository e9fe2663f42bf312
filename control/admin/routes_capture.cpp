#include <limits>
#include <utility>

#include "control/admin/routes.h"

namespace sluice::control {
namespace {

std::unexpected<Error> bad(std::string what, std::string remedy) {
  return std::unexpected(Error{std::move(what), "", std::move(remedy)});
}

// A whole number of a JSON value, within bounds.
std::optional<std::uint32_t> number_in(const Json& value, std::uint32_t least, std::uint32_t most) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  if (number < least || number > most) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

// [code, jump_true, jump_false, operand]
std::optional<FilterInstruction> instruction_of(const Json& value) {
  if (!value.is_array() || value.size() != 4) return std::nullopt;
  const auto code = number_in(value[0], 0, 0xffff);
  const auto jump_true = number_in(value[1], 0, 0xff);
  const auto jump_false = number_in(value[2], 0, 0xff);
  const auto operand = number_in(value[3], 0, std::numeric_limits<std::uint32_t>::max());
  if (!code || !jump_true || !jump_false || !operand) return std::nullopt;
  return FilterInstruction{static_cast<std::uint16_t>(*code), static_cast<std::uint8_t>(*jump_true),
                           static_cast<std::uint8_t>(*jump_false), *operand};
}

std::expected<std::vector<FilterInstruction>, Error> program_of(const Json& value) {
  constexpr auto remedy =
      "write a list of [code, jump_true, jump_false, operand], as `tcpdump -ddd` prints it";
  if (!value.is_array()) return bad("\"program\" is no list", remedy);
  std::vector<FilterInstruction> out;
  for (const Json& item : value) {
    const auto instruction = instruction_of(item);
    if (!instruction)
      return bad("instruction " + std::to_string(out.size()) + " of \"program\" is none", remedy);
    out.push_back(*instruction);
  }
  if (auto checked = PacketFilter::make(out); !checked) return std::unexpected(checked.error());
  return out;
}

struct Wanted {
  CaptureRequest request;
  CaptureAnswer::Format format = CaptureAnswer::Format::pcapng;
};

std::expected<void, Error> take(Wanted& out, const std::string& key, const Json& value) {
  CaptureRequest& request = out.request;
  const auto take_number = [&](std::uint32_t& into, std::uint32_t least,
                               std::uint32_t most) -> std::expected<void, Error> {
    const auto number = number_in(value, least, most);
    if (!number)
      return bad(
          "\"" + key + "\" is " + to_text(value).substr(0, 40),
          "write a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    into = *number;
    return {};
  };
  if (key == "packets") return take_number(request.packets, 1, capture_packets_max);
  if (key == "seconds") return take_number(request.seconds, 1, capture_seconds_max);
  if (key == "snaplen")
    return take_number(request.snaplen, capture_snaplen_min, capture_snaplen_max);
  if (key == "program") {
    auto program = program_of(value);
    if (!program) return std::unexpected(std::move(program.error()));
    request.program = std::move(*program);
    return {};
  }
  if (key == "sent" && value.is_boolean()) {
    request.with_sent = value.get<bool>();
    return {};
  }
  if (key == "format" && (value == "pcapng" || value == "trace")) {
    out.format = value == "trace" ? CaptureAnswer::Format::trace : CaptureAnswer::Format::pcapng;
    return {};
  }
  return bad("\"" + key + "\" is unknown or has no such value",
             "a capture takes program, packets, seconds, snaplen, sent (true or false) and format "
             "(pcapng or trace)");
}

std::expected<Wanted, Error> read_wanted(const std::string& body) {
  Wanted out;
  if (body.empty()) return out;
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object())
    return bad("the body is no JSON object", "send {} for a capture of everything");
  for (const auto& [key, value] : json.items())
    if (auto taken = take(out, key, value); !taken) return std::unexpected(taken.error());
  return out;
}

}  // namespace

Response post_capture(const Request& request, const ApiContext& context) {
  auto wanted = read_wanted(request.body);
  if (!wanted) return error_response(400, wanted.error());
  if (context.captures == nullptr)
    return error_response(503, {"there is no data plane to capture from", "", ""});
  if (context.captures->is_busy())
    return error_response(409, {"another capture or trace is running", "",
                                "there is one at a time: wait until it has ended, or end it"});
  const CaptureAnswer answer{.format = wanted->format,
                             .packets = wanted->request.packets,
                             .snaplen = wanted->request.snaplen,
                             .with_sent = wanted->request.with_sent};
  if (const auto begun = context.captures->begin(std::move(wanted->request)); !begun)
    return error_response(503, begun.error());
  return {.capture = answer};
}

}  // namespace sluice::control
