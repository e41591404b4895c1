#!/usr/bin/env python3
"""Why: a collector or a server that is killed at any instant loses nothing that was acknowledged and stores nothing
twice. --points N: how many instants (50); --seed S: the first of them."""
import random
import re
import subprocess
import sys
import time
import urllib.request

from fault_support import (COLLECTOR, PATIENCE_S, FaultTest, Stored, free_port, main, note, replay, settings)

BATCHES, CPU_EVENTS, CPUS = 30, 100, 4
GENERATED = BATCHES * CPU_EVENTS
PACED = ("--batches", BATCHES, "--cpu-events", CPU_EVENTS, "--events-per-second", 50_000)  # 0.24 s in all
SPAN_S = 0.3
# As fast as they are taken: the server always has as many unstored batches as its window allows.
HASTY_BATCHES = 400
HASTY = ("--batches", HASTY_BATCHES, "--cpu-events", CPU_EVENTS)
ANSWERS_S = 0.05  # in which what a server said before it was killed is read


def points(otherwise):
    count = otherwise if settings.points is None else settings.points
    return range(settings.seed, settings.seed + count)


class Killing(FaultTest):
    @staticmethod
    def wait_a_while(collector, chance):
        """To some instant of the collector's life, most often one at which it sends."""
        if chance.random() < 0.8:
            collector.wait_for("acked")
        time.sleep(chance.uniform(0, SPAN_S))


class CollectorKilled(Killing):
    def test_nothing_acknowledged_is_missing(self):
        server = self.new_server().start()
        cut = 0
        for seed in points(50):
            session = "session-%d" % seed
            collector = self.new_collector(server, "--host", "victim", "--session", session, *PACED)
            self.wait_a_while(collector, random.Random(seed))
            collector.kill()
            acked = collector.acked_batches()
            folder = self.session_folder(server.data, "victim", session)
            if folder is None:
                self.assertEqual(0, acked, replay(self, "points", seed))
                continue
            server.wait_until_away("victim")
            stored = self.stored(server.data, "victim", session)
            cut += 0 < stored.events() < GENERATED * CPUS
            self.assert_sound(stored.check_begun(CPUS, GENERATED, acked * CPU_EVENTS), replay(self, "points", seed))
        note("%d collectors killed, %d of them in the middle of a session" % (len(points(50)), cut))
        self.assertTrue(cut > 0 or settings.points is not None, "no collector was killed while it sent")


class ServerKilled(Killing):
    def test_nothing_acknowledged_is_missing_doubled_or_corrupt(self):
        server = self.new_server().start()
        for seed in points(50):
            chance = random.Random(seed)
            how = replay(self, "points", seed)
            host = "host-%d" % seed
            hasty = seed % 2 == 0
            generated = (HASTY_BATCHES if hasty else BATCHES) * CPU_EVENTS
            collector = self.new_collector(server, "--host", host, *(HASTY if hasty else PACED))
            self.wait_a_while(collector, chance)
            server.kill()
            self.check_crashed(server, host, collector, generated, how)
            while chance.random() < 0.3:  # and again, while it starts
                server.launch()
                time.sleep(chance.uniform(0, 0.2))
                server.kill()
                self.check_crashed(server, host, collector, generated, how)
            server.start()
            said = collector.end()
            self.assertTrue(said["delivered"], how)
            self.assertEqual((generated * CPUS, 0, 0), (said["acked"], said["dropped"], said["refused"]), how)
            server.wait_until_ended(host)
            self.assert_sound(self.stored(server.data, host).check_complete(CPUS, generated), how)

    def check_crashed(self, server, host, collector, generated, how):
        time.sleep(ANSWERS_S)
        acked = collector.acked_batches()
        copy = self.copy_of(server.data, host)
        folder = self.session_folder(copy, host)
        if folder is None:
            self.assertEqual(0, acked, how)
            return
        stored = Stored(folder, check_integrity=True)
        self.assert_sound(stored.check_begun(CPUS, generated, acked * CPU_EVENTS), how)


class RealCollectorKilled(FaultTest):
    """The collector itself, with events that happen meanwhile: it says on its metrics what was acknowledged."""

    def setUp(self):
        super().setUp()
        self.need_tracefs()

    def test_what_it_counted_as_acknowledged_is_stored(self):
        server = self.new_server().start()
        for seed in points(5):
            host, metrics = "real-%d" % seed, "127.0.0.1:%d" % free_port()
            process = subprocess.Popen([COLLECTOR, "--server", server.grpc, "--host", host, "--metrics", metrics],
                                       stderr=subprocess.DEVNULL)
            self.addCleanup(lambda process=process: process.poll() is None and process.kill())
            time.sleep(random.Random(seed).uniform(0.8, 2.5))
            acked = self.acked(metrics)
            process.kill()
            process.wait()
            folder = self.session_folder(server.data, host, "*")
            how = replay(self, "points", seed)
            if folder is None:
                self.assertEqual(0, acked, how)
                continue
            server.wait_until_away(host)
            stored = Stored(folder)
            self.assertGreaterEqual(stored.events(), acked, how)
            self.assert_sound(stored.problems + self.overlaps(stored), how)
        # What the killed ones left behind goes with the next one.
        done = subprocess.run([COLLECTOR, "--server", server.grpc, "--host", "after", "--once", "--duration", "100ms"],
                              stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
        self.assertIn(done.returncode, (0, 3), done.stderr)

    @staticmethod
    def acked(metrics):
        try:
            with urllib.request.urlopen("http://%s/metrics" % metrics, timeout=PATIENCE_S) as answer:
                text = answer.read().decode()
        except OSError:
            return 0  # it does not serve them yet
        return int(float(re.search(r"^wakewatch_collector_events_acked_total (\S+)$", text, re.M).group(1)))

    @staticmethod
    def overlaps(stored):
        found, last = [], {}
        for cpu, first_ns, last_ns, _ in sorted(stored.chunks):
            if first_ns < last.get(cpu, 0):
                found.append("CPU %d: events at %d are stored twice" % (cpu, first_ns))
            last[cpu] = last_ns
        return found


if __name__ == "__main__":
    sys.exit(main())
