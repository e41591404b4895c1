#!/usr/bin/env python3
"""Why: what the collector may do while it runs, as the kernel tells it, and what is left of it, and of its neighbours,
when it is killed at any moment. Needs WAKEWATCH_COLLECTOR in the environment, root and tracefs. WAKEWATCH_SEED and
WAKEWATCH_ROUNDS choose where and how often the neighbour's test kills."""
import os
import random
import signal
import subprocess
import sys
import time

from command import FINE, PATIENCE_S, USAGE, Command, main

COLLECTOR = os.environ.get("WAKEWATCH_COLLECTOR", "wakewatch-collector")
SEED = int(os.environ.get("WAKEWATCH_SEED", "1"))
ROUNDS = int(os.environ.get("WAKEWATCH_ROUNDS", "20"))
BROKER = "wakewatch-brokr"
NOBODY = "127.0.0.1:9"  # where no server is
NO_CAPABILITIES = "0000000000000000"


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def status_of(pid, task=None):
    path = "/proc/%d/status" % pid if task is None else "/proc/%d/task/%s/status" % (pid, task)
    return dict(line.split(":\t", 1) for line in read(path).splitlines() if ":\t" in line)


def lives(pid):
    try:
        return status_of(pid)["State"][0] not in "ZX"
    except OSError:
        return False


def broker_of(pid):
    for child in read("/proc/%d/task/%d/children" % (pid, pid)).split():
        if read("/proc/%s/comm" % child).strip() == BROKER:
            return int(child)
    return None


def eventually(what, patience_s=PATIENCE_S):
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        try:
            answer = what()
        except OSError:
            answer = None
        if answer:
            return answer
        time.sleep(0.01)
    return None


