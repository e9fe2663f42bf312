#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/capture/answer.h"

// The part of HTTP/1.1 (RFC 9112) that the control socket speaks: requests with a Content-Length or
// no body, keep-alive, Expect: 100-continue. Strict: what is not plainly right is refused.

namespace sluice::control {

struct HeaderField {
  std::string name;  // of a request: in lower case
  std::string value;
  friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

struct Request {
  std::string method;
  std::string path;                          // as sent, without the query
  std::vector<std::string> segments;         // of the path, percent-decoded: "/v1/flows" has two
  std::map<std::string, std::string> query;  // percent-decoded; "+" is a plus
  std::vector<HeaderField> headers;
  std::string body;
  bool keep_alive = true;
  friend bool operator==(const Request&, const Request&) = default;

  /// The value of a header field by its lower-case name, or null.
  [[nodiscard]] const std::string* header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<HeaderField> headers = {};      // besides Content-Type, Content-Length and Connection
  std::optional<CaptureAnswer> capture = {};  // sent while it runs, instead of the body
};

/// Why a request cannot be taken. The rest of the connection means nothing: answer and close.
struct Refusal {
  int status = 400;
  std::string what;
  std::string remedy;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

/// Cuts a byte stream into requests. The result does not depend on how the stream is cut into
/// pieces. Holds at most one request and one piece.
class RequestReader {
 public:
  static constexpr std::size_t head_bytes_max = 16'384;
  static constexpr std::size_t target_bytes_max = 8'192;
  static constexpr std::size_t headers_max = 64;
  static constexpr std::size_t body_bytes_max = 16UL << 20;

  void feed(std::span<const std::uint8_t> bytes);
  /// The next whole request; nothing while it is incomplete or after a refusal.
  [[nodiscard]] std::optional<Request> next();
  [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }
  /// True once for a request whose client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool take_continue();

 private:
  [[nodiscard]] std::size_t find_head_end();
  void parse_head(std::string_view head);
  void refuse(int status, std::string what, std::string remedy);

  std::string buffer_;
  std::size_t scanned_bytes_ = 0;   // of the head, while it is incomplete
  std::optional<Request> request_;  // head parsed, waits for its body
  std::size_t body_bytes_ = 0;
  bool continue_due_ = false;
  std::optional<Refusal> refusal_;
};

inline constexpr std::string_view continue_bytes = "HTTP/1.1 100 Continue\r\n\r\n";

struct WriteOptions {
  bool keep_alive = true;
  bool head_only = false;  // the answer to HEAD: lengths, but no body
};
/// A response as bytes.
[[nodiscard]] std::string to_bytes(const Response& response, WriteOptions options);

/// "a%2fb" -> "a/b"; nothing when a percent sign has no two digits or hides a control character.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

}  // namespace sluice::control
