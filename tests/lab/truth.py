"""Why: what a recording's ground truth says, what could decide each of its incidents, and which findings hit them.

Ground truth is JSON lines: "meta", "thread", "incident" and "step" records. Both the lab's guests and its bundled
recordings have it; the names of kinds and causes are the same.
"""
import collections
import json
import math

STRONG = ("strong", "proven")
LOST_WAKEUP = "lost-wakeup"
# A lost wakeup's finding starts where its victim went to sleep, or where a sleeper's wake went elsewhere.
CLOSE_NS = 5_000_000
CHECKS = {"lost_wakeup": {LOST_WAKEUP}, "premature_completion": {"premature-completion"},
          "softirq_delay": {LOST_WAKEUP, "softirq-delay", "tasklet-delay"}, "work_delay": {LOST_WAKEUP, "work-delay"}}
COMPLETION_WAITS = {"wait_for_completion", "wait_for_completion_timeout", "wait_for_completion_interruptible",
                    "wait_for_completion_killable"}
# What decides a cause: any one event of each group has to be among those recorded.
PROBES = {"check_before_set_state": [{"ttwu"}], "check_before_set_state_waitqueue": [{"ttwu"}],
          "check_before_add_wait_queue": [{"wake_up"}, {"add_wait_queue", "prepare_to_wait", "prepare_to_wait_event"}],
          "init_completion_with_waiter": [{"complete"}, COMPLETION_WAITS],
          "reinit_completion_after_complete": [{"complete"}, COMPLETION_WAITS],
          "complete_all_not_reinit": [{"complete_all"}, COMPLETION_WAITS]}
# The classes that a finding of a cause may have. Without probes a waiting producer shows that, not how.
CLASSES = {"check_before_set_state": {"check-before-sleep", "undecided"},
           "check_before_set_state_waitqueue": {"check-before-sleep", "undecided"},
           "check_before_add_wait_queue": {"wake-before-enqueue", "undecided"},
           "state_overwritten_after_wake": {"state-overwritten"},
           "waitqueue_active_no_barrier": {"waitqueue-active", "undecided"},
           "init_completion_with_waiter": {"completion-init-with-waiter"},
           "reinit_completion_after_complete": {"completion-reinit"}, "complete_all_not_reinit": {"completion-reinit"},
           "kthread_should_stop_before_set_state": {"kthread-stop"}, "exclusive_waiter_left": {"exclusive-consumed"},
           "wrong_state_mask": {"wrong-mask"}, "timer_cancelled": {"timer-cancelled"},
           "delayed_work_cancelled": {"timer-cancelled"}, "ksoftirqd_not_woken": {"softirq-stuck"},
           "pool_not_kicked": {"pool-stall", "dependency"}}
STUCK = "softirq-stuck"
STOP, PROBED, WAITED_FOR, MEASURED, OPEN = "stop", "probes", "waiting producer", "measured", "undecided"
VOID = "void (gap)"


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def decider(incident, meta, events):
    """What can decide this with the events that were recorded; MEASURED: it is a delay; OPEN: nothing surely."""
    cause = incident["cause"]
    if incident["kind"].endswith("_delay"):
        return MEASURED
    if cause == "kthread_should_stop_before_set_state":
        return STOP
    if cause not in PROBES or meta.get("silent"):
        return OPEN
    if all(group & events for group in PROBES[cause]):
        return PROBED
    waits = meta.get("waits", not meta.get("async"))
    return WAITED_FOR if cause.startswith("check_before") and waits else OPEN


def raised_ns(finding):
    """When the softirq of a softirq-stuck finding was raised: what it is about, in a sleep that goes on."""
    return next((e["ts_ns"] for e in finding["evidence"] if e["event"].startswith("softirq_raise ")), -1)


def loses(records):
    """Whether a recording's threads lose anything: a wakeup, a round, or ksoftirqd's wakeup."""
    return any(r["rec"] == "incident" and (r["kind"] in ("lost_wakeup", "premature_completion") or
                                           r.get("cause") == "ksoftirqd_not_woken") for r in records)


def unwritten(records, finding):
    """A loss that the truth shows without an incident: the run ended before its victim was back. Its thread had lost
    others, and went to sleep there although its condition was met (a "sleep" step of value 1)."""
    if finding["class"] == STUCK:  # a raise that was served too soon to be an incident
        return any(r["rec"] == "step" and r["what"] == "served" and abs(raised_ns(finding) - r["t"] + r["v"]) < CLOSE_NS
                   for r in records)
    loser = any(r["rec"] == "incident" and r.get("victim_pid") == finding["pid"] for r in records)
    return loser and any(r["rec"] == "step" and r["what"] == "sleep" and r["v"] == 1 and r["pid"] == finding["pid"] and
                         abs(r["t"] - finding["start_ns"]) < CLOSE_NS for r in records)


