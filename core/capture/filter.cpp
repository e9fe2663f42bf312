#include "core/capture/filter.h"

#include <array>
#include <string>
#include <utility>

namespace sluice {
namespace {

constexpr std::size_t scratch_words = 16;

// The three lowest bits of a code.
enum class Class : std::uint8_t { load, load_x, store, store_x, arithmetic, jump, end, misc };
Class class_of(const FilterInstruction& instruction) { return Class(instruction.code & 7); }

// Loads: how many bytes, and from where.
constexpr std::uint16_t size_mask = 0x18;
constexpr std::uint16_t half_word = 0x08;
constexpr std::uint16_t one_byte = 0x10;
enum Mode : std::uint16_t {
  immediate = 0x00,
  absolute = 0x20,
  indirect = 0x40,
  scratch = 0x60,
  frame_length = 0x80,
  header_length = 0xa0,  // four times the low half of a byte: of an IPv4 header
};
constexpr std::uint16_t mode_mask = 0xe0;

// Arithmetic and jumps: what to do, and with the operand or with X.
constexpr std::uint16_t with_x = 0x08;
constexpr std::uint16_t operation_mask = 0xf0;
enum Arithmetic : std::uint16_t {
  add = 0x00,
  subtract = 0x10,
  multiply = 0x20,
  divide = 0x30,
  bit_or = 0x40,
  bit_and = 0x50,
  shift_left = 0x60,
  shift_right = 0x70,
  negate = 0x80,
  modulo = 0x90,
  bit_xor = 0xa0,
};
enum Jump : std::uint16_t {
  always = 0x00,
  equal = 0x10,
  above = 0x20,
  at_least = 0x30,
  bits = 0x40
};

constexpr std::uint16_t end_with_a = 0x10;
constexpr std::uint16_t a_to_x = 0x00;
constexpr std::uint16_t x_to_a = 0x80;

std::string_view why_bad_load(const FilterInstruction& instruction, bool to_x) {
  const std::uint16_t mode = instruction.code & mode_mask;
  const std::uint16_t size = instruction.code & size_mask;
  const bool of_frame = !to_x && (mode == absolute || mode == indirect) && size != size_mask;
  const bool of_word = (mode == immediate || mode == scratch || mode == frame_length) && size == 0;
  const bool of_header = to_x && mode == header_length && size == one_byte;
  if (!of_frame && !of_word && !of_header) return "is unknown";
  if (mode == scratch && instruction.operand >= scratch_words) return "loads beyond its memory";
  return "";
}

std::string_view why_bad_arithmetic(const FilterInstruction& instruction) {
  const std::uint16_t operation = instruction.code & operation_mask;
  const bool negates_x = operation == negate && (instruction.code & with_x) != 0;
  if (operation > bit_xor || negates_x) return "is unknown";
  if ((instruction.code & with_x) != 0) return "";
  if ((operation == divide || operation == modulo) && instruction.operand == 0)
    return "divides by zero";
  if ((operation == shift_left || operation == shift_right) && instruction.operand >= 32)
    return "shifts by more than a word";
  return "";
}

std::string_view why_bad_jump(const FilterInstruction& instruction, std::size_t left) {
  const std::uint16_t operation = instruction.code & operation_mask;
  const bool by_x = operation == always && (instruction.code & with_x) != 0;
  if (operation > bits || by_x) return "is unknown";
  const bool fits = operation == always
                        ? instruction.operand < left
                        : instruction.jump_true < left && instruction.jump_false < left;
  return fits ? "" : "jumps out of the program or back";
}

// `left`: instructions behind this one. Empty: it is sound.
std::string_view why_bad(const FilterInstruction& instruction, std::size_t left) {
  if (instruction.code > 0xff) return "is unknown";
  switch (class_of(instruction)) {
    case Class::load:
      return why_bad_load(instruction, false);
    case Class::load_x:
      return why_bad_load(instruction, true);
    case Class::store:
    case Class::store_x:
      if (instruction.code > 7) return "is unknown";
      return instruction.operand < scratch_words ? "" : "stores beyond its memory";
    case Class::arithmetic:
      return why_bad_arithmetic(instruction);
    case Class::jump:
      return why_bad_jump(instruction, left);
    case Class::end: {
      const int from = instruction.code & 0xf8;
      return from == 0 || from == end_with_a ? "" : "is unknown";
    }
    case Class::misc: {
      const int what = instruction.code & 0xf8;
      return what == a_to_x || what == x_to_a ? "" : "is unknown";
    }
  }
  return "is unknown";
}

// The registers and memory of one run.
class Machine {
 public:
  explicit Machine(std::span<const std::uint8_t> frame) : frame_(frame) {}

