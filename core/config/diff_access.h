#pragma once

#include "core/config/diff.h"

namespace sluice {

/// Adds what became different in the access lists of all services and in the prefix lists; of
/// those, which may be long, only how many prefixes came and went.
void diff_access(Plan& plan, const Config& before, const Config& after);

}  // namespace sluice
