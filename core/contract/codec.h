#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "core/net/address.h"

// Values with a `fields` list to bytes and back, for the socket between the two processes of one
// host: little-endian, no padding, lengths as 32 bits. Not a storage format: both ends are of one
// build, which the hello checks.

namespace sluice {

template <typename T>
concept Described = requires(T& value) { T::fields(value, [](std::string_view, auto&) {}); };

/// Values that travel as their text.
template <typename T>
concept Written = requires(const T& value) {
  { value.text() } -> std::same_as<std::string>;
  { T::parse(std::string_view{}) } -> std::same_as<std::optional<T>>;
};

/// Those of them whose text is for people and hides what they are: they travel as another one.
template <typename T>
concept Secret = Written<T> && requires(const T& value) {
  { value.secret_text() } -> std::same_as<std::string>;
};

/// The text that such a value travels as.
template <Written T>
[[nodiscard]] std::string travelling_text(const T& value) {
  if constexpr (Secret<T>)
    return value.secret_text();
  else
    return value.text();
}

class Encoder {
 public:
  [[nodiscard]] std::vector<std::uint8_t> take() && { return std::move(bytes_); }

  template <typename T>
  void put(const T& value) {
    if constexpr (Described<T>) {
      T::fields(value, [this](std::string_view, const auto& field) { this->put(field); });
    } else if constexpr (std::is_enum_v<T>) {
      put(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::is_integral_v<T>) {
      append(&value, sizeof value);
    } else if constexpr (std::is_same_v<T, Address>) {
      append(value.bytes().data(), value.bytes().size());
    } else if constexpr (std::is_same_v<T, Port>) {
      put(value.value());
    } else if constexpr (std::is_same_v<T, MacAddress>) {
      append(value.bytes.data(), value.bytes.size());
    } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
      put(static_cast<std::int64_t>(value.count()));
    } else if constexpr (std::is_same_v<T, std::string>) {
      put(static_cast<std::uint32_t>(value.size()));
      append(value.data(), value.size());
    } else if constexpr (Written<T>) {
      put(travelling_text(value));
    } else {
      put(static_cast<std::uint32_t>(value.size()));
      for (const auto& element : value) put(element);
    }
  }

 private:
  void append(const void* from, std::size_t length) {
    const auto* begin = static_cast<const std::uint8_t*>(from);
    bytes_.insert(bytes_.end(), begin, begin + length);
  }
  std::vector<std::uint8_t> bytes_;
};

/// Never reads outside its bytes: after the first field that does not fit, `ok()` is false and
/// values are defaults.
class Decoder {
 public:
  explicit Decoder(std::span<const std::uint8_t> bytes) : rest_(bytes) {}
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool finished() const { return ok_ && rest_.empty(); }

  template <typename T>
  void get(T& value) {
    if constexpr (Described<T>) {
      T::fields(value, [this](std::string_view, auto& field) { this->get(field); });
    } else if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number{};
      get(number);
      value = static_cast<T>(number);
    } else if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t number = 0;
      read(&number, 1);
      value = number != 0;
    } else if constexpr (std::is_integral_v<T>) {
      read(&value, sizeof value);
    } else if constexpr (std::is_same_v<T, Address>) {
      std::array<std::uint8_t, 16> bytes{};
      read(bytes.data(), bytes.size());
      value = Address::from_bytes(bytes);
    } else if constexpr (std::is_same_v<T, Port>) {
      std::uint16_t number = 0;
      get(number);
      value = Port(number);
    } else if constexpr (std::is_same_v<T, MacAddress>) {
      read(value.bytes.data(), value.bytes.size());
    } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
      std::int64_t count = 0;
      get(count);
      value = std::chrono::milliseconds(count);
    } else if constexpr (std::is_same_v<T, std::string>) {
      const std::size_t length = get_length();
      value.assign(reinterpret_cast<const char*>(rest_.data()), length);
      rest_ = rest_.subspan(length);
    } else if constexpr (Written<T>) {
      std::string text;
      get(text);
      const auto parsed = T::parse(text);
      // One value, one encoding.
      ok_ = ok_ && parsed && travelling_text(*parsed) == text;
      value = ok_ ? *parsed : T{};
    } else {
      // An element takes at least one byte, so a length that passed get_length cannot ask for much
      // memory.
      value.assign(get_length(), {});
      for (auto& element : value) get(element);
    }
  }

 private:
  std::size_t get_length() {
    std::uint32_t length = 0;
    get(length);
    if (length > rest_.size()) ok_ = false;
    return ok_ ? length : 0;
  }
  void read(void* to, std::size_t length) {
    if (!ok_ || length > rest_.size()) {
      ok_ = false;
      return;
    }
    std::memcpy(to, rest_.data(), length);
    rest_ = rest_.subspan(length);
  }
  std::span<const std::uint8_t> rest_;
  bool ok_ = true;
};

template <typename T>
[[nodiscard]] std::vector<std::uint8_t> encode(const T& value) {
  Encoder encoder;
  encoder.put(value);
  return std::move(encoder).take();
}

/// The value, or nothing when the bytes are short or too many. Enumerators are checked by
/// `validate`, not here.
template <typename T>
[[nodiscard]] std::optional<T> decode(std::span<const std::uint8_t> bytes) {
  T value{};
  Decoder decoder(bytes);
  decoder.get(value);
  if (!decoder.finished()) return std::nullopt;
  return value;
}

}  // namespace sluice
