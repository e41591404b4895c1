#!/usr/bin/env python3
"""Why: what grows a little all the time is seen only over a long time. A server and collectors under a steady load:
memory, descriptors and the acknowledgements' latency over --minutes (10), and at the end whether all is stored. What a
session keeps (threads that died, places where rules were broken, the newest findings) fills up first and then stays: so
many events are sent in a hurry to begin with, and only what comes behind them and two snapshots is measured. Exits with 1
when memory or descriptors grow (soak_bounds.py) or anything is lost. --wakewatch tries another server."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

import fault_support
from fault_support import COLLECTOR, WAKEWATCH, Collector, Server, Stored, process_status
from soak_bounds import Watched, lost_problems

CPUS, BATCH_S, SAMPLE_S = 4, 0.5, 1.0
HURRY_EVENTS = 50_000_000
SETTLE_S = 130            # two snapshots, and what they took is given back


def sample(watched, seconds):
    watched.add(seconds, process_status(watched.pid, "VmRSS") / 1024, len(os.listdir("/proc/%d/fd" % watched.pid)))


def latency_line(acks, name):
    ordered = sorted(ack["ack_ns"] / 1e6 for ack in acks)
    if not ordered:
        return "%-18s no acknowledgement" % name
    return "%-18s n %5d  acknowledged after p50 %.1f ms, p99 %.1f ms, at most %.1f ms" % (
        name, len(ordered), ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1])


def real_collector(server):
    """The collector itself, where this machine can be recorded; None and a word where not."""
    if os.geteuid() != 0 or subprocess.run([WAKEWATCH, "doctor"], capture_output=True, check=False).returncode != 0:
        print("wakewatch-collector: left out, this machine cannot be recorded", flush=True)
        return None
    return subprocess.Popen([COLLECTOR, "--server", server.grpc, "--host", "real"], stderr=subprocess.DEVNULL)


def watch(collector, watched, hurry_batches):
    """Until all is offered. The number of acknowledgements that came before it was settled."""
    begin = time.monotonic()
    before = 0
    while collector.process.poll() is None and not collector.said["offered"]:
        seconds = time.monotonic() - begin
        if not before and collector.acked_batches() >= hurry_batches:
            before = len(collector.said["acked"])
            print("%d batches in %.0f s to begin with" % (hurry_batches, seconds), flush=True)
            for process in watched:
                process.settled_s = seconds + SETTLE_S
        for process in watched:
            sample(process, seconds)
        time.sleep(SAMPLE_S)
    return before


def run(server, minutes, rate, hurry_events, with_real):
    """The collector of known events, how it ended, the acknowledgements before it was settled, and who was watched."""
    batch_events = int(rate * BATCH_S / CPUS) * CPUS
    hurry_batches = max(1, hurry_events // batch_events)
    batches = hurry_batches + int((SETTLE_S + minutes * 60) / BATCH_S)
    started = [server]
    try:
        collector = Collector(server, "--host", "steady", "--batches", batches, "--cpu-events", batch_events // CPUS,
                              "--events-per-second", rate, "--hurry-batches", hurry_batches)
        started.insert(0, collector)
        watched = [Watched("server", server.process.pid), Watched("fault_collector", collector.process.pid)]
        real = real_collector(server) if with_real else None
        if real is not None:
            started.insert(0, real)
            watched.append(Watched("wakewatch-collector", real.pid))
        before = watch(collector, watched, hurry_batches)
        said = collector.end()
        if real is not None:
            real.terminate()
            real.wait()
        server.stop()
    finally:
        for process in started:
            process.kill()
    return collector, said, before, watched


def soak(minutes, rate, hurry_events, with_real, folder):
    server = Server(os.path.join(folder, "data"), os.path.join(folder, "serve.log")).start()
    begin = time.monotonic()
    collector, said, before, watched = run(server, minutes, rate, hurry_events, with_real)
    host = os.path.join(server.data, "hosts", "steady")
    stored = Stored(os.path.join(host, os.listdir(host)[0]))
    problems = stored.check_complete(CPUS, said["cpu_events"])
    problems += lost_problems(said, [(gap[0], gap[3]) for gap in stored.gaps])
    print("%d events in %.0f s, %d acknowledged" % (said["offered"], time.monotonic() - begin, said["acked"]))
    for process in watched:
        print(process.line())
        print("  MiB at least, by minute: " + " ".join("%.1f" % mib for _, mib in process.floors()))
        problems += process.problems()
    acks = collector.said["acked"][before:]
    half = len(acks) // 2
    print(latency_line(acks[:half], "first half"))
    print(latency_line(acks[half:], "second half"))
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=50_000, help="events a second")
    parser.add_argument("--hurry-events", type=int, default=HURRY_EVENTS, help="sent in a hurry to begin with")
    parser.add_argument("--without-real", action="store_true", help="leave out the collector that records this machine")
    parser.add_argument("--wakewatch", default=WAKEWATCH, help="the server")
    arguments = parser.parse_args()
    fault_support.WAKEWATCH = arguments.wakewatch
    folder = tempfile.mkdtemp(prefix="wakewatch-soak-")
    try:
        problems = soak(arguments.minutes, arguments.rate, arguments.hurry_events, not arguments.without_real, folder)
    finally:
        shutil.rmtree(folder, True)
    for problem in problems:
        print("soak: error: " + problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
