#!/usr/bin/env python3
"""Why: what was recorded while the server was away, slow or full arrives when it can, and what could not be kept is
counted. The events of a minute are offered as fast as they can be made; --real-time: in their own time."""
import errno
import glob
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

from fault_support import (COLLECTOR, PATIENCE_S, FaultTest, Stored, free_port, main, note, process_status, reading,
                           settings, undisturbed)

CPUS = 4
RATE, OUTAGE_S, BATCH_S = 50_000, 60, 0.5
COLLECTOR_KIB_MAX = 64 << 10


def minute():
    """Options for the events of a minute."""
    return ("--batches", int(OUTAGE_S / BATCH_S), "--cpu-events", int(RATE * BATCH_S / CPUS),
            *(("--events-per-second", RATE) if settings.real_time else ()))


class ServerAway(FaultTest):
    """With a spool, as a collector runs; and the smallest of its settings, where memory is all there is."""

    def outage(self, where, *options):
        """A minute's events for a server that comes when all of them wait; what the collector said and what is stored."""
        server = self.new_server(os.path.join(self.folder, where.replace(" ", "-")))
        collector = self.new_collector(server, "--host", "waits", *minute(), *options)
        waiting = collector.wait_for("offered", OUTAGE_S if settings.real_time else 0)
        begin = time.monotonic()
        server.start()
        said = collector.end()
        drained_s = time.monotonic() - begin
        self.assertTrue(said["delivered"], said)
        self.assertEqual(RATE * OUTAGE_S, said["offered"])
        server.wait_until_ended("waits")
        stored = self.stored(server.data, "waits")
        self.assertEqual([], stored.check_complete(CPUS, said["cpu_events"]))
        self.assertEqual(said["acked"], stored.events())
        note("%d s at %d events/s without a server, in %s: %.1f MiB waited, drained in %.1f s: %.1f times the rate" % (
            OUTAGE_S, RATE, where, (waiting["queue_bytes"] + waiting["spool_bytes"]) / 2**20, drained_s,
            said["acked"] / drained_s / RATE))
        return said

    def spool(self, *options):
        return ("--spool", os.path.join(self.folder, "spool"), *options)

    def test_below_the_cap_nothing_is_lost(self):
        said = self.outage("the spool", *self.spool())
        self.assertEqual(0, said["dropped"])
        self.assertEqual(0, said["spool_failures"])

    def test_above_the_cap_generated_is_stored_and_counted(self):
        for where, options in (("a spool of 4 MiB", self.spool("--spool-mib", 4, "--queue-kib", 1 << 10)),
                               ("2 MiB of memory", ("--queue-kib", 2 << 10))):
            with self.subTest(where):
                said = self.outage(where, *options)
                self.assertGreater(said["dropped"], 0)
                self.assertGreater(said["acked"], 0)
                self.assertEqual(said["offered"], said["acked"] + said["dropped"])

    def test_what_an_earlier_start_left_goes_first(self):
        server = self.new_server()
        for session in ("older", "newer"):
            collector = self.new_collector(server, "--host", "starts", "--session", session, "--batches", 200,
                                           "--cpu-events", 250, *(("--patience-ms", 1) if session == "older" else ()),
                                           *self.spool())
            if session == "older":
                said = collector.end()
                self.assertEqual((False, True, 0), (said["delivered"], said["kept"], said["dropped"]), said)
        collector.wait_for("offered")
        server.start()
        said = collector.end()
        self.assertEqual((True, 0, 0), (said["delivered"], said["dropped"], said["refused"]), said)
        server.wait_until_ended("starts")
        begun = re.findall(r"host starts: recording \S+-(older|newer) ", server.text())
        self.assertEqual(["older", "newer"], begun)
        for session in begun:
            self.assertEqual([], self.stored(server.data, "starts", session).check_complete(CPUS, 200 * 250))


