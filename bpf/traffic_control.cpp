#include "bpf/traffic_control.h"

#include <array>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::bpf {
namespace {

// Where `tc filter show dev DEVICE ingress` lists us.
constexpr std::uint32_t priority = 41;  // the protocol number of IPv6 in IP
constexpr std::uint32_t handle = 1;

bpf_tc_hook hook(int device_index, bpf_tc_attach_point point) {
  bpf_tc_hook out{};
  out.sz = sizeof out;
  out.ifindex = device_index;
  out.attach_point = point;
  return out;
}

bpf_tc_opts place() {
  bpf_tc_opts out{};
  out.sz = sizeof out;
  out.handle = handle;
  out.priority = priority;
  return out;
}

class Netlink {
 public:
  Netlink() : descriptor_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {}
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;
  ~Netlink() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  /// How many filters the kernel lists under this parent; negative errno when it does not say.
  [[nodiscard]] int count_filters(int device_index, std::uint32_t parent) const {
    struct {
      nlmsghdr header;
      tcmsg body;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETTFILTER;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body.tcm_family = AF_UNSPEC;
    request.body.tcm_ifindex = device_index;
    request.body.tcm_parent = parent;
    if (send(descriptor_, &request, sizeof request, 0) < 0) return -errno;
    int found = 0;
    for (;;) {
      alignas(nlmsghdr) std::array<char, 65'536> answer;
      const ssize_t received = recv(descriptor_, answer.data(), answer.size(), 0);
      if (received < 0) return -errno;
      auto left = static_cast<unsigned>(received);
      for (auto* message = reinterpret_cast<nlmsghdr*>(answer.data()); NLMSG_OK(message, left);
           message = NLMSG_NEXT(message, left)) {
        if (message->nlmsg_type == NLMSG_DONE) return found;
        if (message->nlmsg_type == NLMSG_ERROR) return -EIO;
        ++found;
      }
    }
  }

 private:
  int descriptor_;
};

}  // namespace

int TrafficControl::make_qdisc() const {
  auto ingress = hook(device_index_, BPF_TC_INGRESS);
  return bpf_tc_hook_create(&ingress);
}

int TrafficControl::remove_qdisc() const {
  auto both = hook(device_index_, static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
  return bpf_tc_hook_destroy(&both);
}

bool TrafficControl::is_qdisc_empty() const {
  const Netlink netlink;
  return netlink.count_filters(device_index_, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) == 0 &&
         netlink.count_filters(device_index_, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)) == 0;
}

std::expected<std::uint32_t, int> TrafficControl::program() const {
  auto ingress = hook(device_index_, BPF_TC_INGRESS);
  auto ours = place();
  const int error = bpf_tc_query(&ingress, &ours);
  if (error == 0) return ours.prog_id;
  // ENOENT: no such filter; EINVAL: no clsact qdisc to have one in.
  if (error == -ENOENT || error == -EINVAL) return 0;
  return std::unexpected(error);
}

int TrafficControl::put(int program_descriptor) const {
  auto ingress = hook(device_index_, BPF_TC_INGRESS);
  auto ours = place();
  ours.prog_fd = program_descriptor;
  ours.flags = BPF_TC_F_REPLACE;
  return bpf_tc_attach(&ingress, &ours);
}

int TrafficControl::remove() const {
  auto ingress = hook(device_index_, BPF_TC_INGRESS);
  auto ours = place();
  return bpf_tc_detach(&ingress, &ours);
}

}  // namespace sluice::bpf
