#pragma once

#include <vector>

#include "core/config/snapshot.h"

namespace sluice {

/// Who may take new flows of a service, and in which proportion: those that are up; while there is
/// none, those nobody has heard of; while there is none either, all (the panic rule, which
/// `service.panic` then tells of: a wrong verdict on every server is likelier than the death of
/// every server). A backend in its slow start counts with some tenths of its weight; the others'
/// shares are of the rest, so all flows are taken whoever starts slowly.
[[nodiscard]] std::vector<SlotShare> choose_shares(Service& service, const Backends& backends);

}  // namespace sluice
