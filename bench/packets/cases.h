#pragma once

#include <string>
#include <vector>

#include "bench/scene_config.h"

namespace sluice::bench {

/// One figure that is taken.
struct Case {
  std::string name;  // stays the same from commit to commit: "ipip4/1M/services=1000"
  SceneOptions options;
  bool reloads = false;  // another snapshot every 100 ms of forwarding
};

/// Cases that are compared with one another, so they take turns.
struct Group {
  std::string name;
  std::vector<Case> cases;
};

/// Every case there is, by group; one that serves for comparison is in several.
[[nodiscard]] std::vector<Group> all_groups();

}  // namespace sluice::bench
