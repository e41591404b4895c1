#include "server/access/access_control.h"

#include <gmock/gmock.h>
#include <wakewatch/v1/fleet.pb.h>
#include <wakewatch/v1/ingest.pb.h>

#include <fstream>

#include "server/access/access_test_support.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

constexpr char kList[] = "/wakewatch.v1.FleetService/ListHosts", kStream[] = "/wakewatch.v1.IngestService/Stream";

class AccessControlTest : public ::testing::Test {
 protected:
  AccessControlTest() {
    v1::ListHostsRequest::descriptor();  // has them linked in
    v1::IngestRequest::descriptor();
    options_.data_folder = folder_.path();
    options_.now_s = [this] { return now_s_; };
    options_.warn = [this](const std::string& text) { warned_ += text; };
  }
  Verdict Ask(AccessControl* control, const std::string& authorization, const char* method = kList) {
    return control->Decide({.authorization = authorization}, control->NeedOf(method)).verdict;
  }

  AccessFolder folder_;
  AccessOptions options_;
  int64_t now_s_ = 1'000;
  std::string warned_;
};

TEST_F(AccessControlTest, RolesCoverWhatTheyShould) {
  const std::string yes = "yes", no = "no";
  struct Row {
    Role has;
    std::string ingest, import, read, admin;
  };
  for (const Row& row : {Row{Role::kIngest, yes, no, no, no}, Row{Role::kImport, no, yes, no, no},
                         Row{Role::kRead, no, no, yes, no}, Row{Role::kAdmin, no, yes, yes, yes}}) {
    const std::string* const cells[] = {&row.ingest, &row.import, &row.read, &row.admin};
    for (const Role needed : kRoles) {
      EXPECT_EQ(*cells[static_cast<size_t>(needed)] == yes, Covers(row.has, needed)) << Name(row.has) << Name(needed);
    }
  }
}

TEST_F(AccessControlTest, EverythingIsOpenUntilThereIsATokenAndNeverAgain) {
  options_.open_without_tokens = true;
  AccessControl control(options_);
  EXPECT_TRUE(control.IsOpen());
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, ""));
  const Caller everybody = control.Decide({}, control.NeedOf(kStream)).caller;
  EXPECT_TRUE(control.StillGood(everybody));
  const std::string bearer = folder_.Bearer({.roles = {Role::kRead}});
  EXPECT_EQ(Verdict::kUnknownCaller, Ask(&control, ""));
  EXPECT_FALSE(control.StillGood(everybody)) << "a stream from before must not go on";
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, bearer));
  std::filesystem::remove(folder_.tokens().path());
  EXPECT_FALSE(control.IsOpen());
  EXPECT_EQ(Verdict::kUnknownCaller, Ask(&control, ""));
  EXPECT_EQ(Verdict::kUnknownCaller, Ask(&control, bearer));
}

TEST_F(AccessControlTest, WithoutThatWishNothingIsOpen) {
  AccessControl control(options_);
  EXPECT_FALSE(control.IsOpen());
  const Decision decision = control.Decide({}, control.NeedOf(kList));
  EXPECT_EQ(Verdict::kUnknownCaller, decision.verdict);
  EXPECT_THAT(decision.text, HasSubstr("wakewatch token create"));
}

TEST_F(AccessControlTest, AnRpcWithoutARoleIsForNobody) {
  options_.open_without_tokens = true;
  AccessControl control(options_);
  EXPECT_EQ(Verdict::kNotAllowed, Ask(&control, "", "/wakewatch.v1.FleetService/NoSuchMethod"));
}

TEST_F(AccessControlTest, HealthIsForEverybodyAndReflectionIsNot) {
  AccessControl control(options_);
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, "", "/grpc.health.v1.Health/Check"));
  EXPECT_EQ(Verdict::kUnknownCaller,
            Ask(&control, "", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"));
}

TEST_F(AccessControlTest, TokensEndAndChangeWhileTheServerRuns) {
  AccessControl control(options_);
  const std::string bearer =
      folder_.Bearer({.id = "a", .roles = {Role::kRead}, .host = "", .lifetime = std::chrono::seconds(100)}, now_s_);
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, bearer));
  EXPECT_EQ(Verdict::kNotAllowed, Ask(&control, bearer, kStream));
  now_s_ = 1'099;
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, bearer));
  now_s_ = 1'100;
  EXPECT_EQ(Verdict::kUnknownCaller, Ask(&control, bearer));
  now_s_ = 1'050;
  const auto rotated = RotateToken(folder_.tokens(), "a", std::chrono::seconds(10), now_s_);
  ASSERT_TRUE(rotated);
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, bearer));
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, "bearer " + *rotated));
  now_s_ = 1'060;
  EXPECT_EQ(Verdict::kUnknownCaller, Ask(&control, bearer));
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, "Bearer " + *rotated));
  ASSERT_TRUE(RevokeToken(folder_.tokens(), "a", now_s_));
  const Decision decision = control.Decide({.authorization = "Bearer " + *rotated}, control.NeedOf(kList));
  EXPECT_EQ(Verdict::kUnknownCaller, decision.verdict);
  EXPECT_THAT(decision.text, HasSubstr("revoked"));
  EXPECT_FALSE(RotateToken(folder_.tokens(), "a", std::chrono::seconds(10), now_s_));
}

