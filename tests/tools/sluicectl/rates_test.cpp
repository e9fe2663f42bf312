#include "tools/sluicectl/rates.h"

#include <gmock/gmock.h>

namespace sluice::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

// An answer of GET /v1/counters after so much traffic.
Json counters(std::uint64_t packets, std::uint64_t drops, std::uint64_t busy_ns) {
  return {{"live", true},
          {"verdicts",
           {{{"name", "sent_ipip"}, {"count", packets}, {"description", "x"}},
            {{"name", "drop_no_path"}, {"count", drops}, {"description", "x"}}}},
          {"listeners",
           {{{"service", "web"},
             {"vip", "203.0.113.10"},
             {"port", 80},
             {"protocol", "tcp"},
             {"packets", packets},
             {"bytes", 1'000 * packets}}}},
          {"backends",
           {{{"service", "web"},
             {"backend", "web1"},
             {"packets", packets},
             {"bytes", 1'000 * packets},
             {"flows_begun", packets / 10}}}},
          {"workers",
           {{{"worker", 0},
             {"packets", packets},
             {"bursts", packets / 4},
             {"polls", 9},
             {"busy_ns", busy_ns}}}}};
}

TEST(Rates, AreWhatHappenedEachSecond) {
  const Json rates = rates_between(counters(1'000, 5, 0), counters(3'000, 5, 500'000'000), 2.0);
  const Json& backend = rates.at("backends")[0];
  EXPECT_EQ(backend.at("packets_per_second"), 1'000.0);
  EXPECT_EQ(backend.at("bits_per_second"), 8e6);
  EXPECT_EQ(backend.at("flows_per_second"), 100.0);
  EXPECT_EQ(rates.at("listeners")[0].at("packets_per_second"), 1'000.0);
  EXPECT_EQ(rates.at("workers")[0].at("busy_percent"), 25.0);
  EXPECT_EQ(rates.at("workers")[0].at("packets_per_burst"), 4.0);
  EXPECT_EQ(rates.at("verdicts").size(), 1U);  // what does not move is not there
}

TEST(Rates, AreZeroAfterARestart) {
  const Json rates = rates_between(counters(3'000, 5, 9), counters(10, 0, 0), 1.0);
  EXPECT_EQ(rates.at("backends")[0].at("packets_per_second"), 0.0);
  EXPECT_EQ(rates.at("workers")[0].at("busy_percent"), 0.0);
  EXPECT_TRUE(rates.at("verdicts").empty());
}

TEST(Rates, CountWhatIsNewFromZero) {
  Json before = counters(0, 0, 0);
  before["backends"] = before["listeners"] = Json::array();
  const Json rates = rates_between(before, counters(20, 0, 0), 1.0);
  EXPECT_EQ(rates.at("backends")[0].at("packets_per_second"), 20.0);
}

TEST(Rates, AreShownForPeople) {
  const Json rates = rates_between(counters(0, 0, 0), counters(2'500'000, 12, 0), 1.0);
  const std::string text = show_rates(rates, {});
  EXPECT_THAT(text, HasSubstr("tcp 203.0.113.10:80"));
  EXPECT_THAT(text, HasSubstr("2.5M"));
  EXPECT_THAT(text, HasSubstr("20.0G"));
  EXPECT_THAT(text, HasSubstr("drop_no_path"));
  EXPECT_THAT(text, Not(HasSubstr("not connected")));
  EXPECT_THROW((void)show_rates(Json::object(), {}), Json::exception);
}

}  // namespace
}  // namespace sluice::ctl
