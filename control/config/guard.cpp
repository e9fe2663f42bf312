#include "control/config/guard.h"

#include <algorithm>

namespace sluice::control {
namespace {

// With the 256 values in one another that toml++ allows, at most 16,384 tables deep: under 4 MiB of
// stack.
constexpr int dots_per_line_max = 64;

bool is_ascii(char c) { return (static_cast<unsigned char>(c) & 0x80) == 0; }
bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }
bool is_control(char c) {
  return (c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}
bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool begins_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '"' || c == '\'';
}

// "2026-01-31"
bool ends_with_date(std::string_view text) {
  constexpr std::string_view shape = "dddd-dd-dd";
  if (text.size() < shape.size()) return false;
  return std::ranges::equal(
      text.substr(text.size() - shape.size()), shape,
      [](char c, char wanted) { return wanted == 'd' ? c >= '0' && c <= '9' : c == wanted; });
}

// Where the string that begins at `begin` ends, or the end of the text when it is not closed.
std::size_t end_of_string(std::string_view text, std::size_t begin) {
  const char quote = text[begin];
  const std::size_t marks = text.substr(begin).starts_with(std::string(3, quote)) ? 3 : 1;
  const std::string end(marks, quote);
  for (std::size_t i = begin + marks; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text.substr(i).starts_with(end)) {
      i += marks;
      // Up to two more may stand before the three that close it.
      for (int extra = 0; marks == 3 && extra < 2 && i < text.size() && text[i] == quote; ++extra)
        ++i;
      return i;
    } else if (text[i] == '\n' && marks == 1) {
      break;
    }
  }
  return text.size();
}

// In a string in double quotes: where a backslash stands before a character beyond ASCII, blanks
// and line breaks between them or not.
std::optional<std::size_t> find_bad_escape(std::string_view string) {
  if (!string.starts_with('"')) return std::nullopt;
  for (std::size_t i = string.find('\\'); i != std::string_view::npos; i = string.find('\\', i)) {
    std::size_t next = i + 1;
    while (next < string.size() &&
           (is_blank(string[next]) || string[next] == '\n' || string[next] == '\r'))
      ++next;
    if (next < string.size() && !is_ascii(string[next])) return i;
    i = std::max(next, i + 2);
  }
  return std::nullopt;
}

// Goes over the text once, past strings and comments.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text_.starts_with(byte_order_mark)) at_ = byte_order_mark.size();
  }

  std::optional<Refusal> run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        if (auto refusal = pass_string()) return refusal;
      } else if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (auto refusal = judge(c)) {
        return refusal;
      } else {
        ++at_;
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<Refusal> pass_string() {
    const std::size_t end = end_of_string(text_, at_);
    if (const auto bad = find_bad_escape(text_.substr(at_, end - at_))) {
      at_ += *bad;
      return refusal("syntax error in string: unknown escape sequence",
                     "write a backslash as \\\\, or put the text in single quotes");
    }
    last_mark_ = text_[at_];
    is_line_begin_ = false;
    at_ = end;
    return std::nullopt;
  }

  std::optional<Refusal> judge(char c) {
    if (!is_ascii(c))
      return refusal("syntax error: a character that only text can have",
                     "put text in plain double quotes, like name = \"web\"; keys have none such");
    if (is_control(c))
      return refusal("syntax error: a control character",
                     "take it out; in a string write it as \\u and four digits");
    if (c == ' ' && ends_with_date(text_.substr(0, at_)))
      return refusal("a date, which no key here takes", "put text in double quotes");
    if (c == '}' && (last_mark_ == '[' || last_mark_ == ','))
      return refusal("syntax error in array: expected a value or ], saw '}'",
                     "close { with } and [ with ], and put a comma only between values");
    if (!is_blank(c) && c != '\r' && c != '\n') last_mark_ = c;
    if (c == '.' && ++dots_ > dots_per_line_max)
      return refusal("this line has too many tables in one another",
                     "write [table] and key = value; no key here has more than two dots");
    if (c == '[' && is_line_begin_ && open_lists_ == 0) return judge_header();
    if (c == '[') ++open_lists_;
    if (c == ']' && open_lists_ > 0) --open_lists_;
    if (c == '\n') dots_ = 0;
    is_line_begin_ = c == '\n' || (is_line_begin_ && is_blank(c));
    return std::nullopt;
  }

  // Leaves off at the last thing before the header's first key.
  std::optional<Refusal> judge_header() {
    is_line_begin_ = false;
    if (at_ + 1 < text_.size() && text_[at_ + 1] == '[') ++at_;
    while (at_ + 1 < text_.size() && is_blank(text_[at_ + 1])) ++at_;
    if (at_ + 1 == text_.size() || begins_key(text_[at_ + 1]) || text_[at_ + 1] == ']')
      return std::nullopt;
    ++at_;
    return refusal("syntax error in table header: no name",
                   "write its name in the brackets: [dataplane], or [[port]]");
  }

  [[nodiscard]] Refusal refusal(std::string_view what, std::string_view remedy) const {
    const std::string_view before = text_.substr(0, at_);
    const std::string_view line = before.substr(before.rfind('\n') + 1);
    return {{static_cast<std::uint32_t>(1 + std::ranges::count(before, '\n')),
             static_cast<std::uint32_t>(1 + std::ranges::count_if(line, begins_character))},
            std::string(what),
            std::string(remedy)};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  char last_mark_ = '\0';      // the last character that was no blank, line break or comment
  bool is_line_begin_ = true;  // nothing but blanks before it on its line
  int open_lists_ = 0;
  int dots_ = 0;  // on this line
};

}  // namespace

std::optional<Refusal> refuse_before_parsing(std::string_view text) { return Scan(text).run(); }

}  // namespace sluice::control
