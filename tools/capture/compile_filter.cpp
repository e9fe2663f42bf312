#include "tools/capture/compile_filter.h"

#include <memory>
#include <pcap/pcap.h>
#include <span>

namespace sluice::capture {
namespace {

constexpr int frame_bytes_max = 65'535;

struct Close {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};

std::unexpected<Error> failure(std::string why, const std::string& expression) {
  return std::unexpected(Error{"cannot use the filter: " + std::move(why), expression,
                               "write it as for tcpdump, see man 7 pcap-filter"});
}

}  // namespace

std::expected<std::vector<FilterInstruction>, Error> compile_filter(const std::string& expression) {
  if (expression.find_first_not_of(" \t") == std::string::npos) return {};
  const std::unique_ptr<pcap_t, Close> handle(pcap_open_dead(DLT_EN10MB, frame_bytes_max));
  if (handle == nullptr) return failure("out of memory", expression);
  bpf_program compiled{};
  constexpr int optimized = 1;
  if (pcap_compile(handle.get(), &compiled, expression.c_str(), optimized, PCAP_NETMASK_UNKNOWN) !=
      0)
    return failure(pcap_geterr(handle.get()), expression);
  std::vector<FilterInstruction> out;
  for (const bpf_insn& instruction : std::span(compiled.bf_insns, compiled.bf_len))
    out.push_back({instruction.code, instruction.jt, instruction.jf, instruction.k});
  pcap_freecode(&compiled);
  if (auto checked = PacketFilter::make(out); !checked)
    return failure(checked.error().what, expression);
  return out;
}

}  // namespace sluice::capture
