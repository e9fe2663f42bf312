#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sluice::ctl {

/// What the daemon answered, whatever its status.
struct Answer {
  int status = 0;
  std::string body;
};

/// An answer out of the bytes of a connection that has ended; nothing when they are none.
[[nodiscard]] std::optional<Answer> parse_answer(std::string_view bytes);

/// Calls sluiced over its control socket: HTTP/1.1, one connection a call.
class Client {
 public:
  explicit Client(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  /// `target`: path and query, percent-encoded. An error: nobody could be reached, or no answer
  /// came that is one.
  [[nodiscard]] std::expected<Answer, Error> call(std::string_view method, std::string_view target,
                                                  std::string_view body = {}) const;

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }

 private:
  std::string socket_path_;
};

/// Everything but letters, digits and -._~ as %XX: fit for a path segment or a query value.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace sluice::ctl
