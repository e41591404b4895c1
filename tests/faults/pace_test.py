#!/usr/bin/env python3
"""Why: a host that sends more than it may while others stream is read more slowly, and that must cost nothing but time:
what it has stays in its own queue, and what does not fit there is counted as ever."""
import os
import sys

from fault_support import FaultTest, main, note

CPUS, PER_SECOND = 4, 20_000  # less than any server works off, however busy its machine is
PACED = "wakewatch_host_paced_seconds_total"


class Paced(FaultTest):
    BATCHES, CPU_EVENTS = 8, 2500  # four seconds of what a host may

    def beside_another(self, where, batches, *options):
        """What the noisy collector said in the end; all that it offered is stored or counted, and it was paced."""
        server = self.new_server(os.path.join(self.folder, "data-" + where),
                                 ("--host-events-per-second", PER_SECOND)).start()
        # So little that it keeps to its pace also where much of it comes at once.
        other = self.new_collector(server, "--host", "other", "--batches", 100_000, "--cpu-events", 10,
                                   "--events-per-second", 10, "--hurry-batches", 1)
        other.wait_for("acked")
        noisy = self.new_collector(server, "--host", "noisy", "--batches", batches, "--cpu-events",
                                   self.CPU_EVENTS, *options)
        said = noisy.end()
        self.assertTrue(said["delivered"], said)
        paced = server.metrics(PACED)
        self.assertEqual(0, paced["other"])
        self.assertGreater(paced["noisy"], 0)
        self.assertIsNone(other.process.poll(), "the other's stream went on all the time")
        other.kill()
        server.wait_until_ended("noisy")
        self.assertIn("host noisy: it sends more than %d events a second" % PER_SECOND, server.text())
        stored = self.stored(server.data, "noisy")
        self.assertEqual([], stored.check_complete(CPUS, batches * self.CPU_EVENTS))
        self.assertEqual(said["acked"], stored.events())
        self.assertEqual(batches * self.CPU_EVENTS * CPUS, said["offered"])
        self.assertEqual(said["offered"], said["acked"] + said["dropped"])
        note("%d events through %s, %d a second beside another host: %d dropped by their collector, paced for %.1f s" % (
            said["offered"], where, PER_SECOND, said["dropped"], paced["noisy"]))
        server.kill()
        return said

    def test_what_its_queue_holds_is_stored(self):
        for where, options in (("memory", ()), ("spool", ("--spool", os.path.join(self.folder, "spool")))):
            with self.subTest(where):
                self.assertEqual(0, self.beside_another(where, self.BATCHES, *options)["dropped"])

    def test_what_its_queue_does_not_hold_is_counted(self):
        self.assertGreater(self.beside_another("little", 60, "--queue-kib", 256)["dropped"], 0)


if __name__ == "__main__":
    sys.exit(main())
