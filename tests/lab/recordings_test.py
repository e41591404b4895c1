#!/usr/bin/env python3
"""Why: of recorded lost wakeups, those that the events decide are found and those of healthy threads are not made up.

Six recordings of the laboratory's guests are in the tree. The many of a larger lab are not: they are $WAKEWATCH_LAB, or
../shared/lab beside it; skipped without.
"""
import os
import sys
import unittest

import build_guest
import score
import truth

BUNDLED = os.path.join(build_guest.ROOT, "tests", "data", "lab")
LAB = os.environ.get("WAKEWATCH_LAB", os.path.join(build_guest.ROOT, "..", "shared", "lab"))
TRACES = os.path.join(LAB, "traces")


class BundledRecordings(unittest.TestCase):
    """Of kernels 6.1 and 6.12, with probes, no event lost: each loss is decided, so each has to be found."""

    @classmethod
    def setUpClass(cls):
        cls.score = score.score_folder(BUNDLED, lambda text: print(text, file=sys.stderr))
        print(cls.score.table(), file=sys.stderr)

    def test_every_loss_is_found_and_named(self):
        causes = {cause: row for (cause, _), row in self.score.causes.items()}
        for cause in ("check_before_set_state", "check_before_add_wait_queue", "init_completion_with_waiter",
                      "reinit_completion_after_complete", "complete_all_not_reinit",
                      "kthread_should_stop_before_set_state"):
            row = causes[cause]
            self.assertGreater(row.n, 1, cause)
            self.assertEqual((row.n, row.n), (row.named, row.strong), cause)

    def test_nothing_else_is_said(self):
        self.assertEqual(0, self.score.of(self.score.false))


class Recordings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.isdir(TRACES):
            raise unittest.SkipTest("no lab at %s; set WAKEWATCH_LAB" % TRACES)
        cls.score = score.score_folder(TRACES, lambda text: print(text, file=sys.stderr))
        print(cls.score.table(), file=sys.stderr)

    def share(self, by, least_n):
        """The class of incidents that `by` decides; enough of them, or their share would say little."""
        row = self.score.deciders[by]
        self.assertGreaterEqual(row.n, least_n)
        return row

    def test_a_lost_stop_is_proven(self):
        row = self.share(truth.STOP, 8)
        self.assertEqual(row.n, row.proven)

    def test_what_probes_decide_is_found_at_strong_or_better(self):
        row = self.share(truth.PROBED, 50)
        self.assertGreaterEqual(truth.share(row.strong, row.n), 0.95)

    def test_a_waiting_producer_shows_what_it_waits_for(self):
        row = self.share(truth.WAITED_FOR, 60)
        self.assertGreaterEqual(truth.share(row.found, row.n), 0.90)

    def test_what_is_said_is_so(self):
        self.assertGreaterEqual(self.score.precision(truth.STRONG), 0.98)
        self.assertGreaterEqual(self.score.precision(), 0.90)

    def test_nothing_is_made_up_where_nothing_was_lost(self):
        self.assertGreaterEqual(self.score.controls, 30)
        self.assertEqual(0, self.score.control_strong)
        self.assertEqual(0, self.score.gap_false)
        self.assertNotIn("kthread-stop", self.score.false_classes)


def main():
    result = unittest.main(exit=False).result
    if not result.wasSuccessful():
        return 1
    return build_guest.SKIPPED if result.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
