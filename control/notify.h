#pragma once

namespace sluice::control {

// What systemd is told of a service of Type=notify, by a datagram to the socket that it names in
// NOTIFY_SOCKET (sd_notify(3)). Without one, nothing happens; so it does when sending fails.

void notify_ready();
void notify_reloading();
void notify_stopping();

}  // namespace sluice::control
