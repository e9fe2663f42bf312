#include "core/contract/message.h"

namespace sluice {

std::optional<MessageReader::Message> MessageReader::next() {
  Message out;
  if (broken_ || buffer_.size() < sizeof out.header) return std::nullopt;
  std::memcpy(&out.header, buffer_.data(), sizeof out.header);
  if (out.header.magic != MessageHeader::magic_value ||
      out.header.version != MessageHeader::version_value ||
      out.header.length_bytes > MessageHeader::length_bytes_max) {
    broken_ = true;
    return std::nullopt;
  }
  const std::size_t end = sizeof out.header + out.header.length_bytes;
  if (buffer_.size() < end) return std::nullopt;
  const auto begin = buffer_.begin();
  out.body.assign(begin + sizeof out.header, begin + static_cast<std::ptrdiff_t>(end));
  buffer_.erase(begin, begin + static_cast<std::ptrdiff_t>(end));
  return out;
}

}  // namespace sluice
