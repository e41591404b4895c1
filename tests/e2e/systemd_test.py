#!/usr/bin/env python3
"""Why: a unit that is too strict fails on somebody's machine, and one that is too lax tells nobody. systemd itself checks
the files and rates them, and both programs run under the system calls and capabilities that their units leave them.
Needs WAKEWATCH, WAKEWATCH_COLLECTOR and WAKEWATCH_UNITS (deploy/systemd) in the environment."""
import ctypes
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

from command import FINE, PATIENCE_S, Command, free_port, main

UNITS = os.environ.get("WAKEWATCH_UNITS", "deploy/systemd")
PROGRAMS = {"wakewatch-server": os.environ.get("WAKEWATCH", "wakewatch"),
            "wakewatch-collector": os.environ.get("WAKEWATCH_COLLECTOR", "wakewatch-collector")}
# What `systemd-analyze security` may rate them at most: 0 is best, 10 is worst.
EXPOSURE_MAX = {"wakewatch-server": 1.3, "wakewatch-collector": 4.0}
SCMP_ACT_ALLOW, SCMP_ACT_EPERM = 0x7fff0000, 0x00050000 | errno.EPERM
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 38, 24


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def settings(text, key):
    return [line.split("=", 1)[1].split() for line in text.splitlines() if line.startswith(key + "=")]


class Units(Command):
    def setUp(self):
        super().setUp()
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze")

    def analyze(self, *arguments):
        return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=PATIENCE_S,
                              env={**os.environ, "SYSTEMD_COLORS": "0", "LC_ALL": "C.UTF-8"}, check=False)

    def unit(self, name):
        """The text of the unit, and a copy of it that starts what was built."""
        text = read(os.path.join(UNITS, name + ".service"))
        path = self.path(name + ".service", re.sub(r"ExecStart=\S+", "ExecStart=" + PROGRAMS[name], text).encode())
        return text, path

    def test_systemd_takes_them(self):
        for name in PROGRAMS:
            with self.subTest(unit=name):
                done = self.analyze("verify", "--man=no", self.unit(name)[1])
                told = [line for line in (done.stdout + done.stderr).splitlines() if name in line]
                self.assertEqual([], told)
                self.assertEqual(0, done.returncode, done.stderr)

    def test_the_exposure_that_systemd_rates(self):
        if "--offline" not in self.analyze("--help").stdout:
            self.skipTest("this systemd-analyze rates no files (before 250)")
        for name, most in EXPOSURE_MAX.items():
            with self.subTest(unit=name):
                done = self.analyze("security", "--offline=true", "--no-pager", self.unit(name)[1])
                rated = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
                self.assertIsNotNone(rated, done.stdout + done.stderr)
                print("%s: exposure %s" % (name, rated.group(1)))
                self.assertLessEqual(float(rated.group(1)), most, done.stdout)

    def members(self, group):
        """The system calls of "@group", of the groups in it too."""
        listed = [line.strip() for line in self.analyze("syscall-filter", group).stdout.splitlines()]
        names = {line for line in listed if line and not line.startswith(("@", "#"))}
        for inner in listed:
            if inner.startswith("@") and inner != group:
                names |= self.members(inner)
        return names

    def allowed_calls(self, text):
        allowed = set()
        for words in settings(text, "SystemCallFilter"):
            names = set()
            for word in words:
                word = word.lstrip("~")
                names |= self.members(word) if word.startswith("@") else {word}
            allowed = allowed - names if words[0].startswith("~") else allowed | names
        return allowed | self.members("@default")

    def confine(self, text):
        """What a child calls before it becomes the program: the unit's bounding set and system calls."""
        calls = self.allowed_calls(text)
        self.assertGreater(len(calls), 200)
        kept = {word.lower() for words in settings(text, "CapabilityBoundingSet") for word in words}
        names = [line.split()[0] for line in self.analyze("capability").stdout.splitlines() if "cap_" in line]
        library = ctypes.CDLL("libseccomp.so.2")
        library.seccomp_init.restype = ctypes.c_void_p
        libc = ctypes.CDLL(None)

        def child():
            for number, name in enumerate(names):
                if name not in kept:
                    libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            rules = ctypes.c_void_p(library.seccomp_init(SCMP_ACT_EPERM))
            for name in calls:
                number = library.seccomp_syscall_resolve_name(name.encode())
                if number >= 0:
                    library.seccomp_rule_add(rules, ctypes.c_uint32(SCMP_ACT_ALLOW), number, 0)
            if library.seccomp_load(rules) != 0:
                os._exit(99)
        return child

    def run_confined(self, name, *arguments):
        child = self.confine(self.unit(name)[0])
        log = open(self.path("log"), "wb")
        process = subprocess.Popen([PROGRAMS[name], *arguments], stderr=log, preexec_fn=child)
        log.close()
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def test_the_server_runs_with_what_its_unit_leaves_it(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        process = self.run_confined("wakewatch-server", "serve", "--data", self.path("data"), "--listen", "127.0.0.1:0",
                                    "--http", "127.0.0.1:0")
        found = None
        until = time.monotonic() + PATIENCE_S
        while found is None and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
            found = re.search(r"dashboard: *(\S+)", read(self.path("log")))
        self.assertIsNotNone(found, read(self.path("log")))
        with urllib.request.urlopen(found.group(1).rstrip("/") + "/metrics", timeout=PATIENCE_S) as answer:
            self.assertIn(b"wakewatch_", answer.read())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(FINE, process.wait(PATIENCE_S), read(self.path("log")))

    def test_the_collector_runs_with_what_its_unit_leaves_it(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        if not any(line.split()[2] == "tracefs" for line in read("/proc/self/mounts").splitlines()):
            self.skipTest("no tracefs is mounted")
        metrics = "127.0.0.1:%d" % free_port()
        process = self.run_confined("wakewatch-collector", "--server", "127.0.0.1:9", "--metrics", metrics)

        def records():
            self.assertIsNone(process.poll(), read(self.path("log")))
            try:
                with urllib.request.urlopen("http://%s/metrics" % metrics, timeout=PATIENCE_S) as answer:
                    return re.search(rb"collector_events_read_total [1-9]", answer.read())
            except OSError:
                return None  # it does not serve them yet
        self.until(records, lambda: read(self.path("log")))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(FINE, process.wait(PATIENCE_S), read(self.path("log")))
        log = read(self.path("log"))
        self.assertIn("keeps the privileges", log)
        self.assertRegex(log, r"[1-9]\d* events read")
        for word in ("raise its priority", "addresses are hidden", "not permitted"):
            self.assertNotIn(word, log)


if __name__ == "__main__":
    sys.exit(main())
