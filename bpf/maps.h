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
