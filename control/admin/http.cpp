#include "control/admin/http.h"

#include <algorithm>
#include <charconv>
#include <expected>
#include <utility>

namespace sluice::control {
namespace {

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.contains(c);
  });
}

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }

// RFC 9110 section 5.5: visible, space, tab and bytes above ASCII.
bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Up to the separator; `rest` goes on after it.
std::string_view cut(std::string_view& rest, std::string_view separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view out = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + separator.size());
  return out;
}

using Checked = std::expected<void, Refusal>;

std::unexpected<Refusal> bad(std::string what,
                             std::string remedy = "send HTTP/1.1 as RFC 9112 has it") {
  return std::unexpected(Refusal{400, std::move(what), std::move(remedy)});
}

Checked parse_query(std::string_view text, Request& out) {
  while (!text.empty()) {
    std::string_view pair = cut(text, "&");
    const auto name = percent_decode(cut(pair, "="));
    const auto value = percent_decode(pair);
    if (!name || !value || name->empty())
      return bad("a query parameter cannot be read",
                 "write ?name=value&name=value, percent-encoded");
    if (!out.query.emplace(*name, *value).second)
      return bad("the query parameter " + *name + " is there twice", "give it once");
  }
  return {};
}

Checked parse_target(std::string_view target, Request& out) {
  if (target.size() > RequestReader::target_bytes_max)
    return std::unexpected(Refusal{414, "the request target is too long", "keep it below 8 KiB"});
  if (!target.starts_with('/') || !std::ranges::all_of(target, is_visible) || target.contains('#'))
    return bad("the request target is no path", "begin it with /v1/");
  std::string_view path = cut(target, "?");
  out.path = path;
  path.remove_prefix(1);
  std::string_view rest = path;
  for (bool more = true; more;) {
    more = rest.contains('/');
    const auto segment = percent_decode(cut(rest, "/"));
    if (!segment) return bad("the path has a bad percent-encoding", "write %25 for a percent sign");
    out.segments.push_back(*segment);
  }
  return parse_query(target, out);
}

Checked parse_request_line(std::string_view line, Request& out) {
  const std::string_view method = cut(line, " ");
  const std::string_view target = cut(line, " ");
  if (!is_token(method)) return bad("the request line has no method");
  out.method = method;
  if (line != "HTTP/1.1" && line != "HTTP/1.0") {
    if (line.starts_with("HTTP/"))
      return std::unexpected(Refusal{505, "the HTTP version is not supported", "speak HTTP/1.1"});
    return bad("the request line is not \"METHOD TARGET HTTP/1.1\"");
  }
  out.keep_alive = line == "HTTP/1.1";
  return parse_target(target, out);
}

Checked parse_header_line(std::string_view line, Request& out) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return bad("a header line is not \"Name: value\"");
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_field_value(value)) return bad("a header value has a control character");
  if (out.headers.size() == RequestReader::headers_max)
    return std::unexpected(Refusal{431, "more than 64 header fields", "send fewer"});
  out.headers.push_back({lower(line.substr(0, colon)), std::string(value)});
  return {};
}

std::size_t count_of(const Request& request, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count(request.headers, name, &HeaderField::name));
}

// What Content-Length promises; RFC 9112 section 6.3, with every doubt refused.
std::expected<std::size_t, Refusal> body_length(const Request& request) {
  if (request.header("transfer-encoding") != nullptr) {
    if (request.header("content-length") != nullptr)
      return bad("both Transfer-Encoding and Content-Length", "send Content-Length alone");
    return std::unexpected(
        Refusal{501, "Transfer-Encoding is not supported", "send the body with a Content-Length"});
  }
  const std::string* text = request.header("content-length");
  if (text == nullptr) return 0;
  if (count_of(request, "content-length") > 1) return bad("more than one Content-Length");
  std::size_t length = 0;
  const char* end = text->data() + text->size();
  const auto [stop, problem] = std::from_chars(text->data(), end, length);
  if (text->empty() || stop != end || problem == std::errc::invalid_argument)
    return bad("Content-Length is not a number");
  if (problem != std::errc() || length > RequestReader::body_bytes_max)
    return std::unexpected(Refusal{413, "the body is over 16 MiB", "send a smaller one"});
  return length;
}

