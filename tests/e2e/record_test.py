#!/usr/bin/env python3
"""Why: recording this machine, and what Ctrl-C, a kill, a full disk and a failing command leave behind. Needs root."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

from command import ERROR, FINE, GAPS, INTERRUPTED, PATIENCE_S, USAGE, WAKEWATCH, Command, main


class Interrupts(Command):
    def test_ctrl_c_ends_a_query(self):
        runaway = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
        process = subprocess.Popen([WAKEWATCH, "query", self.recording(), runaway], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.until_it_works(process, signal.SIGINT)
        process.send_signal(signal.SIGINT)
        self.assertEqual(INTERRUPTED, process.wait(PATIENCE_S))


class Recording(Command):
    def setUp(self):
        super().setUp()
        self.need_recording()

    def instances(self):
        """Those that nobody will remove: of processes that have ended."""
        with open("/proc/self/mounts", encoding="utf-8") as file:
            mounts = [line.split() for line in file]
        folders = [mount[1] for mount in mounts if mount[2] == "tracefs"]
        names = os.listdir(os.path.join(folders[0], "instances")) if folders else []
        owners = {name: re.match(r"wakewatch-(\d+)-", name) for name in names}
        return sorted(name for name, owner in owners.items() if owner and not os.path.exists("/proc/" + owner.group(1)))

    def until_it_records(self, path):
        """Waits until events are in the file."""
        def there():
            try:
                database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
                try:
                    return database.execute("SELECT count(*) FROM chunk").fetchone()[0] > 0
                finally:
                    database.close()
            except sqlite3.DatabaseError:
                return False  # it is not made yet, or is being made
        self.until(there)

    def test_a_short_recording_and_its_report(self):
        path = self.path("rec.db")
        before = self.instances()
        done = self.run_it("record", "-o", path, "--duration", "1s", "--json")
        self.assertIn(done.returncode, (FINE, GAPS), done.stderr)
        report = json.loads(done.stdout)
        self.assertGreater(report["trace"]["events"], 0)
        self.assertEqual(before, self.instances(), "an instance was left behind")
        again = json.loads(self.run_it("report", path, "--json").stdout)
        self.assertEqual(report["findings"], again["findings"])

    def test_deep_evidence_is_recorded_as_far_as_this_kernel_goes(self):
        path = self.path("rec.db")
        done = self.run_it("record", "-o", path, "--evidence", "deep", "--duration", "1s", "--json")
        self.assertIn(done.returncode, (FINE, GAPS), done.stderr)
        self.assertGreater(json.loads(done.stdout)["trace"]["events"], 0)
        checks = {check["name"]: check for check in json.loads(self.run_it("doctor", "--json").stdout)["checks"]}
        if "tracepoints only" in checks["deep-evidence"]["found"]:
            self.assertEqual(1, done.stderr.count(b"evidence is tracepoints only: "), done.stderr)
        else:
            self.assertIn(b"evidence: deep: ", done.stderr)
        for wrong in (("--evidence", "deeper"), ("--probe-rate-max", "0")):
            self.assertEqual(USAGE, self.run_it("record", "-o", path, *wrong).returncode)

    def test_a_command_is_recorded_and_its_status_told(self):
        done = self.run_it("record", "-o", self.path("rec.db"), "--no-report", "--", "sh", "-c", "sleep 0.2; exit 7")
        self.assertIn(done.returncode, (FINE, GAPS), done.stderr)
        self.assertIn(b"exited with status 7", done.stderr)

    def test_a_command_that_does_not_exist(self):
        done = self.run_it("record", "-o", self.path("rec.db"), "--no-report", "--", "no-such-command-here")
        self.assertIn(b"cannot run no-such-command-here", done.stderr)
        self.assertIn(b"exited with status 127", done.stderr)

    def test_ctrl_c_keeps_what_was_recorded(self):
        path = self.path("rec.db")
        before = self.instances()
        process = subprocess.Popen([WAKEWATCH, "record", "-o", path, "--json"], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        self.until_it_records(path)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(INTERRUPTED, process.returncode)
        self.assertGreater(json.loads(out)["trace"]["events"], 0)
        self.assertIn(self.run_it("report", path).returncode, (FINE, GAPS))
        self.assertEqual(before, self.instances())

    def test_a_killed_recorder_leaves_a_readable_file_and_is_cleaned_up_after(self):
        path = self.path("rec.db")
        before = self.instances()
        process = subprocess.Popen([WAKEWATCH, "record", "-o", path], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.until_it_records(path)
        process.kill()
        process.wait(PATIENCE_S)
        self.assertIn(self.run_it("report", path).returncode, (FINE, GAPS))
        self.run_it("record", "-o", self.path("next.db"), "--duration", "300ms", "--no-report")
        self.assertEqual(before, self.instances())

    def test_wall_time_on_a_recording(self):
        path = self.path("rec.db")
        self.run_it("record", "-o", path, "--duration", "500ms", "--no-report")
        done = self.run_it("report", path, "--json", "--since", time.strftime("%Y-%m-%d %H:%M", time.gmtime(0)) + "Z")
        self.assertIn(done.returncode, (FINE, GAPS), done.stderr)

    def test_a_full_disk_ends_the_recording_and_leaves_it_readable(self):
        small = self.path("small")
        os.mkdir(small)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("cannot mount a tmpfs")
        try:
            load = "for i in $(seq 2000); do :|:; done; sleep 20"
            done = self.run_it("record", "-o", os.path.join(small, "rec.db"), "--duration", "15s", "--no-report", "--",
                               "sh", "-c", load, expect=ERROR)
            self.assertIn(b"wakewatch: error: ", done.stderr)
            self.assertIn(self.run_it("report", os.path.join(small, "rec.db")).returncode, (FINE, ERROR, GAPS))
        finally:
            subprocess.run(["umount", small], capture_output=True)

    def test_a_profile_that_does_not_exist(self):
        done = self.run_it("record", "-o", self.path("rec.db"), "--profile", "no-such-profile")
        self.assertIn(done.returncode, (ERROR, USAGE))
        self.assertFalse(os.path.exists(self.path("rec.db")))


if __name__ == "__main__":
    sys.exit(main())
