#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config/file.h"

namespace sluice::control {
namespace {

using ::testing::HasSubstr;

class ReplaceFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-config-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(std::string_view name) const {
    return (directory_ / name).string();
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_), {}));
  }

  std::filesystem::path directory_;
};

TEST_F(ReplaceFile, WritesAndReadsBack) {
  for (const std::string& text : {std::string("a"), std::string(), std::string(300'000, 'x')}) {
    ASSERT_TRUE(replace_file(path("f"), text));
    EXPECT_EQ(read_file(path("f")), text);
    EXPECT_EQ(files(), 1U);
  }
}

TEST_F(ReplaceFile, KeepsTheModeAndTheLink) {
  ASSERT_TRUE(replace_file(path("f"), "old"));
  ASSERT_EQ(::chmod(path("f").c_str(), 0604), 0);
  std::filesystem::create_symlink("f", path("link"));
  ASSERT_TRUE(replace_file(path("link"), "new"));
  struct stat status{};
  ASSERT_EQ(::lstat(path("f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0604U);
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("f")), "new");
}

TEST_F(ReplaceFile, SaysWhatToDoWithoutADirectory) {
  const auto result = replace_file(path("none/f"), "text");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().text(), HasSubstr("No such file or directory"));
  EXPECT_THAT(result.error().remedy, HasSubstr("directory must exist"));
}

TEST_F(ReplaceFile, LeavesTheFileAloneWhereItMayNotWrite) {
  // Root may write anywhere but here.
  const std::string target = ::geteuid() == 0 ? "/proc/version" : path("locked/f");
  std::filesystem::create_directory(path("locked"));
  std::filesystem::permissions(path("locked"), std::filesystem::perms::owner_exec);
  const auto result = replace_file(target, "text");
  ASSERT_FALSE(result);
  EXPECT_FALSE(result.error().remedy.empty());
  std::filesystem::permissions(path("locked"), std::filesystem::perms::owner_all);
}

TEST_F(ReplaceFile, LeavesNothingBehindWhenItFails) {
  std::filesystem::create_directory(path("f"));
  const auto result = replace_file(path("f"), "text");
  ASSERT_FALSE(result);
  EXPECT_EQ(files(), 1U);
}

TEST_F(ReplaceFile, ReadsNoFileOverTheLimit) {
  std::ofstream(path("f")).close();
  std::filesystem::resize_file(path("f"), (std::uintmax_t{64} << 20) + 1);
  const auto text = read_file(path("f"));
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().what, HasSubstr("larger than 64 MiB"));
}

TEST_F(ReplaceFile, ReadsNoDirectory) {
  const auto text = read_file(directory_.string());
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().remedy, HasSubstr("not a directory"));
}

}  // namespace
}  // namespace sluice::control
