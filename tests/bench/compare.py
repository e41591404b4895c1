#!/usr/bin/env python3
"""Why: "faster" means nothing without the other tool beside it, on the same events, in the same hour. This makes a large
trace of this machine under a load of its own, in a temporary folder that goes away, and times what reads it: wakewatch,
trace-cmd, perf, and the bound below them all, stepping through the pages.

Usage: compare.py [--events N] [--runs N] [--trace FILE] [--build FOLDER]      Needs root for recording. trace-cmd and
perf are left out where they are missing (Debian: apt-get install trace-cmd linux-perf).
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import record_trace

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PERF_EVENTS = ("sched:sched_switch,sched:sched_waking,sched:sched_wakeup,sched:sched_wakeup_new,"
               "sched:sched_migrate_task,sched:sched_process_fork")
PERF_SECONDS = 5


def ping_pong(cpu):
    """Two tasks of one CPU that wake each other through pipes, for ever. Never returns."""
    os.sched_setaffinity(0, {cpu})
    there, back = os.pipe(), os.pipe()
    first = os.fork() != 0
    taken, given = (back[0], there[1]) if first else (there[0], back[1])
    if first:
        os.write(given, b"x")
    while True:
        os.write(given, os.read(taken, 1))


class Load:
    """Keeps every CPU busy with wakeups, and the kernel's threads with writing files, until the block ends."""

    def __enter__(self):
        self.groups = []
        for cpu in sorted(os.sched_getaffinity(0)):
            pid = os.fork()
            if pid == 0:
                os.setpgid(0, 0)
                ping_pong(cpu)
            self.groups.append(pid)
        self.files = subprocess.Popen([os.path.join(ROOT, "deploy", "load.sh"), "600"], start_new_session=True)
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        for group in self.groups:
            os.killpg(group, signal.SIGKILL)
            os.waitpid(group, 0)
        self.files.terminate()
        self.files.wait()


def run(command, environment=None, codes=(0,)):
    """CPU seconds and peak resident MB of one run; its output is thrown away."""
    with open(os.devnull, "wb") as nowhere:
        child = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in codes:
        raise RuntimeError("%s ended with %d" % (" ".join(command), child.returncode))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Tool:
    def __init__(self, name, events, command, codes=(0,), before=None):
        self.name, self.events, self.command, self.codes, self.before = name, events, command, codes, before
        self.ns, self.megabytes = [], []

    def once(self):
        if self.before:
            self.before()
        seconds, megabytes = run(self.command, codes=self.codes)
        self.ns.append(seconds * 1e9 / self.events)
        self.megabytes.append(megabytes)


class PageWalk(Tool):
    """The bound: it is timed by itself, since reading its input is no part of it."""

    def once(self):
        environment = dict(os.environ, WAKEWATCH_BENCH_INPUT=self.command[-1])
        done = subprocess.run([*self.command[:-1], "--benchmark_filter=^BM_PageWalk$", "--benchmark_format=json"],
                              capture_output=True, check=True, env=environment)
        answer = json.loads(done.stdout)["benchmarks"][0]
        if "ns_per_event" not in answer:
            raise RuntimeError(answer.get("error_message", "no answer of the benchmark"))
        self.ns.append(answer["ns_per_event"])


def make_perf_data(path):
    """A recording of perf's own, and how many events it has; 0: perf cannot record here."""
    done = subprocess.run(["perf", "record", "-q", "-a", "-m", "16M", "-e", PERF_EVENTS, "-o", path, "--", "sleep",
                           str(PERF_SECONDS)], capture_output=True)
    if done.returncode != 0:
        return 0
    stats = subprocess.run(["perf", "report", "--stats", "-i", path], capture_output=True, text=True).stdout
    for line in stats.splitlines():
        if "SAMPLE events:" in line:
            return int(line.split(":")[1].split()[0])
    return 0


def make_inputs(folder, trace, events):
    """The trace, and perf's if there can be one."""
    perf_data, perf_events = os.path.join(folder, "perf.data"), 0
    if trace and not shutil.which("perf"):
        return trace, perf_data, 0
    with Load():
        if not trace:
            trace = os.path.join(folder, "trace.dat")
            print("recording about %d events into %s" % (events, folder), file=sys.stderr)
            record_trace.record(trace, events)
        if shutil.which("perf"):
            perf_events = make_perf_data(perf_data)
    return trace, perf_data, perf_events


def tools(folder, trace, perf_data, perf_events, build):
    wakewatch = os.path.join(build, "bin", "wakewatch")
    bench = os.path.join(build, "bin", "wakewatch_bench")
    answer = subprocess.run([wakewatch, "report", "--json", trace], capture_output=True)
    if answer.returncode not in (0, 3):
        sys.exit(answer.stderr.decode(errors="replace"))
    about = json.loads(answer.stdout)["trace"]
    events = about["events"]
    print("%d events, %d bytes, %d lost, %d CPUs, kernel %s" %
          (events, os.path.getsize(trace), about["lost_events"], about["cpus"], about["kernel"]))
    recording = os.path.join(folder, "imported.db")
    found = [Tool("wakewatch report", events, [wakewatch, "report", "--json", trace], (0, 3)),
             Tool("wakewatch import", events, [wakewatch, "import", "-f", trace, "-o", recording], (0, 3)),
             Tool("wakewatch report (recording)", events, [wakewatch, "report", "--json", recording], (0, 3))]
    if os.path.exists(bench):
        found.append(PageWalk("page walk (bound)", events, [bench, trace]))
    if shutil.which("trace-cmd"):
        found.append(Tool("trace-cmd report", events, ["trace-cmd", "report", "-i", trace]))
    if perf_events:
        found.append(Tool("perf sched latency", perf_events, ["perf", "sched", "latency", "-i", perf_data]))
    return found, recording


def print_table(found):
    first = statistics.median(found[0].ns)
    print("%-30s %12s %8s %23s %9s %7s" % ("", "events", "ns/event", "(least to most)", "peak MB", "ratio"))
    for tool in found:
        middle = statistics.median(tool.ns)
        peak = "%.1f" % max(tool.megabytes) if tool.megabytes else "-"
        print("%-30s %12d %8.1f %10.1f to %9.1f %9s %7.2f  n=%d" %
              (tool.name, tool.events, middle, min(tool.ns), max(tool.ns), peak, middle / first, len(tool.ns)))
    print("CPU time of all threads, user and system; ratio: to %s" % found[0].name)


def main():
    parser = argparse.ArgumentParser(description="Times wakewatch, trace-cmd and perf on one trace.")
    parser.add_argument("--events", type=int, default=6_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--trace", help="an existing trace.dat, instead of recording one")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    options = parser.parse_args()
    if not options.trace and os.geteuid() != 0:
        sys.exit("recording needs root; or name a trace with --trace")
    with tempfile.TemporaryDirectory(prefix="wakewatch-compare-") as folder:
        inputs = make_inputs(folder, options.trace, options.events)
        found, recording = tools(folder, *inputs, options.build)
        print("imported: %.2f bytes an event" % imported_bytes(found[1], recording))
        # In turn, so that a busy minute of the machine falls on all of them.
        for _ in range(options.runs):
            for tool in found:
                tool.once()
        print_table(found)


def imported_bytes(tool, recording):
    run(tool.command, codes=tool.codes)
    return os.path.getsize(recording) / tool.events


if __name__ == "__main__":
    main()
