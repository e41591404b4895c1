"""Why: what every test of the built command needs: a folder of its own, a way to run it, and what a refusal looks like.

Needs WAKEWATCH (the program) and WAKEWATCH_TRACES (a folder with tiny_lost-174-A.dat) in the environment.
"""
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

WAKEWATCH = os.environ.get("WAKEWATCH", "wakewatch")
TRACE = os.path.join(os.environ.get("WAKEWATCH_TRACES", ""), "tiny_lost-174-A.dat")
LOST = 6512
FINE, ERROR, USAGE, GAPS, FINDINGS, INTERRUPTED = 0, 1, 2, 3, 4, 130
PATIENCE_S = 300  # which only a failure takes

held_ports = []


def free_port():
    """A port of 127.0.0.1 that nobody else is given until this process ends, whether a server listens on it or not."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # who listens may share it with who does not
    held.bind(("127.0.0.1", 0))
    held_ports.append(held)
    return held.getsockname()[1]


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

    def until(self, holds, say=lambda: None):
        """Waits until it is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            self.assertLess(time.monotonic(), deadline, say())
            time.sleep(0.05)

    def until_it_works(self, process, number):
        """Waits until the process has a handler of its own for a signal, and has worked for a while."""
        def works():
            with open("/proc/%d/status" % process.pid, encoding="utf-8") as file:
                caught = next(int(line.split()[1], 16) for line in file if line.startswith("SigCgt:"))
            with open("/proc/%d/stat" % process.pid, encoding="utf-8") as file:
                ticks = sum(int(field) for field in file.read().rsplit(")", 1)[1].split()[11:13])
            return caught >> (number - 1) & 1 and ticks > 0.3 * os.sysconf("SC_CLK_TCK")
        self.until(works)

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
