#pragma once

#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/result.h"
#include "tools/sluicectl/client.h"

namespace sluice::ctl {

/// How a streamed answer ended.
struct StreamEnd {
  int status = 0;
  std::string body;                            // of an answer that is not 200
  bool is_whole = false;                       // false: `sink` or `stop` had enough
  std::map<std::string, std::string> trailer;  // fields that came behind the last chunk
};

/// Cuts an answer with chunks (RFC 9112 section 7.1) into their contents, however it comes in
/// pieces.
class ChunkReader {
 public:
  /// Gives `sink` what is whole of the chunks. False: this is no such answer, or `sink` said no.
  [[nodiscard]] bool feed(std::string_view bytes,
                          const std::function<bool(std::string_view)>& sink);
  [[nodiscard]] bool is_whole() const { return state_ == State::done; }
  [[nodiscard]] const std::map<std::string, std::string>& trailer() const { return trailer_; }

 private:
  enum class State : unsigned char { size, content, content_end, trailer, done };
  [[nodiscard]] bool take_line(std::string_view line);

  State state_ = State::size;
  std::string line_;
  std::size_t left_ = 0;  // of the chunk
  std::map<std::string, std::string> trailer_;
};

/// Posts `body` and gives `sink` the answer as it comes, until it ends, `sink` says false or SIGINT
/// comes. An error: sluiced cannot be reached, or went away in the middle.
[[nodiscard]] std::expected<StreamEnd, Error> stream(
    const std::string& socket_path, std::string_view target, std::string_view body,
    const std::function<bool(std::string_view)>& sink);

/// From now on SIGINT and SIGTERM end no process but what waits: whether one has come.
void catch_interrupts();
[[nodiscard]] bool is_interrupted();

}  // namespace sluice::ctl
