#include "control/admin/json.h"

#include <ctime>

namespace sluice::control {

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json to_json(const Error& error) {
  return {{"what", error.what}, {"where", error.where}, {"remedy", error.remedy}};
}

Json to_json(const std::vector<FileError>& errors) {
  Json out = Json::array();
  for (const FileError& error : errors)
    out.push_back({{"file", error.file},
                   {"line", error.line},
                   {"column", error.column},
                   {"what", error.what},
                   {"remedy", error.remedy},
                   {"text", error.text()}});
  return out;
}

std::string to_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char out[32];
  return {out, std::strftime(out, sizeof out, "%FT%TZ", &parts)};
}

}  // namespace sluice::control
