// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// tc ingress on a real server: takes the outer headers off IP-in-IP (RFC 2003, RFC 2473), GRE (RFC
// 2784) and GUE packets (draft-ietf-intarea-gue) for our VIPs, all four pairs of families, and the
// inner packet goes on up the stack as if it had come plain. Whatever is not such a packet is left
// as it was.

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include "bpf/maps.h"

#define IPV4_FRAGMENT_MASK 0x3fff /* more-fragments and the offset */
#define IPV4_OFFSET_MASK 0x1fff
#define ECN_MASK 3 /* RFC 3168 section 5 */
#define ECN_ECT1 1
#define ECN_CE 3

/* Since Linux 6.3, so not in every <linux/bpf.h>. */
#define ADJ_ROOM_DECAP_L3_IPV4 (1ULL << 7)
#define ADJ_ROOM_DECAP_L3_IPV6 (1ULL << 8)
/* The segments of an aggregated packet keep their size, and the inner checksum, which the outer
 * header is no part of, stays as verified as it was. */
#define SHRINK_FLAGS (BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET)

/* Steps give a counter (why the packet goes no further) or one of these. */
#define GO_ON (-1)
#define NO_TUNNEL (-2) /* not counted */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, DECAP_VIPS_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct decap_vip_key);
  __type(value, __u8);
} decap_vips SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, DECAP_SOURCES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct decap_source_key);
  __type(value, __u8);
} decap_sources SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct decap_settings);
} decap_settings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, DECAP_COUNTERS);
  __type(key, __u32);
  __type(value, __u64);
} decap_counters SEC(".maps");

struct tunnel {
  struct decap_source_key source; /* outer */
  struct decap_vip_key vip;       /* inner destination */
  __u32 outer_bytes;              /* all headers to take off */
  __u32 shim_bytes;               /* of these, what is not the IP header */
  __u32 payload_bytes;            /* behind them, as the outer header says */
  __u8 outer_is_ipv6;
  __u8 inner_is_ipv6;
  __u8 outer_ecn;
  __u8 inner_class; /* DSCP and ECN */
};

/* RFC 2784 section 2.1. */
struct gre_header {
  __be16 flags_version;
  __be16 type;
};

/* draft-ietf-intarea-gue section 3.1, variant 0; of variant 1 it is the inner header's beginning.
 */
struct gue_header {
  __u8 variant_length;
  __u8 protocol;
  __be16 flags;
};

struct extension {
  __u8 next;
  __u8 length;
};

static __always_inline void count(__u32 which) {
  __u64* counter = bpf_map_lookup_elem(&decap_counters, &which);

  if (counter) ++*counter;
}

static __always_inline void map_ipv4(__u8* address, __be32 ipv4) {
  address[10] = 0xff;
  address[11] = 0xff;
  __builtin_memcpy(address + 12, &ipv4, 4);
}

/* ::ffff:a.b.c.d on the wire would pass for IPv4 in the maps. */
static __always_inline int is_mapped(const struct in6_addr* address) {
  return address->s6_addr32[0] == 0 && address->s6_addr32[1] == 0 &&
         address->s6_addr32[2] == bpf_htonl(0xffff);
}

static __always_inline int is_tunnel_protocol(__u8 protocol) {
  return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 || protocol == IPPROTO_GRE;
}

/* Whether a layer 4 of this protocol at this offset may be a tunnel of ours. */
static __always_inline int may_be_tunnel(struct __sk_buff* skb, __u8 protocol, __u32 at,
                                         const struct decap_settings* settings) {
  struct udphdr udp;

  if (protocol != IPPROTO_UDP) return is_tunnel_protocol(protocol);
  return bpf_skb_load_bytes(skb, at, &udp, sizeof udp) == 0 && udp.dest == settings->gue_port;
}

static __always_inline __u8 traffic_class(const struct ipv6hdr* ip) {
  return ip->priority << 4 | ip->flow_lbl[0] >> 4;
}

