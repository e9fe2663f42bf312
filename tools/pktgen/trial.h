#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "core/result.h"
#include "tools/pktgen/rate_search.h"
#include "tools/pktgen/receiver.h"
#include "tools/pktgen/sender.h"
#include "tools/pktgen/sink.h"

namespace sluice::pktgen {

/// What is asked of one run of the threads.
struct Plan {
  Rate rate;
  std::chrono::nanoseconds duration{};
  std::optional<std::uint64_t> count;
  std::uint16_t burst = 32;
  std::chrono::nanoseconds drain{};
};

/// Who takes part. What is not needed is null. Everything goes on from one trial to the next.
struct Cast {
  const Clock& clock;
  std::span<const std::uint16_t> cores;  // one, or one that sends and one that receives
  Generator* generator = nullptr;
  Sender* sender = nullptr;
  Receiver* receiver = nullptr;
  Sink* sink = nullptr;
};

/// What was counted up to a time, which is since the beginning.
struct Progress {
  std::chrono::nanoseconds time{};
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t foreign = 0;
};

struct Outcome {
  Rate asked;
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;  // without check sequences
  std::uint64_t given_up = 0;    // not sent in time, so not at all
  std::uint64_t sending_ns = 0;
  std::uint64_t receiving_ns = 0;  // as long as packets were awaited
  SinkCounts received;
  std::uint64_t lost = 0;
  Histogram latency;
  bool interrupted = false;

  [[nodiscard]] std::uint64_t sent_pps() const;
  [[nodiscard]] std::uint64_t received_pps() const;
};

/// Packets a second.
[[nodiscard]] std::uint64_t per_second(std::uint64_t packets, std::uint64_t time_ns);

/// Asked from the calling thread all the time; true: stop sending now. Waits for some milliseconds.
using Interrupted = std::function<bool()>;
/// Told from the calling thread once a second.
using EachSecond = std::function<void(const Progress&)>;

/// Runs the threads until everything is sent and has arrived, or is given up.
[[nodiscard]] std::expected<std::unique_ptr<Outcome>, Error> run_trial(
    const Cast& cast, const Plan& plan, const Interrupted& interrupted,
    const EachSecond& each_second);

}  // namespace sluice::pktgen
