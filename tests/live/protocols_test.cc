// Why: anybody who may read may have protocols checked. Whatever text they send, the server answers, stays within its
// limits, and goes on serving others.
#include <gtest/gtest.h>
#include <wakewatch/v1/protocol.grpc.pb.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "server/store/store_test_support.h"
#include "tests/live/served_test_support.h"

namespace wakewatch {
namespace {

using live_test::Eventually;
using live_test::kPatience;
using live_test::Patient;
using live_test::TestServer;
using store_test::Folder;

constexpr const char* kEndless = R"(
protocol endless "counts without end";
byte a max 200; byte b max 200; byte c max 200; byte d max 200;
task one { while (a < 200) { a = a + 1; b = 0; } }
task two { while (b < 200) { b = b + 1; c = 0; } }
task three { while (c < 200) { c = c + 1; d = 0; } }
task four { while (d < 200) { d = d + 1; a = 0; } }
)";

class ProtocolServiceTest : public testing::Test {
 protected:
  struct Answer {
    grpc::Status status;
    v1::CheckProtocolResponse response;
  };
  // Without a limit of its own it has the server's.
  Answer Check(const std::string& text, const std::string& name = "", uint32_t milliseconds_max = 0,
               grpc::ClientContext* of_caller = nullptr) {
    const auto stub = server_.Stub<v1::ProtocolService>();
    v1::CheckProtocolRequest request;
    request.set_text(text);
    request.set_name(name);
    request.set_milliseconds_max(milliseconds_max);
    grpc::ClientContext own;
    Answer answer;
    answer.status = stub->CheckProtocol(of_caller != nullptr ? of_caller : &own, request, &answer.response);
    return answer;
  }

  // What has no end goes on until somebody calls it off.
  static ServerLimits Limits() {
    ServerLimits limits = Patient();
    limits.check_states_max = UINT64_MAX;
    return limits;
  }

