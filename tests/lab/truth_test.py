#!/usr/bin/env python3
"""Why: a score that matches or counts wrongly makes a wrong rule look right."""
import sys
import unittest

import truth

LOSS = {"rec": "incident", "kind": "lost_wakeup", "cause": "check_before_set_state", "victim_pid": 7,
        "victim_comm": "taker", "t_wake_call": 999_000_000, "t_sleep": 1_000_000_000}


def finding(**more):
    return {"check": "lost-wakeup", "class": "undecided", "confidence": "strong", "pid": 7, "comm": "taker",
            "start_ns": 1_000_000_000, **more}


def report(findings, events=("sched_switch", "ttwu"), gaps=()):
    trace = {"events": 10, "events_by_type": dict.fromkeys(events, 1), "gaps": list(gaps)}
    return {"trace": trace, "findings": findings}


class Matching(unittest.TestCase):
    def test_what_hits_a_loss(self):
        for words, incident, found, hit in (
                ("where it went to sleep", {}, {}, True),
                ("just before", {}, {"start_ns": 995_100_000}, True),
                ("long before", {}, {"start_ns": 994_000_000}, False),
                ("long after", {}, {"start_ns": 1_005_000_001}, False),
                ("another thread", {}, {"pid": 8}, False),
                ("another check", {}, {"check": "work-delay"}, False),
                ("a wake that missed a sleeper, at the sleep", {"t_wake_call": 3_000_000_000}, {}, True),
                ("and at the wake", {"t_wake_call": 3_000_000_000}, {"start_ns": 3_000_000_000}, True),
                ("work has no victim that could be known", {"kind": "work_delay", "t_sleep": 0},
                 {"check": "work-delay", "pid": 9, "start_ns": 999_000_100}, True),
                ("a delay of another thing", {"kind": "softirq_delay", "t_sleep": 0}, {"check": "work-delay"}, False)):
            with self.subTest(words):
                hits = truth.matches([{**LOSS, **incident}], [finding(**found)])
                self.assertEqual([0] if hit else [None], hits)

    def test_the_nearest_of_two(self):
        far, near = finding(start_ns=1_004_000_000), finding(start_ns=1_000_100_000)
        self.assertEqual([1], truth.matches([LOSS], [far, near]))

    def test_one_finding_hits_one_loss_only(self):
        later = {**LOSS, "t_sleep": 1_000_500_000}
        self.assertEqual([0, None], truth.matches([LOSS, later], [finding()]))

    def test_what_could_decide_it(self):
        waits = {"wait_for_completion_timeout"}
        for words, cause, meta, events, expected in (
                ("the stop itself is seen", "kthread_should_stop_before_set_state", {}, {"sched_switch"}, truth.STOP),
                ("a probe sees the wake", "check_before_set_state", {"async": 1}, {"ttwu"}, truth.PROBED),
                ("who waits is seen", "check_before_set_state", {"async": 0}, {"sched_switch"}, truth.WAITED_FOR),
                ("who does not is not", "check_before_set_state", {"async": 1}, {"x"}, truth.OPEN),
                ("nor here", "check_before_set_state", {"waits": 0}, {"sched_switch"}, truth.OPEN),
                ("a silent taker is never sure", "check_before_set_state", {"silent": 1}, {"ttwu"}, truth.OPEN),
                ("a queue needs both ends", "check_before_add_wait_queue", {"async": 1}, {"wake_up"}, truth.OPEN),
                ("and has them", "check_before_add_wait_queue", {}, {"wake_up", "add_wait_queue"}, truth.PROBED),
                ("a completion needs its wait", "init_completion_with_waiter", {}, {"complete"}, truth.OPEN),
                ("of any kind", "init_completion_with_waiter", {}, {"complete"} | waits, truth.PROBED),
                ("nothing is sure", "timer_cancelled", {}, {"ttwu", "timer_cancel"}, truth.OPEN)):
            with self.subTest(words):
                self.assertEqual(expected, truth.decider({"kind": "lost_wakeup", "cause": cause}, meta, events))
        self.assertEqual(truth.MEASURED, truth.decider({"kind": "work_delay", "cause": "pool_not_kicked"}, {}, set()))


