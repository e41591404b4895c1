#!/usr/bin/env python3
"""Why: what grows a little all the time is seen only over a long time. A server and collectors under a steady load:
memory, descriptors and the acknowledgements' latency over --minutes (10), and at the end whether all is stored."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

from fault_support import COLLECTOR, WAKEWATCH, Collector, Server, Stored, process_status

CPUS, BATCH_S, SAMPLE_S = 4, 0.5, 1.0
WARM_UP = 0.3             # of the time
GROWTH_MIB, GROWTH_SHARE = 16, 0.1
DESCRIPTORS = 4


class Watched:
    """A process over time."""

    def __init__(self, name, pid):
        self.name, self.pid = name, pid
        self.samples = []  # (seconds, MiB, descriptors)

    def sample(self, seconds):
        self.samples.append((seconds, process_status(self.pid, "VmRSS") / 1024, len(os.listdir("/proc/%d/fd" % self.pid))))

    def warm(self):
        return self.samples[int(len(self.samples) * WARM_UP):]

    def slope(self):
        """MiB an hour, by least squares."""
        points = [(seconds, mib) for seconds, mib, _ in self.warm()]
        mean_x = sum(x for x, _ in points) / len(points)
        mean_y = sum(y for _, y in points) / len(points)
        spread = sum((x - mean_x) ** 2 for x, _ in points)
        return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0

    def problems(self):
        warm = self.warm()
        quarter = max(1, len(warm) // 4)
        first = sum(mib for _, mib, _ in warm[:quarter]) / quarter
        last = sum(mib for _, mib, _ in warm[-quarter:]) / quarter
        if last - first > max(GROWTH_MIB, GROWTH_SHARE * first):
            yield "%s: memory grew from %.1f to %.1f MiB" % (self.name, first, last)
        most = max(files for _, _, files in warm[:quarter])
        if warm[-1][2] > most + DESCRIPTORS:
            yield "%s: descriptors grew from %d to %d" % (self.name, most, warm[-1][2])

    def line(self):
        _, mib, files = self.samples[-1]
        return "%-18s n %5d  memory %7.1f MiB, %+8.1f MiB/h  descriptors %3d, at most %3d" % (
            self.name, len(self.samples), mib, self.slope(), files, max(sample[2] for sample in self.samples))


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


def soak(minutes, rate, folder):
    server = Server(os.path.join(folder, "data"), os.path.join(folder, "serve.log")).start()
    batches = int(minutes * 60 / BATCH_S)
    collector = Collector(server, "--host", "steady", "--batches", batches, "--cpu-events", int(rate * BATCH_S / CPUS),
                          "--events-per-second", rate)
    real = real_collector(server)
    watched = [Watched("server", server.process.pid), Watched("fault_collector", collector.process.pid)]
    if real is not None:
        watched.append(Watched("wakewatch-collector", real.pid))
    try:
        begin = time.monotonic()
        while collector.process.poll() is None and not collector.said["offered"]:
            for process in watched:
                process.sample(time.monotonic() - begin)
            time.sleep(SAMPLE_S)
        said = collector.end()
    finally:
        for process in filter(None, (real, server.process)):
            process.terminate()
            process.wait()
        collector.kill()
    host = os.path.join(server.data, "hosts", "steady")
    problems = Stored(os.path.join(host, os.listdir(host)[0])).check_complete(CPUS, said["cpu_events"])
    if said["acked"] != said["offered"]:
        problems.append("%d offered, %d acknowledged" % (said["offered"], said["acked"]))
    acks = collector.said["acked"]
    print("%d events in %.0f s, %d acknowledged" % (said["offered"], time.monotonic() - begin, said["acked"]))
    for process in watched:
        print(process.line())
        problems += process.problems()
    half = len(acks) // 2
    print(latency_line(acks[:half], "first half"))
    print(latency_line(acks[half:], "second half"))
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=50_000, help="events a second")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="wakewatch-soak-")
    try:
        problems = soak(arguments.minutes, arguments.rate, folder)
    finally:
        shutil.rmtree(folder, True)
    for problem in problems:
        print("soak: error: " + problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
