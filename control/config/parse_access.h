#pragma once

#include "control/config/table_reader.h"
#include "core/config/config.h"

// The parts of the file that say who may use a service, and how much of it.

namespace sluice::control {

void read_access(TableReader& table, AccessConfig& out);
/// Reads the list's file too, where it has one.
void read_prefix_list(TableReader& table, PrefixListConfig& out);
/// The keys of [[service]]: deny, allow and the limits per source.
void read_guards(TableReader& table, ServiceConfig& out);

}  // namespace sluice::control
