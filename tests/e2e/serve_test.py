#!/usr/bin/env python3
"""Why: the server, a collector and their clients as a user runs them: what comes in over the network is answered like
the files it becomes, on every way of asking, and bad addresses, requests and restarts are met in order.

Needs also WAKEWATCH_FLEET (the fleet simulator) and WAKEWATCH_COLLECTOR (the collector) in the environment.
"""
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

from command import ERROR, FINDINGS, FINE, GAPS, PATIENCE_S, USAGE, WAKEWATCH, Command, free_port, main

FLEET = os.environ.get("WAKEWATCH_FLEET", "fleet_bench")
COLLECTOR = os.environ.get("WAKEWATCH_COLLECTOR", "wakewatch-collector")
EXAMPLE = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "examples", "late_threads.py")
SYSTEM_PYTHON = "/usr/bin/python3"


class Server:
    """A server of its own on free ports, until stop()."""

    def __init__(self, test, data, listen="127.0.0.1:0", http="127.0.0.1:0", more=()):
        self.log = os.path.join(test.folder, "serve-%d.log" % time.monotonic_ns())
        self.data = data
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [WAKEWATCH, "serve", "--data", data, "--listen", listen, "--http", http, *more],
                stdout=subprocess.DEVNULL, stderr=log)
        test.addCleanup(self.kill)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            text = self.text()
            grpc = re.search(r"gRPC clients: (\S+:\d+)", text)
            web = re.search(r"dashboard: (http://\S+)/", text)
            if grpc and web:
                self.grpc, self.web = grpc.group(1), web.group(1)
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the server did not start: " + text)
            time.sleep(0.05)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def call(self, method, body=None, **headers):
        """A unary RPC by the Connect protocol, as JSON."""
        request = urllib.request.Request(self.web + "/wakewatch.v1." + method, json.dumps(body or {}).encode(),
                                         {"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.loads(response.read())

    def get(self, path, **headers):
        request = urllib.request.Request(self.web + path, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return response.status, response.headers, response.read()

    def wait_until_ended(self, host):
        """Until the recording of `host` is complete."""
        self.wait_for_status(host, "HOST_STATUS_ENDED")

    def wait_for_status(self, host, status):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            hosts = {state["name"]: state for state in self.call("FleetService/ListHosts").get("hosts", [])}
            if hosts.get(host, {}).get("status") == status:
                return
            time.sleep(0.1)
        raise AssertionError("%s did not come to %s: %s" % (host, status, self.text()))


class Serving(Command):
    def stream(self, server, *options):
        """Plays the bundled recording once, as one collector on host sim-0 would send it."""
        done = subprocess.run([FLEET, "--server", server.grpc, "--collectors", "1", "--once", "--as-fast-as-possible",
                               "--patience", str(PATIENCE_S), "--recording", self.trace(), "--json", *options],
                              capture_output=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(0, done.returncode, (done.stdout, done.stderr, server.text()))

    def served(self):
        server = Server(self, self.path("data"))
        self.stream(server)
        server.wait_until_ended("sim-0")
        return server

    def session_folder(self, server):
        host = os.path.join(server.data, "hosts", "sim-0")
        return os.path.join(host, os.listdir(host)[0])


class ServedProtocols(Serving):
    OWN = b"""protocol late "looks before it sets its state";
flag cond;
kthread worker { if (!cond) { set_current_state(TASK_INTERRUPTIBLE); schedule() until (cond); } }
task waker { cond = 1; wake_up_process(worker); }
"""

    def test_a_server_checks_as_the_command_does(self):
        server = Server(self, self.path("data"))
        own = self.path("own.wake", self.OWN)
        for arguments, code in ((("kthread_loop",), FINE), ((own,), FINDINGS), ((own, "--memory", "sc"), FINDINGS)):
            mine = self.run_it("check", *arguments, expect=code).stdout
            self.assertEqual(mine, self.run_it("check", *arguments, "--server", server.grpc, expect=code).stdout)
        self.refused("check", self.path("wrong.wake", b"protocol x;\nflag\n"), "--server", server.grpc,
                     says=("wrong.wake", "line "))
        self.refused("check", self.path("empty.wake", b""), "--server", server.grpc, says=("empty.wake",))
        self.refused("check", "no-such", "--server", server.grpc, says=("no-such",))
        shown = self.run_it("check", "--show", "kthread_loop", expect=FINE).stdout
        self.assertEqual(shown, self.run_it("check", "--show", "kthread_loop", "--server", server.grpc, expect=FINE).stdout)

    def protocols(self, server):
        """Those of the server, when all their verdicts are known."""
        def listed():
            return server.call("ProtocolService/ListProtocols")
        self.until(lambda: listed().get("complete"))
        return listed()["protocols"]

    def test_verdicts_are_found_once_and_kept(self):
        for _ in range(2):
            server = Server(self, self.path("data"))
            listed = self.protocols(server)
            for protocol in listed:
                self.assertEqual(["sc", "tso"], [verdict["memory"] for verdict in protocol["verdicts"]], protocol["name"])
            self.assertEqual(0, server.stop())
        rows = self.run_it("list", "protocols", expect=FINE).stdout.decode()
        self.assertIn(listed[0]["name"], rows)

    def test_a_recording_of_a_server_has_them_too(self):
        server = Server(self, self.path("data"))
        listed = self.protocols(server)
        self.stream(server)
        server.wait_until_ended("sim-0")
        asked = self.run_it("query", "sim-0", "select count(*) from protocol_verdict", "--json", "--server", server.grpc,
                            expect=FINE)
        self.assertEqual(2 * len(listed), json.loads(asked.stdout)["rows"][0][0])


class ServedAnswers(Serving):
    def test_a_server_answers_as_its_files_do(self):
        server = self.served()
        folder = self.session_folder(server)
        for verb in ("report", "findings", "latency"):
            for form in ("json", "csv", "ndjson"):
                mine = self.run_it(verb, folder, "--format", form, expect=GAPS).stdout
                asked = self.run_it(verb, "sim-0", "--server", server.grpc, "--format", form, expect=GAPS).stdout
                if verb == "report" and form == "json":
                    mine, asked = json.loads(mine), json.loads(asked)
                    for document in (mine, asked):
                        document["trace"].pop("path", None)
                        document["trace"].pop("input_kind", None)
                        # Tasks that are no kernel threads leave a live report when they end.
                        document.pop("anomalies", None)
                if verb == "report" and form != "json":
                    continue  # they name the file
                self.assertEqual(mine, asked, "%s --format %s" % (verb, form))
        findings = json.loads(self.run_it("findings", folder, "--json", expect=GAPS).stdout)["findings"]
        self.assertGreater(len(findings), 0)

    def test_spans_filters_and_thresholds_reach_the_server(self):
        server = self.served()
        folder = self.session_folder(server)
        start_ns = json.loads(self.run_it("report", folder, "--json", expect=GAPS).stdout)["trace"]["start_ns"]
        middle = "%.9f" % (start_ns / 1e9 + 1)
        for options in (("--since", middle), ("--latency-threshold", "1ms"), ("--task", "ksoftirqd*"),
                        ("--check", "wakeup-latency"), ("--all",)):
            mine = self.run_it("latency", folder, "--format", "csv", *options).stdout
            asked = self.run_it("latency", "sim-0", "--server", server.grpc, "--format", "csv", *options).stdout
            self.assertEqual(mine, asked, options)

    def test_a_chain_over_the_network(self):
        server = self.served()
        folder = self.session_folder(server)
        start_ns = json.loads(self.run_it("report", folder, "--json", expect=GAPS).stdout)["trace"]["start_ns"]
        middle = "%.9f" % (start_ns / 1e9 + 0.5)
        for options in (("--task", "kworker/*", "--json"), ("--task", "kworker/*"),
                        ("--task", "kthreadd", "--since", middle, "--json")):
            mine = self.run_it("chain", folder, *options)
            asked = self.run_it("chain", "sim-0", "--server", server.grpc, *options)
            self.assertEqual(mine.stdout, asked.stdout, options)
            self.assertEqual(mine.returncode, asked.returncode, options)
            self.assertIn(mine.returncode, (FINE, GAPS), mine.stderr)
        self.refused("chain", "sim-0", "--server", server.grpc, "--task", "nobody", says=("nobody",))

    def test_a_comparison_over_the_network(self):
        server = self.served()
        folder = self.session_folder(server)
        start_ns = json.loads(self.run_it("report", folder, "--json", expect=GAPS).stdout)["trace"]["start_ns"]
        middle = "%.9f" % (start_ns / 1e9 + 1)
        for options in ((), ("--before-until", middle, "--after-since", middle)):
            mine = json.loads(self.run_it("diff", folder, folder, "--json", *options, expect=GAPS).stdout)
            asked = json.loads(self.run_it("diff", "sim-0", "sim-0", "--json", "--server", server.grpc, *options,
                                           expect=GAPS).stdout)
            for document in (mine, asked):
                for side in ("before", "after"):
                    document[side].pop("host")
                    document[side].pop("recording")
            self.assertEqual(mine, asked, options)
        self.refused("diff", "sim-0", "nobody", "--server", server.grpc, says=("nobody",))

    def test_sql_over_the_network(self):
        server = self.served()
        part = os.path.join(self.session_folder(server), "part-0001.db")
        sql = "select type, count(*) from event group by 1 order by 1"
        mine = self.run_it("query", part, sql, "--json", expect=FINE).stdout
        asked = self.run_it("query", "sim-0", sql, "--json", "--server", server.grpc, expect=FINE).stdout
        self.assertEqual(mine, asked)
        self.refused("query", "sim-0", "drop table finding", "--server", server.grpc, says=[server.grpc])

    def test_lists_of_hosts_and_recordings(self):
        server = self.served()
        hosts = json.loads(self.run_it("list", "hosts", "--server", server.grpc, "--format", "json").stdout)["items"]
        self.assertEqual(["sim-0"], [host["host"] for host in hosts])
        rows = json.loads(self.run_it("list", "recordings", "--server", server.grpc, "--format", "json").stdout)
        self.assertEqual(1, len(rows["items"]))
        self.run_it("list", "hosts", expect=USAGE)

    def test_a_trace_is_imported_onto_a_server(self):
        server = Server(self, self.path("data"))
        self.run_it("import", self.trace(), "--server", server.grpc, "--host", "lab-7", expect=FINE)
        server.wait_until_ended("lab-7")
        mine = self.run_it("findings", self.trace(), "--json", expect=GAPS).stdout
        asked = self.run_it("findings", "lab-7", "--server", server.grpc, "--json", expect=GAPS).stdout
        self.assertEqual(mine, asked)
        grouped = ("--json", "--group", "--all", "--confidence", "proven")
        mine = self.run_it("findings", self.trace(), *grouped, expect=GAPS).stdout
        self.assertEqual(mine, self.run_it("findings", "lab-7", "--server", server.grpc, *grouped, expect=GAPS).stdout)
        self.assertGreater(len(json.loads(mine)["groups"]), 0)
        metrics = server.get("/metrics")[2].decode()
        self.assertIn('wakewatch_host_snapshot_requests_total{host="lab-7"} 0', metrics, "a replayed host is not asked")
        self.refused("import", self.trace(), "--server", server.grpc, "--host", "../x", code=USAGE, says=["host"])
        self.run_it("import", self.trace(), "--server", server.grpc, expect=USAGE)
        self.run_it("import", self.trace(), "--host", "x", "-o", self.path("x.db"), expect=USAGE)

    def test_who_is_not_there_is_named(self):
        server = self.served()
        self.refused("report", "nobody", "--server", server.grpc, says=["nobody"])
        self.refused("report", "sim-0/none", "--server", server.grpc, says=["none"])
        self.refused("report", "sim-0", "--server", "127.0.0.1:%d" % free_port(), says=["serve"])


class ServedWeb(Serving):
    def test_rpcs_as_json(self):
        server = self.served()
        hosts = server.call("FleetService/ListHosts")["hosts"]
        self.assertEqual("sim-0", hosts[0]["name"])
        threads = server.call("AnalysisService/ListThreads", {"recording": {"host": "sim-0"}})["threads"]
        self.assertIn("ksoftirqd", {thread["kind"] for thread in threads})
        findings = server.call("FindingService/ListFindings", {"host": "sim-0"})
        self.assertEqual(int(findings["total"]), len(findings["findings"]))
        finding = findings["findings"][0]
        again = server.call("FindingService/GetFinding", {"host": "sim-0", "id": finding["id"]})["finding"]
        self.assertEqual(finding, again)
        self.assertGreater(len(again["evidence"]), 0)

    def test_groups_of_findings_sum_up_the_findings(self):
        server = self.served()
        answer = server.call("FindingService/ListFindingGroups", {"filter": {"host": "sim-0"}})
        total = int(server.call("FindingService/ListFindings", {"host": "sim-0", "limit": 1})["total"])
        self.assertEqual(total, int(answer["findings"]))
        self.assertEqual(total, sum(int(group["count"]) for group in answer["groups"]))
        self.assertEqual(int(answer["total"]), len(answer["groups"]))
        group = answer["groups"][0]
        of_group = server.call("FindingService/ListFindings", {"host": "sim-0", "groupId": group["groupId"]})
        self.assertEqual(int(group["count"]), int(of_group["total"]))
        self.assertIn(group["worst"]["id"], {finding["id"] for finding in of_group["findings"]})
        model = server.call("AnalysisService/GetModel", {"recording": {"host": "sim-0"}})
        report = json.loads(server.call("AnalysisService/GetReport", {"recording": {"host": "sim-0"}})["reportJson"])
        for name in ("obligations", "undecidable"):
            self.assertEqual([row["class"] for row in report[name]], [row["class"] for row in model.get(name, [])])

    def test_a_wrong_origin_is_refused(self):
        server = self.served()
        with self.assertRaises(urllib.error.HTTPError) as refused:
            server.call("FleetService/ListHosts", Origin="https://evil.example")
        self.assertEqual(403, refused.exception.code)

    def test_metrics_health_and_pages(self):
        server = self.served()
        metrics = server.get("/metrics")[2].decode()
        self.assertRegex(metrics, r'wakewatch_host_events_total\{host="sim-0"\} [1-9]')
        self.assertEqual(200, server.get("/healthz")[0])
        status, headers, _ = server.get("/")
        self.assertEqual(200, status)
        self.assertIn("default-src", headers["Content-Security-Policy"])
        self.assertNotIn("unsafe-inline", headers["Content-Security-Policy"])
        status, headers, body = server.get("/metrics", **{"Accept-Encoding": "gzip"})
        if headers.get("Content-Encoding") == "gzip":
            self.assertIn(b"wakewatch_hosts", gzip.decompress(body))

    def test_other_addresses_than_loopback_are_refused(self):
        for option in ("--listen", "--http"):
            self.refused("serve", "--data", self.path("data"), option, "0.0.0.0:0", says=["TLS"])

    def test_a_port_that_is_taken(self):
        server = Server(self, self.path("data"))
        done = self.run_it("serve", "--data", self.path("other"), "--listen", server.grpc, "--http", "127.0.0.1:0",
                           expect=ERROR)
        self.assertIn(b"another", done.stderr)

    def test_the_python_example(self):
        server = self.served()
        have = subprocess.run([SYSTEM_PYTHON, "-c", "import grpc, google.protobuf"], capture_output=True, check=False)
        if have.returncode != 0:
            self.skipTest("no python3-grpcio")
        for seconds in (1, 10, 60):  # one is enough where the machine is not busy
            done = subprocess.run([SYSTEM_PYTHON, EXAMPLE, "--server", server.grpc, "--watch", str(seconds)],
                                  capture_output=True, timeout=PATIENCE_S, check=False)
            self.assertEqual(0, done.returncode, done.stderr)
            if b"wakeup-latency" in done.stdout:
                break
        self.assertRegex(done.stdout.decode(), r"sim-0: kernel .* events lost")
        self.assertIn("ksoftirqd", done.stdout.decode())
        self.assertIn("wakeup-latency", done.stdout.decode())


class Restarts(Serving):
    def test_nothing_changes_over_a_restart(self):
        server = self.served()
        before = server.call("AnalysisService/ListThreads", {"recording": {"host": "sim-0"}})
        findings = server.call("FindingService/ListFindings", {"host": "sim-0"})
        self.assertEqual(0, server.stop(), server.text())
        server = Server(self, server.data)
        after = server.call("AnalysisService/ListThreads", {"recording": {"host": "sim-0"}})
        self.assertEqual(before["threads"], after["threads"])
        again = server.call("FindingService/ListFindings", {"host": "sim-0"})
        for answer in (findings, again):
            for finding in answer["findings"]:
                finding.pop("foundRealNs", None)
        self.assertEqual(findings, again)

    def test_a_lost_catalogue_is_made_again(self):
        server = self.served()
        before = server.call("FleetService/ListRecordings")["recordings"]
        self.assertEqual(0, server.stop())
        for name in os.listdir(server.data):
            if name.startswith("catalogue"):
                os.remove(os.path.join(server.data, name))
        server = Server(self, server.data)
        after = server.call("FleetService/ListRecordings")["recordings"]
        for row in before + after:
            row.pop("bytes")  # files that are complete are packed some time later
        self.assertEqual(before, after)

    def test_a_damaged_file_does_not_keep_the_server_from_starting(self):
        server = self.served()
        self.stream(server, "--host-prefix", "other-")
        part = os.path.join(self.session_folder(server), "part-0001.db")
        self.assertEqual(0, server.stop())
        with open(part, "r+b") as file:
            file.write(b"no recording any more")
        for name in os.listdir(server.data):
            if name.startswith("catalogue"):
                os.remove(os.path.join(server.data, name))
        server = Server(self, server.data)
        hosts = {host["name"] for host in server.call("FleetService/ListHosts")["hosts"]}
        self.assertIn("other-0", hosts)

    def test_a_kill_loses_nothing_that_was_acknowledged(self):
        data = self.path("data")
        server = Server(self, data, "127.0.0.1:%d" % free_port())
        stream = subprocess.Popen([FLEET, "--server", server.grpc, "--collectors", "3", "--once", "--speed", "2",
                                   "--patience", str(PATIENCE_S), "--recording", self.trace(), "--json"],
                                  stdout=subprocess.PIPE)
        self.addCleanup(lambda: stream.poll() is None and stream.kill())
        for _ in range(3):
            time.sleep(0.7)
            server.kill()
            server = Server(self, data, server.grpc)
        answer = json.loads(stream.communicate(timeout=PATIENCE_S)[0])
        self.assertEqual(0, int(answer["events_lost"]))
        stored = server.call("FleetService/ListHosts")["hosts"]
        self.assertEqual(3, len(stored))
        self.assertEqual(int(answer["events_sent"]), sum(int(host["events"]) for host in stored))


class Collecting(Serving):
    def setUp(self):
        super().setUp()
        self.need_recording()

    def test_this_machine_is_seen_live(self):
        server = Server(self, self.path("data"))
        collector = subprocess.Popen([COLLECTOR, "--server", server.grpc, "--host", "here"], stderr=subprocess.PIPE)
        self.addCleanup(lambda: collector.poll() is None and collector.kill())
        deadline = time.monotonic() + PATIENCE_S
        kinds = set()
        while not {"ksoftirqd", "kworker"} <= kinds and time.monotonic() < deadline:
            time.sleep(0.5)
            try:
                answer = server.call("AnalysisService/ListThreads", {"recording": {"host": "here"}})
            except urllib.error.HTTPError:
                continue  # it has not connected yet
            kinds = {thread["kind"] for thread in answer.get("threads", [])}
        self.assertLessEqual({"ksoftirqd", "kworker"}, kinds)
        host = server.call("FleetService/ListHosts")["hosts"][0]
        self.assertEqual("HOST_STATUS_STREAMING", host["status"])
        collector.send_signal(signal.SIGTERM)
        self.assertEqual(0, collector.wait(PATIENCE_S), collector.stderr.read())
        collector.stderr.close()
        server.wait_until_ended("here")

    def test_once(self):
        server = Server(self, self.path("data"))
        done = subprocess.run([COLLECTOR, "--server", server.grpc, "--host", "here", "--once", "--duration", "1s"],
                              capture_output=True, timeout=PATIENCE_S, check=False)
        self.assertIn(done.returncode, (FINE, GAPS), done.stderr)
        host = server.call("FleetService/ListHosts")["hosts"][0]
        self.assertGreater(int(host["events"]), 0)

    def test_what_an_outage_and_a_kill_left_is_delivered_by_the_next_start(self):
        address, metrics = ("127.0.0.1:%d" % free_port() for _ in range(2))
        # Who delivers is not root, and has to get to the spool.
        os.chmod(self.folder, 0o711)
        spool = self.path("spool")
        arguments = [COLLECTOR, "--host", "here", "--spool", spool]
        for end in (signal.SIGTERM, signal.SIGKILL):
            collector = subprocess.Popen([*arguments, "--server", address, "--metrics", metrics],
                                         stderr=subprocess.PIPE)
            self.addCleanup(lambda collector=collector: collector.poll() is None and collector.kill())
            self.until(lambda: self.metric(metrics, "events_read_total") > 0)
            before = self.metric(metrics, "spool_bytes")
            self.until(lambda before=before: self.metric(metrics, "spool_bytes") > before)  # what was read before is there
            collector.send_signal(end)
            errors = collector.communicate(timeout=PATIENCE_S)[1]
            if end == signal.SIGTERM:
                self.assertEqual(FINE, collector.returncode, errors)
                self.assertIn(b"are kept in", errors)
        server = Server(self, self.path("data"))
        done = subprocess.run([*arguments, "--server", server.grpc, "--once", "--duration", "1s"], capture_output=True,
                              timeout=PATIENCE_S, check=False)
        self.assertIn(done.returncode, (FINE, GAPS), done.stderr)
        server.wait_until_ended("here")  # then the list of recordings says what the last one holds
        recordings = server.call("FleetService/ListRecordings", {"host": "here"})["recordings"]
        self.assertEqual(3, len(recordings), recordings)
        for recording in recordings:
            self.assertGreater(int(recording["events"]), 0, recording)

    @staticmethod
    def metric(address, name):
        """A number that the collector tells; 0 until it does."""
        try:
            with urllib.request.urlopen("http://%s/metrics" % address, timeout=PATIENCE_S) as answer:
                text = answer.read().decode()
        except OSError:
            return 0
        found = re.search(r"^wakewatch_collector_%s (\S+)$" % name, text, re.MULTILINE)
        return float(found.group(1)) if found else 0

    def test_once_without_a_server(self):
        address = "127.0.0.1:%d" % free_port()
        done = subprocess.run([COLLECTOR, "--server", address, "--once", "--duration", "200ms"], capture_output=True,
                              timeout=PATIENCE_S, check=False)
        self.assertEqual(ERROR, done.returncode)
        self.assertIn(b"not delivered", done.stderr)


if __name__ == "__main__":
    sys.exit(main())
