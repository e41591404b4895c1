// Why: which RPCs there are and what their messages look like stands in the descriptors that protoc linked in; reading
// them from there is what makes a new RPC answer over HTTP without a line for it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "analysis/base/result.h"

namespace google::protobuf::util {
class TypeResolver;
}

namespace wakewatch {

struct RpcMethod {
  std::string path;  // "/wakewatch.v1.SqlService/Query"
  std::string input_url, output_url;
  bool client_streaming = false;
  bool server_streaming = false;
};

class RpcMethods {
 public:
  // Every method of every service of `package` that is linked in.
  explicit RpcMethods(const std::string& package);
  ~RpcMethods();

  const RpcMethod* Find(std::string_view path) const;
  // A message in protobuf's JSON mapping and back. A field that the message has not is an error, so that a filter with
  // a misspelt name does not select everything. Errors: kInvalidArgument.
  Result<std::string> FromJson(const RpcMethod& method, std::string_view request) const;
  // 64-bit numbers come out as strings, and fields with their default value are left out.
  Result<std::string> ToJson(const RpcMethod& method, const std::string& answer) const;

 private:
  std::map<std::string, RpcMethod, std::less<>> methods_;
  std::unique_ptr<google::protobuf::util::TypeResolver> types_;
};

}  // namespace wakewatch
