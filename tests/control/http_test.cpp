#include "control/admin/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

namespace sluice::control {
namespace {

using testing::ElementsAre;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// All that came of a stream: the requests, and the refusal that ended it.
struct Outcome {
  std::vector<Request> requests;
  std::optional<Refusal> refusal;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void take(RequestReader& reader, Outcome& out) {
  while (auto request = reader.next()) out.requests.push_back(std::move(*request));
  out.refusal = reader.refusal();
}

Outcome read_whole(std::string_view stream) {
  RequestReader reader;
  Outcome out;
  reader.feed(bytes_of(stream));
  take(reader, out);
  return out;
}

Outcome read_in_two(std::string_view stream, std::size_t cut) {
  RequestReader reader;
  Outcome out;
  for (const std::string_view piece : {stream.substr(0, cut), stream.substr(cut)}) {
    reader.feed(bytes_of(piece));
    take(reader, out);
  }
  return out;
}

Outcome read_byte_by_byte(std::string_view stream) {
  RequestReader reader;
  Outcome out;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    reader.feed(bytes_of(stream.substr(i, 1)));
    take(reader, out);
  }
  return out;
}

int status_of(std::string_view stream) {
  const Outcome outcome = read_whole(stream);
  return outcome.refusal ? outcome.refusal->status : 0;
}

// What curl sends for two calls over one connection.
constexpr std::string_view two_calls =
    "GET /v1/flows?limit=5&service=web%2D1 HTTP/1.1\r\nHost: localhost\r\n"
    "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
    "POST /v1/plan?file=a%20b.toml HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n\r\nname = \"a\"\r\n"
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n";

TEST(RequestReader, TakesWhatCurlSends) {
  const Outcome outcome = read_whole(
      "GET /v1/flows?limit=5&service=web%2D1 HTTP/1.1\r\nHost: localhost\r\nAccept:  */* \r\n\r\n");
  ASSERT_EQ(outcome.requests.size(), 1U);
  const Request& request = outcome.requests[0];
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/v1/flows");
  EXPECT_THAT(request.segments, ElementsAre("v1", "flows"));
  EXPECT_EQ(request.query.at("limit"), "5");
  EXPECT_EQ(request.query.at("service"), "web-1");
  ASSERT_NE(request.header("accept"), nullptr);
  EXPECT_EQ(*request.header("accept"), "*/*");
  EXPECT_TRUE(request.keep_alive);
}

TEST(RequestReader, EncodedSlashStaysInsideItsSegment) {
  const Outcome outcome =
      read_whole("GET /v1/services/a%2Fb/backends/c HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(outcome.requests.size(), 1U);
  EXPECT_THAT(outcome.requests[0].segments, ElementsAre("v1", "services", "a/b", "backends", "c"));
}

TEST(RequestReader, SameResultHoweverTheStreamIsCut) {
  const std::string request_then_refusal =
      std::string(two_calls.substr(0, 130)) + "\r\n\r\nGET / HTTP/1.1\nHost: x\r\n\r\n";
  for (const std::string_view stream : {two_calls, std::string_view(request_then_refusal)}) {
    const Outcome whole = read_whole(stream);
    EXPECT_FALSE(whole.requests.empty());
    for (std::size_t cut = 0; cut <= stream.size(); ++cut)
      ASSERT_EQ(read_in_two(stream, cut), whole) << "cut at " << cut;
    EXPECT_EQ(read_byte_by_byte(stream), whole);
  }
  EXPECT_EQ(read_whole(two_calls).requests.size(), 3U);
  EXPECT_FALSE(read_whole(two_calls).requests[2].keep_alive);
}

TEST(RequestReader, RefusesWhatIsMalformed) {
  const std::string_view streams[] = {
      "\r\n\r\n",
      "GET\r\n\r\n",
      "GET /\r\n\r\n",
      "GET / HTTP/1.1\n",
      "GET / HTTP/1.1\r\nHost: x\n",
      "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
      "G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /%0a HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /?a=1&a=2 HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /?=1 HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\x01\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
  };
  for (const std::string_view stream : streams) EXPECT_EQ(status_of(stream), 400) << stream;
}

TEST(RequestReader, RefusesWhatItDoesNotDo) {
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), 501);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n"), 417);
}

TEST(RequestReader, LimitsAreExact) {
  const auto with_head_of = [](std::size_t bytes) {
    std::string out = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
    return out + std::string(bytes - out.size() - 4, 'a') + "\r\n\r\n";
  };
  EXPECT_EQ(status_of(with_head_of(RequestReader::head_bytes_max)), 0);
  EXPECT_EQ(status_of(with_head_of(RequestReader::head_bytes_max + 1)), 431);
  EXPECT_EQ(status_of(std::string(RequestReader::head_bytes_max + 1, 'a')), 431);

  const auto with_target_of = [](std::size_t bytes) {
    return "GET /" + std::string(bytes - 1, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n";
  };
  EXPECT_EQ(status_of(with_target_of(RequestReader::target_bytes_max)), 0);
  EXPECT_EQ(status_of(with_target_of(RequestReader::target_bytes_max + 1)), 414);

  const auto with_headers = [](std::size_t count) {
    std::string out = "GET / HTTP/1.1\r\nHost: x\r\n";
    for (std::size_t i = 1; i < count; ++i) out += "A: b\r\n";
    return out + "\r\n";
  };
  EXPECT_EQ(status_of(with_headers(RequestReader::headers_max)), 0);
  EXPECT_EQ(status_of(with_headers(RequestReader::headers_max + 1)), 431);

  const auto with_body_of = [](const std::string& length) {
    return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + "\r\n\r\n";
  };
  EXPECT_EQ(status_of(with_body_of("16777216")), 0);
  EXPECT_EQ(status_of(with_body_of("16777217")), 413);
  EXPECT_EQ(status_of(with_body_of("99999999999999999999999")), 413);
}

TEST(RequestReader, AsksForTheBodyOnce) {
  RequestReader reader;
  reader.feed(
      bytes_of("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.take_continue());
  EXPECT_FALSE(reader.take_continue());
  reader.feed(bytes_of("ok"));
  const auto request = reader.next();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->body, "ok");
  EXPECT_FALSE(reader.take_continue());
}

TEST(RequestReader, Http10ClosesAndNeedsNoHost) {
  const Outcome outcome = read_whole("GET /v1/status HTTP/1.0\r\n\r\n");
  ASSERT_EQ(outcome.requests.size(), 1U);
  EXPECT_FALSE(outcome.requests[0].keep_alive);
}

// Random changes of good requests, and plain noise: nothing crashes, and cutting never matters.
TEST(RequestReader, WithstandsNoise) {
  std::mt19937 random(20'260'301);
  const auto below = [&](std::size_t limit) { return random() % limit; };
  constexpr std::string_view spice = "\r\n\r\n: %\0/?&=HTTP/1.10";
  for (int round = 0; round < 20'000; ++round) {
    std::string stream(two_calls);
    for (std::size_t changes = below(4) + 1; changes > 0; --changes) {
      const std::size_t at = below(stream.size());
      switch (below(4)) {
        case 0:
          stream[at] = static_cast<char>(below(256));
          break;
        case 1:
          stream.erase(at, below(20));
          break;
        case 2:
          stream.insert(at, 1, spice[below(spice.size())]);
          break;
        case 3:
          stream.insert(at, stream.substr(below(stream.size()), below(40)));
          break;
      }
      if (stream.empty()) stream = "x";
    }
    const Outcome whole = read_whole(stream);
    ASSERT_EQ(read_in_two(stream, below(stream.size())), whole) << "round " << round;
    if (round % 16 == 0) {
      ASSERT_EQ(read_byte_by_byte(stream), whole) << "round " << round;
    }
  }
}

TEST(ToBytes, WritesLengthsAndConnection) {
  Response response{.status = 404, .body = "{}\n"};
  response.headers.push_back({"Allow", "GET"});
  EXPECT_EQ(to_bytes(response, {}),
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 3\r\n"
            "Allow: GET\r\n\r\n{}\n");
  EXPECT_EQ(to_bytes({}, {.keep_alive = false, .head_only = true}),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n"
            "Connection: close\r\n\r\n");
}

TEST(PercentDecode, DecodesOrSaysNo) {
  EXPECT_EQ(percent_decode("a%2fb%2Bc+"), "a/b+c+");
  EXPECT_EQ(percent_decode("%"), std::nullopt);
  EXPECT_EQ(percent_decode("%4"), std::nullopt);
  EXPECT_EQ(percent_decode("%4g"), std::nullopt);
  EXPECT_EQ(percent_decode("%00"), std::nullopt);
}

}  // namespace
}  // namespace sluice::control
