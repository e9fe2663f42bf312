#include <cstdio>

#include "tools/sluicectl/completion_scripts.h"  // style: meson makes it of completion.h.in
#include "tools/sluicectl/fields.h"
#include "tools/sluicectl/session.h"

namespace sluice::ctl {

int run_completion(const std::string& shell) {
  if (shell == "bash") print(bash_completion);
  if (shell == "zsh") print(zsh_completion);
  if (shell == "fish") print(fish_completion);
  return exit_ok;
}

int run_names(const Session& session, const std::string& service) {
  const bool of_services = service.empty();
  const auto answer = session.client.call(
      "GET", of_services ? "/v1/services" : "/v1/backends?service=" + percent_encode(service));
  if (!answer) return exit_unreachable;
  const Json json = parse_json(answer->body);
  const char* list = of_services ? "services" : "backends";
  if (!json.contains(list)) return exit_refused;
  for (const Json& item : json[list]) print(item.value("name", "") + "\n");
  return exit_ok;
}

}  // namespace sluice::ctl
