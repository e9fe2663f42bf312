#include <cstring>
#include <gmock/gmock.h>

#include "control/capture/desk.h"
#include "control/capture/stream.h"
#include "control/capture/words.h"
#include "tests/control/admin_fixture.h"

namespace sluice::control::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A TCP segment from 192.0.2.1:1234 to 203.0.113.10:80, without checksums.
std::string frame() {
  std::string out(54, '\0');
  out[12] = 0x08;
  out[14] = 0x45;
  out[17] = 40;
  out[22] = 64;
  out[23] = 6;
  const std::array<std::uint8_t, 12> ends = {192, 0, 2, 1, 203, 0, 113, 10, 0x04, 0xd2, 0, 80};
  std::memcpy(&out[26], ends.data(), ends.size());
  out[46] = 0x50;
  return out;
}

// As the data plane's feed sends it.
std::string record_of(CaptureRecord record, const std::string& in, const std::string& out) {
  record.in_bytes = record.in_length = static_cast<std::uint16_t>(in.size());
  record.out_bytes = record.out_length = static_cast<std::uint16_t>(out.size());
  record.size_bytes = static_cast<std::uint32_t>(CaptureRecord::size_of(in.size() + out.size()));
  std::string bytes(record.size_bytes, '\0');
  std::memcpy(bytes.data(), &record, sizeof record);
  std::memcpy(&bytes[sizeof record], in.data(), in.size());
  std::memcpy(&bytes[sizeof record + in.size()], out.data(), out.size());
  return bytes;
}

CapturePiece piece_of(std::string records, std::uint64_t dropped = 0) {
  return {.records = std::move(records), .dropped = dropped};
}
CapturePiece last_piece(std::string reason) { return {.ended = true, .reason = std::move(reason)}; }

std::vector<MessageType> types_of(const std::vector<std::uint8_t>& bytes) {
  MessageReader reader;
  reader.feed(bytes);
  std::vector<MessageType> out;
  while (const auto message = reader.next()) out.push_back(message->header.type);
  return out;
}

constexpr CaptureRecord sent{.target = 7,  // web1 of the fake data plane
                             .listener = FakeDataplane::listener,
                             .in_port = 0,
                             .out_port = 0,
                             .verdict = Verdict::sent_ipip,
                             .lookup = FlowLookup::miss};

TEST(CaptureDesk, HasOneAtATime) {
  CaptureDesk desk;
  EXPECT_FALSE(desk.begin({}));  // no data plane
  desk.connected();
  ASSERT_TRUE(desk.begin({}));
  EXPECT_THAT(types_of(desk.news()), ElementsAre(MessageType::capture));
  const auto second = desk.begin({});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().what, HasSubstr("another capture"));
  desk.end();
  EXPECT_THAT(types_of(desk.news()), ElementsAre(MessageType::stop_capture));
  EXPECT_TRUE(desk.begin({}));
}

TEST(CaptureDesk, HandsOnWhatComes) {
  CaptureDesk desk;
  desk.connected();
  ASSERT_TRUE(desk.begin({}));
  desk.arrive(1, piece_of("a", 2));
  desk.arrive(1, piece_of("b", 3));
  desk.arrive(9, piece_of("of another one", 100));
  CapturePiece piece = desk.take();
  EXPECT_EQ(piece.records, "ab");
  EXPECT_EQ(piece.dropped, 3U);
  EXPECT_TRUE(desk.take().records.empty());
  desk.arrive(1, last_piece("done"));
  piece = desk.take();
  EXPECT_TRUE(piece.ended);
  EXPECT_EQ(piece.reason, "done");
  desk.end();
  EXPECT_THAT(types_of(desk.news()), ElementsAre(MessageType::capture));  // it knows
}

