#!/usr/bin/env python3
"""Why: real kernels lose real wakeups, and what Wakewatch says of them is compared with what happened.

Boots guests, lets each scenario run under the built collector, which streams to the built server outside, asks the
server for its findings and the module for the truth, and prints what was found of each cause, with 95 % intervals.
Ends with 0, 1 when a goal is missed, 77 when there is nothing to run it with.
Usage: lab.py [--short] [--boot "KERNEL ARGUMENT ..."] ...      --help tells more
"""
import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import boot
import build_guest
import scenarios
import truth

WAKEWATCH = os.environ.get("WAKEWATCH", os.path.join(build_guest.ROOT, "build", "release", "bin", "wakewatch"))
PATIENCE_S = 60
BOOT_S = 60
# Code that changes under a running CPU crashes an emulated guest now and then; what is left then gets another boot.
BOOTS_MAX = 8
DONE, GAPS = 0, 3


class Server:
    """A server of its own on free ports of this machine's loopback, while it is in a `with`."""

    def __init__(self, folder):
        self.log = os.path.join(folder, "serve.log")
        self.command = [*boot.WITH_PARENT, WAKEWATCH, "serve", "--data", os.path.join(folder, "data"),
                        "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        self.process = None
        self.grpc = self.web = ""

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                text = file.read()
            grpc = re.search(r"gRPC clients: (\S+:\d+)", text)
            web = re.search(r"dashboard: (http://\S+)/", text)
            if grpc and web:
                self.grpc, self.web = grpc.group(1), web.group(1)
                return self
            time.sleep(0.05)
        self.__exit__()
        raise RuntimeError("the server did not start; see " + self.log)

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def port(self):
        return self.grpc.rsplit(":", 1)[1]

    def hosts(self):
        request = urllib.request.Request(self.web + "/wakewatch.v1.FleetService/ListHosts", b"{}",
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return {host["name"]: host["status"] for host in json.loads(response.read()).get("hosts", [])}

    def wait_until_ended(self, names):
        deadline = time.monotonic() + PATIENCE_S
        while any(self.hosts().get(name) != "HOST_STATUS_ENDED" for name in names):
            if time.monotonic() > deadline:
                raise RuntimeError("recordings that did not end: %s" % self.hosts())
            time.sleep(0.2)

    def ask(self, verb, host):
        done = subprocess.run([WAKEWATCH, verb, host, "--server", self.grpc, "--json"], capture_output=True,
                              timeout=PATIENCE_S, check=False)
        if done.returncode not in (DONE, GAPS):
            raise RuntimeError("%s %s: %s" % (verb, host, done.stderr.decode(errors="replace")))
        return json.loads(done.stdout)


def has_check():
    done = subprocess.run([WAKEWATCH, "list", "checks"], capture_output=True, text=True, check=False)
    return bool(re.search(r"^%s\b" % truth.LOST_WAKEUP, done.stdout, re.MULTILINE))


def collector_options(evidence):
    """What the collector is given; it is asked what it knows."""
    if not evidence:
        return ""
    known = subprocess.run([build_guest.COLLECTOR, "--help"], capture_output=True, text=True, check=False).stdout
    if "--evidence" not in known:
        print("lab: this collector knows no --evidence; recording without probes", file=sys.stderr)
        return ""
    return "--evidence " + evidence


def plan_of(run, port, options, seed, prefix):
    """The guest's script."""
    lines = ["PORT=%s" % port, "COLLECTOR_OPTIONS=%s" % shlex.quote(options), "SETTLE_S=1", "run_plan() {"]
    for index, item in enumerate(run):
        arguments = {"seed": seed + index, **item.arguments}
        lines.append("  play %s %s %s" % (prefix + item.name, shlex.quote(item.load),
                                          " ".join(shlex.quote("%s=%s" % pair) for pair in arguments.items())))
    return "\n".join(lines + ["}", ""])


class Lab:
    """One run: boots, one after the other, and their score."""

    def __init__(self, options, folder, server):
        self.options = options
        self.folder = folder
        self.server = server
        self.score = truth.Score(void_in_gaps=True)
        self.broken = []

    def run_boot(self, number, words, run, evidence):
        """One boot, of "KERNEL ARGUMENT ..."."""
        name, _, arguments = words.partition(" ")
        programs = [shutil.which("stress-ng")] if any(item.load for item in run) else []
        if None in programs:
            raise build_guest.Unavailable("stress-ng is not installed")
        guest = build_guest.build(name, programs)
        options = collector_options(evidence)
        log = ""
        for attempt in range(BOOTS_MAX):
            folder = os.path.join(self.folder, "boot-%d%s" % (number, chr(ord("a") + attempt)))
            os.makedirs(folder)
            plan = plan_of(run, self.server.port(), options, self.options.seed + 100 * number,
                           os.path.basename(folder) + "-")
            seconds = boot.boot(guest, folder, plan, BOOT_S + sum(item.seconds for item in run), arguments)
            run, done = self.judge_boot(folder, run)
            print("%s: %d scenarios in %.0f s" % (" ".join([guest.kernel.release, arguments, options]), done, seconds),
                  flush=True)
            if not run:
                return
            log = boot.log_of(folder)
            print("the guest ended early, before %s" % run[0].name, flush=True)
        self.broken.append("did not run: %s\n%s" % (", ".join(item.name for item in run), log[-3000:]))

    def judge_boot(self, folder, run):
        """Judges what was recorded; the scenarios that were not, and how many were."""
        prefix = os.path.basename(folder) + "-"
        path = os.path.join(folder, prefix + "%s.jsonl")
        done = [item.name for item in run if os.path.exists(path % item.name)]
        self.server.wait_until_ended([prefix + name for name in done])
        for name in done:
            self.judge(prefix + name, truth.read(path % name))
        return [item for item in run if item.name not in done], len(done)

    def judge(self, host, records):
        report = self.server.ask("report", host)
        findings = self.server.ask("findings", host)["findings"]
        if [f["id"] for f in findings] != [f["id"] for f in report["findings"]]:
            self.broken.append("%s: `findings` and `report` differ" % host)
        trace = report["trace"]
        said = self.score.add(host, records, report)
        incidents = [r for r in records if r["rec"] == "incident"]
        print("%-22s %8d events, %d gaps, %3d incidents, %3d lost-wakeup findings" % (
            host, trace["events"], len(trace["gaps"]), len(incidents),
            sum(f["check"] == truth.LOST_WAKEUP for f in findings)), flush=True)
        for sentence in said:
            print("  " + sentence, flush=True)
        if trace["clock"] != "mono":
            self.broken.append("%s was recorded with clock %s, the truth has mono" % (host, trace["clock"]))


def parse(arguments):
    parser = argparse.ArgumentParser(description="guests that lose wakeups, and what Wakewatch finds of them")
    parser.add_argument("--boot", action="append", metavar="'KERNEL ARGUMENT ...'",
                        help="boot this kernel, with these arguments; may be repeated. Default: the first to be had")
    parser.add_argument("--short", action="store_true", help="four scenarios only")
    parser.add_argument("--tracepoints", action="store_true", help="one boot more, of the first kernel, without probes")
    parser.add_argument("--loaded", action="store_true", help="one boot more, of the last kernel, healthy under load")
    parser.add_argument("--scenario", action="append", choices=sorted(scenarios.BY_NAME), metavar="NAME",
                        help="only this one of scenarios.py; may be repeated")
    parser.add_argument("--evidence", default="deep", help="what the collector is asked for; '' for none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", metavar="DIR", help="leave recordings, truth and logs there")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--no-goals", action="store_true", help="only print")
    return parser.parse_args(arguments)


def run_all(options, folder):
    run = scenarios.SHORT if options.short else scenarios.FULL
    if options.scenario:
        run = [scenarios.BY_NAME[name] for name in options.scenario]
    with Server(folder) as server:
        lab = Lab(options, folder, server)
        words = options.boot or [""]
        boots = [(boot_words, run, options.evidence) for boot_words in words]
        if options.tracepoints:
            boots.append((words[0], run, ""))
        if options.loaded:
            boots.append((words[-1].partition(" ")[0], scenarios.LOADED, options.evidence))
        for number, parts in enumerate(boots):
            lab.run_boot(number, *parts)
    print(lab.score.table())
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(lab.score.document(), file, indent=1)
    missed = lab.broken + ([] if options.no_goals else truth.goals_missed(lab.score, by_chance=options.short))
    for sentence in missed:
        print("missed: " + sentence, file=sys.stderr)
    return 1 if missed else 0


def main(arguments):
    options = parse(arguments)
    if not os.path.exists(WAKEWATCH):
        raise build_guest.Unavailable("no program at " + WAKEWATCH)
    if not options.no_goals and not has_check():
        raise build_guest.Unavailable("this program has no check " + truth.LOST_WAKEUP)
    build_guest.need(boot.QEMU, "setpriv")
    if options.keep:
        os.makedirs(options.keep)
        return run_all(options, options.keep)
    with tempfile.TemporaryDirectory(prefix="wakewatch-lab-") as folder:
        return run_all(options, folder)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except build_guest.Unavailable as error:
        print("SKIPPED: %s" % error, file=sys.stderr)
        sys.exit(build_guest.SKIPPED)
