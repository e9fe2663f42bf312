#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <unistd.h>

#include "control/config/prefix_file.h"
#include "tests/control/sample_file.h"

// Access lists and limits per source in the configuration file.

namespace sluice::control {
namespace {

using test::good_file;
using test::texts;
using testing::HasSubstr;

// The good file, whose first service has these keys too, with these tables at its end.
std::string file_with(std::string_view keys, std::string_view tables = "") {
  return test::replaced(good_file, "slots = 65537\n", "slots = 65537\n" + std::string(keys)) +
         std::string(tables);
}

std::string errors_of(const std::string& text) {
  const auto file = parse_config(text, "f");
  return file ? "none" : texts(file.error());
}

class ListFile {
 public:
  explicit ListFile(std::string_view content)
      : path_(std::filesystem::temp_directory_path() / ("prefixes." + std::to_string(getpid()))) {
    std::ofstream(path_) << content;
  }
  ListFile(const ListFile&) = delete;
  ListFile& operator=(const ListFile&) = delete;
  ~ListFile() { std::filesystem::remove(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(AccessKeys, AreRead) {
  const auto file = parse_config(file_with(R"(deny = ["192.0.2.0/24", "@bad"]
allow = "2001:db8::/32"
source_packets_per_second = 1_000
source_packets_burst = 2_000
source_connections_per_second = 20
source_connections_burst = 40
source_connections = 100
limit_netmask6 = 56
)",
                                           R"(
[access]
deny = "@bad"
allow = ["0.0.0.0/0"]

[[prefix_list]]
name = "bad"
prefixes = ["198.51.100.0/24", "203.0.113.9"]
)"),
                                 "f");
  ASSERT_TRUE(file) << texts(file.error());
  const ServiceConfig& service = file->config.services[0];
  ASSERT_EQ(service.deny.size(), 2U);
  EXPECT_EQ(service.deny[0].text(), "192.0.2.0/24");
  EXPECT_EQ(service.deny[1].list, "bad");
  ASSERT_EQ(service.allow.size(), 1U);
  EXPECT_EQ(service.source_packets_per_second, 1'000U);
  EXPECT_EQ(service.source_packets_burst, 2'000U);
  EXPECT_EQ(service.source_connections_per_second, 20U);
  EXPECT_EQ(service.source_connections_burst, 40U);
  EXPECT_EQ(service.source_connections, 100U);
  EXPECT_EQ(service.limit_netmask6, 56);
  EXPECT_EQ(file->config.access.deny.size(), 1U);
  EXPECT_EQ(file->config.access.allow.size(), 1U);
  ASSERT_EQ(file->config.prefix_lists.size(), 1U);
  EXPECT_EQ(file->config.prefix_lists[0].prefixes.size(), 2U);
}

TEST(AccessKeys, AListsFileIsReadWithIt) {
  const ListFile list(
      "# bad ones\n198.51.100.0/24  # a comment\r\n\n\t2001:db8:bad::/48\n10.1.2.3");
  const auto file = parse_config(
      file_with("", "[[prefix_list]]\nname = \"bad\"\nprefixes = \"192.0.2.1\"\nfile = \"" +
                        list.path() + "\"\n"),
      "f");
  ASSERT_TRUE(file) << texts(file.error());
  const PrefixListConfig& read = file->config.prefix_lists[0];
  EXPECT_EQ(read.file, list.path());
  ASSERT_EQ(read.prefixes.size(), 4U);
  EXPECT_EQ(read.prefixes[0].text(), "198.51.100.0/24");
  EXPECT_EQ(read.prefixes[2].text(), "10.1.2.3/32");
  EXPECT_EQ(read.prefixes[3].text(), "192.0.2.1/32");
}

TEST(AccessKeys, OfTheWrongKindAreRefusedWithAWayOut) {
  EXPECT_THAT(errors_of(file_with("deny = [1]\n")), HasSubstr("deny is a number (1)"));
  EXPECT_THAT(errors_of(file_with("deny = \"bad\"\n")),
              HasSubstr("deny \"bad\" is no prefix: write an address, or a prefix whose host bits "
                        "are zero: \"192.0.2.0/24\" or \"2001:db8::/32\", or the name of a "
                        "[[prefix_list]]: \"@bad\""));
  EXPECT_THAT(errors_of(file_with("deny = \"@bad\"\n")),
              HasSubstr("there is no prefix list called \"bad\""));
  EXPECT_THAT(errors_of(file_with("source_connections = -1\n")),
              HasSubstr("source_connections is -1"));
  EXPECT_THAT(errors_of(file_with("limit_netmask6 = 129\n")), HasSubstr("limit_netmask6 is 129"));
  EXPECT_THAT(errors_of(file_with("", "[access]\ndenny = \"192.0.2.1\"\n")),
              HasSubstr("did you mean \"deny\"?"));
}

TEST(AccessKeys, AListsFileThatCannotBeReadIsRefusedWithItsPlace) {
  const auto errors_with = [](const std::string& path) {
    return errors_of(file_with("", "[[prefix_list]]\nname = \"bad\"\nfile = \"" + path + "\"\n"));
  };
  EXPECT_THAT(errors_with("bad.txt"), HasSubstr("file \"bad.txt\" is a relative path"));
  EXPECT_THAT(errors_with("/nonexistent/bad.txt"),
              HasSubstr("No such file or directory (/nonexistent/bad.txt)"));
  const ListFile list("192.0.2.0/24\n192.0.2.1/24\n");
  EXPECT_THAT(errors_with(list.path()),
              HasSubstr(list.path() + ":2: \"192.0.2.1/24\" is no prefix"));
}

TEST(PrefixLines, TenThousandAreReadAtOnce) {
  std::string text;
  for (int i = 0; i < 10'000; ++i)
    text += "10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24\n";
  const auto prefixes = parse_prefix_lines(text, "f");
  ASSERT_TRUE(prefixes);
  EXPECT_EQ(prefixes->size(), 10'000U);
}

}  // namespace
}  // namespace sluice::control