Checked check_fields(Request& request, bool is_http_1_1) {
  if (is_http_1_1 && count_of(request, "host") != 1)
    return bad("the request has not exactly one Host", "send one, such as \"Host: sluice\"");
  if (const std::string* expect = request.header("expect");
      expect != nullptr && lower(*expect) != "100-continue")
    return std::unexpected(Refusal{417, "Expect is not 100-continue", "leave it out"});
  for (const HeaderField& field : request.headers) {
    if (field.name != "connection") continue;
    for (std::string_view rest = field.value; !rest.empty();)
      if (lower(trim(cut(rest, ","))) == "close") request.keep_alive = false;
  }
  return {};
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
  }
  return "Unknown";
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = digit_of(text[i + 1]);
      const int low = digit_of(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return std::nullopt;
    out += c;
  }
  return out;
}

const std::string* Request::header(std::string_view name) const {
  const auto it = std::ranges::find(headers, name, &HeaderField::name);
  return it == headers.end() ? nullptr : &it->value;
}

void RequestReader::refuse(int status, std::string what, std::string remedy) {
  refusal_ = Refusal{status, std::move(what), std::move(remedy)};
  request_.reset();
  buffer_.clear();
}

void RequestReader::feed(std::span<const std::uint8_t> bytes) {
  if (!refusal_) buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Where the head with its empty line ends; 0 while that has not come, or after refusing it. What
// happens first in the stream counts, wherever it is cut.
std::size_t RequestReader::find_head_end() {
  for (; scanned_bytes_ < buffer_.size(); ++scanned_bytes_) {
    const std::size_t at = scanned_bytes_;
    if (at >= head_bytes_max) {
      refuse(431, "the request line and headers are over 16 KiB", "send fewer");
      return 0;
    }
    if (buffer_[at] != '\n') continue;
    if (at == 0 || buffer_[at - 1] != '\r') {
      refuse(400, "a line ends without a carriage return", "end lines with CR LF");
      return 0;
    }
    if (at >= 3 && buffer_[at - 2] == '\n') return at + 1;
  }
  return 0;
}

void RequestReader::parse_head(std::string_view head) {
  Request request;
  Checked result = parse_request_line(cut(head, "\r\n"), request);
  const bool is_http_1_1 = request.keep_alive;
  while (result && head != "\r\n") result = parse_header_line(cut(head, "\r\n"), request);
  if (result) result = check_fields(request, is_http_1_1);
  auto length = result ? body_length(request) : std::unexpected(result.error());
  if (!length) {
    refuse(length.error().status, length.error().what, length.error().remedy);
    return;
  }
  body_bytes_ = *length;
  continue_due_ = request.header("expect") != nullptr && is_http_1_1;
  request_ = std::move(request);
}

std::optional<Request> RequestReader::next() {
  if (refusal_) return std::nullopt;
  if (!request_) {
    const std::size_t head_bytes = find_head_end();
    if (head_bytes == 0) return std::nullopt;
    parse_head(std::string_view(buffer_).substr(0, head_bytes));
    if (!request_) return std::nullopt;
    buffer_.erase(0, head_bytes);
    scanned_bytes_ = 0;
  }
  if (buffer_.size() < body_bytes_) return std::nullopt;
  Request out = std::move(*request_);
  request_.reset();
  continue_due_ = false;
  out.body = buffer_.substr(0, body_bytes_);
  buffer_.erase(0, body_bytes_);
  return out;
}

bool RequestReader::take_continue() { return request_ && std::exchange(continue_due_, false); }

std::string to_bytes(const Response& response, WriteOptions options) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += reason_phrase(response.status);
  out += "\r\nContent-Type: " + response.content_type;
  out += "\r\nContent-Length: " + std::to_string(response.body.size());
  for (const HeaderField& field : response.headers) out += "\r\n" + field.name + ": " + field.value;
  if (!options.keep_alive) out += "\r\nConnection: close";
  out += "\r\n\r\n";
  if (!options.head_only) out += response.body;
  return out;
}

}  // namespace sluice::control