static __always_inline int is_checksum_good(struct iphdr* ip) {
  __s64 sum = bpf_csum_diff(0, 0, (__be32*)ip, sizeof *ip, 0);

  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

static __always_inline int read_gre(struct __sk_buff* skb, struct tunnel* tunnel) {
  struct gre_header gre;

  if (bpf_skb_load_bytes(skb, ETH_HLEN + tunnel->outer_bytes, &gre, sizeof gre) < 0)
    return DECAP_PASSED_MALFORMED;
  if (gre.type != bpf_htons(ETH_P_IP) && gre.type != bpf_htons(ETH_P_IPV6)) return NO_TUNNEL;
  if (gre.flags_version) return DECAP_PASSED_OPTIONS;
  tunnel->shim_bytes = sizeof gre;
  tunnel->inner_is_ipv6 = gre.type == bpf_htons(ETH_P_IPV6);
  return GO_ON;
}

/* A UDP checksum, which our balancer does not write, is not looked at: the inner packet has its
 * own. */
static __always_inline int read_gue(struct __sk_buff* skb, struct tunnel* tunnel) {
  __u32 at = ETH_HLEN + tunnel->outer_bytes;
  struct udphdr udp;
  struct gue_header gue;

  if (bpf_skb_load_bytes(skb, at, &udp, sizeof udp) < 0 ||
      bpf_skb_load_bytes(skb, at + sizeof udp, &gue, sizeof gue) < 0 ||
      (!skb->gso_size && bpf_ntohs(udp.len) != tunnel->payload_bytes))
    return DECAP_PASSED_MALFORMED;
  tunnel->shim_bytes = sizeof udp;
  tunnel->inner_is_ipv6 = gue.variant_length >> 4 == 6;
  if (gue.variant_length >> 6 == 1) return GO_ON; /* the inner version is looked at later */
  if (gue.variant_length >> 6 > 1) return DECAP_PASSED_MALFORMED;
  if (gue.variant_length || gue.flags) return DECAP_PASSED_OPTIONS;
  if (gue.protocol != IPPROTO_IPIP && gue.protocol != IPPROTO_IPV6) return NO_TUNNEL;
  tunnel->shim_bytes = sizeof udp + sizeof gue;
  tunnel->inner_is_ipv6 = gue.protocol == IPPROTO_IPV6;
  return GO_ON;
}

/* What stands between the outer IP header and the inner packet, and what it says of that. */
static __always_inline int read_shim(struct __sk_buff* skb, struct tunnel* tunnel, __u8 protocol) {
  int step = GO_ON;

  tunnel->inner_is_ipv6 = protocol == IPPROTO_IPV6;
  if (protocol == IPPROTO_GRE) step = read_gre(skb, tunnel);
  if (protocol == IPPROTO_UDP) step = read_gue(skb, tunnel);
  if (step != GO_ON) return step;
  if (!skb->gso_size && tunnel->payload_bytes < tunnel->shim_bytes) return DECAP_PASSED_MALFORMED;
  tunnel->payload_bytes -= tunnel->shim_bytes;
  tunnel->outer_bytes += tunnel->shim_bytes;
  return GO_ON;
}

static __always_inline int read_outer_ipv4(struct __sk_buff* skb, struct tunnel* tunnel,
                                           const struct decap_settings* settings) {
  struct iphdr ip;

  if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof ip) < 0) return NO_TUNNEL;
  if (!may_be_tunnel(skb, ip.protocol, ETH_HLEN + ip.ihl * 4, settings)) return NO_TUNNEL;
  /* Of a later fragment the ports are not known. */
  if (ip.protocol == IPPROTO_UDP && ip.frag_off & bpf_htons(IPV4_OFFSET_MASK)) return NO_TUNNEL;
  if (ip.version != 4 || ip.ihl < 5) return DECAP_PASSED_MALFORMED;
  if (ip.ihl > 5) return DECAP_PASSED_OPTIONS;
  if (!is_checksum_good(&ip)) return DECAP_PASSED_MALFORMED;
  if (ip.frag_off & bpf_htons(IPV4_FRAGMENT_MASK)) return DECAP_PASSED_FRAGMENT;
  tunnel->source.family = 4;
  map_ipv4(tunnel->source.address, ip.saddr);
  tunnel->outer_bytes = sizeof ip;
  tunnel->payload_bytes = bpf_ntohs(ip.tot_len) - sizeof ip;
  tunnel->outer_ecn = ip.tos & ECN_MASK;
  if (bpf_ntohs(ip.tot_len) < sizeof ip && !skb->gso_size) return DECAP_PASSED_MALFORMED;
  return read_shim(skb, tunnel, ip.protocol);
}

/* Which kind of packet it is when the tunnel is behind an extension header. */
static __always_inline int read_extension(struct __sk_buff* skb, __u8 header) {
  struct extension extension;

  if (header != IPPROTO_HOPOPTS && header != IPPROTO_ROUTING && header != IPPROTO_DSTOPTS &&
      header != IPPROTO_FRAGMENT)
    return NO_TUNNEL;
  if (bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(struct ipv6hdr), &extension, sizeof extension) < 0)
    return NO_TUNNEL;
  if (!is_tunnel_protocol(extension.next)) return NO_TUNNEL;
  return header == IPPROTO_FRAGMENT ? DECAP_PASSED_FRAGMENT : DECAP_PASSED_OPTIONS;
}

