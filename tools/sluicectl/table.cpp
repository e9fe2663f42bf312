#include "tools/sluicectl/table.h"

#include <algorithm>
#include <fmt/format.h>

namespace sluice::ctl {
namespace {

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::plain:
      break;
    case Colour::green:
      return "\033[32m";
    case Colour::yellow:
      return "\033[33m";
    case Colour::red:
      return "\033[31m";
    case Colour::bold:
      return "\033[1m";
  }
  return "";
}

}  // namespace

std::string paint(std::string_view text, Colour colour, bool colours) {
  if (!colours || colour == Colour::plain || text.empty()) return std::string(text);
  return std::string(code_of(colour)) + std::string(text) + "\033[0m";
}

std::string Table::text(bool colours) const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(column.title.size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].text.size());

  const auto line_of = [&](const std::vector<Cell>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].text.size(), ' ');
      const std::string shown = paint(row[i].text, row[i].colour, colours);
      const bool is_last = i + 1 == row.size();
      line += i == 0 ? "" : "  ";
      line += columns_[i].is_number ? padding + shown : shown + (is_last ? "" : padding);
    }
    return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.push_back({column.title, Colour::bold});
  std::string out = line_of(titles);
  for (const auto& row : rows_) out += line_of(row);
  return out;
}

std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (std::size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, ",");
  return out;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::string_view units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024; value /= 1024) ++unit;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string human_duration(std::chrono::seconds duration) {
  const auto seconds = std::max<std::int64_t>(duration.count(), 0);
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3'600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{} h {} min", seconds / 3'600, seconds % 3'600 / 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds % 86'400 / 3'600);
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return grouped(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

}  // namespace sluice::ctl