def in_gap(incident, gaps):
    """Events were lost between its first and its last time: nothing may be said of it."""
    times = [t for key, t in incident.items() if key.startswith("t_") and t]
    return any(gap["start_ns"] <= max(times) and gap["end_ns"] >= min(times) for gap in gaps)


def distance_ns(incident, finding):
    """How far a finding's start is from where the incident's should be; None: it is about something else."""
    if finding["check"] not in CHECKS.get(incident["kind"], ()):
        return None
    called = incident.get("t_wake_call", 0)
    if finding.get("class") == STUCK:
        distance = abs(raised_ns(finding) - called)
        return distance if distance < CLOSE_NS else None
    begin, end = incident.get("t_sleep") or called, max(incident.get("t_sleep", 0), called)
    lost = incident["kind"] in ("lost_wakeup", "premature_completion")
    if lost and finding["pid"] != incident["victim_pid"]:
        return None
    start = finding["start_ns"]
    distance = max(begin - start, start - end, 0)
    return distance if distance < CLOSE_NS else None


def matches(incidents, findings):
    """For each incident the index of the finding that hits it, or None; the nearest first, each finding once."""
    near = []
    for number, incident in enumerate(incidents):
        for index, finding in enumerate(findings):
            distance = distance_ns(incident, finding)
            if distance is not None:
                near.append((distance, number, index))
    hits, used = [None] * len(incidents), set()
    for _, number, index in sorted(near):
        if hits[number] is None and index not in used:
            hits[number] = index
            used.add(index)
    return hits


