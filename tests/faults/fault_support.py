"""Why: what every test of faults needs: a server that can be killed and started again, a collector whose events are
known, and the comparison of what was stored with what was said to be.

The invariant everywhere: generated = stored + counted gaps, nothing twice, and nothing missing that was acknowledged.
Everything random follows from a seed; a failure names the command that repeats it. Programs are those of
build/release, or of WAKEWATCH, WAKEWATCH_COLLECTOR and WAKEWATCH_FAULTS (fault_collector) in the environment.
"""
import argparse
import collections
import glob
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BIN = os.path.join(ROOT, "build", "release", "bin")
WAKEWATCH = os.environ.get("WAKEWATCH", os.path.join(BIN, "wakewatch"))
COLLECTOR = os.environ.get("WAKEWATCH_COLLECTOR", os.path.join(BIN, "wakewatch-collector"))
FAULTS = os.environ.get("WAKEWATCH_FAULTS", os.path.join(BIN, "fault_collector"))
RECORDING = os.path.join(ROOT, "tests", "data", "traces", "tiny_lost-174-A.dat")
PATIENCE_S = 300  # which only a failure takes
FIRST_NS, STEP_NS = 1_000_000_000, 20_000  # numbered_events.h
SKIPPED = 77

settings = argparse.Namespace(seed=1, points=None, seeds=None, real_time=False)


def replay(test, option, seed):
    """The command that repeats what failed."""
    return "repeat it with: python3 %s %s --seed %d --%s 1" % (
        os.path.relpath(sys.argv[0], os.getcwd()), type(test).__name__, seed, option)


def note(text):
    """A figure that is reported and not held against anything."""
    print("figure: " + text, flush=True)


held_ports = []


