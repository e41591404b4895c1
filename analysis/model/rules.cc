#include "analysis/model/rules.h"

#include <array>

namespace wakewatch {
namespace {

constexpr std::array<RuleInfo, kRuleCount> kRules = {{
    {"waking-then-wakeup", "an accepted wake is delivered: sched_waking is followed by sched_wakeup (T1)",
     R"(try_to_wake_up() traces sched_waking only after the task's state has matched the wake mask: from then on the wake
is accepted. It then either finds the task still on a run queue (ttwu_runnable), or queues it itself, or hands it to
another CPU's wake list; each of these ways ends in ttwu_do_wakeup(), which traces sched_wakeup. The task's pi_lock and
its state TASK_WAKING keep a second wake out until then.

A break is a task that was switched in, or woken a second time, while an accepted wake was still without its
sched_wakeup. Either the wakeup's event is gone, or the kernel delivered a wake without tracing it.

What is none: a waking, then the switch-out of the task in S, then the wakeup (T5) is legal, since the waker waits until
the task is off its CPU. A task that wakes itself holds no lock, so another wake of it may fall between; both are then
traced, which is counted as an artefact. A task that was preempted between setting its state and schedule() may run
again while its wake is under way.

What to do: look at the two events of the finding, and at the CPU that the wake was for. If the same functions show it
again and again, the kernel lost the wake: the task's next wait for a CPU is then wrong in every figure.)",
     true, false},
    {"wakeup-then-run", "a woken task waits on its run queue until it is switched in (T2)",
     R"(sched_wakeup and sched_wakeup_new say that the task is TASK_RUNNING and on a run queue. What leaves that state is
__schedule() choosing the task: a sched_switch with it as next. Nothing can wake it again before, because
try_to_wake_up() refuses a task that is running already, without tracing anything.

A break is a second sched_waking of a task that was woken and has not run since. Either the switch to it and the switch
away from it are missing, or its state was changed while it waited on the queue.

What is none: the task may be moved between run queues as often as the balancer likes, and may wait for seconds behind
tasks of a higher class: that is late, not forbidden, and other checks measure it. A task that was preempted is another
matter: it may have set its state to sleep already, so a waking of it is legal. The rule is in the spirit of the kernel's
`stall` monitor, which bounds how long a runnable task is left alone, and of `sts`, which says that a switch happens only
inside a call of schedule().

What to do: see whether the CPU that the task was queued on lost events without saying so. If its other rules hold there,
the finding's two wakes are what to show to a kernel developer.)",
     true, false},
    {"sleep-until-woken", "who went to sleep is switched in only after it was woken (T3)",
     R"(A task that calls schedule() in another state than TASK_RUNNING is taken off its run queue by
deactivate_task(); the sched_switch prints that state as prev_state (S, D, I, P, T, t). Only a wake puts it back:
try_to_wake_up() queues it and traces sched_waking and sched_wakeup. So a switch to it without any wake since is
impossible.

A break means that the wake was not recorded, or that a task ran which was not runnable.

What is none: on kernels 5.18 to 6.15 a sleep that is cancelled by a pending signal prints S although the task stays on
the queue; it comes back without a wakeup. That is counted as an artefact. From 6.12 a sleeper may stay queued for a
while (delayed dequeue), but it is still woken before it runs. The threads migration/N start without a wakeup on a CPU
that comes online, an artefact too. A trace that is filtered by pid holds the switches of a task and not its wakes: where
wakes as a rule are not whole, nothing here is called a violation.

The kernel's `nrp` and `sssw` monitors guard the same ground: a task that sets its state to sleep and is switched out
comes back only by a wake.

What to do: check the tracer's filters, and whether sched_waking was recorded on all CPUs.)",
     true, false},
    {"wakeup-needs-waking", "sched_wakeup comes only after the sched_waking of the same wake",
     R"(Every sched_wakeup is traced by ttwu_do_wakeup(), and every way there leads through try_to_wake_up(), which has
traced sched_waking before, on the waker's CPU. So a wakeup without a waking since the task's last wakeup is impossible.

A break means that the waking's event is gone, that one wake was delivered twice, or that the two events are recorded in
the wrong order.

What is none: the waking is on the waker's CPU and the wakeup may be on the target's. If the clocks of two CPUs differ, a
wakeup can carry the earlier time; what is closer together than that difference, or than a microsecond, is counted as an
artefact. Kernels before 4.3 have no sched_waking; there, and before the first sched_waking of a trace, the rule is not
applied. A task that wakes itself may be woken by somebody else at the same moment, and is then woken twice.

A wait whose waking is missing has no known begin: no latency is measured for it. So a break costs a figure, and says
that others may be missing as well.

What to do: compare the number of sched_waking and sched_wakeup events of the trace. If one of them was switched on later
or filtered, that is the reason; else look at the task's events around the place.)",
     true, false},
    {"run-state", "a task runs on one CPU, from its switch-in to its switch-out",
     R"(__schedule() traces sched_switch with interrupts off and the run queue locked: prev leaves this CPU, next comes to
it. A task's p->on_cpu is set from the one to the other, and no other CPU can choose it meanwhile. So a task that is on a
CPU is not switched in again, a task that is on none is not switched out, and only a task that runs can exit.

A break is a task that would have been on two CPUs, or that left a CPU which it had not come to.

What is none: at the beginning of a recording, and after a gap, nothing is known of a task until its first event, so
nothing is held against it. Real kernels miss a sched_switch now and then without any mark in the buffer; the next event
of that CPU then carries another task than the one that was switched in, which is found by the rules switch-continuity
and acting-task. Contradictions that such a missing switch explains are counted as missing and are no violations; that is
why a violation is told only after every CPU has shown that it still ran whom it was believed to run.

The kernel's `nrp` and `sco` monitors, and `snroc`, watch for the same kind of contradiction from inside.

What to do: a violation here with whole CPUs is serious. Keep the recording.)",
     true, false},
    {"switch-continuity", "on one CPU, who is switched out is who was switched in last (T6)",
     R"(A CPU runs one task at a time. sched_switch names who leaves (prev) and who comes (next), so on each CPU the prev of
a switch is the next of the switch before.

A break means that at least one sched_switch is missing between the two. That happens on real kernels without any mark of
loss in the ring buffer, so it is never called a violation and never becomes a finding: the CPU is taken to run whom the
event names, and nothing that is known about the two tasks is believed until each of them is switched out again.

What else shows it: a trace that was recorded for some pids only has the switches to and from these pids, and none of the
others. Where more than one switch in a hundred is missing, the whole trace is taken to be filtered, and what other rules
say is counted as missing too. A thread that calls execve() and is not its group's leader takes over the leader's pid, so
the pids before and after differ; that is recognised by sched_process_exec, and if events come in front of that, counted.

What to do: one or two in a million events are usual. Many of them say that the tracer was filtered, or that events are
lost without being counted: do not trust figures of run time from that recording.)",
     false, false},
    {"acting-task", "every event is recorded by the task that runs on its CPU",
     R"(Each record carries common_pid, the pid of the task that was current when it was written; in an interrupt that is
the task which was interrupted. Current changes in context_switch(), directly after sched_switch was traced. So every
event between two switches carries the pid of the task that the first of them brought in, and sched_switch itself
carries the pid of prev.

A break means that a sched_switch is missing in front of the event. It is told as missing, never as a violation, and the
CPU is taken to run whom the event names. The rule finds a missing switch at the very next event, where switch-continuity
has to wait for the next switch.

Not all events are held to it. Between the tracing of sched_switch and the change of current the kernel still runs a few
callbacks (TLB flushes, performance counters, virtual CPUs that are put away) as the old task; their events, and timers
that they start, are not looked at.

What is none: a thread other than its group's leader that calls execve() takes over the leader's pid in de_thread(), some
time before sched_process_exec says so. An event of a pid whose task has died is counted as an artefact for that reason.

What to do: as for switch-continuity. A break with every event of one pid points to a namespace or filter problem.)",
     false, false},
    {"exit-then-dead", "a task exits once, is then switched out dead, and nothing is heard of it again",
     R"(do_exit() traces sched_process_exit. The task then gives back what it holds, which may take many switches and sleeps;
at the end do_task_dead() sets TASK_DEAD and calls schedule(), and the sched_switch prints X or Z. Nothing matches a wake
mask any more, and no scheduler class chooses it.

A break is a second exit, a last switch-out without an exit of a task whose whole life is in the trace, or an event of a
kernel thread that has died.

What is none: pids are used again. A fork names the new owner; a thread of io_uring or vhost is made without a
sched_process_fork and shows by its sched_wakeup_new. When a thread that is not its group's leader calls execve(), it
takes over the pid of the leader, which died: for user tasks, events of a dead pid are therefore told as missing. On
kernels with PREEMPT_RT a dying task may wait for a lock and print Z while it does. A waker that was on its way when the
task set its last state is waited for (pi_lock), so its wakeup comes before the switch.

The check works only where sched_process_exit is recorded, and from its first event on.

What to do: if the pid belongs to a kernel thread, read its events from the fork on; a kernel thread that runs after its
death is memory corruption or a broken recording.)",
     true, false},
    {"fork-then-first-wakeup", "a new task is forked, woken once as new, and only then runs",
     R"(kernel_clone() makes the task in copy_process(), traces sched_process_fork and calls wake_up_new_task(), which traces
sched_wakeup_new. Until then the task is in state TASK_NEW: no wake mask matches it, it is on no run queue and cannot be
chosen. There is no sched_waking for this first wakeup.

A break is a new task that is woken by an ordinary wake or switched in without its first wakeup, or a sched_wakeup_new of
a task that lives already.

What is none: threads of io_uring (from 5.12) and of vhost (from 6.4) are made by create_io_thread() and
vhost_task_create(), which trace no fork. Their sched_wakeup_new is the first that is seen of them. On kernels from 5.12
a first wakeup without a fork is therefore an artefact; on older ones it says that the fork's event is missing. The idle
tasks of CPUs that come online are forked without either event. A pid that is used again after its owner died begins a
new life.

What to do: kernel threads get their purpose from whoever forked them. A kernel thread that appears without a fork cannot
be placed; its kind is then taken from its name alone.)",
     true, false},
    {"task-placement", "a task is woken, moved and switched in where it was last queued",
     R"(A task belongs to one run queue at a time, that of task_cpu(p). What changes it while the task lives is set_task_cpu(),
which traces sched_migrate_task in front of the change. So: a task is switched in on the CPU that it was last placed on; the
target_cpu of sched_waking is the CPU that it left; sched_wakeup names the CPU where it was queued, after any move;
orig_cpu of a migration is where it was; and a task that is on a CPU is not moved at all, since it has to be switched out
first.

A break means that a migration is missing, happened twice, or was not traced.

What is none: the first wakeup of a new task places it without a migration (wake_up_new_task() uses __set_task_cpu()), so
sched_wakeup_new is taken at its word. From 6.12 a sleeping task may be moved while its dequeue is delayed. A kernel that
runs with proxy execution (sched_proxy_exec) moves tasks which wait for a mutex without the event; do not use the rule
there. The migration is traced by the CPU that does it, which is often not the CPU concerned: events of two CPUs that are
closer together than their clocks are counted as an artefact.

What to do: the affinity and the CPU in a wait's explanation rest on these events. If the rule is broken often, do not
believe which CPU a task is said to have waited for.)",
     true, false},
    {"irq-nesting", "interrupt handlers are entered and left in pairs, and no switch happens inside",
     R"(__handle_irq_event_percpu() calls each handler of an interrupt between irq_handler_entry and irq_handler_exit, with
interrupts off since 2.6.35. An interrupt that is shared has several handlers, one after the other; the same interrupt is
never entered again while a handler of it runs. The scheduler does not run in hard interrupt context: what a handler
wakes is switched to after the interrupt's exit.

A break is an exit that has no entry, or another interrupt's; the entry of an interrupt whose handler has not returned;
or a switch while a handler is open.

What is none: handlers that are threads of their own (irq/N-name) run in task context and are not bracketed by these
events; only their short first half is. Old drivers that turn interrupts on inside a handler let another interrupt nest,
which is allowed here. Interrupts of the architecture (timer, IPI) have other events.

The rule needs both events; a trace with only one of them is not judged. It looks at one CPU at a time, so differences
between clocks do not matter, and a gap on that CPU makes it start anew.

What to do: a missing exit turns all time up to the next switch into time of the interrupt. If a handler really switched,
the kernel log has "scheduling while atomic".)",
     true, false},
    {"softirq-nesting", "softirq vectors are entered and left in pairs, one at a time, and no switch happens inside",
     R"(handle_softirqs() (once __do_softirq()) takes the pending mask of its CPU and calls the action of each vector between
softirq_entry and softirq_exit. Softirqs of one CPU do not nest: an interrupt that comes meanwhile raises vectors and
leaves them to the loop that runs. The preemption counter forbids a switch while an action runs, also in ksoftirqd.

A break is an exit that has no entry or is another vector's, an entry while another action runs, or a switch inside.

What is none: with PREEMPT_RT softirqs run in threads and can be preempted, so a switch inside is usual. Kernels whose
release says "rt" are not held to the rule; and where a switch carries the mark of a softirq in its own flags, the kernel
is taken to be such a one from then on, and the switch is counted as an artefact.

The events softirq_raise and softirq_entry are not paired here: raises coalesce, so several of them may stand before one
entry; another check measures that.

The rule needs both events and one CPU only; a gap there makes it start anew.

What to do: without its exit, all time up to the next switch counts as softirq time of the CPU. Look for lost events near
the place. A real break would be a softirq action that sleeps, for which the kernel log has "scheduling while atomic".)",
     true, false},
    {"timer-expiry", "timers expire between their entry and their exit, one at a time in each context",
     R"(call_timer_fn() calls a timer's function between timer_expire_entry and timer_expire_exit, in the timer softirq.
__run_hrtimer() does the same for a high-resolution timer with hrtimer_expire_entry and hrtimer_expire_exit: in the hard
interrupt of the clock event, or, for timers that asked for it, in the hrtimer softirq. Each context runs one function at a
time on a CPU, and no function may sleep.

A break is an exit without its entry or of another timer, an entry while a function of the same context runs, or a switch
inside.

What is none: a hard timer may expire on top of a soft one, and on top of an ordinary timer; they are told apart by the
flags of the event and are separate here. With PREEMPT_RT soft timers can be preempted, as all softirqs; there nothing is
said. A timer may be started again, or its memory be freed, by its own function: the pair is known by the address that the
kernel kept from before the call.

A recording that has the entries and not the exits (enough to see the scheduler's tick) is not judged.

What to do: as for the other brackets, a break without a gap says that the tracer lost an event of this CPU. How long a
function ran is then not known. If it recurs with one function, look at what that function does to the tracer.)",
     true, false},
    {"work-execution", "a worker executes one work item after the other, each from its start to its end",
     R"(process_one_work() calls a work item's function between workqueue_execute_start and workqueue_execute_end; for the
older kthread workers kthread_worker_fn() does so between sched_kthread_work_execute_start and _end. Both events carry the
item's address, kept from before the call since the function may free it. A worker is one thread and does not execute an
item inside another: who waits for a second item is served by another worker of the pool.

A break is an end without its start or of another item, or a start while an item of the same thread has not ended.

What is none: an item may be executed again at once, may move between CPUs between two executions, and a worker may sleep
and be moved in the middle of one; that is why the pair is kept by thread and never by CPU. Work of BH workqueues (from 6.9)
runs in softirq context on top of any task and is kept by CPU. Work that flushes others is executed without having been
queued visibly, which this rule does not look at.

The rule needs both events, and starts anew for a worker behind any gap, since the worker may have been anywhere.

What to do: an item without its end looks as if it ran for ever, and everything behind it in the worker seems to start
late for the wrong reason. Check the item's own wait against the finding's place.)",
     true, false},
    {"tasklet-run", "tasklets run one after the other, each from its entry to its exit",
     R"(tasklet_action_common() takes the CPU's list and calls each tasklet's function between tasklet_entry and tasklet_exit
(both from 6.5). It runs in the HI or the TASKLET softirq, which do not nest, and a tasklet may not sleep. So on one CPU
the events alternate, with the same tasklet in both, and no switch happens between them.

A break is an exit without its entry or of another tasklet, an entry while another tasklet runs, or a switch inside.

What is none: a tasklet that is disabled, or runs on another CPU at that moment, is put back and raised again without any
event; that is no break, because it was not entered. A tasklet may schedule itself again while it runs. With PREEMPT_RT
softirqs, and so tasklets, can be preempted; there nothing is said.

The rule needs both events, looks at one CPU at a time, and starts anew behind a gap of that CPU.

What to do: the time of a tasklet whose exit is missing is counted to whatever follows it. If the softirq rule holds at the
same place, the tasklet's event alone was lost. If both are broken, the CPU lost more than one event there, and the figures
of tasklets and softirqs around it are not to be used.)",
     true, false},
    {"wwnr", "a task is woken only while it does not run (known to be wrong: a control, never a finding)",
     R"(The kernel's runtime-verification monitor `wwnr` ("wakeup while not running") has two states for a task, running and
not running, and takes a wakeup of a running task for a violation. Its documentation says that the model is broken, and
keeps it as an example of a monitor that reacts.

It is broken because such a wakeup is legal and common. A task sets its state to sleep, checks its condition, and calls
schedule(); a waker that comes in between finds the task still on the CPU, sets its state back to running and traces
sched_waking and sched_wakeup. schedule() then finds nothing to do, or the task never calls it.

Here the rule is a negative control: it shows that the model follows tasks closely enough to see what is forbidden, and
how often something legal would be accused by a wrong rule. It is counted and never becomes a finding. A recording of some
load in which the rule was checked often and is never broken deserves a look: perhaps the wakeups of running tasks were
filtered out.

What to do: nothing. Use the share of broken checks as a measure of how often tasks are woken at the last moment, which is
the window in which a lost wakeup would strike.)",
     false, true},
}};

}  // namespace

std::string_view Name(RuleVerdict verdict) {
  switch (verdict) {
    case RuleVerdict::kViolation: return "violation";
    case RuleVerdict::kMissing: return "missing";
    case RuleVerdict::kArtefact: return "artefact";
    case RuleVerdict::kVoid: return "void";
  }
  return "void";
}

std::span<const RuleInfo> Rules() { return kRules; }

const RuleInfo& Info(Rule rule) { return kRules[static_cast<size_t>(rule)]; }

const RuleInfo* RuleNamed(std::string_view name) {
  for (const RuleInfo& rule : kRules) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

}  // namespace wakewatch