static __always_inline int read_outer_ipv6(struct __sk_buff* skb, struct tunnel* tunnel,
                                           const struct decap_settings* settings) {
  struct ipv6hdr ip;

  if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof ip) < 0) return NO_TUNNEL;
  if (!may_be_tunnel(skb, ip.nexthdr, ETH_HLEN + sizeof ip, settings))
    return read_extension(skb, ip.nexthdr);
  if (ip.version != 6 || is_mapped(&ip.saddr)) return DECAP_PASSED_MALFORMED;
  tunnel->source.family = 6;
  __builtin_memcpy(tunnel->source.address, &ip.saddr, 16);
  tunnel->outer_is_ipv6 = 1;
  tunnel->outer_bytes = sizeof ip;
  tunnel->payload_bytes = bpf_ntohs(ip.payload_len);
  tunnel->outer_ecn = traffic_class(&ip) & ECN_MASK;
  return read_shim(skb, tunnel, ip.nexthdr);
}

static __always_inline int read_outer(struct __sk_buff* skb, struct tunnel* tunnel,
                                      const struct decap_settings* settings) {
  int step = NO_TUNNEL;

  if (skb->protocol == bpf_htons(ETH_P_IP)) step = read_outer_ipv4(skb, tunnel, settings);
  if (skb->protocol == bpf_htons(ETH_P_IPV6)) step = read_outer_ipv6(skb, tunnel, settings);
  /* Somebody else's, seen because the device is promiscuous. */
  if (step != NO_TUNNEL && skb->pkt_type != PACKET_HOST) return DECAP_PASSED_NOT_HOST;
  return step;
}

/* Lengths of aggregated packets are not looked at: beyond 64 KiB the headers do not have them. */
static __always_inline int is_cut_off(struct __sk_buff* skb, const struct tunnel* tunnel,
                                      __u32 inner_bytes) {
  return !skb->gso_size && (inner_bytes > tunnel->payload_bytes ||
                            ETH_HLEN + tunnel->outer_bytes + inner_bytes > skb->len);
}

static __always_inline int read_inner_ipv4(struct __sk_buff* skb, struct tunnel* tunnel) {
  struct iphdr ip;

  if (bpf_skb_load_bytes(skb, ETH_HLEN + tunnel->outer_bytes, &ip, sizeof ip) < 0 ||
      ip.version != 4 || ip.ihl < 5 || is_cut_off(skb, tunnel, bpf_ntohs(ip.tot_len)))
    return DECAP_PASSED_MALFORMED;
  map_ipv4(tunnel->vip.address, ip.daddr);
  tunnel->inner_class = ip.tos;
  return GO_ON;
}

static __always_inline int read_inner_ipv6(struct __sk_buff* skb, struct tunnel* tunnel) {
  struct ipv6hdr ip;

  if (bpf_skb_load_bytes(skb, ETH_HLEN + tunnel->outer_bytes, &ip, sizeof ip) < 0 ||
      ip.version != 6 || is_mapped(&ip.daddr) ||
      is_cut_off(skb, tunnel, bpf_ntohs(ip.payload_len) + sizeof ip))
    return DECAP_PASSED_MALFORMED;
  __builtin_memcpy(tunnel->vip.address, &ip.daddr, 16);
  tunnel->inner_class = traffic_class(&ip);
  return GO_ON;
}

/* Whether we are to take this tunnel's header off. */
static __always_inline int judge(struct __sk_buff* skb, struct tunnel* tunnel,
                                 const struct decap_settings* settings) {
  int step = read_outer(skb, tunnel, settings);

  if (step != GO_ON) return step;
  step = tunnel->inner_is_ipv6 ? read_inner_ipv6(skb, tunnel) : read_inner_ipv4(skb, tunnel);
  if (step != GO_ON) return step;
  if (!bpf_map_lookup_elem(&decap_vips, &tunnel->vip)) return DECAP_PASSED_NOT_VIP;
  tunnel->source.prefix_bits = 8 + 128;
  if (settings->sources_limited && !bpf_map_lookup_elem(&decap_sources, &tunnel->source))
    return DECAP_PASSED_SOURCE;
  /* RFC 6040 section 4.2, figure 4: congestion that this sender could not be told about. */
  if (tunnel->outer_ecn == ECN_CE && (tunnel->inner_class & ECN_MASK) == 0)
    return DECAP_DROPPED_ECN;
  return GO_ON;
}

