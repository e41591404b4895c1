#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/wire/address.h"
#include "proto/wire/client_channel.h"

namespace wakewatch {
namespace {

// With whom it speaks plaintext is on this machine, and answers at once or not at all.
constexpr timeval kPatience{2, 0}, kPatienceHere{0, 200'000};

// Who writes to a peer that is gone gets a SIGPIPE, which ends programs that do not ignore it.
class WithoutBrokenPipe {
 public:
  WithoutBrokenPipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutBrokenPipe() {
    constexpr timespec kAtOnce{};
    while (!was_pending_ && sigtimedwait(&pipe_, nullptr, &kAtOnce) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutBrokenPipe(const WithoutBrokenPipe&) = delete;
  WithoutBrokenPipe& operator=(const WithoutBrokenPipe&) = delete;

 private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Handshake = std::unique_ptr<SSL, Deleter<SSL_free>>;

using Buffer = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

// What the connection was made with, PEM; empty: nothing was named.
struct Papers {
  std::string authority, certificate, key;
};

// Nothing where a file cannot be read: then nothing can be said of either side's certificate.
std::optional<Papers> ReadPapers(const ServerAccess& access) {
  Papers papers;
  const std::pair<const std::string&, std::string*> files[] = {
      {access.tls_ca, &papers.authority}, {access.tls_certificate, &papers.certificate}, {access.tls_key, &papers.key}};
  for (const auto& [path, text] : files) {
    if (path.empty()) continue;
    auto read = ReadAccessFile(path, access);
    if (!read) return std::nullopt;
    *text = *std::move(read);
  }
  return papers;
}

Buffer BufferOf(const std::string& text) { return Buffer(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::vector<Certificate> CertificatesIn(const std::string& pem) {
  const Buffer buffer = BufferOf(pem);
  std::vector<Certificate> certificates;
  while (Certificate certificate{PEM_read_bio_X509(buffer.get(), nullptr, nullptr, nullptr)}) {
    certificates.push_back(std::move(certificate));
  }
  return certificates;
}

// A connected socket; -1: nobody listens there, or it cannot be found.
int Connect(const HostPort& address, const timeval& patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &list) != 0) return -1;
  int fd = -1;
  for (const addrinfo* at = list; at != nullptr && fd < 0; at = at->ai_next) {
    fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
    if (fd < 0) continue;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);  // also of connect()
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0) break;
    close(fd);
    fd = -1;
  }
  freeaddrinfo(list);
  return fd;
}

void ShowWhoWeAre(const Papers& papers, SSL_CTX* context) {
  std::vector<Certificate> chain = CertificatesIn(papers.certificate);
  for (size_t i = 0; i < chain.size(); ++i) {
    if (i == 0) {
      SSL_CTX_use_certificate(context, chain[i].get());
    } else if (SSL_CTX_add_extra_chain_cert(context, chain[i].get()) == 1) {
      (void)chain[i].release();  // it is the context's
    }
  }
  const auto no_password = [](char*, int, int, void*) { return 0; };
  const Key key(PEM_read_bio_PrivateKey(BufferOf(papers.key).get(), nullptr, no_password, nullptr));
  if (key != nullptr) SSL_CTX_use_PrivateKey(context, key.get());
}

Context MakeContext(const Papers& papers, bool verify) {
  Context context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr || !verify) return context;
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (papers.authority.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    X509_STORE* const store = SSL_CTX_get_cert_store(context.get());
    for (const Certificate& certificate : CertificatesIn(papers.authority))
      X509_STORE_add_cert(store, certificate.get());
  }
  if (!papers.certificate.empty()) ShowWhoWeAre(papers, context.get());
  return context;
}

std::string ExplainVerification(long result, const HostPort& address, const ServerAccess& access) {
  const std::string authority = access.tls_ca.empty() ? "the authorities of this system" : access.tls_ca;
  switch (result) {
    case X509_V_OK: return {};
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the server's certificate has expired (give the server another one; wakewatch cert server --force makes "
             "it)";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the server's certificate is not valid yet (is the clock of this machine right?)";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the server's certificate is not for " + address.host +
             " (call the server by a name that it is for, or make one with wakewatch cert server --name or --ip)";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "the server's certificate is not from " + authority +
             " (name the certificate of the server's authority with --tls-ca)";
    default: return std::string("the server's certificate is no good: ") + X509_verify_cert_error_string(result);
  }
}

// What our own certificate lacks, as the server's alert tells.
std::string ExplainAlert(int reason) {
  switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return "the server asks for a certificate of this client (give --tls-cert and --tls-key; wakewatch cert client "
             "makes them)";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "the certificate of this client has expired (wakewatch cert client --force makes another)";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
      return "the server does not know the authority of this client's certificate (make one with the authority that "
             "the "
             "server was given as --tls-client-ca)";
    default: return {};
  }
}

NoConnection Try(int fd, const HostPort& address, const ServerAccess& access, const Papers& papers) {
  const bool tls = UsesTls(address.host + ":" + address.port, access);
  const Context context = MakeContext(papers, tls);
  const Handshake handshake(context == nullptr ? nullptr : SSL_new(context.get()));
  if (handshake == nullptr || SSL_set_fd(handshake.get(), fd) != 1) return {};
  static constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL_set_alpn_protos(handshake.get(), kHttp2, sizeof kHttp2);
  SSL_set_tlsext_host_name(handshake.get(), address.host.c_str());
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(handshake.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, address.host.c_str()) != 1) {
    X509_VERIFY_PARAM_set1_host(wanted, address.host.c_str(), 0);
  }
  // gRPC's servers close without the alert that says why, so it is noted whether one asked who we are.
  bool asked = false;
  SSL_set_cert_cb(
      handshake.get(),
      [](SSL*, void* noted) {
        *static_cast<bool*>(noted) = true;
        return 1;
      },
      &asked);
  ERR_clear_error();
  const bool connected = SSL_connect(handshake.get()) == 1;
  if (!tls) {
    if (!connected) return {};
    return {"the server speaks TLS, and plaintext was sent (name its authority with --tls-ca)", true};
  }
  if (const long result = SSL_get_verify_result(handshake.get()); result != X509_V_OK) {
    return {ExplainVerification(result, address, access), true};
  }
  char byte = 0;
  // By TLS 1.3 the server looks at our certificate only after we are done.
  if (connected && SSL_read(handshake.get(), &byte, 1) == 1) return {};
  const unsigned long error = ERR_peek_last_error();
  const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  if (reason == SSL_R_WRONG_VERSION_NUMBER) {
    return {
        "the server there speaks no TLS (start it with --tls-cert and --tls-key, or leave out --tls-ca on its own "
        "machine)",
        true};
  }
  if (std::string text = ExplainAlert(reason); !text.empty()) return {std::move(text), true};
  if (!asked) return {};
  return {ExplainAlert(access.tls_certificate.empty() ? SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED
                                                      : SSL_R_TLSV1_ALERT_UNKNOWN_CA),
          false};
}

}  // namespace

NoConnection ExplainNoConnection(const std::string& server, const ServerAccess& access) {
  const auto address = ParseAddress(server);
  if (!address) return {};
  const auto papers = ReadPapers(access);
  if (!papers) return {};
  const WithoutBrokenPipe quiet;
  const int fd = Connect(*address, UsesTls(server, access) ? kPatience : kPatienceHere);
  if (fd < 0) return {};
  NoConnection found = Try(fd, *address, access, *papers);
  ERR_clear_error();
  close(fd);
  return found;
}

}  // namespace wakewatch
