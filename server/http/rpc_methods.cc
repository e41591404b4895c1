#include "server/http/rpc_methods.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <vector>

namespace wakewatch {
namespace {

namespace pb = google::protobuf;

constexpr char kUrlPrefix[] = "type.googleapis.com";

std::string UrlOf(const pb::Descriptor* message) { return std::string(kUrlPrefix) + "/" + message->full_name(); }

std::string NameOf(const std::string& url) { return url.substr(url.find('/') + 1); }

}  // namespace

RpcMethods::RpcMethods(const std::string& package)
    : types_(pb::util::NewTypeResolverForDescriptorPool(kUrlPrefix, pb::DescriptorPool::generated_pool())) {
  // Looked up once and by file: the pool remembers each name that it was asked for in vain, so it must not be asked for
  // names that a request brings.
  std::vector<std::string> files;
  pb::DescriptorPool::internal_generated_database()->FindAllFileNames(&files);
  for (const std::string& name : files) {
    const pb::FileDescriptor* file = pb::DescriptorPool::generated_pool()->FindFileByName(name);
    if (file == nullptr || file->package() != package) continue;
    for (int s = 0; s < file->service_count(); ++s) {
      const pb::ServiceDescriptor* service = file->service(s);
      for (int m = 0; m < service->method_count(); ++m) {
        const pb::MethodDescriptor* method = service->method(m);
        RpcMethod entry{"/" + service->full_name() + "/" + method->name(), UrlOf(method->input_type()),
                        UrlOf(method->output_type()), method->client_streaming(), method->server_streaming()};
        methods_.emplace(entry.path, entry);
      }
    }
  }
}

RpcMethods::~RpcMethods() = default;

const RpcMethod* RpcMethods::Find(std::string_view path) const {
  const auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : &found->second;
}

Result<std::string> RpcMethods::FromJson(const RpcMethod& method, std::string_view request) const {
  std::string binary;
  const auto status = pb::util::JsonToBinaryString(types_.get(), method.input_url,
                                                   pb::StringPiece(request.data(), request.size()), &binary);
  if (status.ok()) return binary;
  return Fail(ErrorCode::kInvalidArgument, "the request is no " + NameOf(method.input_url) + " in JSON: " +
                                               std::string(status.message().data(), status.message().size()));
}

Result<std::string> RpcMethods::ToJson(const RpcMethod& method, const std::string& answer) const {
  std::string json;
  const auto status = pb::util::BinaryToJsonString(types_.get(), method.output_url, answer, &json);
  if (status.ok()) return json;
  return Fail(ErrorCode::kInternal, "the answer, a " + NameOf(method.output_url) + ", cannot be written as JSON: " +
                                        std::string(status.message().data(), status.message().size()));
}

}  // namespace wakewatch
