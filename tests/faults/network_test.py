#!/usr/bin/env python3
"""Why: a network that drops, delays and cuts connections in the middle of a message, answers that never arrive, and
bytes of an old connection that come when the next one stands already. --seeds N (200), --seed S: the first."""
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
                                       "--patience-ms", 20_000, "--queue-kib", queue_kib, "--batches", batches,
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
            if stored.events() != said["acked"]:
                self.fail(self.mismatch(server, said, stored) + how)
            self.assert_sound(stored.check_complete(said["cpus"], said["cpu_events"]), how)
        return ends

    def mismatch(self, server, said, stored):
        """What else can be known: whether it was so for an instant only, and what the server said of this host."""
        again = self.stored(server.data, said["host"])
        log = [line for line in server.text().splitlines() if "host %s:" % said["host"] in line]
        return "%d acknowledged, %d stored in batches %s; read again: %d in %s; %s; " % (
            said["acked"], stored.events(), sorted(stored.batches), again.events(), sorted(again.batches), log[-10:])

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


if __name__ == "__main__":
    sys.exit(main())
