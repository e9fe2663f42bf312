#include "tools/sluicectl/session.h"

#include <cstdio>

#include "tools/sluicectl/fields.h"

namespace sluice::ctl {
namespace {

constexpr int status_ok = 200;

// "what (where): remedy" of the API's error object.
std::string text_of_error(const Json& error) {
  return Error{text_of(error, "what"), text_of(error, "where"), text_of(error, "remedy")}.text();
}

int bad_shape(const Answer& answer) {
  print_error({"sluiced answered in a way that this sluicectl does not understand",
               "status " + std::to_string(answer.status),
               "run the sluicectl of sluiced's version (see --version)"});
  return exit_refused;
}

int show_answer(const Session& session, const Answer& answer, Show show,
                bool (*healthy)(const Json&)) {
  const Json json = parse_json(answer.body);
  const bool is_ok = answer.status == status_ok;
  if (session.json)
    print(answer.body);
  else if (is_ok)
    print(show(json, session.show));
  else
    print_refusal(json);
  if (!is_ok) return exit_refused;
  return healthy == nullptr || healthy(json) ? exit_ok : exit_refused;
}

}  // namespace

int call_and_show(const Session& session, const Call& call, Show show,
                  bool (*healthy)(const Json&)) {
  const auto answer = session.client.call(call.method, call.target, call.body);
  if (!answer) {
    print_error(answer.error());
    return exit_unreachable;
  }
  try {
    return show_answer(session, *answer, show, healthy);
  } catch (const Json::exception&) {
    return bad_shape(*answer);
  }
}

void print_refusal(const Json& answer) {
  if (!answer.contains("errors")) {
    std::fprintf(stderr, "sluicectl: %s\n", text_of_error(answer.at("error")).c_str());
    return;
  }
  for (const Json& error : answer.at("errors"))
    std::fprintf(stderr, "%s\n", text_of(error, "text").c_str());
}

void print_error(const Error& error) {
  std::fprintf(stderr, "sluicectl: %s\n", error.text().c_str());
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

Json parse_json(const std::string& text) {
  Json out = Json::parse(text, nullptr, false);
  return out.is_discarded() ? Json(nullptr) : out;
}

}  // namespace sluice::ctl
