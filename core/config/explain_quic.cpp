#include "core/config/explain_quic.h"

namespace sluice {
namespace {

std::string config_text(const QuicHeader& quic) {
  if (quic.connection_id.empty()) return "is empty";
  const std::uint8_t config = quic_lb_config_of(quic.connection_id[0]);
  return config == quic_lb_unroutable ? "is marked as naming no server"
                                      : "has config_id " + std::to_string(config);
}

}  // namespace

const Backend* named_backend(const Snapshot& snapshot, const Service& service,
                             const std::optional<QuicHeader>& quic,
                             std::vector<std::string>& reasons) {
  if (service.quic == nullptr) {
    if (quic) reasons.push_back(service.name + " has no quic_lb: by flow, not by ID");
    return nullptr;
  }
  if (!quic) {
    reasons.emplace_back("a QUIC packet whose connection ID names a server goes to that one first");
    return nullptr;
  }
  const auto server_id = service.quic->decode(*quic);
  if (!server_id) {
    reasons.push_back("the connection ID " + config_text(*quic) +
                      " and cannot be decoded: by flow");
    return nullptr;
  }
  const std::string named =
      "the connection ID " + config_text(*quic) + " and names server " + server_id->text();
  const auto owner = service.quic->owner(*server_id);
  if (!owner) {
    reasons.push_back(named + ", which no backend is: by flow");
    return nullptr;
  }
  const Backend& backend = snapshot.backend(BackendId{*owner});
  if (!backend.keeps_flows) {
    reasons.push_back(named + ", which is " + backend.name + ", which is down: by flow");
    return nullptr;
  }
  reasons.push_back(named + ": sent to " + backend.name + ", from whatever address it comes");
  return &backend;
}

}  // namespace sluice
