// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// XDP on a port that the data plane shares with the kernel: packets for services go to the AF_XDP
// socket of their queue, everything else (ARP, neighbour discovery, ssh, BGP, health checks) stays
// with the kernel.
//
// The names xsk_def_prog, xsks_map and xsk_prog_version are libxdp's: DPDK's AF_XDP driver finds a
// program that calls itself so, adopts it and puts its sockets into the map.

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "bpf/maps.h"

#define VLAN_TAGS_MAX 2
#define EXTENSION_HEADERS_MAX 8
#define IPV4_FRAGMENT_MASK 0x3fff /* more-fragments and the offset */
#define IPV6_FRAGMENT_MASK 0xfff9

/* RFC 792 and RFC 4443; linux/icmp.h would bring in the C library. */
enum {
  ICMP_UNREACHABLE = 3,
  ICMP_ECHO_REQUEST = 8,
  ICMP_EXCEEDED = 11,
  ICMP_PARAMETER = 12,
  ICMPV6_UNREACHABLE = 1,
  ICMPV6_PARAMETER = 4,
  ICMPV6_ECHO_REQUEST = 128,
  ICMPV6_ROUTER_SOLICITATION = 133,
  ICMPV6_REDIRECT = 137,
};

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, STEER_QUEUES_MAX);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, STEER_RULES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct steer_service_key);
  __type(value, __u8);
} steer_services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, STEER_RULES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct steer_address_key);
  __type(value, __u8); /* enum steer_address_flag, ored */
} steer_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, STEER_PREFIXES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct steer_prefix_key);
  __type(value, struct steer_prefix);
} steer_prefixes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, STEER_COUNTERS);
  __type(key, __u32);
  __type(value, __u64);
} steer_counters SEC(".maps");

/* By this variable libxdp, inside DPDK's driver, knows a program whose xsks_map it may fill. */
__uint(xsk_prog_version, 1) SEC("xdp_metadata");

struct vlan_tag {
  __be16 control;
  __be16 type;
};

struct extension {
  __u8 next;
  __u8 length;     /* in 8 bytes, less the first */
  __be16 fragment; /* of a fragment header only */
};

/* What decides where a packet goes. */
struct packet {
  struct steer_service_key service; /* destination address, port, protocol */
  __u8 icmp_type;
  __u8 is_fragment;
  __u8 has_layer4;
};

static __always_inline void count(__u32 which) {
  __u64* counter = bpf_map_lookup_elem(&steer_counters, &which);

  if (counter) ++*counter;
}

/* Reads the destination port or the ICMP type; `icmp` is the protocol number of the family's ICMP.
 */
static __always_inline int read_layer4(struct packet* packet, void* at, void* end, __u8 icmp) {
  __be16* ports = at;
  __u8* type = at;

  switch (packet->service.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
      if ((void*)(ports + 2) > end) return -1;
      packet->service.port = ports[1];
      break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      if (packet->service.protocol != icmp) return 0;
      if ((void*)(type + 1) > end) return -1;
      packet->icmp_type = *type;
      break;
    default:
      return 0;
  }
  packet->has_layer4 = 1;
  return 0;
}

static __always_inline int read_ipv4(struct packet* packet, void* at, void* end) {
  struct iphdr* ip = at;

  if ((void*)(ip + 1) > end || ip->ihl < 5) return -1;
  packet->service.address[10] = 0xff;
  packet->service.address[11] = 0xff;
  __builtin_memcpy(&packet->service.address[12], &ip->daddr, 4);
  packet->service.protocol = ip->protocol;
  if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK)) {
    packet->is_fragment = 1;
    return 0;
  }
  return read_layer4(packet, at + ip->ihl * 4, end, IPPROTO_ICMP);
}

static __always_inline int read_ipv6(struct packet* packet, void* at, void* end) {
  struct ipv6hdr* ip = at;
  __u8 next;

  if ((void*)(ip + 1) > end) return -1;
  __builtin_memcpy(packet->service.address, &ip->daddr, 16);
  next = ip->nexthdr;
  at = ip + 1;
  for (int i = 0; i < EXTENSION_HEADERS_MAX; i++) {
    struct extension* extension = at;

    if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
        next != IPPROTO_FRAGMENT)
      break;
    if ((void*)(extension + 1) > end) return -1;
    if (next == IPPROTO_FRAGMENT) {
      if (extension->fragment & bpf_htons(IPV6_FRAGMENT_MASK)) {
        packet->is_fragment = 1;
        return 0;
      }
      at += 8;
    } else {
      at += 8 + extension->length * 8;
    }
    next = extension->next;
  }
  packet->service.protocol = next;
  return read_layer4(packet, at, end, IPPROTO_ICMPV6);
}

