#include "control/capture/desk.h"

#include <utility>

namespace sluice::control {
namespace {

std::uint64_t count_records(std::string_view records) {
  CaptureReader reader(records);
  std::uint64_t out = 0;
  while (reader.next()) ++out;
  return out;
}

}  // namespace

std::expected<void, Error> CaptureDesk::begin(CaptureRequest request) {
  if (is_busy())
    return std::unexpected(Error{"another capture or trace is running", "",
                                 "there is one at a time: wait until it has ended, or end it"});
  if (!has_data_plane_)
    return std::unexpected(Error{"there is no data plane to capture from", "",
                                 "start sluice-dataplane with the same --run-dir as sluiced"});
  number_ = ++last_number_;
  waiting_ = {};
  thrown_away_ = 0;
  tell(make_message(MessageType::capture, number_, request));
  return {};
}

CapturePiece CaptureDesk::take() {
  CapturePiece out = std::exchange(waiting_, {});
  // They go on counting and stay as they are, respectively.
  waiting_.dropped = out.dropped;
  waiting_.ended = out.ended;
  waiting_.failed = out.failed;
  waiting_.reason = out.reason;
  return out;
}

void CaptureDesk::end() {
  if (!is_busy()) return;
  if (!waiting_.ended) tell(make_message(MessageType::stop_capture, number_, StopCapture{}));
  number_ = 0;
  waiting_ = {};
}

std::vector<std::uint8_t> CaptureDesk::news() { return std::exchange(news_, {}); }

void CaptureDesk::arrive(std::uint64_t number, CapturePiece piece) {
  if (number != number_ || waiting_.ended) return;
  if (waiting_.records.size() + piece.records.size() > waiting_bytes_max)
    thrown_away_ += count_records(piece.records);
  else
    waiting_.records += piece.records;
  waiting_.dropped = piece.dropped + thrown_away_;
  waiting_.ended = piece.ended;
  waiting_.failed = piece.failed;
  waiting_.reason = std::move(piece.reason);
}

void CaptureDesk::connected() {
  has_data_plane_ = true;
  news_.clear();
}

void CaptureDesk::disconnected() {
  has_data_plane_ = false;
  news_.clear();
  if (number_ == 0 || waiting_.ended) return;
  waiting_.ended = waiting_.failed = true;
  waiting_.reason = "the data plane is gone";
}

void CaptureDesk::tell(std::vector<std::uint8_t> message) {
  news_.insert(news_.end(), message.begin(), message.end());
  if (on_news_) on_news_();
}

}  // namespace sluice::control
