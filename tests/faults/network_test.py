#!/usr/bin/env python3
"""Why: a network that drops, delays and cuts connections in the middle of a message, answers that never arrive, and
bytes of an old connection that come when the next one stands already; and haste, which is enough for batches to
overtake one another. --seeds N (200), --seed S: the first."""
import collections
import sys

from fault_support import FaultTest, main, note, replay, settings

BATCHES, CPU_EVENTS = 20, 100
ROOMY_KIB, TIGHT_KIB = 20 << 10, 48  # what is offered takes about 110 KiB


class Networks(FaultTest):
    def run_seeds(self, queue_kib, batches):
        server = self.new_server().start()
        seeds = 200 if settings.seeds is None else settings.seeds
        collector = self.new_collector(server, "--host", "net", "--seed", settings.seed, "--seeds", seeds,
                                       "--queue-kib", queue_kib, "--batches", batches,
                                       "--cpu-events", CPU_EVENTS)
        collector.end(timeout=None)
        ends = collector.said["end"]
        self.assertEqual(seeds, len(ends), collector.log.decode()[-2000:])
        for said in ends:
            how = "%s %s" % (replay(self, "seeds", said["seed"]), said)
            self.assertTrue(said["delivered"], how)
            self.assertEqual(0, said["refused"], how)
            self.assertEqual(said["offered"], said["acked"] + said["dropped"], how)
            stored = self.stored(server.data, said["host"])
            self.assertEqual(said["acked"], stored.events(), how)
            self.assert_sound(stored.check_complete(said["cpus"], said["cpu_events"]), how)
        return ends

    def test_all_arrives_once(self):
        ends = self.run_seeds(ROOMY_KIB, BATCHES)
        self.assertEqual(0, sum(said["dropped"] for said in ends))
        faults = collections.Counter()
        for said in ends:
            faults.update(said["faults"])
        note("%d networks: %s; %d batches sent again" % (
            len(ends), dict(faults), sum(said["sent"] - said["batches_acked"] for said in ends)))

    def test_what_the_queue_had_to_drop_is_counted(self):
        ends = self.run_seeds(TIGHT_KIB, 2 * BATCHES)
        dropped = sum(said["dropped"] for said in ends)
        note("%d networks, a queue of %d KiB: %d of %d events dropped, all of them counted" % (
            len(ends), TIGHT_KIB, dropped, sum(said["offered"] for said in ends)))
        self.assertGreater(dropped, 0)


class ManyStreams(FaultTest):
    """No fault at all, but haste: batches so small that acknowledgements and batches cross on every stream."""

    STREAMS, BATCHES = 4, 3000

    def test_no_batch_overtakes_another(self):
        server = self.new_server().start()
        for seed in range(settings.seed, settings.seed + (1 if settings.seeds is None else settings.seeds)):
            hosts = ["haste-%d-%d" % (seed, i) for i in range(self.STREAMS)]
            collectors = [self.new_collector(server, "--host", host, "--batches", self.BATCHES, "--cpu-events", 1,
                                             "--quiet") for host in hosts]
            for host, collector in zip(hosts, collectors):
                said = collector.end()
                self.assertTrue(said["delivered"], said)
                server.wait_until_ended(host)
                how = replay(self, "seeds", seed)
                self.assert_sound(self.stored(server.data, host).check_complete(said["cpus"], self.BATCHES), how)


if __name__ == "__main__":
    sys.exit(main())
