#!/usr/bin/env python3
"""Why: whoever may deliver may also lie. A chunk of kilobytes that becomes hundreds of mebibytes costs a server no more
memory than one that is in order."""
import sys

from fault_support import FaultTest, main, note, process_status

BATCHES, CPU_EVENTS, CPUS = 10, 100, 4
GROWTH_KIB_MAX = 32 << 10
MIB = 1 << 20


class Bombs(FaultTest):
    def test_a_chunk_that_inflates_is_refused_and_costs_no_memory(self):
        server = self.new_server().start()
        self.send(server, "peaceful")
        before_kib = process_status(server.process.pid, "VmHWM")
        sizes = (1 * MIB, 20 * MIB, 60 * MIB, 400 * MIB)  # the last two announce more than is ever believed
        for size in sizes:
            with self.subTest(size=size):
                said = self.send(server, "bomb-%d" % (size // MIB), "--bomb-bytes", size)
                self.assertEqual(CPU_EVENTS * CPUS, said["refused"], said)
                self.assertEqual(said["offered"], said["acked"] + said["refused"], said)
                stored = self.stored(server.data, "bomb-%d" % (size // MIB))
                self.assertEqual(said["acked"], stored.events())
                missing = [stored.missing(cpu, said["cpu_events"]) for cpu in range(CPUS)]
                self.assertEqual([[(CPU_EVENTS * 5, CPU_EVENTS * 6)]] * CPUS, missing)
                self.assertEqual(set(range(CPUS)), {gap[0] for gap in stored.gaps}, "the hole has no gap")
        grown_kib = process_status(server.process.pid, "VmHWM") - before_kib
        note("bombs of %s MiB: the server's memory grew by at most %.1f MiB" % (
            ", ".join(str(size // MIB) for size in sizes), grown_kib / 1024))
        self.assertLess(grown_kib, GROWTH_KIB_MAX)
        self.send(server, "peaceful-again")

    def send(self, server, host, *options):
        said = self.new_collector(server, "--host", host, "--batches", BATCHES, "--cpu-events", CPU_EVENTS, *options).end()
        self.assertTrue(said["delivered"], said)
        server.wait_until_ended(host)
        return said


if __name__ == "__main__":
    sys.exit(main())
