// Why: what the collector can be told, on its command line and in its configuration file. One definition makes both,
// the help text and the man page. CLI11 stays behind this header.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "proto/wire/client_channel.h"

namespace wakewatch {

struct CollectorOptions {
  std::string server = "127.0.0.1:7400";
  ServerAccess access;
  std::string host;  // empty: this machine's name
  std::string profile = "standard";
  std::string evidence = "tracepoints";
  uint64_t probe_rate_max = 20'000;  // events a second of one probe; three times as many of all
  double probe_cpu_max = 10;         // percent of one CPU, for all probes
  uint64_t event_budget = 300'000;   // a second
  uint64_t queue_mib = 20;           // with it the process stays within 64 MiB
  std::string spool;                 // folder; empty: memory only
  uint64_t spool_mib = 2048;
  uint64_t buffer_kb = 8192;         // of a CPU, at most
  std::string tracefs;
  std::string metrics;   // "ADDRESS:PORT"; empty: none
  std::string user;      // that it becomes; empty: see FindUser
  bool no_drop = false;  // one process, which keeps its privileges
  std::string log_level = "info";
  bool once = false;
  uint64_t duration_ns = 10'000'000'000;  // of `once`
};

// Fills *options; what it holds before are the defaults. An exit code when there is nothing more to do: help, version
// and man page were written, or a complaint.
std::optional<int> ParseCollectorOptions(int argc, const char* const* argv, CollectorOptions* options);

}  // namespace wakewatch