class Tracing(Command):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root")
        folders = [line.split()[1] for line in read("/proc/self/mounts").splitlines() if line.split()[2] == "tracefs"]
        if not folders:
            self.skipTest("no tracefs is mounted")
        self.tracefs = folders[0]
        self.started = []
        self.addCleanup(self.end_all)

    def start(self, *arguments):
        log = open(self.path("log-%d" % len(self.started)), "wb")
        process = subprocess.Popen([COLLECTOR, "--server", NOBODY, *arguments], stderr=log)
        log.close()
        self.started.append(process)
        return process

    def log(self):
        return read(self.path("log-%d" % (len(self.started) - 1)))

    def end_all(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()

    def instances(self, pid=None):
        ours = ["wakewatch-%d-" % process.pid for process in self.started] if pid is None else ["wakewatch-%d-" % pid]
        return [name for name in os.listdir(self.tracefs + "/instances") if name.startswith(tuple(ours))]

    def recording(self, process):
        """The pid of the broker, once tracing is on."""
        def on():
            self.assertIsNone(process.poll(), self.log())
            return all(read("%s/instances/%s/tracing_on" % (self.tracefs, name)).strip() == "1"
                       and len(os.listdir("/proc/%d/task" % process.pid)) > 2
                       for name in self.instances(process.pid)) and self.instances(process.pid)
        self.assertTrue(eventually(on), self.log())
        return broker_of(process.pid)


class Privileges(Tracing):
    @staticmethod
    def nices(pid):
        folder = "/proc/%d/task/" % pid
        return [int(read(folder + task + "/stat").rsplit(")", 1)[1].split()[16]) for task in os.listdir(folder)]

    def test_who_speaks_to_the_network_may_do_nothing(self):
        process = self.start()
        self.recording(process)
        tasks = os.listdir("/proc/%d/task" % process.pid)
        self.assertGreater(len(tasks), 2, "it reads and sends on threads of their own")
        for task in tasks:
            status = status_of(process.pid, task)
            self.assertNotIn("0", status["Uid"].split(), status["Name"])
            self.assertNotIn("0", status["Gid"].split(), status["Name"])
            self.assertEqual("", status["Groups"].strip())
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(NO_CAPABILITIES, status[name], name)
            self.assertEqual("1", status["NoNewPrivs"])
            self.assertEqual("2", status["Seccomp"])
        self.assertTrue(eventually(lambda: -10 in self.nices(process.pid)),
                        "the reading thread must not wait behind the load it records")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(FINE, process.wait(PATIENCE_S), self.log())
        self.assertEqual([], self.instances())

    def test_who_is_privileged_speaks_to_nobody_else(self):
        process = self.start()
        broker = self.recording(process)
        status = status_of(broker)
        self.assertEqual("2", status["Seccomp"])
        self.assertEqual("1", status["NoNewPrivs"])
        self.assertEqual(NO_CAPABILITIES, status["CapBnd"])
        allowed = 1 << 2 | 1 << 19 | 1 << 21 | 1 << 23 | 1 << 34  # dac_read_search, sys_ptrace, sys_admin, sys_nice, syslog
        self.assertEqual(0, int(status["CapEff"], 16) & ~allowed)
        self.assertEqual("1", status["Threads"])
        folder = "/proc/%d/fd/" % broker
        behind = [os.readlink(folder + fd) for fd in os.listdir(folder) if int(fd) > 2]
        sockets = [target for target in behind if target.startswith("socket:")]
        self.assertEqual(1, len(sockets), behind)
        inode = sockets[0][len("socket:["):-1]
        for family in ("tcp", "tcp6", "udp", "udp6", "raw", "packet", "netlink"):
            path = "/proc/%d/net/%s" % (broker, family)
            if os.path.exists(path):
                self.assertFalse(any(inode in line.split() for line in read(path).splitlines()), family)
        pair = [line.split() for line in read("/proc/%d/net/unix" % broker).splitlines() if inode in line.split()]
        self.assertEqual(1, len(pair))
        self.assertEqual("0005", pair[0][4], "SOCK_SEQPACKET")
        self.assertEqual(7, len(pair[0]), "it has no name that others could connect to")

    def test_each_half_ends_with_the_other(self):
        process = self.start()
        broker = self.recording(process)
        process.kill()
        process.wait()
        self.assertTrue(eventually(lambda: not lives(broker)))
        self.assertEqual([], self.instances(process.pid), "the broker removed what it had made")
        self.assertRegex(self.log(), r"other half has ended before its recording had; in the instance \d+ events")
        process = self.start()
        broker = self.recording(process)
        os.kill(broker, signal.SIGKILL)
        self.assertEqual(1, process.wait(PATIENCE_S))
        self.assertIn("the privileged half of the collector is gone", self.log())
        left = self.instances(process.pid)
        self.assertEqual(1, len(left), "nobody is left who could remove it")
        folder = "%s/instances/%s/" % (self.tracefs, left[0])
        self.assertTrue(eventually(lambda: read(folder + "tracing_on").strip() == "0"), "the kernel stops it")
        self.assertTrue(eventually(lambda: int(read(folder + "buffer_size_kb").split()[0]) < 512), "and frees its buffers")
        last = self.start("--once", "--duration", "200ms")
        last.wait(PATIENCE_S)
        self.assertEqual([], self.instances())
        self.assertRegex(self.log(), r"left by process %d, .*removed; in it \d+ events were never read" % process.pid)

    def test_the_user_can_be_chosen_and_the_drop_left_out(self):
        process = self.start("--user", "daemon")
        self.recording(process)
        self.assertEqual(["1"] * 4, status_of(process.pid)["Uid"].split())
        process.kill()
        process.wait()
        process = self.start("--no-drop")
        self.assertIsNone(self.recording(process))
        self.assertEqual(["0"] * 4, status_of(process.pid)["Uid"].split())
        for arguments in (("--user", "root"), ("--user", "no-such-user")):
            done = subprocess.run([COLLECTOR, *arguments], capture_output=True, timeout=PATIENCE_S)
            self.assertEqual(1, done.returncode)
            self.assertIn(b"--user", done.stderr)
        done = subprocess.run([COLLECTOR, "--user", "daemon", "--no-drop"], capture_output=True, timeout=PATIENCE_S)
        self.assertEqual(USAGE, done.returncode)


class Neighbour(Tracing):
    """Another tracer with an instance of its own, and who uses the top-level one."""
    SETTINGS = ("trace_clock", "buffer_size_kb", "tracing_on", "set_event", "trace_options", "current_tracer",
                "buffer_percent", "tracing_cpumask", "buffer_subbuf_size_kb", "set_ftrace_filter", "set_event_pid")
    GLOBAL = ("kprobe_events", "dynamic_events", "uprobe_events", "synthetic_events")

    def setUp(self):
        super().setUp()
        self.other = self.tracefs + "/instances/neighbour-%d" % os.getpid()
        os.mkdir(self.other)
        self.addCleanup(self.remove_other)
        self.put("buffer_size_kb", "8192")  # for all the processes that end on a busy machine meanwhile
        self.put("trace_clock", "global")
        self.put("events/sched/sched_process_exit/enable", "1")
        self.put("events/irq/softirq_raise/filter", "vec == 77")
        self.put("events/irq/softirq_raise/enable", "1")

    def remove_other(self):
        self.put("tracing_on", "0")
        os.rmdir(self.other)

    def put(self, name, text):
        with open(self.other + "/" + name, "w", encoding="utf-8") as file:
            file.write(text)

    def settings(self):
        state = {}
        names = [(folder, name) for folder in (self.tracefs, self.other) for name in self.SETTINGS]
        for folder, name in names + [(self.tracefs, name) for name in self.GLOBAL] + [
                (self.other, "events/irq/softirq_raise/filter"), (self.other, "events/sched/sched_process_exit/enable")]:
            try:
                state[folder + "/" + name] = read(folder + "/" + name)
            except OSError:
                pass
        return state

    def test_killing_the_collector_at_any_moment_leaves_it_as_it_was(self):
        chance = random.Random(SEED)
        again = "WAKEWATCH_SEED=%d WAKEWATCH_ROUNDS=%d privilege_test.py Neighbour" % (SEED, ROUNDS)
        before = self.settings()
        self.assertGreater(len(before), 20)
        for number in range(ROUNDS):
            self.put("trace_marker", "mark %d of the neighbour\n" % number)
            process = self.start()
            # From the first system calls of its start into its recording.
            delay_s = chance.random() * chance.choice((0.05, 0.3, 1.0))
            victims = chance.choice(("collector", "broker", "both"))
            time.sleep(delay_s)
            broker = eventually(lambda pid=process.pid: broker_of(pid), 0.05)
            what = "round %d: %s after %.3f s; again: %s" % (number, victims, delay_s, again)
            if victims != "collector" and broker is not None:
                os.kill(broker, signal.SIGKILL)
            if victims == "broker" and broker is not None:
                time.sleep(chance.random() * 0.1)
            process.kill()
            process.wait()
            if broker is not None:
                self.assertTrue(eventually(lambda pid=broker: not lives(pid)), what)
            self.assertEqual(before, self.settings(), what)
        last = self.start("--once", "--duration", "200ms")
        last.wait(PATIENCE_S)
        self.assertEqual([], self.instances(), again)
        trace = read(self.other + "/trace")
        marks = [line.split("mark ")[1].split()[0] for line in trace.splitlines() if "of the neighbour" in line]
        self.assertEqual([str(number) for number in range(ROUNDS)], marks, again)
        exits = [line for line in trace.splitlines() if "sched_process_exit: comm=wakewatch" in line]
        self.assertGreaterEqual(len(exits), ROUNDS, "it went on recording; " + again)
        for cpu in os.listdir(self.other + "/per_cpu"):
            stats = dict(line.split(": ") for line in read("%s/per_cpu/%s/stats" % (self.other, cpu)).splitlines())
            self.assertEqual("0", stats["overrun"], "its buffer was not made smaller")
            self.assertEqual("0", stats["read events"], "nobody read what is the neighbour's")


if __name__ == "__main__":
    sys.exit(main())
