#!/usr/bin/env python3
"""Why: the dashboard in a browser on the real server, with a kernel's real events that stream in meanwhile.

Runs the tests marked `real` of web/tests/e2e. Needs also WAKEWATCH_FLEET (the fleet simulator), WAKEWATCH_WEB_BUILD
(where the dashboard was built), npm and Chromium; where one of the last three is missing, the test is skipped.
"""
import os
import shutil
import signal
import subprocess
import sys

from command import free_port, main
from serve_test import FLEET, Server, Serving

WEB = os.environ.get("WAKEWATCH_WEB_BUILD", "")
CHROMIUM = os.environ.get("WAKEWATCH_CHROMIUM", "/usr/bin/chromium")
BROWSER_S = 900  # which only a failure takes
STREAMED = ["--collectors", "1", "--events-per-second", "20000", "--seconds", str(BROWSER_S)]


def missing():
    """What this machine lacks, or None."""
    if shutil.which("npm") is None:
        return "npm is not installed"
    if not os.path.exists(CHROMIUM):
        return "%s is not there; install chromium or set WAKEWATCH_CHROMIUM" % CHROMIUM
    if not os.path.exists(os.path.join(WEB, "node_modules", "vitest", "vitest.mjs")):
        return "WAKEWATCH_WEB_BUILD=%s has no node_modules; build the target web" % WEB
    return None


class WebReal(Serving):
    def setUp(self):
        super().setUp()
        lacking = missing()
        if lacking is not None:
            print("web.real: SKIPPED: " + lacking, file=sys.stderr)
            self.skipTest(lacking)

    def stream_on(self, server):
        """A host sim-0 whose events keep coming, over a restart of the server too."""
        stream = subprocess.Popen([FLEET, "--server", server.grpc, "--recording", self.trace(), *STREAMED],
                                  stdout=subprocess.DEVNULL)
        self.addCleanup(stream.wait)
        self.addCleanup(lambda: stream.poll() is None and stream.kill())

    def total(self, **filters):
        return int(self.server.call("FindingService/ListFindings", {"limit": 1, **filters}).get("total", 0))

    def restart_on_signals(self):
        """The browser's tests stop the server with SIGUSR1 and start it again, on the same ports, with SIGUSR2."""
        def stop(*_):
            self.stopped_with.append(self.server.stop())

        def start(*_):
            self.server = Server(self, self.server.data, self.server.grpc, self.server.web.removeprefix("http://"))

        self.stopped_with = []
        for number, handler in ((signal.SIGUSR1, stop), (signal.SIGUSR2, start)):
            self.addCleanup(signal.signal, number, signal.signal(number, handler))

    def browse(self, tests, **environment):
        """Runs a file of the browser's tests against the server."""
        done = subprocess.run(["npm", "run", "--silent", "e2e", "--", "tests/e2e/" + tests, "--reporter=verbose"],
                              cwd=WEB, env={**os.environ, "WAKEWATCH_URL": self.server.web, "CI": "1", **environment},
                              timeout=BROWSER_S, check=False)
        self.assertEqual(0, done.returncode, "the browser's tests failed; the server said:\n" + self.server.text())

    def test_imports(self):
        self.server = Server(self, self.path("data"))
        self.browse("real_imports.test.ts", WAKEWATCH_TRACE=self.trace(), WAKEWATCH_DATA=self.server.data,
                    WAKEWATCH_PID=str(self.server.process.pid))
        hosts = {host["name"]: host["events"] for host in self.server.call("FleetService/ListHosts").get("hosts", [])}
        self.assertEqual(["again", "whole"], sorted(hosts), "what the browser imported, and nothing else")
        self.assertEqual(0, self.server.stop())

    def test_the_dashboard(self):
        self.server = Server(self, self.path("data"), *("127.0.0.1:%d" % free_port() for _ in range(2)))
        self.stream(self.server, "--host-prefix", "ended-")
        self.server.wait_until_ended("ended-0")
        self.stream_on(self.server)
        # Else the browser's tests would skip what they cannot see.
        kernel, every = self.total(host="ended-0", kernel_only=True), self.total(host="ended-0")
        self.assertGreater(kernel, 0)
        self.assertGreater(every, kernel)
        delays = {"recording": {"host": "ended-0"}, "groupBy": ["DELAY_KEY_KIND"]}
        self.assertGreater(int(self.server.call("AnalysisService/GetDelays", delays).get("waits", 0)), 0)
        self.server.wait_for_status("sim-0", "HOST_STATUS_STREAMING")

        self.restart_on_signals()
        self.browse("real.test.ts", WAKEWATCH_STOP="kill -USR1 %d" % os.getpid(),
                    WAKEWATCH_START="kill -USR2 %d" % os.getpid())
        self.assertEqual([0], self.stopped_with, "the server was not restarted exactly once, in order")
        self.server.wait_for_status("sim-0", "HOST_STATUS_STREAMING")


if __name__ == "__main__":
    sys.exit(main())