class ReaderBeside(FaultTest):
    """Somebody has a part of a recording open in sqlite3, and does not end the transaction."""

    def test_nobody_waits_and_nothing_is_lost(self):
        server = self.new_server().start()
        paced = ("--batches", 40, "--cpu-events", 100, "--events-per-second", 20_000)  # 0.8 s
        collector = self.new_collector(server, "--host", "read", *paced)
        collector.wait_for("acked")
        part = os.path.join(self.session_folder(server.data, "read"), "part-0001.db")
        with reading(part) as live:
            seen = undisturbed(lambda: self.begin(live))
            self.assertTrue(collector.end()["delivered"])
            server.wait_until_ended("read")
            self.others_go_on(server, "beside-live")
            self.assertEqual(seen, live.execute("SELECT count(*) FROM batch").fetchone()[0])
        self.wait_until_sealed(part)
        with reading(part) as closed:
            undisturbed(lambda: self.begin(closed))
            self.others_go_on(server, "beside-closed")
            # The session comes back, whose part cannot be written now; its batches are there already.
            said = self.new_collector(server, "--host", "read", *paced).end()
            self.assertTrue(said["delivered"], said)
        server.wait_until_ended("read")
        self.assertEqual([], self.stored(server.data, "read").check_complete(CPUS, 4000))
        self.assertEqual([], [line for line in server.text().splitlines() if "error" in line])

    @staticmethod
    def begin(database):
        if not database.in_transaction:
            database.execute("BEGIN")
        return database.execute("SELECT count(*) FROM batch").fetchone()[0]

    def others_go_on(self, server, name):
        """While the files are cared for, which happens every few seconds."""
        slowest = 0
        for i in range(10):
            begin = time.monotonic()
            said = self.new_collector(server, "--host", "%s-%d" % (name, i), "--batches", 2).end()
            slowest = max(slowest, time.monotonic() - begin)
            self.assertTrue(said["delivered"], said)
            time.sleep(0.6)
        note("%s: ten sessions of other hosts, the slowest took %.2f s" % (name, slowest))

    def wait_until_sealed(self, part):
        def sealed():
            with reading(part) as database:
                return database.execute("SELECT count(*) FROM meta WHERE key = 'sealed'").fetchone()[0] > 0
        deadline = time.monotonic() + PATIENCE_S
        while not undisturbed(sealed):
            self.assertLess(time.monotonic(), deadline, "the part was not sealed when its reader had gone")
            time.sleep(0.1)


