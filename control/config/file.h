#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/config.h"
#include "core/result.h"

namespace sluice::control {

/// One thing that is wrong with a configuration file, with where to put the cursor.
struct FileError {
  std::string file;
  std::uint32_t line = 1;    // from 1
  std::uint32_t column = 1;  // from 1, in characters
  std::string what;
  std::string remedy;
  /// "sluice.toml:12:9: unknown key "adress": did you mean "address"?"
  [[nodiscard]] std::string text() const;
  friend bool operator==(const FileError&, const FileError&) = default;
};

/// A configuration and the text it came from, which is what is kept and shown.
struct ConfigFile {
  Config config;
  std::string text;
};

/// What only this host can tell of a Config that is right in itself.
using HostCheck = std::function<std::vector<ConfigError>(const Config&)>;

/// Reads TOML (docs/configuration.md) into a Config that `validate` accepts, and `host_check` too
/// where there is one, or every error in order of line. A syntax error is the only one reported,
/// for nothing after it can be trusted. `file` is for messages only.
[[nodiscard]] std::expected<ConfigFile, std::vector<FileError>> parse_config(
    std::string_view text, std::string_view file, const HostCheck& host_check = {});

/// The whole of a file of at most 64 MiB.
[[nodiscard]] std::expected<std::string, Error> read_file(const std::string& path);
/// Replaces a file so that a crash, a full disk or a reader in between finds the old text or the
/// new, whole.
[[nodiscard]] std::expected<void, Error> replace_file(const std::string& path,
                                                      std::string_view text);

}  // namespace sluice::control
