#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "dataplane/feed/feed.h"
#include "dataplane/feed/server.h"

int main(int argc, char** argv) {
  CLI::App app("sluice-dataplane: forwards packets by what sluiced tells it");
  app.set_version_flag("--version", std::string("sluice-dataplane ") + SLUICE_VERSION);
  std::string run_dir = "/run/sluice";
  app.add_option("--run-dir", run_dir,
                 "directory of the socket, counters and flow tables, shared with sluiced")
      ->capture_default_str()
      ->envname("SLUICE_RUN_DIR");
  CLI11_PARSE(app, argc, argv);

  auto server = sluice::dataplane::Server::open(run_dir);
  if (!server) {
    std::fprintf(stderr, "sluice-dataplane: %s\n", server.error().text().c_str());
    return 1;
  }
  sluice::dataplane::Feed feed(run_dir);
  std::fprintf(stderr, "sluice-dataplane %s: waiting for sluiced at %s/dataplane.sock\n",
               SLUICE_VERSION, run_dir.c_str());
  const int status = server->run(feed);
  if (!feed.report().error.empty())
    std::fprintf(stderr, "sluice-dataplane: %s\n", feed.report().error.c_str());
  return status;
}
