#!/usr/bin/env python3
"""Why: a soak that cannot fail finds nothing. Made-up processes, each a story, and what the bounds say of them."""
import sys
import unittest

from soak_bounds import GROWTH_MIB, Watched, lost_problems

MINUTES = 10


def saw(second):
    """A snapshot each minute: 20 MiB that come within 5 s and go within the minute."""
    return 20 * max(0, 1 - (second % 60) / 45)


def memory(mib_of):
    return lambda second: (mib_of(second), 23)


def descriptors(files_of):
    return lambda second: (80 + saw(second), files_of(second))


STORIES = [
    # (story, what second says (MiB, descriptors), a word of each problem)
    ("as it should be", memory(lambda second: 80 + saw(second)), []),
    ("noise", memory(lambda second: 80 + saw(second) + (second * 7919 % 13) / 4), []),
    ("it shrinks", memory(lambda second: 120 - second / 30), []),
    ("it grew before it was measured", memory(lambda second: 80 + min(0, second) / 2 + saw(second)), []),
    ("one step, no slope to speak of", memory(lambda second: 80 + (GROWTH_MIB / 2 if second > 300 else 0)), []),
    ("16 KiB a batch, two batches a second", memory(lambda second: 80 + saw(second) + second / 32), ["memory grows"]),
    ("a leak that the snapshots hide", memory(lambda second: 80 + 2 * saw(second) + second / 60), ["memory grows"]),
    ("a descriptor more for a reader", descriptors(lambda second: 23 + (second > 500)), []),
    ("descriptors that come and go", descriptors(lambda second: 23 + second % 20), []),
    ("a descriptor an acknowledgement", descriptors(lambda second: 23 + 2 * second), ["descriptors grew"]),
    ("a descriptor a minute", descriptors(lambda second: 23 + second // 60), ["descriptors grew"]),
    ("too short to tell", lambda second: None if second > 200 else (80, 23), ["needed"]),
]

ENDS = [
    # (story, other than all is well, gaps stored, a word of each problem)
    ("all is stored", {}, [], []),
    ("one is not acknowledged", {"acked": 999}, [], ["acknowledged"]),
    ("the queue was full", {"dropped": 25}, [(0, 25)], ["dropped", "gaps"]),
    ("the server refused some", {"refused": 25}, [], ["refused"]),
    ("some were never sent", {"left": 25}, [], ["left"]),
    ("a gap that nobody counted", {}, [(3, None)], ["gaps"]),
]


class SoakBounds(unittest.TestCase):
    def assert_problems(self, story, problems, words):
        self.assertEqual(len(words), len(problems), "%s: %s" % (story, problems))
        for problem, word in zip(problems, words):
            self.assertIn(word, problem, story)

    def test_processes(self):
        for story, says, words in STORIES:
            watched = Watched("server")
            for second in range(-90, MINUTES * 60):
                said = says(second)
                if said is not None:
                    watched.add(second, *said)
            self.assert_problems(story, list(watched.problems()), words)
            self.assertIn("server", watched.line())

    def test_ends(self):
        well = {"offered": 1000, "acked": 1000, "dropped": 0, "refused": 0, "left": 0}
        for story, other, gaps, words in ENDS:
            self.assert_problems(story, list(lost_problems({**well, **other}, gaps)), words)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
