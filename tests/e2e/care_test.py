#!/usr/bin/env python3
"""Why: what an operator does with a server's store and its configuration, with the built programs: configure, back up,
restore, examine, and meet a damaged file and a full disk.

Needs also WAKEWATCH_FLEET and WAKEWATCH_COLLECTOR in the environment.
"""
import glob
import gzip
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

from command import ERROR, FINE, GAPS, PATIENCE_S, USAGE, WAKEWATCH, Command, main
from serve_test import COLLECTOR, FLEET, SYSTEM_PYTHON, Server, Serving

SYSTEMD = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "systemd")

MESSAGE_MAX = 16 << 20
# One message that is too large, to a call and to a collector's stream.
OVERSIZE = """
import sys, grpc
channel = grpc.insecure_channel(sys.argv[1], [("grpc.max_send_message_length", -1)])
big = bytes(int(sys.argv[2]))
for call in (lambda: channel.unary_unary("/wakewatch.v1.FleetService/ListHosts")(big),
             lambda: list(channel.stream_stream("/wakewatch.v1.IngestService/Stream")(iter([big])))):
    try:
        call()
        print("OK")
    except grpc.RpcError as error:
        print(error.code().name)
"""


class Configured(Command):
    PROGRAMS = ((WAKEWATCH, "serve"), (COLLECTOR,))

    def test_the_files_that_are_shipped_are_in_order(self):
        for name, program in (("server.toml", self.PROGRAMS[0]), ("collector.toml", self.PROGRAMS[1])):
            done = self.run_program(program, "--config", os.path.join(SYSTEMD, name), "--check-config")
            self.assertEqual((FINE, b""), (done.returncode, done.stderr), name)

    def run_program(self, program, *arguments, **environment):
        return subprocess.run([*program, *arguments], capture_output=True, timeout=PATIENCE_S, cwd=self.folder,
                              env={**os.environ, **environment})

    def test_what_is_wrong_is_said_with_file_line_and_remedy(self):
        for program in self.PROGRAMS:
            wrong = self.path("wrong.toml", b'# a comment\nno-such-name = 3\n')
            done = self.run_program(program, "--config", wrong, "--check-config")
            text = done.stderr.decode()
            self.assertEqual(USAGE, done.returncode, text)
            self.assertIn("wrong.toml:2: no-such-name: there is no such option (", text)
            self.assertEqual(1, text.count("\n"), text)
            self.assertEqual(USAGE, self.run_program(program, "--check-config", WAKEWATCH_CONFIG=wrong).returncode)

    def test_every_value_says_where_it_comes_from_and_can_be_read_again(self):
        config = self.path("server.toml", b'keep = "3d"\nkeep-gib = 5\npart-mib = 9\n')
        serve = self.PROGRAMS[0]
        done = self.run_program(serve, "--config", config, "--part-mib", "8", "--print-config", WAKEWATCH_KEEP_GIB="6")
        text = done.stdout.decode()
        self.assertEqual(FINE, done.returncode, done.stderr)
        self.assertIn('keep = "3d"  # %s:1\n' % config, text)
        self.assertIn("keep-gib = 6  # WAKEWATCH_KEEP_GIB\n", text)
        self.assertIn("part-mib = 8  # --part-mib\n", text)
        self.assertIn('keep-findings = "90d"  # default\n', text)
        for program in self.PROGRAMS:
            printed = self.path("printed.toml", self.run_program(program, "--print-config").stdout)
            self.assertEqual(FINE, self.run_program(program, "--config", printed, "--check-config").returncode)


