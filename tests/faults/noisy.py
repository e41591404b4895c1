#!/usr/bin/env python3
"""Why: one host that sends as fast as it can must not make the others wait. How long acknowledgements take for hosts
with --rate events a second: by themselves; beside the work of the noise's collector, whose batches no server takes, so
that this machine's share is known; beside it while the server takes what it sends, with its pace and without one; and
with --capped beside one that has delivered what it may in a day, 1 GiB, which takes minutes, and goes on trying. The
kinds take turns for --rounds, since a machine is not the same all the time; of their p99 the median counts. Figures
only: they are this machine's."""
import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time

from fault_support import Collector, Server

CPUS, BATCH_S = 4, 0.1
NOISE = ("--host", "noise", "--batches", 1_000_000, "--cpu-events", 5000, "--quiet")
CAPPED = ("--host-gib-per-day", 1, "--host-events-per-second", 0)
CAP_PATIENCE_S = 1800


def p(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Beside:
    """One kind: the hosts, and what is beside them."""

    def __init__(self, name, noise=False, taken=True, capped=False, serve=()):
        self.name, self.noise, self.taken, self.capped, self.serve = name, noise, taken, capped, serve
        self.p99s = []

    def run(self, folder, hosts, seconds, rate):
        server = Server(os.path.join(folder, "data"), os.path.join(folder, "serve.log"), self.serve).start()
        nobody = Server(os.path.join(folder, "nothing"), os.path.join(folder, "nobody.log"))
        noise = None
        try:
            if self.noise:
                noise = Collector(server if self.taken else nobody, *NOISE)
                # It stands for another machine: its own work is not to be what the others wait for.
                os.setpriority(os.PRIO_PROCESS, noise.process.pid, 19)
            if self.capped:
                self.wait_for_cap(server)
            collectors = [Collector(server, "--host", "host-%d" % i, "--batches", int(seconds / BATCH_S), "--cpu-events",
                                    int(rate * BATCH_S / CPUS), "--events-per-second", rate) for i in range(hosts)]
            for collector in collectors:
                said = collector.end(timeout=seconds + 120)
                if said["acked"] != said["offered"]:
                    raise AssertionError("%d offered, %d acknowledged" % (said["offered"], said["acked"]))
            of_noise = server.hosts().get("noise", {})
        finally:
            if noise is not None:
                noise.kill()
            server.kill()
        ordered = sorted(ack["ack_ns"] / 1e6 for collector in collectors for ack in collector.said["acked"])
        self.p99s.append(p(ordered, 0.99))
        print("%-28s n %5d  acknowledged after p50 %6.1f ms, p99 %6.1f ms, at most %6.1f ms%s" % (
            self.name, len(ordered), p(ordered, 0.5), p(ordered, 0.99), ordered[-1],
            "; %s events of the noise stored" % of_noise.get("events", 0) if self.noise else ""), flush=True)

    @staticmethod
    def wait_for_cap(server):
        deadline = time.monotonic() + CAP_PATIENCE_S
        while "has sent what it may in a day" not in server.text():
            if time.monotonic() > deadline:
                raise AssertionError("the noise did not reach its cap")
            time.sleep(0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rate", type=int, default=5000, help="events a second of each of them")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--host-events-per-second", type=int, action="append",
                        help="a pace to try; may be repeated; without it the server's own and 0, which is none")
    parser.add_argument("--capped", action="store_true", help="also beside one over its daily limit")
    arguments = parser.parse_args()
    paces = arguments.host_events_per_second
    kinds = [Beside("alone"), Beside("beside a load", noise=True, taken=False)]
    if paces is None:
        kinds += [Beside("beside noise", noise=True),
                  Beside("beside noise, not paced", noise=True, serve=("--host-events-per-second", 0))]
    else:
        kinds += [Beside("beside noise, %d/s" % pace, noise=True, serve=("--host-events-per-second", pace))
                  for pace in paces]
    if arguments.capped:
        kinds.append(Beside("beside capped noise", noise=True, capped=True, serve=CAPPED))
    for _ in range(arguments.rounds):
        for kind in kinds:
            folder = tempfile.mkdtemp(prefix="wakewatch-noisy-")
            try:
                kind.run(folder, arguments.hosts, arguments.seconds, arguments.rate)
            finally:
                shutil.rmtree(folder, True)
    alone = statistics.median(kinds[0].p99s)
    for kind in kinds:
        median = statistics.median(kind.p99s)
        print("%-28s median of %d p99: %6.1f ms, %.1f times that alone" % (
            kind.name, len(kind.p99s), median, median / alone))
    return 0


if __name__ == "__main__":
    sys.exit(main())
