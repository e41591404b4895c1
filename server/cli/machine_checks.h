// Why: what a recording needs of a machine, looked at one by one, so that "it does not work" becomes a sentence with a
// remedy. Source: Documentation/trace/ftrace.rst, /proc/mounts, /proc/sys/kernel.
#pragma once

#include <string>
#include <vector>

namespace wakewatch {

enum class Health {
  kOk,
  kWarn,  // recording works, with less: said what
  kFail,  // recording is impossible
};

struct MachineCheck {
  std::string name;  // stable, in JSON: "tracefs", "clock" …
  Health health = Health::kOk;
  std::string found;   // one line
  std::string remedy;  // empty when nothing is to be done
};

struct MachineQuestion {
  std::string tracefs;  // empty: found among the mounts
  std::string folder;   // where recordings go
};

// Looks and changes nothing, but for an instance of its own that is made and removed at once to see whether that is
// allowed.
std::vector<MachineCheck> CheckMachine(const MachineQuestion& question);

// The mount point of tracefs in text of the form of /proc/mounts; empty when there is none. A mount of its own is
// preferred to the one below debugfs.
std::string TracefsMount(const std::string& mounts);

}  // namespace wakewatch
