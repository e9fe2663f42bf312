#include "core/flow/verdict.h"

#include <gtest/gtest.h>
#include <set>

namespace sluice {
namespace {

TEST(Verdict, EachHasItsOwnNameAndSentence) {
  std::set<std::string_view> names;
  std::set<std::string_view> sentences;
  for (std::size_t i = 0; i < verdict_count; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    EXPECT_TRUE(names.insert(to_string(verdict)).second) << to_string(verdict);
    EXPECT_TRUE(sentences.insert(describe(verdict)).second) << describe(verdict);
    EXPECT_NE(to_string(verdict), "unknown");
    EXPECT_GT(describe(verdict).size(), 8U) << to_string(verdict);
  }
}

// Metrics and dashboards group by these prefixes.
TEST(Verdict, NamesSayWhatBecameOfThePacket) {
  for (std::size_t i = 1; i < verdict_count; ++i) {
    const std::string_view name = to_string(static_cast<Verdict>(i));
    EXPECT_TRUE(name.starts_with("sent_") || name.starts_with("replied_") ||
                name.starts_with("drop_") || name == "passed_to_kernel" || name == "handed_over" ||
                name == "held_fragment")
        << name;
  }
}

TEST(Verdict, ANumberThatIsNoneHasAName) {
  EXPECT_EQ(to_string(static_cast<Verdict>(200)), "unknown");
  EXPECT_EQ(describe(static_cast<Verdict>(200)), "unknown");
}

}  // namespace
}  // namespace sluice
