#include "tools/sluicectl/stream.h"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <sys/socket.h>
#include <sys/time.h>

#include "tools/sluicectl/socket.h"

namespace sluice::ctl {
namespace {

constexpr std::size_t head_bytes_max = 16'384;
constexpr std::size_t piece_bytes = 65'536;
constexpr int status_ok = 200;

std::atomic<bool> interrupted{false};  // the signal handler: writes
static_assert(std::atomic<bool>::is_always_lock_free);
extern "C" void note_interrupt(int) { interrupted.store(true); }

// More of the answer; empty at its end, or when the user has had enough.
std::string receive(const Socket& socket) {
  std::string out(piece_bytes, '\0');
  while (!is_interrupted()) {
    const ssize_t length = recv(socket.number, out.data(), out.size(), 0);
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    out.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return out;
  }
  return "";
}

std::string until_end(const Socket& socket, std::string bytes) {
  while (true) {
    const std::string more = receive(socket);
    if (more.empty()) return bytes;
    bytes += more;
  }
}

std::unexpected<Error> no_whole_answer(const std::string& socket_path) {
  return std::unexpected(
      Error{"sluiced went away in the middle", socket_path,
            "what came until then is there; look at its log (journalctl -u sluiced)"});
}

}  // namespace

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = note_interrupt;  // without SA_RESTART: what waits is to wake up
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool is_interrupted() { return interrupted.load(); }

bool ChunkReader::take_line(std::string_view line) {
  switch (state_) {
    case State::size: {
      const auto [stop, problem] =
          std::from_chars(line.data(), line.data() + line.size(), left_, 16);
      if (problem != std::errc() || stop != line.data() + line.size()) return false;
      state_ = left_ == 0 ? State::trailer : State::content;
      return true;
    }
    case State::content_end:
      state_ = State::size;
      return line.empty();
    case State::trailer: {
      if (line.empty()) state_ = State::done;
      const std::size_t colon = line.find(": ");
      if (colon != std::string_view::npos)
        trailer_[std::string(line.substr(0, colon))] = line.substr(colon + 2);
      return true;
    }
    case State::content:
    case State::done:
      break;
  }
  return false;
}

bool ChunkReader::feed(std::string_view bytes, const std::function<bool(std::string_view)>& sink) {
  while (!bytes.empty()) {
    if (state_ == State::content) {
      const std::string_view part = bytes.substr(0, left_);
      bytes.remove_prefix(part.size());
      left_ -= part.size();
      if (left_ == 0) state_ = State::content_end;
      if (!sink(part)) return false;
      continue;
    }
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (line_.size() > head_bytes_max) return false;
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
    if (!line_.ends_with('\r')) return false;
    line_.pop_back();
    if (!take_line(line_)) return false;
    line_.clear();
  }
  return true;
}

std::expected<StreamEnd, Error> stream(const std::string& socket_path, std::string_view target,
                                       std::string_view body,
                                       const std::function<bool(std::string_view)>& sink) {
  auto socket = connect_to(socket_path);
  if (!socket) return std::unexpected(socket.error());
  // To look now and then whether the user has had enough.
  constexpr timeval patience{.tv_sec = 0, .tv_usec = 200'000};
  setsockopt(socket->number, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  send_all(*socket, request_bytes("POST", target, body));

  std::string bytes;
  std::size_t head_end = std::string::npos;
  while ((head_end = bytes.find("\r\n\r\n")) == std::string::npos) {
    const std::string more = receive(*socket);
    if (is_interrupted()) return StreamEnd{.status = status_ok, .body = {}, .trailer = {}};
    if (more.empty() || bytes.size() > head_bytes_max) return no_whole_answer(socket_path);
    bytes += more;
  }
  if (!bytes.starts_with("HTTP/1.1 200 ")) {
    const auto answer = parse_answer(until_end(*socket, std::move(bytes)));
    if (!answer) return no_whole_answer(socket_path);
    return StreamEnd{.status = answer->status, .body = answer->body, .trailer = {}};
  }
  ChunkReader chunks;
  std::string piece = bytes.substr(head_end + 4);
  while (true) {
    if (!chunks.feed(piece, sink)) return StreamEnd{.status = status_ok, .body = {}, .trailer = {}};
    if (chunks.is_whole())
      return StreamEnd{
          .status = status_ok, .body = {}, .is_whole = true, .trailer = chunks.trailer()};
    piece = receive(*socket);
    if (is_interrupted()) return StreamEnd{.status = status_ok, .body = {}, .trailer = {}};
    if (piece.empty()) return no_whole_answer(socket_path);
  }
}

}  // namespace sluice::ctl
