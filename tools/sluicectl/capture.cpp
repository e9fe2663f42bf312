#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "tools/capture/compile_filter.h"
#include "tools/sluicectl/fields.h"
#include "tools/sluicectl/seeing.h"
#include "tools/sluicectl/session.h"
#include "tools/sluicectl/stream.h"

namespace sluice::ctl {
namespace {

constexpr auto target = "/v1/capture";
constexpr int status_ok = 200;

// Where a capture goes: written at once, so that a reader of a pipe sees each packet as it comes.
class OutputFile {
 public:
  [[nodiscard]] static std::expected<OutputFile, Error> open(const std::string& path) {
    if (path == "-") {
      if (isatty(STDOUT_FILENO) == 1)
        return std::unexpected(
            Error{"a capture is no text for a terminal", "standard output",
                  "name a file, or pipe it: sluicectl capture -w - | tshark -r -"});
      return OutputFile(STDOUT_FILENO, "standard output");
    }
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (file < 0)
      return std::unexpected(
          Error{std::string("cannot write: ") + std::strerror(errno), path,
                "name a file in a directory that is there and may be written to"});
    return OutputFile(file, path);
  }

  // False: it cannot be written; `problem` is set unless the reader of a pipe has just had enough.
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(file_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        if (errno != EPIPE) problem_ = std::strerror(errno);
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(count));
      bytes_ += static_cast<std::uint64_t>(count);
    }
    return true;
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  OutputFile(int file, std::string path) : file_(file), path_(std::move(path)) {}
  int file_;  // the process ends with the capture, and closes it
  std::string path_;
  std::string problem_;
  std::uint64_t bytes_ = 0;
};

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// The filter as the API takes it; null after a complaint.
Json program_of(const std::vector<std::string>& words) {
  const auto program = capture::compile_filter(joined(words));
  if (!program) {
    print_error(program.error());
    return nullptr;
  }
  Json out = Json::array();
  for (const FilterInstruction& instruction : *program)
    out.push_back(Json::array(
        {instruction.code, instruction.jump_true, instruction.jump_false, instruction.operand}));
  return out;
}

std::string field_of(const StreamEnd& end, const char* name) {
  const auto it = end.trailer.find(name);
  return it == end.trailer.end() ? "?" : it->second;
}

// On standard error; gives the exit status.
int tell_refusal(const StreamEnd& end) {
  const Json json = parse_json(end.body);
  if (json.is_object() && json.contains("error"))
    print_refusal(json);
  else
    print_error({"sluiced answered in a way that this sluicectl does not understand",
                 "status " + std::to_string(end.status),
                 "run the sluicectl of sluiced's version (see --version)"});
  return exit_refused;
}

// What has become of a capture, on standard error.
int tell_end(const StreamEnd& end, std::string_view what) {
  if (end.status != status_ok) return tell_refusal(end);
  if (!end.is_whole) {
    fmt::print(stderr, "sluicectl: {}: stopped\n", what);
    return exit_ok;
  }
  const std::string dropped = field_of(end, "Capture-Dropped");
  fmt::print(stderr, "sluicectl: {}: {} packets, {} dropped{}: {}\n", what,
             field_of(end, "Capture-Packets"), dropped,
             dropped == "0" ? "" : " for want of room (narrow the filter, or a smaller --snaplen)",
             field_of(end, "Capture-End"));
  return field_of(end, "Capture-Failed") == "false" ? exit_ok : exit_refused;
}

std::string trace_text(const Json& trace) {
  const auto name = [&](const char* key, const char* none) {
    return trace.at(key).is_null() ? std::string(none) : text_of(trace, key);
  };
  std::string out =
      fmt::format("packet {}: {}", number_of(trace, "packet"), text_of(trace, "verdict"));
  if (!trace.at("service").is_null())
    out += fmt::format(" {}/{}", name("service", "-"), name("backend", "-"));
  if (!trace.at("flow").is_null()) {
    const std::string flow = text_of(trace, "flow");
    out += flow == "hit" ? ", known flow" : flow == "moved" ? ", moved flow" : ", new flow";
  }
  out += fmt::format(", {} bytes in, {} out\n", number_of(trace, "in_bytes"),
                     number_of(trace, "out_bytes"));
  std::size_t step = 0;
  for (const Json& text : trace.at("steps"))
    out += fmt::format("  {}. {}\n", ++step, text.get<std::string>());
  return out;
}

}  // namespace

int run_capture(const Session& session, const CaptureWanted& wanted) {
  Json program = program_of(wanted.filter);
  if (program.is_null()) return exit_unreachable;
  auto file = OutputFile::open(wanted.file);
  if (!file) {
    print_error(file.error());
    return exit_unreachable;
  }
  const Json body{{"format", "pcapng"},        {"program", std::move(program)},
                  {"packets", wanted.packets}, {"seconds", wanted.seconds},
                  {"snaplen", wanted.snaplen}, {"sent", wanted.sent}};
  catch_interrupts();
  const auto end = stream(session.client.socket_path(), target, body.dump(),
                          [&](std::string_view bytes) { return file->write(bytes); });
  if (!end) {
    print_error(end.error());
    return exit_unreachable;
  }
  if (!file->problem().empty()) {
    print_error({"cannot write: " + file->problem(), file->path(), "make room for it"});
    return exit_unreachable;
  }
  return tell_end(*end, fmt::format("{}, {}", file->path(), human_bytes(file->bytes())));
}

int run_trace(const Session& session, const TraceWanted& wanted) {
  Json program = program_of(wanted.filter);
  if (program.is_null()) return exit_unreachable;
  const Json body{{"format", "trace"},
                  {"program", std::move(program)},
                  {"packets", wanted.packets},
                  {"seconds", wanted.seconds},
                  {"sent", true}};
  std::string line;
  const auto show = [&](std::string_view bytes) {
    for (line += bytes; line.contains('\n'); line.erase(0, line.find('\n') + 1)) {
      const std::string text = line.substr(0, line.find('\n') + 1);
      print(session.json ? text : trace_text(parse_json(text)));
    }
    return std::fflush(stdout) == 0;
  };
  catch_interrupts();
  try {
    const auto end = stream(session.client.socket_path(), target, body.dump(), show);
    if (end) return tell_end(*end, "trace");
    print_error(end.error());
  } catch (const Json::exception&) {
    print_error({"sluiced answered in a way that this sluicectl does not understand", "",
                 "run the sluicectl of sluiced's version (see --version)"});
  }
  return exit_unreachable;
}

}  // namespace sluice::ctl