  // All but jumps and ends. False: the program ends here without a match.
  bool step(const FilterInstruction& instruction) {
    switch (class_of(instruction)) {
      case Class::load:
        return load(instruction, a_);
      case Class::load_x:
        return load(instruction, x_);
      case Class::store:
        scratch_[instruction.operand] = a_;
        return true;
      case Class::store_x:
        scratch_[instruction.operand] = x_;
        return true;
      case Class::arithmetic:
        return compute(instruction);
      case Class::misc:
        ((instruction.code & x_to_a) != 0 ? a_ : x_) = (instruction.code & x_to_a) != 0 ? x_ : a_;
        return true;
      case Class::jump:
      case Class::end:
        break;
    }
    return false;
  }

  // How many instructions to leave out.
  [[nodiscard]] std::size_t jump(const FilterInstruction& instruction) const {
    const std::uint32_t value = (instruction.code & with_x) != 0 ? x_ : instruction.operand;
    bool holds = false;
    switch (instruction.code & operation_mask) {
      case always:
        return instruction.operand;
      case equal:
        holds = a_ == value;
        break;
      case above:
        holds = a_ > value;
        break;
      case at_least:
        holds = a_ >= value;
        break;
      default:
        holds = (a_ & value) != 0;
    }
    return holds ? instruction.jump_true : instruction.jump_false;
  }

  [[nodiscard]] bool result(const FilterInstruction& instruction) const {
    return ((instruction.code & end_with_a) != 0 ? a_ : instruction.operand) != 0;
  }

 private:
  bool load(const FilterInstruction& instruction, std::uint32_t& into) {
    switch (instruction.code & mode_mask) {
      case immediate:
        into = instruction.operand;
        return true;
      case scratch:
        into = scratch_[instruction.operand];
        return true;
      case frame_length:
        into = static_cast<std::uint32_t>(frame_.size());
        return true;
      case absolute:
        return read(instruction.operand, instruction.code & size_mask, into);
      case indirect:
        return read(std::uint64_t{x_} + instruction.operand, instruction.code & size_mask, into);
      default: {  // header_length
        std::uint32_t byte = 0;
        if (!read(instruction.operand, one_byte, byte)) return false;
        into = (byte & 0x0f) * 4;
        return true;
      }
    }
  }

  bool read(std::uint64_t offset, int size, std::uint32_t& into) const {
    const std::size_t bytes = size == one_byte ? 1 : size == half_word ? 2 : 4;
    if (offset > frame_.size() || frame_.size() - offset < bytes) return false;
    into = 0;
    for (const std::uint8_t byte : frame_.subspan(offset, bytes)) into = into << 8 | byte;
    return true;
  }

  bool compute(const FilterInstruction& instruction) {
    const std::uint32_t value = (instruction.code & with_x) != 0 ? x_ : instruction.operand;
    switch (instruction.code & operation_mask) {
      case add:
        a_ += value;
        return true;
      case subtract:
        a_ -= value;
        return true;
      case multiply:
        a_ *= value;
        return true;
      case divide:
        if (value != 0) a_ /= value;
        return value != 0;
      case modulo:
        if (value != 0) a_ %= value;
        return value != 0;
      case bit_or:
        a_ |= value;
        return true;
      case bit_and:
        a_ &= value;
        return true;
      case bit_xor:
        a_ ^= value;
        return true;
      case shift_left:
        a_ = value < 32 ? a_ << value : 0;
        return true;
      case shift_right:
        a_ = value < 32 ? a_ >> value : 0;
        return true;
      default:  // negate
        a_ = 0U - a_;
        return true;
    }
  }

  std::span<const std::uint8_t> frame_;
  std::uint32_t a_ = 0;
  std::uint32_t x_ = 0;
  std::array<std::uint32_t, scratch_words> scratch_{};
};

}  // namespace

std::expected<PacketFilter, Error> PacketFilter::make(std::vector<FilterInstruction> program) {
  constexpr auto remedy = "send what `tcpdump -ddd` prints for the filter";
  if (program.size() > instructions_max)
    return std::unexpected(Error{"the filter has more than 4096 instructions", "", "simplify it"});
  for (std::size_t i = 0; i < program.size(); ++i) {
    const std::string_view why = why_bad(program[i], program.size() - i - 1);
    if (!why.empty())
      return std::unexpected(Error{
          "instruction " + std::to_string(i) + " of the filter " + std::string(why), "", remedy});
  }
  if (!program.empty() && class_of(program.back()) != Class::end)
    return std::unexpected(Error{"the filter does not end with a return", "", remedy});
  return PacketFilter(std::move(program));
}

bool PacketFilter::matches(std::span<const std::uint8_t> frame) const {
  if (program_.empty()) return true;
  Machine machine(frame);
  for (std::size_t next = 0;; ++next) {
    const FilterInstruction& instruction = program_[next];
    switch (class_of(instruction)) {
      case Class::end:
        return machine.result(instruction);
      case Class::jump:
        next += machine.jump(instruction);
        break;
      default:
        if (!machine.step(instruction)) return false;
    }
  }
}

}  // namespace sluice