  Folder folder_;
  TestServer server_{folder_.File("data"), {}, Limits()};
};

std::string Repeated(const std::string& piece, size_t n) {
  std::string text;
  for (size_t i = 0; i < n; ++i) text += piece;
  return text;
}

TEST_F(ProtocolServiceTest, HostileTextsAreRefused) {
  struct Row {
    const char* story;
    std::string text;
  };
  const Row rows[] = {
      {"a million lines", "protocol long;\n" + Repeated("// x\n", 1'000'000)},
      {"many lines within the limit of bytes", "protocol long;\n" + Repeated(";\n", 100'000)},
      {"deep blocks", "protocol deep;\ntask a " + Repeated("{", 100'000)},
      {"deep expressions", "protocol deep;\nflag c;\ntask a { if (" + Repeated("(", 100'000) + "c) ; }"},
      {"deep negations", "protocol deep;\nflag c;\ntask a { c = " + Repeated("!", 100'000) + "c; }"},
      {"a long name", "protocol " + std::string(200'000, 'x') + ";\n"},
      {"no text, only bytes", std::string(1000, '\0')},
      {"an unclosed comment", "/* " + std::string(1000, 'x')},
      {"an inline that calls itself", "protocol loop;\ninline f() { f(); }\ntask a { f(); }\n"},
      {"inlines that double",
       [] {
         std::string text = "protocol grow;\nflag c;\ninline f0() { c = 1; c = 0; }\n";
         for (int i = 1; i < 30; ++i) {
           const std::string before = "f" + std::to_string(i - 1) + "();";
           text += "inline f" + std::to_string(i) + "() { " + before + before + " }\n";
         }
         return text + "task a { f29(); }\n";
       }()},
      {"a repeat of repeats", "protocol r;\nflag c;\ntask a { repeat (1000) repeat (1000) repeat (1000) c = 1; }\n"},
  };
  for (const Row& row : rows) {
    const auto begin = std::chrono::steady_clock::now();
    const Answer answer = Check(row.text, "hostile.wake");
    const bool refused = answer.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ||
                         answer.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
    EXPECT_TRUE(refused) << row.story << ": " << answer.status.error_code() << " " << answer.status.error_message();
    EXPECT_LT(answer.status.error_message().size(), 2000u) << row.story;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience) << row.story << " took for ever";
  }
  EXPECT_TRUE(Check("", "kthread_loop").status.ok());
}

TEST_F(ProtocolServiceTest, AStateExplosionEndsAtTheLimit) {
  const Answer answer = Check(kEndless, "", 300);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.response.verdict(), "unfinished");
  EXPECT_NE(answer.response.unfinished(), "");
}

TEST_F(ProtocolServiceTest, ARunThatIsLongIsNotTold) {
  // Millions of steps, then a loss.
  const Answer deep = Check(
      "protocol deep;\nbyte a max 200; byte b max 200; byte c max 200; flag never;\n"
      "task one { while (a < 200) { b = 0; while (b < 200) { c = 0; while (c < 200) { c = c + 1; } b = b + 1; } "
      "a = a + 1; } sleep (never); }\n");
  ASSERT_TRUE(deep.status.ok()) << deep.status.error_message();
  EXPECT_EQ(deep.response.verdict(), "unfinished");
  EXPECT_NE(deep.response.unfinished().find("steps"), std::string::npos) << deep.response.unfinished();
  // Few steps, each of thousands of accesses.
  const Answer wide = Check(
      "protocol wide;\nbyte a max 200; byte b max 200; flag never;\n"
      "task one { while (a < 200) { atomic { repeat (200) { b = 1; b = 0; } a = a + 1; } } sleep (never); }\n");
  const bool told = wide.status.ok() && wide.response.verdict() == "loses";
  const bool refused = wide.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
  EXPECT_TRUE(told || refused) << wide.status.error_message() << wide.response.unfinished();
}

TEST_F(ProtocolServiceTest, TenAtOnceAreAsManyAsTheServerTakesAndTheOthersAreTold) {
  std::atomic<int> begun = 0, refused = 0, other = 0;
  std::deque<grpc::ClientContext> contexts(10);
  std::vector<std::thread> clients;
  for (grpc::ClientContext& context : contexts) {
    clients.emplace_back([&] {
      const Answer answer = Check(kEndless, "", 0, &context);
      const bool full = answer.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
      ++(answer.status.error_code() == grpc::StatusCode::CANCELLED ? begun : full ? refused : other);
      EXPECT_TRUE(!full || answer.status.error_message().find("at once") != std::string::npos);
    });
  }
  EXPECT_TRUE(Eventually([&] { return refused == 8; }));
  for (grpc::ClientContext& context : contexts) context.TryCancel();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(begun, 2);
  EXPECT_EQ(refused, 8);
  EXPECT_EQ(other, 0);
  EXPECT_TRUE(Eventually([&] { return Check("", "kthread_loop").status.ok(); })) << "the places are free again";
}

TEST_F(ProtocolServiceTest, AClientThatLeavesFreesItsPlace) {
  const auto leave_early = [&] {
    grpc::ClientContext context;
    std::thread leave([&context] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      context.TryCancel();
    });
    const auto code = Check(kEndless, "", 0, &context).status.error_code();
    leave.join();
    return code;
  };
  // A search that was left notices at its next look; until then its place is taken.
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(Eventually([&] { return leave_early() == grpc::StatusCode::CANCELLED; })) << i;
  }
  EXPECT_TRUE(Eventually([&] { return Check("", "kthread_loop").status.ok(); }));
}

TEST_F(ProtocolServiceTest, ShippedOnesAreListedShownAndCheckedByName) {
  const auto stub = server_.Stub<v1::ProtocolService>();
  v1::ListProtocolsResponse list;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub->ListProtocols(&context, {}, &list).ok());
  }
  ASSERT_GT(list.protocols_size(), 0);
  const std::string name = list.protocols(0).name();
  v1::GetProtocolRequest get;
  get.set_name(name);
  v1::GetProtocolResponse got;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub->GetProtocol(&context, get, &got).ok());
  }
  EXPECT_EQ(got.protocol().title(), list.protocols(0).title());
  const Answer by_name = Check("", name), by_text = Check(got.text(), name);
  ASSERT_TRUE(by_name.status.ok()) << by_name.status.error_message();
  ASSERT_TRUE(by_text.status.ok()) << by_text.status.error_message();
  EXPECT_EQ(by_name.response.states(), by_text.response.states());
  EXPECT_EQ(by_name.response.verdict(), by_text.response.verdict());
  EXPECT_EQ(by_name.response.memory(), "tso");
  EXPECT_EQ(Check("", "no-such").status.error_code(), grpc::StatusCode::NOT_FOUND);
  get.set_name(std::string(100'000, 'x'));
  grpc::ClientContext context;
  const grpc::Status unknown = stub->GetProtocol(&context, get, &got);
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_LT(unknown.error_message().size(), 1000u);
}

}  // namespace
}  // namespace wakewatch
