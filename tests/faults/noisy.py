#!/usr/bin/env python3
"""Why: one host that sends as fast as it can must not make the others wait. How long acknowledgements take for hosts
with --rate events a second: by themselves, beside one that sends without a pause, and with --capped beside one that has
delivered what it may in a day, 1 GiB, which takes minutes, and goes on trying. Figures only: they are this machine's."""
import argparse
import os
import shutil
import sys
import tempfile
import time

from fault_support import Collector, Server

CPUS, BATCH_S = 4, 0.1
NOISE = ("--host", "noise", "--batches", 1_000_000, "--cpu-events", 5000, "--quiet")
CAPPED = ("--host-gib-per-day", 1)
CAP_PATIENCE_S = 1800


def p(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Beside:
    """One run: the hosts, and what is beside them."""

    def __init__(self, name, folder, noise=(), serve=()):
        self.name, self.noise, self.serve = name, noise, serve
        self.folder = os.path.join(folder, name.replace(" ", "-"))
        os.mkdir(self.folder)

    def run(self, hosts, seconds, rate):
        server = Server(os.path.join(self.folder, "data"), os.path.join(self.folder, "serve.log"), self.serve).start()
        noise = None
        try:
            if self.noise:
                noise = Collector(server, *self.noise)
                # It stands for another machine: its own work is not to be what the others wait for.
                os.setpriority(os.PRIO_PROCESS, noise.process.pid, 19)
            if self.serve:
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
        print("%-20s n %5d  acknowledged after p50 %6.1f ms, p99 %6.1f ms, at most %6.1f ms%s" % (
            self.name, len(ordered), p(ordered, 0.5), p(ordered, 0.99), ordered[-1],
            "; %s events of the noise stored" % of_noise.get("events", 0) if self.noise else ""), flush=True)
        return p(ordered, 0.99)

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
    parser.add_argument("--capped", action="store_true", help="also beside one over its daily limit")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="wakewatch-noisy-")
    try:
        def run(*how, **more):
            return Beside(*how, **more).run(arguments.hosts, arguments.seconds, arguments.rate)
        alone = run("alone", folder)
        for name, serve in (("beside noise", ()), ("beside capped noise", CAPPED))[:1 + arguments.capped]:
            print("%s: %.1f times the p99 without" % (name, run(name, folder, noise=NOISE, serve=serve) / alone))
    finally:
        shutil.rmtree(folder, True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
