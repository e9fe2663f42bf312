// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// tc egress on a test's client: puts outer headers in front of packets for the VIP, so that a
// real TCP stack, with its aggregated and half-checksummed packets, speaks through a tunnel.

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

const volatile __u8 outer4[sizeof(struct iphdr)];    // without length and checksum
const volatile __u8 outer6[sizeof(struct ipv6hdr)];  // without length
const volatile __u8 shim[12];  // behind the outer IP header; of UDP without length
const volatile __u8 shim_bytes;
const volatile __u8 shim_is_udp;
const volatile __u8 outer_is_ipv6;
const volatile __u8 inner_is_ipv6;
const volatile __u8 vip[16];  // IPv4: the first four

__u64 encapsulated;
__u64 aggregated;  // among them

static __always_inline int is_for_vip(struct __sk_buff* skb) {
  __u8 destination[16] = {};

  if (skb->protocol != bpf_htons(inner_is_ipv6 ? ETH_P_IPV6 : ETH_P_IP)) return 0;
  if (inner_is_ipv6) {
    if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct ipv6hdr, daddr), destination, 16) < 0)
      return 0;
  } else if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, daddr), destination, 4) <
             0) {
    return 0;
  }
  for (int i = 0; i < 16; i++)
    if (destination[i] != vip[i]) return 0;
  return 1;
}

static __always_inline int write_ipv4(struct __sk_buff* skb) {
  struct iphdr ip;
  __s64 sum;

  for (__u32 i = 0; i < sizeof ip; i++) ((__u8*)&ip)[i] = outer4[i];
  ip.tot_len = bpf_htons(skb->len - ETH_HLEN);
  sum = bpf_csum_diff(0, 0, (__be32*)&ip, sizeof ip, 0);
  sum = (sum & 0xffff) + (sum >> 16);
  ip.check = ~((sum & 0xffff) + (sum >> 16));
  return bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof ip, 0);
}

static __always_inline int write_ipv6(struct __sk_buff* skb) {
  struct ipv6hdr ip;

  for (__u32 i = 0; i < sizeof ip; i++) ((__u8*)&ip)[i] = outer6[i];
  ip.payload_len = bpf_htons(skb->len - ETH_HLEN - sizeof ip);
  return bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof ip, 0);
}

static __always_inline int write_shim(struct __sk_buff* skb, __u32 at) {
  __u8 bytes[12];
  __be16 length = bpf_htons(skb->len - at);

  for (__u32 i = 0; i < sizeof bytes; i++) bytes[i] = shim[i];
  if (shim_is_udp) __builtin_memcpy(bytes + 4, &length, sizeof length);
  if (shim_bytes == 4) return bpf_skb_store_bytes(skb, at, bytes, 4, 0);
  if (shim_bytes == 8) return bpf_skb_store_bytes(skb, at, bytes, 8, 0);
  if (shim_bytes == 12) return bpf_skb_store_bytes(skb, at, bytes, 12, 0);
  return 0;
}

SEC("tc")
int test_encap(struct __sk_buff* skb) {
  __u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO |
                (outer_is_ipv6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);
  __s32 bytes = outer_is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
  __be16 type = bpf_htons(outer_is_ipv6 ? ETH_P_IPV6 : ETH_P_IP);
  int is_aggregated = skb->gso_size != 0;

  /* The stack cuts aggregated packets into single ones behind us, and must know by what. */
  if (shim_bytes) flags |= shim_is_udp ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP : BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
  if (!is_for_vip(skb)) return TC_ACT_OK;
  if (bpf_skb_adjust_room(skb, bytes + shim_bytes, BPF_ADJ_ROOM_MAC, flags) < 0) return TC_ACT_SHOT;
  if (write_shim(skb, ETH_HLEN + bytes) < 0) return TC_ACT_SHOT;
  if ((outer_is_ipv6 ? write_ipv6(skb) : write_ipv4(skb)) < 0) return TC_ACT_SHOT;
  if (bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof type, 0) < 0)
    return TC_ACT_SHOT;
  __sync_fetch_and_add(&encapsulated, 1);
  if (is_aggregated) __sync_fetch_and_add(&aggregated, 1);
  return TC_ACT_OK;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