def free_port():
    """A port of 127.0.0.1 that nobody else is given until this process ends, whether a server listens on it or not."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # who listens may share it with who does not
    held.bind(("127.0.0.1", 0))
    held_ports.append(held)
    return held.getsockname()[1]


def process_status(pid, name):
    """A number of /proc/PID/status, KiB for sizes."""
    with open("/proc/%d/status" % pid, encoding="utf-8") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise KeyError(name)


class Server:
    """A server on ports of its own, which stay the same over restarts."""

    def __init__(self, data, log, more=()):
        self.data, self.log, self.more = data, log, more
        self.grpc, self.http = ("127.0.0.1:%d" % free_port() for _ in range(2))
        self.process = None

    def launch(self):
        """Starts it, without waiting for it."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [WAKEWATCH, "serve", "--data", self.data, "--listen", self.grpc, "--http", self.http,
                 *map(str, self.more)],
                stdout=subprocess.DEVNULL, stderr=log)

    def start(self):
        self.launch()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the server did not start: " + self.text()[-2000:])
            try:
                with urllib.request.urlopen("http://%s/healthz" % self.http, timeout=PATIENCE_S):
                    return self
            except OSError:
                time.sleep(0.02)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def call(self, method, body=None):
        request = urllib.request.Request("http://%s/wakewatch.v1.%s" % (self.http, method),
                                         json.dumps(body or {}).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.loads(response.read())

    def hosts(self):
        return {host["name"]: host for host in self.call("FleetService/ListHosts").get("hosts", [])}

    def metrics(self, name):
        """By host."""
        with urllib.request.urlopen("http://%s/metrics" % self.http, timeout=PATIENCE_S) as answer:
            return {host: float(value) for host, value in
                    re.findall(r'^%s\{host="([^"]*)"\} (\S+)' % name, answer.read().decode(), re.MULTILINE)}

    def wait_until_ended(self, host):
        self.wait_for_status(host, ("HOST_STATUS_ENDED",))

    def wait_until_away(self, host):
        """Until all is worked off that a collector, killed or not, had handed over."""
        self.wait_for_status(host, ("HOST_STATUS_DISCONNECTED", "HOST_STATUS_ENDED"))

    def wait_for_status(self, host, statuses):
        deadline = time.monotonic() + PATIENCE_S
        while self.hosts().get(host, {}).get("status") not in statuses:
            if time.monotonic() > deadline:
                raise AssertionError("%s is not %s: %s" % (host, statuses, self.text()[-2000:]))
            time.sleep(0.02)


class Collector:
    """A fault_collector that runs; what it says is read all the time."""

    def __init__(self, server, *options):
        patience = () if "--patience-ms" in options else ("--patience-ms", 1000 * PATIENCE_S)
        self.process = subprocess.Popen(
            [FAULTS, "--server", server.grpc, "--recording", RECORDING, *map(str, (*options, *patience))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.said = collections.defaultdict(list)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.errors = threading.Thread(target=self._read_errors, daemon=True)
        self.log = b""
        self.reader.start()
        self.errors.start()

    def _read(self):
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                said = json.loads(line)
                self.said[said.pop("event")].append(said)

    def _read_errors(self):
        for line in self.process.stderr:
            self.log += line

    def acked_batches(self):
        acked = self.said["acked"]
        return acked[-1]["batches"] if acked else 0

    def wait_for(self, event, more_s=0):
        deadline = time.monotonic() + PATIENCE_S + more_s
        while not self.said[event]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the collector did not come to '%s': %s" % (event, self.log.decode()))
            time.sleep(0.01)
        return self.said[event][-1]

    def end(self, timeout=4 * PATIENCE_S):
        """What it says last, when it has ended by itself."""
        try:
            self.process.wait(timeout)
        finally:
            self.kill()
        if not self.said["end"]:
            raise AssertionError("the collector did not end in order: " + self.log.decode()[-2000:])
        return self.said["end"][-1]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.errors.join()
        self.process.stdout.close()
        self.process.stderr.close()


class Stored:
    """What the files of a session hold. Of a server that was killed only copies may be opened: opening repairs."""

    def __init__(self, folder, check_integrity=False):
        self.folder = folder
        self.problems = []
        self.chunks, self.gaps, self.batches, self.stats = [], [], [], []
        for path in sorted(glob.glob(os.path.join(folder, "part-*.db"))):
            answer, chunks, gaps, batches, stats = undisturbed(lambda path=path: self._read(path, check_integrity))
            if answer != [("ok",)]:
                self.problems.append("%s is corrupt: %s" % (path, answer[:3]))
                continue
            self.chunks += chunks
            self.gaps += gaps
            self.batches += [row[0] for row in batches]
            self.stats = stats
        repeated = [sequence for sequence, n in collections.Counter(self.batches).items() if n > 1]
        if repeated:
            self.problems.append("batches stored twice: %s" % repeated[:10])

    @staticmethod
    def _read(path, check_integrity):
        # What a kill left half done is undone first, and that writes.
        with reading(path, "rw" if check_integrity else "ro") as database:
            database.execute("BEGIN")  # all of it as it is at one instant
            answer = database.execute("PRAGMA integrity_check").fetchall() if check_integrity else [("ok",)]
            if answer != [("ok",)]:
                return answer, [], [], [], []
            return (answer, *(database.execute(question).fetchall() for question in (
                "SELECT cpu, first_ns, last_ns, events FROM chunk",
                "SELECT cpu, start_ns, end_ns, lost, cause FROM gap",
                "SELECT sequence FROM batch",
                "SELECT cpu, entries, overrun, dropped, read FROM cpu_stats")))

    def events(self):
        return sum(chunk[3] for chunk in self.chunks)

    def missing(self, cpu, generated):
        """Runs [begin, end) of numbers of this CPU that are not stored; says what is stored twice or never was."""
        runs, next_number = [], 0
        for _, first_ns, last_ns, events in sorted(chunk for chunk in self.chunks if chunk[0] == cpu):
            first, odd_first = divmod(first_ns - FIRST_NS - cpu, STEP_NS)
            last, odd_last = divmod(last_ns - FIRST_NS - cpu, STEP_NS)
            if odd_first or odd_last or last >= generated or events != last - first + 1:
                self.problems.append("CPU %d: %d events stored as numbers %d to %d" % (cpu, events, first, last))
            if first < next_number:
                self.problems.append("CPU %d: numbers %d to %d are stored twice" % (cpu, first, next_number - 1))
            if first > next_number:
                runs.append((next_number, first))
            next_number = max(next_number, last + 1)
        if next_number < generated:
            runs.append((next_number, generated))
        return runs

    def check_complete(self, cpus, generated):
        """`generated` of each CPU are stored or lie in gaps that count them exactly."""
        for cpu in range(cpus):
            runs = self.missing(cpu, generated)
            counted = 0
            for _, start_ns, end_ns, lost, _ in (gap for gap in self.gaps if gap[0] == cpu):
                # Two gaps may follow one another with no event between them.
                first = first_behind(cpu, start_ns)
                last = generated if end_ns is None else first_behind(cpu, end_ns - 1)
                really = sum(max(0, min(end, last) - max(begin, first)) for begin, end in runs)
                if lost != really:
                    self.problems.append("CPU %d: a gap from %d to %s counts %s events, and %d are missing" % (
                        cpu, start_ns, end_ns, lost, really))
                counted += lost or 0
            really = sum(end - begin for begin, end in runs)
            if counted != really:
                self.problems.append("CPU %d: %d of %d are missing, gaps count %d: %s" % (
                    cpu, really, generated, counted, runs[:5]))
        return self.problems

    def check_begun(self, cpus, generated, acked):
        """A session that was cut off: whole from its beginning on, at least as far as it was acknowledged."""
        begun = set()
        for cpu in range(cpus):
            runs = self.missing(cpu, generated)
            stored = runs[0][0] if runs else generated
            if len(runs) > 1 or (runs and runs[0][1] != generated):
                self.problems.append("CPU %d: holes where no gap is: %s" % (cpu, runs[:5]))
            if stored < acked:
                self.problems.append("CPU %d: %d were acknowledged, %d are stored" % (cpu, acked, stored))
            begun.add(stored)
        if len(begun) > 1:
            self.problems.append("half of a batch is stored: %s" % sorted(begun))
        if sorted(self.batches) != list(range(1, len(self.batches) + 1)):
            self.problems.append("batches are missing in between: %s" % sorted(self.batches)[:20])
        return self.problems


def first_behind(cpu, time_ns):
    """The number of the first event of a CPU that is later."""
    return max(0, (time_ns - FIRST_NS - cpu) // STEP_NS + 1)


class reading:
    """A database that is closed at the end of a with; reads beside a server that has it open."""

    def __init__(self, path, mode="ro"):
        self.database = sqlite3.connect("file:%s?mode=%s" % (path, mode), uri=True)

    def __enter__(self):
        return self.database

    def __exit__(self, *_):
        self.database.close()


def undisturbed(read):
    """What read() answers once it is let in: a server that closes a part keeps everybody else out for an instant."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return read()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


class FaultTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="wakewatch-faults-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def new_server(self, data=None, more=()):
        server = Server(data or os.path.join(self.folder, "data"), os.path.join(self.folder, "serve.log"), more)
        self.addCleanup(server.kill)
        return server

    def new_collector(self, server, *options):
        collector = Collector(server, *options)
        self.addCleanup(collector.kill)
        return collector

    def session_folder(self, data, host, session="session"):
        """None when nothing of it was stored."""
        found = glob.glob(os.path.join(data, "hosts", host, "*-" + session))
        self.assertLessEqual(len(found), 1, "a session has two folders")
        return found[0] if found else None

    def stored(self, data, host, session="session", check_integrity=False):
        folder = self.session_folder(data, host, session)
        self.assertIsNotNone(folder, "nothing of %s is stored" % host)
        return Stored(folder, check_integrity)

    def copy_of(self, data, host):
        """What there is of a host, as a crash left it, to be opened without touching it."""
        copy = os.path.join(self.folder, "copy")
        shutil.rmtree(copy, True)
        of_host = os.path.join("hosts", host)
        if os.path.isdir(os.path.join(data, of_host)):
            shutil.copytree(os.path.join(data, of_host), os.path.join(copy, of_host))
        return copy

    def assert_sound(self, problems, how):
        self.assertEqual([], problems, how)

    def need_tracefs(self):
        if os.geteuid() != 0:
            self.skipTest("recording needs root")
        if subprocess.run([WAKEWATCH, "doctor"], capture_output=True, timeout=PATIENCE_S, check=False).returncode != 0:
            self.skipTest("this machine cannot be recorded (see wakewatch doctor)")


def main():
    """Runs the classes named on the command line; 77 when every test was skipped."""
    parser = argparse.ArgumentParser(description="tests of faults; other arguments are unittest's")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument("--points", type=int, help="how many random points in time")
    parser.add_argument("--real-time", action="store_true", help="nothing is sent faster than it would happen")
    _, rest = parser.parse_known_args(namespace=settings)
    program = unittest.main(argv=[sys.argv[0], *rest], exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        return 1
    return SKIPPED if result.testsRun > 0 and len(result.skipped) == result.testsRun else 0