TEST(CaptureDesk, ThrowsAwayWhatNobodyTakes) {
  CaptureDesk desk;
  desk.connected();
  ASSERT_TRUE(desk.begin({}));
  const std::string record = record_of(sent, std::string(1'000, 'x'), "");
  std::string many;
  while (many.size() < CaptureDesk::waiting_bytes_max / 2 + 1) many += record;
  const std::uint64_t packets = many.size() / record.size();
  desk.arrive(1, piece_of(many));
  desk.arrive(1, piece_of(many, 5));
  const CapturePiece piece = desk.take();
  EXPECT_EQ(piece.records.size(), many.size());
  EXPECT_EQ(piece.dropped, packets + 5);
}

TEST(CaptureDesk, EndsWithTheDataPlane) {
  CaptureDesk desk;
  desk.connected();
  ASSERT_TRUE(desk.begin({}));
  desk.disconnected();
  const CapturePiece piece = desk.take();
  EXPECT_TRUE(piece.ended);
  EXPECT_TRUE(piece.failed);
  EXPECT_EQ(piece.reason, "the data plane is gone");
  desk.end();
  EXPECT_TRUE(desk.news().empty());
}

class CaptureTest : public AdminTest {
 protected:
  CaptureTest() {
    desk_.connected();
    view_.refresh();
  }
  [[nodiscard]] PacketNames names(const CaptureRecord& record) {
    return names_of(record, state_.config(), view_.counters());
  }
  Response post(std::string body) {
    const Request request{.method = "POST",
                          .path = "/v1/capture",
                          .segments = {"v1", "capture"},
                          .query = {},
                          .headers = {},
                          .body = std::move(body)};
    return handle(request, {state_, view_, nullptr, {}, &desk_});
  }

  FakeDataplane data_plane_{run_dir()};
  CaptureDesk desk_;
};

TEST_F(CaptureTest, CommentsSayWhatBecameOfThePacket) {
  EXPECT_EQ(verdict_comment(sent, names(sent)), "sent_ipip web/web1 out wan0, new flow");
  CaptureRecord dropped = sent;
  dropped.verdict = Verdict::drop_no_backend;
  dropped.target = no_target.bits;
  dropped.out_port = no_port;
  EXPECT_EQ(verdict_comment(dropped, names(dropped)), "drop_no_backend web, new flow");
  const CaptureRecord strange{.target = 99, .listener = 77, .verdict = Verdict::passed_to_kernel};
  EXPECT_EQ(verdict_comment(strange, names(strange)), "passed_to_kernel");
  EXPECT_EQ(verdict_comment(sent, names_of(sent, state_.config(), nullptr)),
            "sent_ipip out wan0, new flow");
}

TEST_F(CaptureTest, TraceTellsTheSteps) {
  give_path("10.0.1.11");
  give_path("10.0.1.12");
  const std::string bytes = record_of(sent, frame(), frame());
  const auto packet = CaptureReader(bytes).next();
  ASSERT_TRUE(packet);
  CaptureRecord record = packet->record;
  // Whichever the slots name.
  const Json first = trace_of(1, *packet, names(record), state_.snapshot());
  EXPECT_EQ(first["tuple"], "tcp 192.0.2.1:1234 -> 203.0.113.10:80");
  EXPECT_EQ(first["flow"], "miss");
  EXPECT_EQ(first["backend"], "web1");
  const auto steps = first["steps"].get<std::vector<std::string>>();
  EXPECT_EQ(steps.front(), "came in by port wan0: tcp 192.0.2.1:1234 -> 203.0.113.10:80, ttl 64");
  EXPECT_THAT(steps[steps.size() - 2],
              HasSubstr("went out by port wan0 to 00:00:00:00:00:00: tcp"));
  EXPECT_EQ(steps.back(), "sent to a backend in an IP tunnel");
}

TEST_F(CaptureTest, TraceSurvivesAnyFrame) {
  const std::string whole = frame();
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    const std::string bytes = record_of(sent, whole.substr(0, length), whole.substr(0, length / 2));
    const auto packet = CaptureReader(bytes).next();
    ASSERT_TRUE(packet);
    EXPECT_FALSE(trace_of(1, *packet, names(sent), state_.snapshot())["steps"].empty());
  }
}

TEST_F(CaptureTest, WritesBothFormats) {
  const CapturePiece piece = piece_of(record_of(sent, frame(), frame()));
  CaptureWriter pcapng({.packets = 10, .snaplen = 100, .with_sent = true}, {desk_, state_, view_});
  const std::string file = pcapng.begin() + pcapng.write(piece) + pcapng.end(piece);
  EXPECT_THAT(file, HasSubstr("came in: sent_ipip web/web1 out wan0, new flow"));
  EXPECT_THAT(file, HasSubstr("went out: sent_ipip web/web1 out wan0, new flow"));
  CaptureWriter trace({.format = CaptureAnswer::Format::trace, .packets = 1},
                      {desk_, state_, view_});
  const Json line = Json::parse(
      trace.begin() + trace.write(piece_of(piece.records + piece.records)) + trace.end(piece));
  EXPECT_EQ(line["verdict"], "sent_ipip");
  EXPECT_EQ(trace.packets(), 1U);
}

TEST_F(CaptureTest, TheApiBeginsOne) {
  const Response response = post(
      R"({"program": [[6,0,0,1]], "packets": 5, "seconds": 6, "snaplen": 70, "sent": true, "format": "trace"})");
  ASSERT_TRUE(response.capture) << response.body;
  EXPECT_EQ(response.capture->packets, 5U);
  EXPECT_EQ(response.capture->format, CaptureAnswer::Format::trace);
  MessageReader reader;
  reader.feed(desk_.news());
  const auto message = reader.next();
  ASSERT_TRUE(message);
  const auto request = decode<CaptureRequest>(message->body);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->program, (std::vector<FilterInstruction>{{6, 0, 0, 1}}));
  EXPECT_EQ(request->seconds, 6U);
  EXPECT_EQ(request->snaplen, 70U);
  EXPECT_TRUE(request->with_sent);
  EXPECT_EQ(post("{}").status, 409);
  EXPECT_EQ(call("POST", "/v1/capture").status, 503);  // without a desk
}

TEST_F(CaptureTest, TheApiRefusesNonsense) {
  for (const char* body :
       {"[]", "x", R"({"packets": 0})", R"({"packets": 1000001})", R"({"packets": "5"})",
        R"({"seconds": 3601})", R"({"snaplen": 13})", R"({"sent": 1})", R"({"format": "pcap"})",
        R"({"program": [[6,0,0]]})", R"({"program": [[6,0,256,0]]})", R"({"program": [[0,0,0,0]]})",
        R"({"program": 1})", R"({"count": 1})"}) {
    const Response response = post(body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_FALSE(response.capture);
    EXPECT_FALSE(desk_.is_busy());
  }
}

}  // namespace
}  // namespace sluice::control::test