/* The inner ECN field after decapsulation: RFC 6040 section 4.2, figure 4, without the drop. */
static __always_inline __u8 combined_ecn(__u8 outer, __u8 inner) {
  if (inner == 0 || inner == ECN_CE) return inner;
  return outer == ECN_CE || outer == ECN_ECT1 ? outer : inner;
}

static __always_inline long write_inner_ecn(struct __sk_buff* skb, const struct tunnel* tunnel) {
  __u32 at = ETH_HLEN + tunnel->outer_bytes;
  __u8 ecn = combined_ecn(tunnel->outer_ecn, tunnel->inner_class & ECN_MASK);
  __u8 class = (tunnel->inner_class & ~ECN_MASK) | ecn;
  __be16 before;
  __be16 after;
  long error;

  if (class == tunnel->inner_class) return 0;
  error = bpf_skb_load_bytes(skb, at, &before, sizeof before);
  if (error) return error;
  if (tunnel->inner_is_ipv6) {
    after = (before & ~bpf_htons(ECN_MASK << 4)) | bpf_htons(ecn << 4);
    return bpf_skb_store_bytes(skb, at, &after, sizeof after, BPF_F_RECOMPUTE_CSUM);
  }
  after = (before & ~bpf_htons(ECN_MASK)) | bpf_htons(ecn);
  error = bpf_l3_csum_replace(skb, at + offsetof(struct iphdr, check), before, after, sizeof after);
  /* Field and checksum together leave the packet's sum as it was. */
  return error ? error : bpf_skb_store_bytes(skb, at, &after, sizeof after, 0);
}

/* Without the flags the kernel does not learn of another family from a shrinking packet. Changing
 * the family first adds or removes the difference between two fixed headers; the rest goes after.
 */
static __always_inline long shrink_in_two_steps(struct __sk_buff* skb,
                                                const struct tunnel* tunnel) {
  __s32 rest =
      tunnel->shim_bytes + (tunnel->inner_is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
  long error;

  if (tunnel->inner_is_ipv6 != tunnel->outer_is_ipv6) {
    error = bpf_skb_change_proto(skb, bpf_htons(tunnel->inner_is_ipv6 ? ETH_P_IPV6 : ETH_P_IP), 0);
    if (error) return error;
  }
  return bpf_skb_adjust_room(skb, -rest, BPF_ADJ_ROOM_MAC, SHRINK_FLAGS);
}

static __always_inline long shrink(struct __sk_buff* skb, const struct tunnel* tunnel) {
  __u64 family = tunnel->inner_is_ipv6 ? ADJ_ROOM_DECAP_L3_IPV6 : ADJ_ROOM_DECAP_L3_IPV4;

  return bpf_skb_adjust_room(skb, -(__s32)tunnel->outer_bytes, BPF_ADJ_ROOM_MAC,
                             SHRINK_FLAGS | family);
}

static __always_inline long take_off(struct __sk_buff* skb, const struct tunnel* tunnel,
                                     const struct decap_settings* settings) {
  __be16 type = bpf_htons(tunnel->inner_is_ipv6 ? ETH_P_IPV6 : ETH_P_IP);
  long error = write_inner_ecn(skb, tunnel);

  if (error) return error;
  error = settings->change_family ? shrink_in_two_steps(skb, tunnel) : shrink(skb, tunnel);
  if (error) return error;
  /* The flow hash was the tunnel's, the same for every flow of a balancer. */
  bpf_set_hash_invalid(skb);
  return bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof type, 0);
}

SEC("tc")
int sluice_decap(struct __sk_buff* skb) {
  struct tunnel tunnel = {};
  __u32 zero = 0;
  const struct decap_settings* settings = bpf_map_lookup_elem(&decap_settings, &zero);
  int step;

  if (!settings) return TC_ACT_UNSPEC;
  step = judge(skb, &tunnel, settings);
  /* TC_ACT_UNSPEC: filters after ours have their say. */
  if (step == NO_TUNNEL) return TC_ACT_UNSPEC;
  if (step == GO_ON)
    step = take_off(skb, &tunnel, settings)
               ? DECAP_DROPPED_UNABLE
               : DECAP_4IN4 + tunnel.outer_is_ipv6 * 2 + tunnel.inner_is_ipv6;
  count(step);
  return step == DECAP_DROPPED_ECN || step == DECAP_DROPPED_UNABLE ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

/* Run once by the loader on a 6in4 packet: whether this kernel knows the flags of shrink(). */
SEC("tc")
int decap_probe(struct __sk_buff* skb) {
  return bpf_skb_adjust_room(skb, -(__s32)sizeof(struct iphdr), BPF_ADJ_ROOM_MAC,
                             SHRINK_FLAGS | ADJ_ROOM_DECAP_L3_IPV6) == 0;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
