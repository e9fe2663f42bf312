#include "core/flow/adjust.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// Near the end of the number space, so that everything wraps.
NatAdjust owing(Preface preface) {
  return {.client_isn = 0xfffffff0, .preface_bytes = 28, .preface = preface};
}
constexpr TcpSequence first = 0xfffffff1;

TEST(NatAdjust, AServersAckNeverCoversWhatTheClientHasNotSent) {
  const NatAdjust adjust = owing(Preface::sent);
  for (std::uint8_t acked = 0; acked <= 28; ++acked)
    EXPECT_EQ(adjust.ack_for_client(first + acked), first) << unsigned{acked};
  for (std::uint32_t data = 1; data < 100; ++data)
    EXPECT_EQ(adjust.ack_for_client(adjust.sequence_for_server(first + data)), first + data);
}

TEST(NatAdjust, ThePrefaceIsTakenOnceAllOfItIsAcknowledged) {
  NatAdjust adjust = owing(Preface::sent);
  adjust.see_server_ack(first);
  EXPECT_EQ(adjust.preface, Preface::due) << "the server's next packet says that it is missing";
  adjust.see_server_ack(first + 27);
  EXPECT_EQ(adjust.preface, Preface::due);
  EXPECT_EQ(adjust.server_ack, first + 27);
  adjust.see_server_ack(first - 5'000);
  EXPECT_EQ(adjust.preface, Preface::due) << "old";
  adjust.see_server_ack(first + 28);
  EXPECT_EQ(adjust.preface, Preface::taken);
  adjust.see_server_ack(first);
  EXPECT_EQ(adjust.preface, Preface::taken) << "a late packet takes nothing back";
}

TEST(NatAdjust, TheClientsNumbersMayComeRoundToItsFirstByteAgain) {
  const NatAdjust adjust = owing(Preface::taken);
  for (std::uint32_t data = 0; data <= 28; ++data)
    EXPECT_EQ(adjust.ack_for_client(first + data), first + data - 28) << "four gigabytes later";
}

TEST(NatAdjust, WithoutAPrefaceNothingChanges) {
  const NatAdjust adjust{.client_isn = 5};
  EXPECT_EQ(adjust.ack_for_client(7), 7U);
  EXPECT_EQ(adjust.sequence_for_server(7), 7U);
}

PrefacePlace place(Preface preface, const ClientSegment& segment) {
  return place_preface(owing(preface), segment);
}

TEST(PlacePreface, InFrontOfTheFirstByteWhereThereIsRoom) {
  for (const Preface preface : {Preface::due, Preface::sent})
    for (const bool is_empty : {true, false})
      EXPECT_EQ(place(preface, {.sequence = first, .is_empty = is_empty}), PrefacePlace::in_front);
}

TEST(PlacePreface, OfASegmentThatIsTooLongItTakesThePlaceOnlyWhenItIsMissing) {
  const ClientSegment segment{.sequence = first, .is_empty = false, .has_room = false};
  EXPECT_EQ(place(Preface::due, segment), PrefacePlace::instead_of);
  EXPECT_EQ(place(Preface::sent, segment), PrefacePlace::untouched);
}

TEST(PlacePreface, LaterSegmentsPass) {
  const ClientSegment data{.sequence = first + 1'000, .is_empty = false};
  EXPECT_EQ(place(Preface::due, data), PrefacePlace::untouched);
  EXPECT_EQ(place(Preface::sent, data), PrefacePlace::untouched);
  const ClientSegment ack{.sequence = first + 1'000};
  EXPECT_EQ(place(Preface::due, ack), PrefacePlace::instead_of) << "no byte of it is lost";
  EXPECT_EQ(place(Preface::sent, ack), PrefacePlace::untouched);
}

TEST(PlacePreface, AKeepAliveBecomesThePreface) {
  for (const Preface preface : {Preface::due, Preface::sent})
    for (const bool is_empty : {true, false})
      EXPECT_EQ(place(preface, {.sequence = first - 1, .is_empty = is_empty}),
                PrefacePlace::instead_of)
          << "its byte would be taken for the last one of the preface";
}

}  // namespace
}  // namespace sluice
