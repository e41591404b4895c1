#!/usr/bin/env python3
"""Why: of recorded lost wakeups, those that the events decide are found and those of healthy threads are not made up.

The lab's recordings are no part of this tree: they are $WAKEWATCH_LAB, or ../shared/lab beside it. Skipped without.
"""
import os
import sys
import unittest

import build_guest
import score
import truth

LAB = os.environ.get("WAKEWATCH_LAB", os.path.join(build_guest.ROOT, "..", "shared", "lab"))
TRACES = os.path.join(LAB, "traces")


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