static __always_inline int read_packet(struct packet* packet, struct xdp_md* context) {
  void* end = (void*)(long)context->data_end;
  struct ethhdr* ethernet = (void*)(long)context->data;
  void* at = ethernet + 1;
  __be16 type;

  if (at > end) return -1;
  type = ethernet->h_proto;
  for (int i = 0; i < VLAN_TAGS_MAX; i++) {
    struct vlan_tag* tag = at;

    if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD)) break;
    if ((void*)(tag + 1) > end) return -1;
    type = tag->type;
    at = tag + 1;
  }
  if (type == bpf_htons(ETH_P_IP)) return read_ipv4(packet, at, end);
  if (type == bpf_htons(ETH_P_IPV6)) return read_ipv6(packet, at, end);
  return 0;
}

static __always_inline int is_ports(const struct packet* packet) {
  return packet->service.protocol == IPPROTO_TCP || packet->service.protocol == IPPROTO_UDP ||
         packet->service.protocol == IPPROTO_SCTP;
}

static __always_inline int is_icmp_error(const struct packet* packet) {
  if (packet->service.protocol == IPPROTO_ICMP)
    return packet->icmp_type == ICMP_UNREACHABLE || packet->icmp_type == ICMP_EXCEEDED ||
           packet->icmp_type == ICMP_PARAMETER;
  return packet->service.protocol == IPPROTO_ICMPV6 && packet->icmp_type >= ICMPV6_UNREACHABLE &&
         packet->icmp_type <= ICMPV6_PARAMETER;
}

static __always_inline int is_echo_request(const struct packet* packet) {
  if (packet->service.protocol == IPPROTO_ICMP) return packet->icmp_type == ICMP_ECHO_REQUEST;
  return packet->service.protocol == IPPROTO_ICMPV6 && packet->icmp_type == ICMPV6_ECHO_REQUEST;
}

/* How the kernel finds its neighbours is never a service's. */
static __always_inline int is_neighbour_discovery(const struct packet* packet) {
  return packet->service.protocol == IPPROTO_ICMPV6 && packet->has_layer4 &&
         packet->icmp_type >= ICMPV6_ROUTER_SOLICITATION && packet->icmp_type <= ICMPV6_REDIRECT;
}

static __always_inline int is_in_range(const struct packet* packet,
                                       const struct steer_prefix* prefix) {
  __u16 port = bpf_ntohs(packet->service.port);

  for (int i = 0; i < STEER_RANGES_MAX; i++) {
    const struct steer_range* range = &prefix->range[i];

    if (i >= prefix->ranges) break;
    if (range->protocol == packet->service.protocol && range->first <= port && port <= range->last)
      return 1;
  }
  return 0;
}

/* Of a service on a prefix, a range of ports or any protocol; fragments, echo requests and ICMP
 * errors of its addresses too. */
static __always_inline int is_wide(const struct packet* packet) {
  struct steer_prefix_key key = {.prefix_bits = 128};
  const struct steer_prefix* prefix;

  __builtin_memcpy(key.address, packet->service.address, 16);
  prefix = bpf_map_lookup_elem(&steer_prefixes, &key);
  if (!prefix) return 0;
  if (packet->is_fragment) return 1;
  if (prefix->any_protocol) return !is_neighbour_discovery(packet);
  if (!packet->has_layer4) return 0;
  if (is_ports(packet)) return is_in_range(packet, prefix);
  return is_icmp_error(packet) || is_echo_request(packet);
}

static __always_inline int is_ours(struct packet* packet) {
  __u8* flags;

  if (packet->has_layer4 && is_ports(packet) &&
      bpf_map_lookup_elem(&steer_services, &packet->service))
    return 1;
  if (is_wide(packet)) return 1;
  flags = bpf_map_lookup_elem(&steer_addresses, packet->service.address);
  if (!flags) return 0;
  if (packet->is_fragment) return 1;
  if (!packet->has_layer4) return 0;
  if (is_icmp_error(packet)) return 1;
  if (*flags & STEER_VIP && is_echo_request(packet)) return 1;
  return *flags & STEER_SOURCE_POOL && is_ports(packet);
}

SEC("xdp")
int xsk_def_prog(struct xdp_md* context) {
  struct packet packet = {};

  if (read_packet(&packet, context) < 0) {
    count(STEER_TRUNCATED);
    return XDP_PASS;
  }
  if (!is_ours(&packet)) {
    count(STEER_PASSED);
    return XDP_PASS;
  }
  count(STEER_STEERED);
  /* Where nobody polls the queue, the kernel has the packet. */
  return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

char program_license[] SEC("license") = "Dual BSD/GPL";
