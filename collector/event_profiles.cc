#include "collector/event_profiles.h"

#include <algorithm>
#include <set>

#include "collector/file_io.h"

namespace wakewatch {
namespace {

const std::vector<std::string>& SchedEvents() {
  static const std::vector<std::string> events = {
      "sched/sched_switch",       "sched/sched_waking",       "sched/sched_wakeup",
      "sched/sched_wakeup_new",   "sched/sched_migrate_task", "sched/sched_process_fork",
      "sched/sched_process_exec", "sched/sched_process_exit", "sched/sched_process_free",
      "sched/sched_pi_setprio",   "sched/sched_kthread_stop", "sched/sched_kthread_stop_ret",
  };
  return events;
}

EventProfile Standard() {
  static const std::vector<std::string> further = {
      "sched/sched_kthread_work_queue_work",
      "sched/sched_kthread_work_execute_start",
      "sched/sched_kthread_work_execute_end",
      "sched/sched_wake_idle_without_ipi",
      "irq/irq_handler_entry",
      "irq/irq_handler_exit",
      "irq/softirq_raise",
      "irq/softirq_entry",
      "irq/softirq_exit",
      "irq/tasklet_entry",
      "irq/tasklet_exit",
      "workqueue/workqueue_queue_work",
      "workqueue/workqueue_activate_work",
      "workqueue/workqueue_execute_start",
      "workqueue/workqueue_execute_end",
      "timer/timer_start",
      "timer/timer_cancel",
      "timer/timer_expire_entry",
      "timer/timer_expire_exit",
      "timer/hrtimer_start",
      "timer/hrtimer_cancel",
      "timer/hrtimer_expire_entry",
      "timer/hrtimer_expire_exit",
      "ipi/ipi_send_cpu",
      "csd/csd_queue_cpu",
      "csd/csd_function_entry",
      "cpuhp",
  };
  EventProfile profile{"standard", "wakeups, work, softirqs, tasklets, kthread workers, timers and wakeup interrupts",
                       SchedEvents()};
  profile.events.insert(profile.events.end(), further.begin(), further.end());
  return profile;
}

EventProfile Light() {
  EventProfile profile{"light", "wakeups and work only: the least that tells which kernel thread waited for what",
                       SchedEvents()};
  profile.events.push_back("workqueue");
  return profile;
}

EventProfile Full() {
  return {"full",
          "every event of the scheduler, interrupts, work queues, timers, IPIs and CPU hotplug",
          {"sched", "irq", "workqueue", "timer", "ipi", "csd", "cpuhp"}};
}

}  // namespace

std::vector<EventProfile> EventProfiles() { return {Standard(), Light(), Full()}; }

Result<EventProfile> FindEventProfile(const std::string& name) {
  std::string known;
  for (EventProfile& profile : EventProfiles()) {
    if (profile.name == name) return std::move(profile);
    known += (known.empty() ? "" : ", ") + profile.name;
  }
  return Fail(
      Error{ErrorCode::kInvalidArgument, "there is no event profile \"" + name + "\"", {}, {}, "use one of: " + known});
}

bool SmallerProfile(const std::string& a, const std::string& b) {
  const auto size = [](const std::string& name) { return name == "light" ? 0 : name == "standard" ? 1 : 2; };
  return size(a) < size(b);
}

Result<EventSelection> SelectEvents(const std::string& events_folder, const std::vector<std::string>& wanted) {
  if (!IsFolder(events_folder)) {
    return Fail(Error{ErrorCode::kNotFound,
                      "there is no such folder",
                      events_folder,
                      {},
                      "the kernel needs CONFIG_EVENT_TRACING (CONFIG_FTRACE)"});
  }
  EventSelection selection;
  std::set<std::string> seen;
  const auto take = [&](const std::string& event) {
    if (seen.insert(event).second) selection.present.push_back(event);
  };
  for (std::string event : wanted) {
    std::replace(event.begin(), event.end(), ':', '/');
    const size_t slash = event.find('/');
    const std::string path = events_folder + "/" + event;
    // Names come from the command line: a ".." would lead outside the instance.
    if (event.empty() || event.find("..") != std::string::npos || !IsFolder(path)) {
      selection.missing.push_back(event);
    } else if (slash != std::string::npos) {
      FileExists(path + "/format") ? take(event) : selection.missing.push_back(event);
    } else {
      auto names = ListFolder(path);
      if (!names) return Fail(names.error());
      for (const std::string& name : *names) {
        if (FileExists(path + "/" + name + "/format")) take(event + "/" + name);
      }
    }
  }
  return selection;
}

}  // namespace wakewatch