TEST_F(AccessControlTest, WhatIsNoTokenIsRefused) {
  AccessControl control(options_);
  const std::string bearer = folder_.Bearer({.id = "a", .roles = {Role::kAdmin}});
  const std::string other = folder_.Bearer({.id = "b", .roles = {Role::kAdmin}});
  std::string last = bearer;
  last.back() = last.back() == 'A' ? 'B' : 'A';
  const std::string rows[] = {"Bearer",
                              "Bearer ",
                              "Basic " + bearer.substr(7),
                              bearer.substr(7),
                              bearer + "A",
                              bearer.substr(0, bearer.size() - 1),
                              "Bearer ww1.a.",
                              last,
                              bearer + " ",
                              "Bearer ww1.b." + bearer.substr(13),
                              "Bearer ww1." + std::string(100, 'a') + ".x",
                              "Bearer ww1.a." + std::string(43, '\0')};
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, bearer));
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, other));
  for (const std::string& row : rows) {
    const Decision decision = control.Decide({.authorization = row}, control.NeedOf(kList));
    EXPECT_EQ(Verdict::kUnknownCaller, decision.verdict) << row;
    EXPECT_THAT(decision.text, ::testing::Not(HasSubstr(bearer.substr(15)))) << "a secret in an error";
  }
}

TEST_F(AccessControlTest, AFileThatIsNotAsItShouldBeLetsNobodyIn) {
  options_.open_without_tokens = true;
  AccessControl control(options_);
  const std::string bearer = folder_.Bearer({.roles = {Role::kRead}});
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, bearer));
  std::filesystem::permissions(folder_.tokens().path(), std::filesystem::perms(0644));
  EXPECT_EQ(Verdict::kUnknownCaller, Ask(&control, bearer));
  EXPECT_THAT(warned_, HasSubstr("chmod 600"));
  std::filesystem::permissions(folder_.tokens().path(), std::filesystem::perms(0600));
  EXPECT_EQ(Verdict::kAllowed, Ask(&control, bearer));
  std::ofstream(folder_.tokens().path(), std::ios::app) << "{\"id\":\"x\",\"roles\":[\"root\"]}\n";
  EXPECT_EQ(Verdict::kUnknownCaller, Ask(&control, bearer));
  EXPECT_THAT(warned_, HasSubstr("unknown role"));
}

TEST_F(AccessControlTest, NobodyDeliversAsAnotherHost) {
  const std::vector<std::string> certificate = {"web-1", "web-1.example.org"};
  const auto caller = [](std::vector<Role> roles, std::string host, std::optional<std::vector<std::string>> names) {
    Caller caller;
    caller.roles = std::move(roles);
    caller.token_host = std::move(host);
    caller.certificate = std::move(names);
    return caller;
  };
  Caller everybody;
  everybody.everybody = true;
  struct Row {
    const char* story;
    Caller caller;
    std::string host;
    bool replayed, may;
  };
  const Row rows[] = {
      {"everything is open", everybody, "web-1", false, true},
      {"a token for any host", caller({Role::kIngest}, "", {}), "web-1", false, true},
      {"its own host", caller({Role::kIngest}, "web-1", {}), "web-1", false, true},
      {"another host", caller({Role::kIngest}, "web-1", {}), "web-2", false, false},
      {"another host, as an import", caller({Role::kIngest}, "web-1", {}), "web-2", true, false},
      {"a host that begins like it", caller({Role::kIngest}, "web-1", {}), "web-11", false, false},
      {"a certificate's name", caller({Role::kIngest}, "", certificate), "web-1.example.org", false, true},
      {"no name of the certificate", caller({Role::kIngest}, "", certificate), "web-2", false, false},
      {"a certificate without names", caller({Role::kIngest}, "", std::vector<std::string>()), "web-1", false, false},
      {"certificate and token agree", caller({Role::kIngest}, "web-1", certificate), "web-1", false, true},
      {"they do not", caller({Role::kIngest}, "web-2", certificate), "web-2", false, false},
      {"an import", caller({Role::kImport}, "", {}), "lab-7", true, true},
      {"an importer as a collector", caller({Role::kImport}, "", {}), "web-1", false, false},
      {"an administrator as a collector", caller({Role::kAdmin}, "", {}), "web-1", false, false},
      {"a reader", caller({Role::kRead}, "", {}), "web-1", true, false},
  };
  for (const Row& row : rows)
    EXPECT_EQ(row.may, MayDeliverAs(row.caller, row.host, row.replayed).has_value()) << row.story;
}

}  // namespace
}  // namespace wakewatch
