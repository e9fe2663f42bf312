#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::ctl {

enum class Colour : std::uint8_t { plain, green, yellow, red, bold };

/// `text` in a colour, where colours are wanted.
[[nodiscard]] std::string paint(std::string_view text, Colour colour, bool colours);

struct Column {
  std::string title;
  bool is_number = false;  // to the right
};

struct Cell {
  std::string text;
  Colour colour = Colour::plain;
};

/// Aligned columns of text, two spaces apart; no lines, so that awk and cut can take it.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string text(bool colours) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

/// "65,537"
[[nodiscard]] std::string grouped(std::uint64_t number);
/// "1.5 MiB"
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);
/// "3 h 12 min", "45 s"
[[nodiscard]] std::string human_duration(std::chrono::seconds duration);
/// "1 flow", "12 flows"
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view noun);

}  // namespace sluice::ctl
