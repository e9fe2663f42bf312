#include "control/admin/api.h"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>

#include "control/admin/routes.h"

namespace sluice::control {
namespace {

struct Route {
  std::string_view method;
  std::string_view path;   // a segment in braces fits any text
  std::string_view query;  // the parameters it takes, separated by spaces
  Response (*answer)(const Request&, const ApiContext&);
};

constexpr std::array routes = {
    Route{"GET", "/v1/status", "", get_status},
    Route{"GET", "/v1/services", "", get_services},
    Route{"GET", "/v1/backends", "service", get_backends},
    Route{"PUT", "/v1/services/{service}/backends/{backend}", "", put_backend},
    Route{"GET", "/v1/counters", "", get_counters},
    Route{"GET", "/v1/flows", "limit service backend", get_flows},
    Route{"GET", "/v1/explain", "protocol source destination quic_cid", get_explain},
    Route{"GET", "/v1/config", "format", get_config},
    Route{"POST", "/v1/check", "file", post_check},
    Route{"POST", "/v1/plan", "file", post_plan},
    Route{"POST", "/v1/apply", "file", post_apply},
    Route{"POST", "/v1/capture", "", post_capture},
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool fits(const Route& route, const Request& request) {
  return std::ranges::equal(split(route.path.substr(1), '/'), request.segments,
                            [](std::string_view wanted, std::string_view got) {
                              return wanted.starts_with('{') ? !got.empty() : wanted == got;
                            });
}

bool has_method(const Route& route, std::string_view method) {
  return route.method == method || (route.method == "GET" && method == "HEAD");
}

Response unknown_path(const Request& request) {
  Json list = Json::array();
  for (const Route& route : routes)
    list.push_back(std::string(route.method) + " " + std::string(route.path));
  Json body;
  body["error"] = to_json(
      Error{"there is nothing at this path", request.path, "use one of the routes listed here"});
  body["routes"] = list;
  return json_response(body, 404);
}

Response wrong_method(const Request& request, const std::string& allowed) {
  Response out = error_response(
      405, {"this path does not take " + request.method, request.path, "use " + allowed});
  out.headers.push_back({"Allow", allowed});
  return out;
}

std::optional<Response> refuse_unknown_query(const Request& request, const Route& route) {
  const auto known = split(route.query, ' ');
  for (const auto& [name, value] : request.query)
    if (std::ranges::find(known, name) == known.end())
      return error_response(400, {"unknown query parameter \"" + name + "\"", request.path,
                                  known.empty() ? "leave it out: this path takes none"
                                                : "this path takes: " + std::string(route.query)});
  return std::nullopt;
}

Response dispatch(const Request& request, const ApiContext& context) {
  std::string allowed;
  for (const Route& route : routes) {
    if (!fits(route, request)) continue;
    if (has_method(route, request.method)) {
      if (auto refused = refuse_unknown_query(request, route)) return *refused;
      return route.answer(request, context);
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
    if (route.method == "GET") allowed += ", HEAD";
  }
  return allowed.empty() ? unknown_path(request) : wrong_method(request, allowed);
}

}  // namespace

Response json_response(const Json& json, int status) {
  return {.status = status, .body = to_text(json)};
}

Response error_response(int status, const Error& error) {
  return json_response(Json{{"error", to_json(error)}}, status);
}

Response to_response(const Refusal& refusal) {
  return error_response(refusal.status, {refusal.what, "", refusal.remedy});
}

const std::string* query_value(const Request& request, const std::string& name) {
  const auto it = request.query.find(name);
  return it == request.query.end() ? nullptr : &it->second;
}

Response handle(const Request& request, const ApiContext& context) {
  try {
    context.data_plane.refresh();
    return dispatch(request, context);
  } catch (const std::exception& exception) {
    return error_response(500, {exception.what(), request.path, "report this as a bug of sluiced"});
  }
}

}  // namespace sluice::control