def interval(hits, n, z=1.96):
    """The 95 % Wilson interval of a share; (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    middle = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)


def share(hits, n):
    return 1.0 if n == 0 else hits / n


class Row:
    """One class of incidents."""

    def __init__(self):
        self.n = self.found = self.named = self.strong = self.proven = 0

    def add(self, finding, cause):
        self.n += 1
        self.named += finding is not None and finding["class"] in CLASSES.get(cause, ())
        self.found += finding is not None
        self.strong += finding is not None and finding["confidence"] in STRONG
        self.proven += finding is not None and finding["confidence"] == "proven"


class Score:
    """Sums over recordings. With `void_in_gaps`, an incident in which events were lost is in a class of its own."""

    def __init__(self, void_in_gaps=False):
        self.void_in_gaps = void_in_gaps
        self.causes = collections.defaultdict(Row)    # (cause, decider)
        self.deciders = collections.defaultdict(Row)
        self.false = collections.Counter()            # lost-wakeup findings that hit nothing, by confidence
        self.false_where = collections.Counter()
        self.hits = collections.Counter()             # those that hit, by confidence
        self.false_classes = collections.Counter()
        self.recordings = self.controls = self.events = 0  # controls: recordings in which nothing was lost
        self.control_strong = self.gap_false = self.unwritten = 0

    def add(self, name, truth, report):
        """One recording; what was not decided from its events is in the returned sentences."""
        trace = report["trace"]
        metas = [r for r in truth if r["rec"] == "meta"]
        meta = {key: any(m.get(key) for m in metas) for key in ("async", "silent")}
        if any("waits" in m for m in metas):
            meta["waits"] = all(m.get("waits") for m in metas)
        incidents = [r for r in truth if r["rec"] == "incident" and r["kind"] in CHECKS and
                     r.get("cause") != "unplanned"]
        findings = report["findings"]
        hits = matches(incidents, findings)
        events = set(trace["events_by_type"])
        missed = []
        for incident, hit in zip(incidents, hits):
            finding = None if hit is None else findings[hit]
            void = self.void_in_gaps and in_gap(incident, trace["gaps"])
            by = VOID if void else decider(incident, meta, events)
            self.causes[incident["cause"], by].add(finding, incident["cause"])
            if incident["kind"] == "lost_wakeup":
                self.deciders[by].add(finding, incident["cause"])
            if finding is None and by not in (OPEN, MEASURED, VOID):
                missed.append("%s: missed %s of %s at %d" % (name, incident["cause"], incident["victim_comm"],
                                                             incident.get("t_sleep", 0)))
        used = {hit for hit in hits if hit is not None}
        lost = loses(truth)
        self.recordings += 1
        self.controls += not lost
        self.events += trace["events"]
        for index, finding in enumerate(findings):
            if finding["check"] != LOST_WAKEUP:
                continue
            if index not in used and unwritten(truth, finding):
                self.unwritten += 1
            else:
                self._count(name, finding, index in used, lost, bool(trace["gaps"]), missed)
        return missed

    def _count(self, name, finding, hit, lost, gaps, said):
        confidence = finding["confidence"]
        if hit:
            self.hits[confidence] += 1
            return
        self.false[confidence] += 1
        self.false_where[name] += 1
        self.false_classes[finding["class"]] += 1
        self.gap_false += gaps
        self.control_strong += not lost and confidence in STRONG
        said.append("%s: false %s %s of %s (%d) at %d" % (name, confidence, finding["class"], finding["comm"],
                                                          finding["pid"], finding["start_ns"]))

    def of(self, counter, levels=None):
        return sum(n for level, n in counter.items() if levels is None or level in levels)

    def precision(self, levels=None):
        hits = self.of(self.hits, levels)
        return share(hits, hits + self.of(self.false, levels))

    def document(self):
        """For --json."""
        rows = [{"cause": cause, "decided_by": by, **vars(row), "found_interval": interval(row.found, row.n),
                 "strong_interval": interval(row.strong, row.n)} for (cause, by), row in sorted(self.causes.items())]
        return {"recordings": self.recordings, "controls": self.controls, "events": self.events, "classes": rows,
                "decided_by": {by: vars(row) for by, row in sorted(self.deciders.items())},
                "hits": dict(self.hits), "false": dict(self.false), "unwritten": self.unwritten,
                "false_in": dict(self.false_where), "false_classes": dict(self.false_classes),
                "false_strong_without_loss": self.control_strong, "false_with_gaps": self.gap_false,
                "precision": self.precision(), "precision_strong": self.precision(STRONG)}

    def table(self):
        heads = ("cause", "decided by", "n", "found", "", "95 %", "named", "strong", "95 %")
        lines = ["%-38s %-16s %5s %6s %7s %11s %6s %7s %11s" % heads]
        for (cause, by), row in sorted(self.causes.items()):
            lines.append("%-38s %-16s %5d %6d %6.1f%% %11s %6d %7d %11s" % (
                cause, by, row.n, row.found, 100 * share(row.found, row.n), "%.2f..%.2f" % interval(row.found, row.n),
                row.named, row.strong, "%.2f..%.2f" % interval(row.strong, row.n)))
        hits, false = self.of(self.hits), self.of(self.false)
        strong, false_strong = self.of(self.hits, STRONG), self.of(self.false, STRONG)
        lines.append("%d recordings, nothing lost in %d; %d events" % (self.recordings, self.controls, self.events))
        lines.append("lost-wakeup findings: %d right, %d false (right: %.2f..%.2f); %d of losses without incident" % (
            hits, false, *interval(hits, hits + false), self.unwritten))
        lines.append("strong or proven: %d right, %d false (right: %.2f..%.2f), %d of these where nothing was lost; "
                     "%d false with gaps" % (strong, false_strong, *interval(strong, strong + false_strong),
                                             self.control_strong, self.gap_false))
        return "\n".join(lines)


def reaches(hits, n, goal, by_chance):
    """Whether a share reaches a goal; `by_chance`: whether it may, as far as so few tries can tell."""
    return (interval(hits, n)[1] if by_chance else share(hits, n)) >= goal


def goals_missed(score, by_chance=False):
    """What the figures fall short of, a sentence each. What was not tried falls short of nothing."""
    stop, probed, waited = (score.deciders[by] for by in (STOP, PROBED, WAITED_FOR))
    right, strong = score.of(score.hits), score.of(score.hits, STRONG)
    said, said_strong = right + score.of(score.false), strong + score.of(score.false, STRONG)
    goals = [
        (stop.proven == stop.n, "lost kthread_stop: %d of %d proven; all have to be" % (stop.proven, stop.n)),
        (reaches(probed.strong, probed.n, 0.95, by_chance),
         "decided by probes: %d of %d at strong or better, below 95 %%" % (probed.strong, probed.n)),
        (reaches(waited.found, waited.n, 0.90, by_chance),
         "with a waiting producer: %d of %d found, below 90 %%" % (waited.found, waited.n)),
        (score.control_strong == 0, "%d strong or proven where nothing was lost" % score.control_strong),
        (reaches(strong, said_strong, 0.98, by_chance),
         "right at strong or better: %d of %d, below 98 %%" % (strong, said_strong)),
        (reaches(right, said, 0.90, by_chance), "right of all: %d of %d, below 90 %%" % (right, said)),
        (score.gap_false == 0, "%d false where events were lost" % score.gap_false)]
    return [words for met, words in goals if not met]
