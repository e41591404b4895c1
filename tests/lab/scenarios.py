"""Why: what a guest is made to do: scenarios of the guestlab module, with names and spans that tell nothing.

Not here: `waitqueue_active()` without a barrier. Its loss needs two stores to pass each other, which tracing all but
rules out (once in 25,000 rounds), so no run can count on one. A worker pool that nobody kicks is here: its worker takes
itself out of the pool's account of sleepers, as a module can on an unmodified kernel.
"""
import collections

UNINTERRUPTIBLE, IDLE = 2, 1026
SOON = {"waits": 0, "late_min_ms": 150, "late_max_ms": 400}  # nobody waits; the next item comes soon
LOAD = "stress-ng --switch 2 --cpu 1 --pipe 1 --futex 1 --timeout 900"

# `arguments` go to the module; `seconds` is what a scenario takes at most.
Scenario = collections.namedtuple("Scenario", "name arguments load seconds")


def scenario(name, run, sleeper, waker, third="", load="", seconds=40, **more):
    arguments = {"scenario": run, "sleeper": sleeper, "waker": waker, "controller": waker + "_ctl", **more}
    if third:
        arguments["third"] = third
    return Scenario(name, arguments, load, seconds)


FULL = [
    # Checked before the state was set.
    scenario("mail-a", "check_first", "mail_sort", "mail_drop", rescue="hrtimer"),
    scenario("mail-b", "check_first", "mail_sort", "mail_drop", rescue="timeout", window_us=2000),
    scenario("mail-c", "check_first", "lane:0/rx", "lane:0/tx", "lane_view", rescue="thread", work_us=600),
    scenario("mail-d", "check_first", "mail_sort", "mail_drop", rescue="none", **SOON),
    scenario("hush-a", "check_first", "hush_take", "hush_give", silent=1, rescue="none", **SOON),
    # Woken before it was on the queue.
    scenario("belt-a", "enqueue_late", "belt_pick", "belt_lay", rescue="hrtimer"),
    scenario("belt-b", "enqueue_late", "belt_pick", "belt_lay", rescue="none", **SOON),
    # State set again behind the wake.
    scenario("nest-a", "nested", "inner_wait", "inner_post", rescue="hrtimer"),
    # Told to stop between its look and its sleep.
    scenario("shift-a", "stop", "shift-%u", "shift_boss", sleep_state=IDLE, rounds=14),
    scenario("shift-b", "stop", "shift-%u", "shift_boss", sleep_state=UNINTERRUPTIBLE, rounds=14),
    # Completions.
    scenario("form-a", "completion_init", "form_wait", "form_fill", rounds=20),
    scenario("form-b", "completion_reinit", "form_wait", "form_fill", rounds=20),
    scenario("form-c", "completion_all", "form_wait", "form_fill"),
    # Wait queues.
    scenario("door-a", "exclusive", "door_two", "door_bell", "door_one"),
    scenario("door-b", "mask", "door_two", "door_bell"),
    # Wakes that something else should have made later.
    scenario("tide-a", "timer", "tide_gauge", "tide_desk", rounds=8),
    scenario("tide-b", "delayed_work", "tide_gauge", "tide_desk", rounds=8),
    scenario("soft-a", "softirq", "soft_none", "soft_call", rounds=24),
    scenario("pool-a", "pool", "pool_none", "pool_call", "pool_queue"),
    # The same, done correctly.
    scenario("mail-e", "ordered", "mail_sort", "mail_drop"),
    scenario("mail-f", "ordered", "mail_sort", "mail_drop", rounds=20, **SOON),
    scenario("hush-b", "ordered", "hush_take", "hush_give", silent=1, rounds=20, **SOON),
    scenario("belt-c", "ordered_queue", "belt_pick", "belt_lay", rounds=20),
    scenario("belt-d", "ordered_queue", "belt_pick", "belt_lay", rounds=20, **SOON),
    scenario("shift-c", "stop", "shift-%u", "shift_boss", sleep_state=IDLE, right=1, rounds=14),
    scenario("form-d", "completion_init", "form_wait", "form_fill", right=1, rounds=20),
    scenario("form-e", "completion_all", "form_wait", "form_fill", right=1, rounds=20),
    scenario("door-c", "exclusive", "door_two", "door_bell", "door_one", right=1, rounds=20),
    scenario("door-d", "mask", "door_two", "door_bell", right=1, rounds=20),
    scenario("tide-c", "timer", "tide_gauge", "tide_desk", right=1),
    scenario("tide-d", "delayed_work", "tide_gauge", "tide_desk", right=1),
    scenario("soft-b", "softirq", "soft_none", "soft_call", right=1, rounds=24),
    scenario("pool-b", "pool", "pool_none", "pool_call", "pool_queue", right=1),
]
BY_NAME = {s.name: s for s in FULL}
SHORT = [BY_NAME[name] for name in ("mail-a", "belt-b", "shift-b", "mail-f")]
LOADED = [s._replace(name=s.name + "-loaded", load=LOAD, seconds=90) for s in (BY_NAME["mail-e"], BY_NAME["belt-d"])]
