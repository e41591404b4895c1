#include "collector/settings/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include <CLI/CLI.hpp>

namespace wakewatch {
namespace {

using testing::HasSubstr;

struct Values {
  std::string server = "127.0.0.1:7400", host;
  uint64_t keep_gib = 20;
  double percent = 10;
  bool once = false;
  std::vector<std::string> origins;
};

class ConfigurationTest : public testing::Test {
 protected:
  ConfigurationTest() {
    std::string name = (std::filesystem::temp_directory_path() / "wakewatch-config-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~ConfigurationTest() override {
    std::filesystem::remove_all(folder_);
    for (const std::string& name : set_) unsetenv(name.c_str());
  }
  std::string File(const std::string& text) {
    const std::string path = folder_ + "/c.toml";
    std::ofstream(path) << text;
    return path;
  }
  void Set(const std::string& name, const std::string& value) {
    setenv(name.c_str(), value.c_str(), 1);
    set_.push_back(name);
  }
  // Empty: all was in order.
  std::string Run(std::vector<std::string> flags) {
    values_ = {};
    CLI::App app("x", "x");
    app.add_option("--server", values_.server)->capture_default_str();
    app.add_option("--host", values_.host);
    app.add_option("--keep-gib", values_.keep_gib)->check(CLI::Range(1, 1000))->capture_default_str();
    app.add_option("--percent", values_.percent)->capture_default_str();
    app.add_flag("--once", values_.once);
    app.add_option("--allow-origin", values_.origins)->allow_extra_args(false);
    Configuration configuration(&app);
    std::reverse(flags.begin(), flags.end());
    app.parse(flags);
    const auto status = configuration.Fill();
    text_ = configuration.Text();
    return status ? std::string() : status.error().Text();
  }

  std::string folder_, text_;
  std::vector<std::string> set_;
  Values values_;
};

TEST_F(ConfigurationTest, FlagsWinThenTheEnvironmentThenTheFile) {
  const std::string file = File("server = \"file:1\"\nhost = \"file\"\nkeep-gib = 7\n");
  Set("WAKEWATCH_SERVER", "environment:1");
  Set("WAKEWATCH_HOST", "environment");
  EXPECT_EQ(Run({"--config", file, "--server", "flag:1"}), "");
  EXPECT_EQ(values_.server, "flag:1");
  EXPECT_EQ(values_.host, "environment");
  EXPECT_EQ(values_.keep_gib, 7u);
  EXPECT_EQ(values_.percent, 10);
  EXPECT_THAT(text_, HasSubstr("server = \"flag:1\"  # --server\n"));
  EXPECT_THAT(text_, HasSubstr("\"environment\"  # WAKEWATCH_HOST\n"));
  EXPECT_THAT(text_, HasSubstr("keep-gib = 7  # " + file + ":3\n"));
  EXPECT_THAT(text_, HasSubstr("once = false  # default\n"));
  Set("WAKEWATCH_CONFIG", file);
  EXPECT_EQ(Run({}), "");
  EXPECT_EQ(values_.keep_gib, 7u);
}

TEST_F(ConfigurationTest, EveryKindOfValue) {
  EXPECT_EQ(Run({"--config", File("once = true\npercent = 2.5\nkeep-gib = \"30\"\nallow-origin = [\"a\", \"b\"]\n")}),
            "");
  EXPECT_TRUE(values_.once);
  EXPECT_EQ(values_.percent, 2.5);
  EXPECT_EQ(values_.keep_gib, 30u);
  EXPECT_THAT(values_.origins, testing::ElementsAre("a", "b"));
  Set("WAKEWATCH_ONCE", "true");
  Set("WAKEWATCH_ALLOW_ORIGIN", "c d");
  EXPECT_EQ(Run({}), "");
  EXPECT_TRUE(values_.once);
  EXPECT_THAT(values_.origins, testing::ElementsAre("c", "d"));
}

TEST_F(ConfigurationTest, WhatIsPrintedSaysTheSameWhenItIsRead) {
  EXPECT_EQ(Run({"--server", "a\"b:1", "--keep-gib", "3", "--once", "--allow-origin", "x"}), "");
  const std::string printed = text_;
  EXPECT_EQ(Run({"--config", File(printed)}), "");
  EXPECT_EQ(values_.server, "a\"b:1");
  EXPECT_EQ(values_.keep_gib, 3u);
  EXPECT_TRUE(values_.once);
  EXPECT_THAT(values_.origins, testing::ElementsAre("x"));
}

TEST_F(ConfigurationTest, WhatIsWrongIsNamedWithItsPlaceAndRemedy) {
  struct Row {
    const char* text;
    const char* place;
    const char* words;
  };
  for (const Row& row :
       {Row{"keep-gib = 5\nkep-gib = 6\n", "c.toml:2", "kep-gib: there is no such option (the names"},
        Row{"\nkeep-gib = 5000\n", "c.toml:2", "keep-gib: "}, Row{"keep-gib = \"many\"\n", "c.toml:1", "keep-gib"},
        Row{"keep-gib = -1\n", "c.toml:1", "keep-gib"}, Row{"server = [\"a\"]\n", "c.toml:1", "of this kind"},
        Row{"once = 2099-01-01\n", "c.toml:1", "of this kind"},
        Row{"[serve]\nkeep-gib = 5\n", "c.toml:1", "serve: there is no such option"},
        Row{"config = \"other.toml\"\n", "c.toml:1", "no such option"},
        Row{"keep-gib = 5\nkeep-gib = 6\n", "c.toml:2", "c.toml"}, Row{"server = unquoted\n", "c.toml:1", "quoted"},
        Row{"a b c\n", "c.toml:1", "name = value"}}) {
    SCOPED_TRACE(row.text);
    const std::string said = Run({"--config", File(row.text)});
    EXPECT_THAT(said, HasSubstr(row.place));
    EXPECT_THAT(said, HasSubstr(row.words));
    EXPECT_EQ(said.find('\n'), std::string::npos);
  }
  EXPECT_THAT(Run({"--config", folder_ + "/missing.toml"}), HasSubstr("missing.toml"));
  Set("WAKEWATCH_KEEP_GIB", "0");
  EXPECT_THAT(Run({}), testing::AllOf(HasSubstr("WAKEWATCH_KEEP_GIB"), HasSubstr("unset")));
}

}  // namespace
}  // namespace wakewatch
