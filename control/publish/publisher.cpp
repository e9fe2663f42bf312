#include "control/publish/publisher.h"

#include <cerrno>
#include <chrono>
#include <sys/socket.h>
#include <utility>

#include "control/log.h"
#include "control/uring/socket.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

constexpr auto retry_interval = 200ms;
constexpr auto misunderstood_interval = 5s;
constexpr auto connect_timeout = 1s;
constexpr std::size_t read_bytes = 64 << 10;

template <typename T>
void append(std::vector<std::uint8_t>& out, MessageType type, std::uint64_t& told,
            std::uint64_t generation, const T& value) {
  if (std::exchange(told, generation) == generation) return;
  const auto message = make_message(type, generation, value);
  out.insert(out.end(), message.begin(), message.end());
}

}  // namespace

Publisher::Publisher(Ring& ring, State& state, std::string socket_path, CaptureDesk* captures)
    : ring_(ring), state_(state), socket_path_(std::move(socket_path)), captures_(captures) {}

void Publisher::start(TaskGroup& group) {
  state_.subscribe([this](const Touched& touched) {
    if (touched.config || touched.health || touched.paths) send_news();
  });
  if (captures_ != nullptr) captures_->on_news([this] { send_news(); });
  group.spawn(keep_connected());
}

Task<void> Publisher::keep_connected() {
  while (true) {
    Ring::Duration pause = retry_interval;
    if (const auto socket = make_unix_socket()) {
      const int result =
          co_await ring_.connect_unix(socket->number(), socket_path_, connect_timeout);
      if (result == 0) {
        const Ending ending = co_await serve(socket->number());
        if (ending == Ending::misunderstood) pause = misunderstood_interval;
      }
    }
    const int slept = co_await ring_.sleep(pause);
    if (slept == -ECANCELED) co_return;
  }
}

Task<Publisher::Ending> Publisher::serve(int socket) {
  log_line("connected to the data plane");
  TaskGroup senders(ring_);
  connection_.emplace(Connection{.socket = socket, .senders = senders});
  if (captures_ != nullptr) captures_->connected();
  send_news();
  const Ending ending = co_await read_reports(socket);
  connection_.reset();
  if (captures_ != nullptr) captures_->disconnected();
  if (ending != Ending::cancelled)
    log_line("the data plane is gone; it is told everything again when it is back");
  state_.set_report(std::nullopt);
  senders.cancel();
  co_await senders.join();
  co_return ending;
}

Task<Publisher::Ending> Publisher::read_reports(int socket) {
  MessageReader reader;
  std::vector<std::uint8_t> buffer(read_bytes);
  while (true) {
    const int count = co_await ring_.receive(socket, buffer, Ring::no_timeout);
    if (count == -ECANCELED) co_return Ending::cancelled;
    if (count <= 0) co_return Ending::lost;
    reader.feed(std::span(buffer).first(static_cast<std::size_t>(count)));
    if (take_messages(reader)) continue;
    log_line("cannot understand the data plane at " + socket_path_ +
             ": upgrade and restart both processes together");
    co_return Ending::misunderstood;
  }
}

bool Publisher::take_messages(MessageReader& reader) {
  while (const auto message = reader.next()) {
    if (message->header.type == MessageType::captured) {
      auto piece = decode<CapturePiece>(message->body);
      if (!piece) return false;
      if (captures_ != nullptr) captures_->arrive(message->header.generation, std::move(*piece));
      continue;
    }
    if (message->header.type != MessageType::report) return false;
    auto report = decode<Report>(message->body);
    if (!report) return false;
    take_report(std::move(*report));
  }
  return !reader.broken();
}

void Publisher::take_report(Report report) {
  Report& last = connection_->last;
  if (report.rejected_generation != 0 && report.rejected_generation != last.rejected_generation)
    log_line("the data plane refuses the configuration: " + report.error);
  else if (!report.error.empty() && report.error != last.error)
    log_line("the data plane has trouble: " + report.error);
  if (report.forwarding && !last.forwarding)
    log_line("the data plane forwards (pid " + std::to_string(report.pid) + ", version " +
             report.version + ")");
  last = report;
  state_.set_report(std::move(report));
}

void Publisher::send_news() {
  if (!connection_ || std::exchange(connection_->sending, true)) return;
  connection_->senders.spawn(send_all_news());
}

Task<void> Publisher::send_all_news() {
  const int socket = connection_->socket;
  while (connection_) {
    const std::vector<std::uint8_t> bytes = news();
    if (bytes.empty()) break;
    const int result = co_await send_all(ring_, socket, bytes, Ring::no_timeout);
    if (result == 0) continue;
    shutdown(socket, SHUT_RDWR);  // ends the reading task, which connects again
    co_return;
  }
  if (connection_) connection_->sending = false;
}

// All of it to a data plane that has none, and then what changes.
void Publisher::append_health(std::vector<std::uint8_t>& out) {
  const std::uint64_t since = connection_->health;
  const HealthTable& now = state_.health();
  if (since == state_.health_generation()) return;
  const HealthTable before = std::exchange(connection_->told_health, now);
  if (since == 0)
    append(out, MessageType::health, connection_->health, state_.health_generation(), now.whole());
  else
    append(out, MessageType::health_change, connection_->health, state_.health_generation(),
           HealthChange{since, HealthTable::changes(before, now)});
}

// Health and paths first: a data plane that starts then forwards by them from its first packet on.
std::vector<std::uint8_t> Publisher::news() {
  std::vector<std::uint8_t> out;
  if (state_.health_settled()) append_health(out);
  append(out, MessageType::paths, connection_->paths, state_.paths_generation(), state_.paths());
  append(out, MessageType::config, connection_->config, state_.config_generation(),
         state_.config());
  if (captures_ != nullptr) {
    const auto news = captures_->news();
    out.insert(out.end(), news.begin(), news.end());
  }
  return out;
}

}  // namespace sluice::control