class Counting(unittest.TestCase):
    def score(self, truths, findings, **more):
        score = truth.Score()
        score.add("one", [{"rec": "meta", "waits": 1}, *truths], report(findings, **more))
        return score

    def test_a_hit(self):
        score = self.score([LOSS], [finding()])
        self.assertEqual([], truth.goals_missed(score))
        row = score.deciders[truth.PROBED]
        self.assertEqual((1, 1, 1, 1, 0), (row.n, row.found, row.named, row.strong, row.proven))
        self.assertEqual({"strong": 1}, score.hits)

    def test_a_hit_of_another_name(self):
        row = self.score([LOSS], [finding(**{"class": "wrong-mask"})]).deciders[truth.PROBED]
        self.assertEqual((1, 0), (row.found, row.named))

    def test_what_misses_a_goal(self):
        stop = {**LOSS, "cause": "kthread_should_stop_before_set_state"}
        weak = finding(confidence="suspicious")
        for words, truths, findings, more, expected in (
                ("a miss", [LOSS], [], {}, ["decided by probes"]),
                ("a suspicion where a probe decides", [LOSS], [weak], {}, ["decided by probes"]),
                ("a suspicion will do without", [LOSS], [weak], {"events": ["sched_switch"]}, []),
                ("a miss without probes", [LOSS], [], {"events": ["sched_switch"]}, ["with a waiting producer"]),
                ("a stop has to be proven", [stop], [finding()], {}, ["lost kthread_stop"]),
                ("and then is fine", [stop], [finding(confidence="proven")], {}, []),
                ("a false alarm where nothing was lost", [], [finding()], {},
                 ["1 strong or proven where", "right at strong or better: 0", "right of all"]),
                ("a false suspicion", [], [weak], {}, ["right of all"]),
                ("where events were lost", [], [weak], {"gaps": [{}]}, ["right of all", "1 false where events"])):
            with self.subTest(words):
                missed = truth.goals_missed(self.score(truths, findings, **more))
                self.assertEqual(len(expected), len(missed), missed)
                for front, sentence in zip(expected, missed):
                    self.assertTrue(sentence.startswith(front), sentence)

    def test_a_loss_that_the_end_of_a_run_cut_off(self):
        cut = {"rec": "step", "what": "sleep", "v": 1, "pid": 7, "t": 5_000_000_000}
        for words, step, false in (("it went to sleep with work to do", {}, 0), ("it had none", {"v": 0}, 1),
                                   ("elsewhere", {"t": 6_000_000_000}, 1), ("another thread", {"pid": 8}, 1)):
            with self.subTest(words):
                score = self.score([LOSS, {**cut, **step}], [finding(), finding(start_ns=5_000_000_000)])
                self.assertEqual((1 - false, false), (score.unwritten, sum(score.false.values())))
        score = self.score([cut], [finding(start_ns=5_000_000_000)])
        self.assertEqual(1, score.control_strong, "a thread that loses nothing is not excused")

    def test_a_few_tries_may_miss_one_by_chance(self):
        losses = [{**LOSS, "t_sleep": n * 10**9, "t_wake_call": n * 10**9} for n in range(1, 9)]
        for found_n, goal_missed, surely_missed in ((8, False, False), (7, True, False), (5, True, True)):
            score = self.score(losses, [finding(start_ns=loss["t_sleep"]) for loss in losses[:found_n]])
            self.assertEqual(goal_missed, bool(truth.goals_missed(score)), found_n)
            self.assertEqual(surely_missed, bool(truth.goals_missed(score, by_chance=True)), found_n)

    def test_a_loss_in_a_gap_can_be_set_apart(self):
        gap = {"start_ns": 999_500_000, "end_ns": 999_600_000}
        for void_in_gaps, by in ((True, truth.VOID), (False, truth.PROBED)):
            score = truth.Score(void_in_gaps)
            score.add("one", [{"rec": "meta"}, LOSS], report([], gaps=[gap]))
            self.assertEqual([by], list(score.deciders))
        self.assertFalse(truth.in_gap(LOSS, [{"start_ns": 1, "end_ns": 2}, {"start_ns": 2_000_000_000, "end_ns": 3e9}]))

    def test_intervals(self):
        for hits, n, low, high in ((0, 0, 0, 1), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (5, 10, 0.2366, 0.7634)):
            with self.subTest("%d of %d" % (hits, n)):
                found = truth.interval(hits, n)
                self.assertAlmostEqual(low, found[0], 3)
                self.assertAlmostEqual(high, found[1], 3)


class StuckSoftirqs(unittest.TestCase):
    """ksoftirqd sleeps through several of them: a finding is about the raise that is among its evidence."""

    FINDING = {"check": "lost-wakeup", "class": "softirq-stuck", "pid": 27, "start_ns": 1_000_000_000,
               "evidence": [{"ts_ns": 1_000_000_000, "event": "sched_switch prev_pid=27"},
                            {"ts_ns": 3_000_000_000, "event": "softirq_raise vec=6 [action=TASKLET]"}]}

    def test_the_raise_tells_which_incident_it_is(self):
        incident = {"kind": "softirq_delay", "cause": "ksoftirqd_not_woken", "victim_pid": 27, "rec": "incident"}
        self.assertIsNotNone(truth.distance_ns({**incident, "t_wake_call": 3_000_060_000}, self.FINDING))
        self.assertIsNone(truth.distance_ns({**incident, "t_wake_call": 1_000_000_000}, self.FINDING))
        self.assertTrue(truth.loses([incident]))

    def test_one_that_was_served_soon_has_no_incident(self):
        step = {"rec": "step", "what": "served", "t": 3_000_100_000, "v": 50_000, "pid": 730}
        self.assertTrue(truth.unwritten([step], self.FINDING))
        self.assertFalse(truth.unwritten([{**step, "t": 4_000_000_000}], self.FINDING))


if __name__ == "__main__":
    sys.exit(unittest.main())
