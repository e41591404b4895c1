#!/usr/bin/env python3
"""Why: the collector as it is started by people and by systemd: what it refuses, what it says, and what it leaves behind
when there is no server. Needs WAKEWATCH_COLLECTOR in the environment; recording needs root."""
import os
import signal
import socket
import subprocess
import sys
import urllib.request

from command import ERROR, FINE, PATIENCE_S, USAGE, Command, free_port, main

COLLECTOR = os.environ.get("WAKEWATCH_COLLECTOR", "wakewatch-collector")


class CollectorUsage(Command):
    def run_collector(self, *arguments):
        return subprocess.run([COLLECTOR, *arguments], capture_output=True, timeout=PATIENCE_S, cwd=self.folder)

    def test_help_has_an_example_and_every_default(self):
        done = self.run_collector("--help")
        self.assertEqual(FINE, done.returncode)
        for word in (b"Examples:", b"127.0.0.1:7400", b"standard", b"300000", b"--once"):
            self.assertIn(word, done.stdout)
        self.assertIn(b".SH EXIT STATUS", self.run_collector("--man").stdout)
        self.assertEqual(FINE, self.run_collector("--version").returncode)

    def test_what_makes_no_sense_is_refused_in_one_line(self):
        config = self.path("collector.toml", b'profile = "light"\nnonsense = 3\n')
        for arguments, word in (
                (("--server", "::1:7400"), "brackets"),
                (("--server", "localhost"), "HOST:PORT"),
                (("--metrics", "0.0.0.0:7401"), "plaintext"),
                (("--profile", "everything"), "standard"),
                (("--host", "a b"), "letters"),
                (("--duration", "5"), "unit"),
                (("--event-budget", "1"), "event-budget"),
                (("--queue-mib", "0"), "queue-mib"),
                (("--spool-mib", "15"), "spool-mib"),
                (("--bogus",), "--bogus"),
                (("--config", config), "nonsense"),
                (("--config", self.path("missing.toml")), "missing.toml")):
            with self.subTest(arguments=arguments):
                done = self.run_collector(*arguments)
                text = done.stderr.decode()
                self.assertEqual(USAGE, done.returncode, text)
                self.assertEqual(b"", done.stdout)
                self.assertTrue(text.startswith("wakewatch-collector: error: "), text)
                self.assertEqual(1, text.count("\n"), text)
                self.assertIn(word, text)

    def test_a_folder_that_is_no_tracefs(self):
        done = self.run_collector("--once", "--tracefs", self.folder)
        self.assertEqual(ERROR, done.returncode)
        self.assertIn(b"not a tracing folder", done.stderr)


class CollectorAlone(Command):
    """No server anywhere."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("recording needs root")
        with open("/proc/self/mounts", encoding="utf-8") as file:
            folders = [line.split()[1] for line in file if line.split()[2] == "tracefs"]
        if not folders:
            self.skipTest("no tracefs is mounted")
        self.instances = os.path.join(folders[0], "instances")

    def own_instances(self, pid):
        return [name for name in os.listdir(self.instances) if name.startswith("wakewatch-%d-" % pid)]

    def test_records_serves_metrics_and_ends_in_order_on_a_signal(self):
        metrics = "127.0.0.1:%d" % free_port()
        notify = self.path("notify")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(notify)
        listener.settimeout(PATIENCE_S)
        process = subprocess.Popen(
            [COLLECTOR, "--server", "127.0.0.1:%d" % free_port(), "--metrics", metrics],
            stderr=subprocess.PIPE, env={**os.environ, "NOTIFY_SOCKET": notify})
        try:
            self.assertEqual(b"READY=1", listener.recv(100))
            self.assertEqual(1, len(self.own_instances(process.pid)))
            with urllib.request.urlopen("http://%s/metrics" % metrics, timeout=PATIENCE_S) as answer:
                text = answer.read().decode()
            self.assertIn("wakewatch_collector_connected 0", text)
            self.assertIn('wakewatch_collector_profile{profile="standard"} 1', text)
        finally:
            process.send_signal(signal.SIGTERM)
            errors = process.communicate(timeout=PATIENCE_S)[1].decode()
        self.assertEqual(FINE, process.returncode, errors)
        self.assertIn("were not delivered", errors)
        self.assertEqual([], self.own_instances(process.pid))
        told = set()
        while "STOPPING=1" not in told:
            told.add(listener.recv(100).decode())
        self.assertIn("WATCHDOG=1", told)


if __name__ == "__main__":
    sys.exit(main())