class SmallDisk(FaultTest):
    """A small tmpfs, and a file that can take all of it."""

    MIB = 0

    def setUp(self):
        super().setUp()
        self.disk = os.path.join(self.folder, "disk")
        os.mkdir(self.disk)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % self.MIB, "tmpfs", self.disk],
                              capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("a small file system cannot be mounted here: " + done.stderr.decode().strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=False)
        self.filler = os.path.join(self.disk, "filler")

    def fill(self, all_but=0):
        room = os.statvfs(self.disk)
        with open(self.filler, "wb", buffering=0) as file:
            try:
                for _ in range((room.f_bavail * room.f_frsize - all_but) // 4096):
                    file.write(bytes(4096))
            except OSError as error:  # others write too
                if error.errno != errno.ENOSPC:
                    raise


class DiskFull(SmallDisk):
    """The server's disk."""

    MIB = 48

    def test_no_crash_no_false_acknowledgement_and_reads_go_on(self):
        server = self.new_server(os.path.join(self.disk, "data")).start()
        self.new_collector(server, "--host", "before", "--batches", 20).end()
        server.wait_until_ended("before")
        self.fill(all_but=1 << 20)
        collector = self.new_collector(server, "--host", "full", "--batches", 60, "--cpu-events", 5000)
        self.wait_until_full(collector)
        acked = collector.acked_batches()
        self.assertLess(acked, 60, "the disk was not full")
        # Of one instant: the collector comes back all the time, and the server writes what it can.
        os.kill(server.process.pid, signal.SIGSTOP)
        os.waitpid(server.process.pid, os.WUNTRACED)
        copy = self.copy_of(server.data, "full")
        os.kill(server.process.pid, signal.SIGCONT)
        if acked > 0:
            stored = self.stored(copy, "full")
            self.assertEqual([], stored.check_begun(CPUS, 60 * 5000, acked * 5000))
        self.assertIsNone(server.process.poll(), server.text()[-2000:])
        self.assertEqual("8000", server.hosts()["before"]["events"])
        threads = server.call("AnalysisService/ListThreads", {"recording": {"host": "before"}})["threads"]
        self.assertGreater(len(threads), 0)
        begin = time.monotonic()
        os.remove(self.filler)
        while collector.acked_batches() <= acked and time.monotonic() < begin + PATIENCE_S:
            time.sleep(0.02)
        note("disk full after %d batches; %.1f s after there was room the next was acknowledged" % (
            acked, time.monotonic() - begin))
        said = collector.end()
        self.assertTrue(said["delivered"], said)
        self.assertEqual((60 * 5000 * CPUS, 0, 0), (said["acked"], said["dropped"], said["refused"]))
        self.assertIsNone(server.process.poll(), server.text()[-2000:])
        server.wait_until_ended("full")
        self.assertEqual([], self.stored(server.data, "full").check_complete(CPUS, 60 * 5000))

    def wait_until_full(self, collector):
        deadline = time.monotonic() + PATIENCE_S
        while b"disk" not in collector.log and b"space" not in collector.log and time.monotonic() < deadline:
            time.sleep(0.02)


class SpoolDiskFull(SmallDisk):
    """The collector's disk, while the server is away."""

    MIB = 128
    BATCHES, CPU_EVENTS = 120, 1250  # 12 s at 50,000 events a second
    FULL_S = 5

    def test_memory_goes_on_and_what_it_cannot_hold_is_counted(self):
        for queue_kib, loses in ((32 << 10, False), (256, True)):
            with self.subTest(queue_kib=queue_kib):
                self.full_meanwhile("queue-%d" % queue_kib, queue_kib, loses)

    def full_meanwhile(self, host, queue_kib, loses):
        server = self.new_server(os.path.join(self.folder, host))
        collector = self.new_collector(
            server, "--host", host, "--batches", self.BATCHES, "--cpu-events", self.CPU_EVENTS, "--events-per-second",
            RATE, "--queue-kib", queue_kib, "--spool", os.path.join(self.disk, host))
        time.sleep(1)
        self.fill()
        self.wait_until_said(collector, b"waits in memory meanwhile")
        time.sleep(self.FULL_S)
        self.assertIsNone(collector.process.poll(), collector.log.decode())
        begin = time.monotonic()
        os.remove(self.filler)
        self.wait_until_said(collector, b"takes batches again")
        recovered_s = time.monotonic() - begin
        self.assertEqual(0, collector.acked_batches(), "nobody can have acknowledged anything")
        server.start()
        said = collector.end()
        self.assertTrue(said["delivered"], said)
        self.assertEqual(said["offered"], said["acked"] + said["dropped"], said)
        self.assertGreater(said["spool_failures"], 0)
        self.assertEqual(loses, said["dropped"] > 0, said)
        server.wait_until_ended(host)
        stored = self.stored(server.data, host)
        self.assertEqual(said["acked"], stored.events())
        self.assertEqual([], stored.check_complete(CPUS, said["cpu_events"]))
        note("the spool's disk was full for %d s, %d KiB of memory: %d of %d events dropped, all counted; it took "
             "batches %.1f s after there was room" % (self.FULL_S, queue_kib, said["dropped"], said["offered"],
                                                      recovered_s))
        server.stop()

    def wait_until_said(self, collector, words):
        deadline = time.monotonic() + PATIENCE_S
        while words not in collector.log:
            self.assertLess(time.monotonic(), deadline, collector.log.decode())
            self.assertIsNone(collector.process.poll(), collector.log.decode())
            time.sleep(0.02)


class Duty:
    """A process that runs a tenth of the time, until stop()."""

    PERIOD_S = 0.25

    def __init__(self, pid, share=0.1):
        self.pid, self.share = pid, share
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.over.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            self.over.wait(self.PERIOD_S * (1 - self.share))
            os.kill(self.pid, signal.SIGCONT)
            self.over.wait(self.PERIOD_S * self.share)

    def stop(self):
        self.over.set()
        self.thread.join()


class SlowServer(FaultTest):
    def test_memory_is_bounded_and_everything_is_accounted_for(self):
        server = self.new_server().start()
        duty = Duty(server.process.pid)
        self.addCleanup(duty.stop)
        collector = self.new_collector(server, "--host", "slow", "--queue-kib", 2 << 10, *minute())
        collector.wait_for("offered", OUTAGE_S if settings.real_time else 0)
        peak_kib = process_status(collector.process.pid, "VmHWM")
        said = collector.end()
        duty.stop()
        self.assertTrue(said["delivered"], said)
        server.wait_until_ended("slow")
        self.assertEqual(said["offered"], said["acked"] + said["dropped"])
        self.assertGreater(said["dropped"], 0, "the server was not slow")
        self.assertEqual([], self.stored(server.data, "slow").check_complete(CPUS, said["cpu_events"]))
        note("a server at a tenth of its speed: %d of %d events dropped, fault_collector at most %d MiB" % (
            said["dropped"], said["offered"], peak_kib >> 10))


class SlowServerRealCollector(FaultTest):
    def setUp(self):
        super().setUp()
        self.need_tracefs()

    def test_memory_is_bounded_and_overruns_are_gaps(self):
        seconds = 60 if settings.real_time else 5
        server = self.new_server().start()
        metrics = "127.0.0.1:%d" % free_port()
        collector = subprocess.Popen([COLLECTOR, "--server", server.grpc, "--host", "real", "--metrics", metrics,
                                      "--profile", "full", "--buffer-kb", "64"], stderr=subprocess.PIPE)
        self.addCleanup(lambda: collector.poll() is None and collector.kill())
        time.sleep(1)
        slow = Duty(server.process.pid)
        starved = Duty(collector.pid, share=0.3)  # so that the kernel's buffers, which are small, overflow
        peak_kib, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            self.switch_often(0.2)
            peak_kib = max(peak_kib, process_status(collector.pid, "VmHWM"))
        starved.stop()
        self.overrun(collector)
        slow.stop()
        # What is told to stop does not wait for long: the server has to have caught up.
        deadline = time.monotonic() + PATIENCE_S
        while self.queued(metrics) > 1 << 20:
            self.assertLess(time.monotonic(), deadline, "the server did not catch up")
            time.sleep(0.1)
        peak_kib = max(peak_kib, process_status(collector.pid, "VmHWM"))
        collector.send_signal(signal.SIGTERM)
        errors = collector.communicate(timeout=PATIENCE_S)[1].decode()
        self.assertEqual(0, collector.returncode, errors)
        server.wait_until_ended("real")
        stored = Stored(self.session_folder(server.data, "real", "*"))
        self.check_overruns(stored)
        self.assertLessEqual(peak_kib, COLLECTOR_KIB_MAX)
        note("a collector with a slow server: at most %d MiB, %d events stored, %d lost in %d gaps" % (
            peak_kib >> 10, stored.events(), sum(gap[3] or 0 for gap in stored.gaps), len(stored.gaps)))

    def overrun(self, collector):
        """Stops the collector until the kernel has overwritten events, if it has not yet."""
        with open("/proc/self/mounts", encoding="utf-8") as file:
            tracefs = next(line.split()[1] for line in file if line.split()[2] == "tracefs")
        pattern = "%s/instances/wakewatch-%d-*/per_cpu/cpu*/stats" % (tracefs, collector.pid)

        def overwritten():
            texts = []
            for path in glob.glob(pattern):
                with open(path, encoding="utf-8") as file:
                    texts.append(file.read())
            return sum(int(n) for n in re.findall(r"^overrun: (\d+)$", "\n".join(texts), re.MULTILINE))
        deadline = time.monotonic() + PATIENCE_S
        os.kill(collector.pid, signal.SIGSTOP)
        while overwritten() == 0:
            self.assertLess(time.monotonic(), deadline, "nothing was overrun")
            self.switch_often(0.2)
        os.kill(collector.pid, signal.SIGCONT)

    @staticmethod
    def queued(metrics):
        """Bytes that wait for the server."""
        with urllib.request.urlopen("http://%s/metrics" % metrics, timeout=PATIENCE_S) as answer:
            text = answer.read().decode()
        return float(re.search(r"^wakewatch_collector_queue_bytes (\S+)$", text, re.MULTILINE).group(1))

    @staticmethod
    def switch_often(seconds):
        """Threads that wake each other through pipes, which is many events."""
        there, back = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            while os.read(there[0], 1):
                os.write(back[1], b"x")
            os._exit(0)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            os.write(there[1], b"x")
            os.read(back[0], 1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for end in there + back:
            os.close(end)

    def check_overruns(self, stored):
        """What the kernel says that it overwrote is what the gaps say, CPU by CPU. Where a sub-buffer had no room left
        for its count the kernel marks a loss without one: such a gap counts nothing, and the others never too much."""
        self.assertGreater(len(stored.stats), 0)
        self.assertGreater(sum(row[2] for row in stored.stats), 0, "nothing was overrun")
        for cpu, entries, overrun, dropped, read in stored.stats:
            mine = [lost for at, _, _, lost, cause in stored.gaps if at == cpu and cause == "overrun"]
            counted = sum(lost for lost in mine if lost is not None)
            self.assertEqual(read, sum(chunk[3] for chunk in stored.chunks if chunk[0] == cpu), "CPU %d" % cpu)
            self.assertEqual(0, entries, "CPU %d was not read to its end" % cpu)
            if None in mine:
                self.assertLess(counted, overrun + dropped, "CPU %d" % cpu)
            else:
                self.assertEqual(counted, overrun + dropped, "CPU %d" % cpu)


if __name__ == "__main__":
    sys.exit(main())