class Cared(Serving):
    def events(self, server):
        return {row["host"]: row.get("events", "0") for row in server.call("FleetService/ListRecordings")["recordings"]}

    def metric(self, server, name):
        for line in server.get("/metrics")[2].decode().splitlines():
            if line.startswith(name + " ") or line.startswith(name + "{"):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError("no metric " + name)

    def test_a_backup_of_a_server_that_runs_is_a_server(self):
        server = self.served()
        stream = subprocess.Popen([FLEET, "--server", server.grpc, "--collectors", "2", "--once", "--speed", "2",
                                   "--host-prefix", "more-", "--recording", self.trace(), "--json"],
                                  stdout=subprocess.DEVNULL)
        self.addCleanup(lambda: stream.poll() is None and stream.kill())
        copy = self.path("copy")
        self.run_it("backup", "--data", server.data, "--to", copy, expect=FINE)
        self.refused("backup", "--data", server.data, "--to", copy, says=("copy", "new folder"))
        stream.wait(PATIENCE_S)
        events = self.events(server)["sim-0"]
        self.assertEqual(FINE, server.stop())
        self.assertEqual(FINE, self.run_it("doctor", "--data", copy, "--full").returncode)
        restored = Server(self, copy)
        self.assertEqual(events, self.events(restored)["sim-0"])

    def test_what_is_overdue_by_far_goes_when_somebody_has_looked(self):
        """As after a long stop, or with a clock that is far ahead."""
        server = Server(self, self.path("data"))
        self.run_it("import", self.trace(), "--server", server.grpc, "--host", "lab-1", expect=FINE)
        self.assertEqual(FINE, server.stop())
        (part,) = glob.glob(os.path.join(server.data, "hosts", "lab-1", "*", "part-0001.db"))
        for path in glob.glob(part + "*"):
            os.utime(path, (1e9, 1e9))
        waits = Server(self, server.data)
        self.until(lambda: "retention: holds back" in waits.text(), waits.text)
        self.assertIn("--remove-overdue", waits.text())
        self.assertEqual(FINE, waits.stop())
        told = json.loads(self.run_it("doctor", "--data", server.data, "--json", expect=FINE).stdout)
        held = [check for check in told["checks"] if check["name"] == "held back"]
        self.assertEqual([("lab-1", "warn")], [(check["found"], check["status"]) for check in held], told)
        self.assertTrue(os.path.exists(part))
        goes_on = Server(self, server.data, more=("--remove-overdue",))
        self.until(lambda: not os.path.exists(part), goes_on.text)
        self.assertEqual(FINE, goes_on.stop())
        told = self.run_it("doctor", "--data", server.data, "--json", expect=FINE).stdout
        self.assertNotIn(b"held back", told)

    def test_a_damaged_file_is_explained_put_away_and_counted(self):
        server = self.served()
        part = os.path.join(self.session_folder(server), "part-0001.db")
        self.assertEqual(FINE, server.stop())
        self.assertEqual(FINE, self.run_it("doctor", "--data", server.data, "--full").returncode)
        with open(part, "r+b") as file:
            file.seek(os.path.getsize(part) - 3000)
            file.write(b"\x55" * 16)
        answer = self.run_it("doctor", "--data", server.data, "--full", "--json", expect=ERROR)
        checks = json.loads(answer.stdout)
        self.assertFalse(checks["store_whole"])
        damaged = [check for check in checks["checks"] if check["status"] == "fail"]
        self.assertEqual(1, len(damaged), checks)
        self.assertIn(part, damaged[0]["found"])
        self.assertIn(".recover", damaged[0]["remedy"])
        done = self.run_it("backup", "--data", server.data, "--to", self.path("half"), expect=GAPS)
        self.assertIn(part, done.stderr.decode())
        subprocess.run([WAKEWATCH, "serve", "--data", server.data, "--check-config"], check=True, timeout=PATIENCE_S)
        checked = Server(self, server.data, more=("--check-store",))
        self.assertIn("moved to", checked.text())
        self.assertEqual(1, self.metric(checked, "wakewatch_store_quarantined_files"))
        notes = glob.glob(os.path.join(server.data, "quarantine", "*.txt"))
        self.assertEqual(1, len(notes))
        self.stream(checked, "--host-prefix", "other-")

    def high_water(self, server):
        """Bytes: the most that the server has held in memory so far."""
        with open("/proc/%d/status" % server.process.pid, encoding="ascii") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:"))

    def test_messages_that_are_too_large_are_refused_and_cost_no_memory(self):
        server = self.served()
        before = self.high_water(server)
        method = "wakewatch.v1.FleetService/ListHosts"
        for kind in ("application/json", "application/proto"):
            with self.assertRaises((urllib.error.HTTPError, urllib.error.URLError)):
                urllib.request.urlopen(urllib.request.Request(server.web + "/" + method, b" " * (MESSAGE_MAX + 1),
                                                              {"Content-Type": kind}), timeout=PATIENCE_S)
        # Kilobytes that become a gigabyte.
        with self.assertRaises((urllib.error.HTTPError, urllib.error.URLError)):
            urllib.request.urlopen(
                urllib.request.Request(server.web + "/" + method, gzip.compress(bytes(1 << 30), 1),
                                       {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
                timeout=PATIENCE_S)
        client = subprocess.run([SYSTEM_PYTHON, "-c", OVERSIZE, server.grpc, str(MESSAGE_MAX + 1)], capture_output=True,
                                timeout=PATIENCE_S, check=False)
        if b"No module named" not in client.stderr:
            self.assertEqual([b"RESOURCE_EXHAUSTED"] * 2, client.stdout.split(), client.stderr)
        grown = self.high_water(server) - before
        print("memory grew by %.1f MiB" % (grown / (1 << 20)), file=sys.stderr)
        self.assertLess(grown, 32 << 20)
        self.assertEqual(["sim-0"], list(self.events(server)))

    def test_a_full_disk_loses_nothing_and_ends_by_itself(self):
        if os.geteuid() != 0:
            self.skipTest("a small file system needs root")
        data = self.path("small")
        os.mkdir(data)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", data], capture_output=True).returncode != 0:
            self.skipTest("a small file system cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", data])
        server = Server(self, data)
        self.stream(server)
        server.wait_until_ended("sim-0")
        before = self.events(server)["sim-0"]
        filler = os.path.join(data, "filler")
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        late = subprocess.Popen([FLEET, "--server", server.grpc, "--collectors", "1", "--once", "--as-fast-as-possible",
                                 "--host-prefix", "late-", "--recording", self.trace(), "--json"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: late.poll() is None and late.kill())
        self.until(lambda: "free space" in server.text() or server.process.poll() is not None, server.text)
        self.assertIsNone(server.process.poll(), server.text())
        self.assertIn("free space", server.text())
        self.assertEqual(before, self.events(server)["sim-0"])  # reads go on
        os.remove(filler)
        freed = time.monotonic()
        late.kill()
        late.communicate()
        self.stream(server, "--host-prefix", "after-")
        took = time.monotonic() - freed
        server.wait_until_ended("after-0")
        print("stored again %.1f s after there was space" % took, file=sys.stderr)
        self.assertEqual(before, self.events(server)["after-0"])


if __name__ == "__main__":
    sys.exit(main())
