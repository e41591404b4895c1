"""Why: what every test of the built command needs: a folder of its own, a way to run it, and what a refusal looks like.

Needs WAKEWATCH (the program) and WAKEWATCH_TRACES (a folder with tiny_lost-174-A.dat) in the environment.
"""
import os
import shutil
import subprocess
import tempfile
import unittest

WAKEWATCH = os.environ.get("WAKEWATCH", "wakewatch")
TRACE = os.path.join(os.environ.get("WAKEWATCH_TRACES", ""), "tiny_lost-174-A.dat")
LOST = 6512
FINE, ERROR, USAGE, GAPS, FINDINGS, INTERRUPTED = 0, 1, 2, 3, 4, 130
PATIENCE_S = 60


class Command(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="wakewatch-e2e-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        return path

    def run_it(self, *arguments, expect=None, **more):
        done = subprocess.run([WAKEWATCH, *arguments], capture_output=True, timeout=PATIENCE_S, cwd=self.folder, **more)
        self.assertGreaterEqual(done.returncode, 0, "died by a signal: %s" % done.stderr)
        if expect is not None:
            self.assertEqual(expect, done.returncode, "%s\n%s" % (arguments, done.stderr.decode(errors="replace")))
        return done

    def refused(self, *arguments, code=ERROR, says=()):
        """Fails with `code`: nothing on standard output, one line on standard error that names what it is about."""
        done = self.run_it(*arguments, expect=code)
        self.assertEqual(b"", done.stdout)
        text = done.stderr.decode()
        self.assertTrue(text.startswith("wakewatch: error: "), text)
        self.assertEqual(1, text.count("\n"), text)
        for word in says:
            self.assertIn(word, text)
        return text

    def trace(self):
        if not os.path.exists(TRACE):
            self.skipTest("no %s" % TRACE)
        return TRACE

    def trace_bytes(self):
        with open(self.trace(), "rb") as file:
            return file.read()

    def need_recording(self):
        """Skips the test where this machine cannot be recorded."""
        if os.geteuid() != 0:
            self.skipTest("recording needs root")
        if self.run_it("doctor").returncode != FINE:
            self.skipTest("this machine cannot be recorded (see wakewatch doctor)")

    def recording(self):
        path = self.path("rec.db")
        self.run_it("import", self.trace(), "-o", path, expect=GAPS)
        return path


def main():
    """Runs the classes named on the command line; 77 when every test was skipped."""
    program = unittest.main(exit=False)
    result = program.result
    if not result.wasSuccessful():
        return 1
    return 77 if result.testsRun > 0 and len(result.skipped) == result.testsRun else 0
