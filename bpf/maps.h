/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

#include <linux/types.h>

/* Keys and values of the BPF maps, shared by the programs (C) and their loader (C++). Addresses are
 * sixteen bytes in network order, IPv4 as ::ffff:a.b.c.d; ports are in network order. */

struct steer_service_key {
  __u8 address[16];
  __u16 port;
  __u8 protocol;
  __u8 zero; /* keys are compared whole */
};

enum steer_address_flag {
  STEER_VIP = 1,
  STEER_SOURCE_POOL = 2,
};

struct steer_address_key {
  __u8 address[16];
};

enum {
  STEER_RANGES_MAX = 16,
  STEER_PREFIXES_MAX = 16384,
};

/* A longest-prefix-match key: an IPv4 prefix counts from bit 96. */
struct steer_prefix_key {
  __u32 prefix_bits;
  __u8 address[16];
};

struct steer_range {
  __u16 first; /* host order */
  __u16 last;
  __u8 protocol;
  __u8 zero;
};

/* What services listen on at the addresses of a prefix, those of the shorter prefixes that hold it
 * included: only the longest is found. */
struct steer_prefix {
  __u8 any_protocol;
  __u8 ranges;
  __u8 zero[2];
  struct steer_range range[STEER_RANGES_MAX];
};

/* Indexes of the per-CPU counters. */
enum steer_counter {
  STEER_STEERED,
  STEER_PASSED,
  STEER_TRUNCATED,
  STEER_COUNTERS,
};

enum {
  STEER_RULES_MAX = 65536,
  STEER_QUEUES_MAX = 64,
};

/* decap: the four directions of a tunnel, then why a packet that looks like a tunnel's was left to
 * the kernel or dropped. Indexes of the per-CPU counters; bpf/decap.cpp has their names. */
enum decap_counter {
  DECAP_4IN4,
  DECAP_6IN4,
  DECAP_4IN6,
  DECAP_6IN6,
  DECAP_PASSED_NOT_VIP,
  DECAP_PASSED_SOURCE,
  DECAP_PASSED_FRAGMENT,
  DECAP_PASSED_OPTIONS,
  DECAP_PASSED_MALFORMED,
  DECAP_PASSED_NOT_HOST,
  DECAP_DROPPED_ECN,
  DECAP_DROPPED_UNABLE,
  DECAP_COUNTERS,
};

struct decap_vip_key {
  __u8 address[16];
};

/* A longest-prefix-match key. The family comes first, so that ::/0 holds no IPv4 address. */
struct decap_source_key {
  __u32 prefix_bits; /* 8 for the family, then IPv4 counts from bit 96 of the address */
  __u8 family;       /* 4 or 6 */
  __u8 address[16];
  __u8 zero[3];
};

struct decap_settings {
  __u8 sources_limited; /* only outer sources in decap_sources may send us tunnels */
  __u8 change_family;   /* this kernel (before 6.3) has no BPF_F_ADJ_ROOM_DECAP_L3_* */
  __u8 made_qdisc;      /* attaching made the clsact qdisc, so detaching removes it */
  __u8 zero;
  __u16 gue_port; /* network order */
};

enum {
  DECAP_VIPS_MAX = 4096,
  DECAP_SOURCES_MAX = 1024,
};
