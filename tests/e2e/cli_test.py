#!/usr/bin/env python3
"""Why: the command as a user meets it: exit codes, what goes to which stream, bad input, SQL that is refused."""
import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys

from command import ERROR, FINDINGS, FINE, GAPS, LOST, PATIENCE_S, USAGE, WAKEWATCH, Command, main

VERBS = ("record", "import", "backup", "report", "latency", "model", "findings", "chain", "diff", "check", "query",
         "list", "doctor")


class Help(Command):
    def test_every_verb_has_help_with_an_example(self):
        for verb in VERBS:
            text = self.run_it(verb, "--help", expect=FINE).stdout.decode()
            self.assertIn("Usage: wakewatch %s" % verb, text)
            self.assertIn("Example", text)
            self.assertIn("  ", text)

    def test_the_program_names_its_verbs_and_hides_docs(self):
        text = self.run_it("--help", expect=FINE).stdout.decode()
        for verb in VERBS:
            self.assertIn(verb, text)
        self.assertNotIn("\n  docs", text)

    def test_version(self):
        self.assertRegex(self.run_it("--version", expect=FINE).stdout.decode(), r"^wakewatch \d+\.\d+\.\d+\n$")

    def test_man_pages_name_every_option_of_the_help_text(self):
        for verb in VERBS:
            page = self.run_it("docs", "man", verb, expect=FINE).stdout.decode().replace("\\-", "-")
            self.assertIn(".TH WAKEWATCH-%s 1" % verb.upper(), page.replace("\\", ""))
            for word in self.run_it(verb, "--help").stdout.decode().split():
                if word.startswith("--") and word[2:].replace("-", "").isalpha():
                    self.assertIn(word, page)

    def test_the_completion_is_a_script_that_completes(self):
        script = self.path("completion", self.run_it("docs", "bash", expect=FINE).stdout)
        ask = ". %s; COMP_WORDS=(wakewatch %s); COMP_CWORD=%d; _wakewatch; echo ${COMPREPLY[@]}"
        rows = (("rep", 1, "report"), ("report --js", 2, "--json"), ("report --format nd", 3, "ndjson"),
                ("list prof", 2, "profiles"))
        for words, at, expected in rows:
            done = subprocess.run(["bash", "-c", ask % (script, words, at)], capture_output=True, timeout=PATIENCE_S,
                                  check=True)
            self.assertIn(expected, done.stdout.decode().split(), words)


class Usage(Command):
    def test_what_makes_no_sense_is_two(self):
        for arguments in ((), ("fly",), ("report",), ("report", "a", "b"), ("report", "x", "--format", "yaml"),
                          ("report", "x", "--since", "yesterday"), ("report", "x", "--latency-threshold", "5"),
                          ("report", "x", "--fail-on", "maybe"), ("report", "x", "--cpu", "3-1"), ("import", "x"),
                          ("record", "--buffer-kb", "1"), ("record", "--duration", "-3s"), ("list", "cats"),
                          ("list", "events"), ("list", "kinds", "x"), ("query", "x"), ("chain", "x"),
                          ("chain", "x", "--task", "1", "--until", "soon"), ("check",), ("check", "a", "--all"),
                          ("diff", "a"), ("diff", "a", "b", "--before-since", "soon"), ("diff", "a", "b", "c"),
                          ("check", "--list", "--all"), ("check", "x", "--memory", "arm"), ("check", "x", "--states", "0"),
                          ("check", "x", "--json", "--memory", "both"), ("check", "x", "--role", "a=1"),
                          ("check", "--diagnose", "--show"), ("check", "x", "--diagnose", "--memory", "both"),
                          ("check", "x", "--against", "y", "--role", "worker"), ("check", "--all", "--server", "127.0.0.1:1"),
                          ("docs", "man", "fly")):
            with self.subTest(arguments=arguments):
                self.refused(*arguments, code=USAGE)

    def test_a_full_disk_behind_standard_output_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([WAKEWATCH, "list", "kinds"], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE_S)
        self.assertEqual(ERROR, done.returncode)
        self.assertIn(b"No space left", done.stderr)

    def test_a_reader_that_leaves_is_not(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([WAKEWATCH, "list", "kinds"], stdout=writer, stderr=subprocess.PIPE, timeout=PATIENCE_S)
        os.close(writer)
        self.assertEqual(FINE, done.returncode, done.stderr)

    def test_lists(self):
        for what in ("formats", "checks", "rules", "profiles", "kinds", "protocols"):
            answer = json.loads(self.run_it("list", what, "--json", expect=FINE).stdout)
            self.assertEqual(1, answer["schema_version"])
            self.assertTrue(answer["items"], what)

    def test_the_model_says_which_rules_a_trace_obeys(self):
        rules = json.loads(self.run_it("model", "--json", expect=FINE).stdout)
        self.assertEqual((1, 1), (rules["schema_version"], rules["model_version"]))
        answer = json.loads(self.run_it("model", self.trace(), "--json", expect=GAPS).stdout)
        self.assertEqual([rule["name"] for rule in rules["rules"]], [rule["name"] for rule in answer["rules"]])
        for rule in answer["rules"]:
            self.assertTrue(rule["explanation"] and rule["title"], rule["name"])
            if not rule["negative_control"]:
                self.assertEqual((0, 0), (rule["violations"], rule["missing"]), rule["name"])
        self.assertGreater(sum(rule["checked"] for rule in answer["rules"]), 10000)
        text = self.run_it("model", self.trace(), expect=GAPS).stdout.decode()
        self.assertIn("sleep-until-woken", text)
        self.assertIn("sleep-until-woken: ", self.run_it("model", expect=FINE).stdout.decode())
        self.refused("model", "--server", "127.0.0.1:1", code=USAGE)

    def test_the_doctor_answers_alike_in_both_formats(self):
        text = self.run_it("doctor")
        answer = self.run_it("doctor", "--json")
        self.assertEqual(text.returncode, answer.returncode)
        self.assertEqual(answer.returncode == FINE, json.loads(answer.stdout)["can_record"])


class BadInput(Command):
    READERS = (("report",), ("latency",), ("findings",), ("list", "events"), ("chain", "--task", "1"))

    def test_files_that_are_no_trace(self):
        rows = (("missing", None), ("empty", b""), ("text", b"hello\n"), ("zeros", bytes(100000)),
                ("elf", b"\x7fELF" + bytes(range(256)) * 8), ("head", b"\x17\x08\x44tracing6\0"),
                ("half-head", b"\x17\x08\x44tra"),
                ("sqlite-head", b"SQLite format 3\0" + bytes(84)))
        for name, content in rows:
            for reader in self.READERS:
                with self.subTest(name=name, reader=reader):
                    path = self.path(name, content)
                    self.refused(*reader, path, says=(name,))

    def test_a_folder_that_is_no_dump(self):
        for reader in self.READERS:
            self.refused(*reader, self.folder, says=(os.path.basename(self.folder),))

    def test_an_unreadable_file(self):
        if os.geteuid() == 0:
            self.skipTest("root reads everything")
        path = self.path("secret", b"x")
        os.chmod(path, 0)
        self.refused("report", path, says=("secret", "Permission denied"))

    def test_a_name_that_would_act_on_the_terminal(self):
        text = self.refused("report", "\x1b[2Jno-such-file")
        self.assertNotIn("\x1b", text)
        self.assertIn("\\x1b[2Jno-such-file", text)

    def cut(self, whole):
        """Exit codes of reports on the first parts of a trace, by percent."""
        codes = {}
        for part in (1, 5, 10, 25, 50, 75, 90, 99):
            path = self.path("cut-%d.dat" % part, whole[:len(whole) * part // 100])
            done = self.run_it("report", path, "--json")
            self.assertIn(done.returncode, (ERROR, GAPS), part)
            if done.returncode == ERROR:
                self.assertIn("cut-%d.dat" % part, done.stderr.decode())
            else:
                json.loads(done.stdout)
            codes[part] = done.returncode
        return codes

    def test_truncated_traces_are_read_as_far_as_they_go_or_refused(self):
        # Version 7 has its lists at the end: without them nothing says where anything is.
        self.assertEqual({ERROR}, set(self.cut(self.trace_bytes()).values()))

    def test_a_truncated_trace_of_version_6_is_read_as_far_as_it_goes(self):
        if not shutil.which("trace-cmd"):
            self.skipTest("no trace-cmd to make version 6 of a trace")
        path = self.path("v6.dat")
        subprocess.run(["trace-cmd", "convert", "--file-version", "6", "-i", self.trace(), "-o", path], check=True,
                       capture_output=True, timeout=PATIENCE_S)
        with open(path, "rb") as file:
            codes = self.cut(file.read())
        self.assertEqual((ERROR, GAPS), (codes[1], codes[99]))

    def test_flipped_bits_end_in_an_answer_or_an_error(self):
        whole = bytearray(self.trace_bytes())
        for i in range(24):
            damaged = bytearray(whole)
            at = (i * 7919 * 104729) % len(damaged) if i % 2 else (i * 7919) % 65536
            damaged[at] ^= 1 << (i % 8)
            done = self.run_it("report", self.path("flip.dat", damaged), "--json")
            self.assertIn(done.returncode, (FINE, ERROR, GAPS), at)
            if done.returncode != ERROR:
                json.loads(done.stdout)

    def test_a_recording_of_a_newer_schema(self):
        path = self.recording()
        # Pages that another program has written have no valid checksum; a file without room for checksums needs none.
        subprocess.run(["sqlite3", path, ".filectrl reserve_bytes 0", "pragma user_version = 1005", "vacuum"],
                       check=True, capture_output=True)
        self.refused("report", path, says=("rec.db", "newer"))
        self.refused("query", path, "select 1", says=("rec.db", "newer"))

    def test_a_truncated_recording(self):
        with open(self.recording(), "rb") as file:
            whole = file.read()
        for part in (10, 50, 90):
            path = self.path("half.db", whole[:len(whole) * part // 100])
            done = self.run_it("report", path, "--json")
            self.assertIn(done.returncode, (ERROR, GAPS))

    def test_a_database_of_somebody_else(self):
        path = self.path("other.db")
        with sqlite3.connect(path) as db:
            db.execute("create table t (a)")
        db.close()
        self.refused("report", path, says=("other.db",))
        self.refused("query", path, "select * from t", says=("other.db",))


class Answers(Command):
    def report(self, *arguments, expect=GAPS):
        return json.loads(self.run_it("report", self.trace(), "--json", *arguments, expect=expect).stdout)

    def test_loss_is_in_every_format_and_in_the_exit_code(self):
        trace = self.report()["trace"]
        self.assertEqual(LOST, trace["lost_events"])
        # Four pages had no room for the kernel's count (trace-cmd shows them without a number too); the kernel's own
        # account of each CPU has the rest.
        lost = [gap["lost"] for gap in trace["gaps"]]
        self.assertEqual(4, lost.count(None))
        self.assertGreater(LOST, sum(known for known in lost if known is not None))
        text = self.run_it("report", self.trace(), expect=GAPS).stdout.decode()
        self.assertTrue(text.startswith("!!! EVENTS WERE LOST: 6,512"), text[:80])
        rows = list(csv.DictReader(io.StringIO(self.run_it("report", self.trace(), "--format", "csv").stdout.decode())))
        self.assertIn(str(LOST), [row["n"] for row in rows if row["measure"] == "lost_events"])
        for line in self.run_it("report", self.trace(), "--format", "ndjson", expect=GAPS).stdout.splitlines():
            json.loads(line)

    def test_the_promised_shape(self):
        report = self.report()
        self.assertEqual(1, report["schema_version"])
        self.assertEqual(report["trace"]["events"], sum(report["trace"]["events_by_type"].values()))
        for thread in report["threads"]:
            for key in ("wakeup_latency_ns", "delivery_ns", "runqueue_ns", "preempted_ns", "excess_latency_ns"):
                figures = [thread[key][figure] for figure in ("p50", "p90", "p99", "max")]
                self.assertEqual(sorted(figures), figures, (thread["pid"], key))
        ids = [finding["id"] for finding in report["findings"]]
        self.assertEqual(len(ids), len(set(ids)), "two findings share an id")

    def test_the_same_input_gives_the_same_answer(self):
        self.assertEqual(self.report(), self.report())

    def test_user_tasks_only_when_asked(self):
        self.assertNotIn("user", {thread["kind"] for thread in self.report()["threads"]})
        self.assertIn("user", {thread["kind"] for thread in self.report("--all")["threads"]})

    def test_a_task_is_shown_alone(self):
        pid = self.report()["threads"][0]["pid"]
        self.assertEqual({pid}, {thread["pid"] for thread in self.report("--task", str(pid))["threads"]})

    def test_fail_on_wins_over_gaps(self):
        low = ("--latency-threshold", "1us", "--fail-on", "proven")
        self.assertTrue(self.report(*low, expect=FINDINGS)["findings"])
        high = ("--latency-threshold", "1000s", "--check", "wakeup-latency", "--fail-on", "suspicious")
        self.assertEqual([], self.report(*high)["findings"])

    def test_an_unknown_check_is_a_mistake_of_the_caller(self):
        self.refused("findings", self.trace(), "--check", "phase-of-the-moon", code=USAGE, says=("phase-of-the-moon",))

    def test_findings_are_those_of_the_report(self):
        low = ("--latency-threshold", "100us")
        report = self.report(*low)["findings"]
        done = self.run_it("findings", self.trace(), "--json", *low, expect=GAPS)
        self.assertEqual(report, json.loads(done.stdout)["findings"])
        lines = self.run_it("findings", self.trace(), "--format", "csv", *low, expect=GAPS).stdout.decode().splitlines()
        self.assertEqual(len(report), len(lines) - 1)

    def test_findings_in_groups_and_by_class(self):
        low = ("--latency-threshold", "100us")
        findings = self.report(*low)["findings"]
        groups = json.loads(self.run_it("findings", self.trace(), "--json", "--group", *low, expect=GAPS).stdout)["groups"]
        self.assertEqual(len(findings), sum(group["count"] for group in groups))
        self.assertEqual(len({finding["group_id"] for finding in findings}), len(groups))
        one = groups[0]
        of_class = json.loads(self.run_it("findings", self.trace(), "--json", "--class", one["class"], *low,
                                          expect=GAPS).stdout)["findings"]
        self.assertEqual({one["class"]}, {finding["class"] for finding in of_class})
        self.assertEqual(sum(finding["class"] == one["class"] for finding in findings), len(of_class))
        none = ("--class", "phase-of-the-moon", "--fail-on", "suspicious")
        self.run_it("findings", self.trace(), *none, *low, expect=GAPS)
        self.run_it("findings", self.trace(), "--group", "--fail-on", "proven", *low, expect=FINDINGS)

    def test_since_and_until_narrow_the_findings(self):
        low = ("--latency-threshold", "50us")
        report = self.report(*low)
        middle = (report["trace"]["start_ns"] + report["trace"]["end_ns"]) // 2
        since = "%d.%09d" % divmod(middle, 10**9)
        early = self.report(*low, "--until", since)["findings"]
        late = self.report(*low, "--since", since)["findings"]
        self.assertTrue(all(finding["start_ns"] <= middle for finding in early))
        self.assertTrue(all(finding["start_ns"] >= middle for finding in late))

    def test_wall_time_needs_a_clock_pair(self):
        self.refused("report", self.trace(), "--since", "2026-11-21 14:03", code=USAGE, says=("wall time",))

    def test_latency_in_every_format(self):
        answer = json.loads(self.run_it("latency", self.trace(), "--json", expect=GAPS).stdout)
        self.assertTrue(answer["threads"])
        measured = {}
        for wakeup in answer["wakeups"]:
            self.assertEqual(wakeup["in_ns"] - wakeup["waking_ns"], wakeup["latency_ns"])
            self.assertLessEqual(wakeup["waking_ns"], wakeup["wakeup_ns"])
            self.assertEqual(wakeup["latency_ns"], sum(wakeup["buckets_ns"].values()))
            self.assertEqual(wakeup["wakeup_ns"] - wakeup["waking_ns"], wakeup["buckets_ns"]["delivery"])
            self.assertLessEqual(wakeup["excess_ns"], wakeup["latency_ns"])
            self.assertIn(wakeup["affinity"], ("known", "assumed"))
            measured[wakeup["pid"]] = measured.get(wakeup["pid"], 0) + 1
        counted = {thread["pid"]: thread["wakeup_latency_ns"]["n"] for thread in answer["threads"]}
        self.assertEqual({pid: n for pid, n in counted.items() if n > 0}, measured)
        lines = self.run_it("latency", self.trace(), "--format", "ndjson", expect=GAPS).stdout.splitlines()
        self.assertEqual(answer["wakeups"], [json.loads(line) for line in lines])
        table = self.run_it("latency", self.trace(), "--format", "csv", expect=GAPS).stdout.decode()
        rows = list(csv.DictReader(io.StringIO(table)))
        self.assertTrue(all(int(row["wakeup_latency_p50_ns"]) <= int(row["wakeup_latency_max_ns"]) for row in rows))
        self.assertIn("KERNEL THREADS", self.run_it("latency", self.trace()).stdout.decode())

    def chain(self, *arguments, expect=GAPS):
        answer = json.loads(self.run_it("chain", self.trace(), "--json", *arguments, expect=expect).stdout)
        at = answer["path"]["from_ns"]
        for segment in answer["path"]["segments"]:
            self.assertEqual(at, segment["start_ns"], "a hole in the path")
            at = segment["end_ns"]
        self.assertEqual(answer["path"]["to_ns"], at)
        self.assertEqual(at - answer["path"]["from_ns"], sum(answer["path"]["totals_ns"].values()))
        return answer

    def test_the_chain_behind_the_worst_wait(self):
        threads = [thread for thread in self.report()["threads"] if thread["wakeup_latency_ns"]["n"] > 0]
        worst = max(threads, key=lambda thread: thread["wakeup_latency_ns"]["max"])
        answer = self.chain("--task", str(worst["pid"]))
        self.assertEqual(worst["wakeup_latency_ns"]["max"], answer["wait"]["latency_ns"])
        self.assertEqual(answer["wait"]["waking_ns"], answer["chain"][0]["waking_ns"])
        self.assertIn("CRITICAL PATH", self.run_it("chain", self.trace(), "--task", str(worst["pid"])).stdout.decode())

    def test_the_critical_path_of_a_span(self):
        trace = self.report()["trace"]
        since, until = ("%d.%09d" % divmod(trace["start_ns"] + part * 10**8, 10**9) for part in (1, 3))
        answer = self.chain("--task", "kthreadd", "--since", since, "--until", until)
        self.assertIsNone(answer["wait"])
        self.assertEqual(2 * 10**8, answer["path"]["to_ns"] - answer["path"]["from_ns"])

    def test_a_chain_that_nobody_can_tell(self):
        for arguments, code, word in ((("--task", "nobody"), ERROR, "nobody"),
                                      (("--task", "nobody", "--since", "0.5"), ERROR, "nobody"),
                                      (("--task", "kthreadd", "--since", "100000"), USAGE, "span"),
                                      (("--task", "kthreadd", "--until", "0.001"), USAGE, "span"),
                                      (("--task", "k*", "--until", "100000"), USAGE, "pid")):
            with self.subTest(arguments=arguments):
                self.refused("chain", self.trace(), *arguments, code=code, says=(word,))

    def test_diagnostics_stay_off_standard_output(self):
        done = self.run_it("report", self.trace(), "--json", expect=GAPS)
        json.loads(done.stdout)
        self.assertEqual(b"", done.stderr, "progress belongs on a terminal")


class Diffs(Command):
    def middle(self):
        trace = json.loads(self.run_it("report", self.trace(), "--json", expect=GAPS).stdout)["trace"]
        return "%.9f" % ((trace["start_ns"] + trace["end_ns"]) / 2e9)

    def test_a_trace_and_itself(self):
        answer = json.loads(self.run_it("diff", self.trace(), self.trace(), "--json", expect=GAPS).stdout)
        self.assertEqual(1, answer["schema_version"])
        self.assertTrue(answer["threads"] and answer["softirq"])
        changes = {row["wakeup_latency_ns"]["change"] for row in answer["threads"]}
        self.assertLessEqual(changes, {"none measured", "too few to tell", "no sure change"})
        for row in answer["threads"]:
            self.assertEqual(row["threads_before"], row["threads_after"], row["name"])
            times = row["wakeup_latency_ns"]
            self.assertEqual(times["before"], times["after"], row["name"])
            self.assertEqual(times["p"] is None, times["change"] in ("none measured", "too few to tell"), row["name"])
            self.assertNotEqual("user", row["kind"])
        everything = json.loads(self.run_it("diff", self.trace(), self.trace(), "--all", "--json").stdout)
        self.assertIn("user", {row["kind"] for row in everything["threads"]})

    def test_two_spans_of_a_trace(self):
        middle = self.middle()
        spans = ("--before-until", middle, "--after-since", middle)
        answer = json.loads(self.run_it("diff", self.trace(), self.trace(), *spans, "--json", expect=GAPS).stdout)
        self.assertLess(answer["before"]["start_ns"], answer["before"]["end_ns"])
        self.assertLessEqual(answer["before"]["end_ns"], answer["after"]["start_ns"])
        rows = list(csv.DictReader(io.StringIO(
            self.run_it("diff", self.trace(), self.trace(), *spans, "--format", "csv").stdout.decode())))
        self.assertEqual(("trace", "lost_events"), (rows[0]["subject"], rows[0]["measure"]))
        for row in rows:
            self.assertTrue(row["n_before"] and row["n_after"], row)
            self.assertNotIn(None, row, "a field too many")
        text = self.run_it("diff", self.trace(), self.trace(), *spans).stdout.decode()
        self.assertIn("!!! EVENTS WERE LOST", text)
        self.assertLess(text.index("!!! EVENTS"), text.index("THREADS"))

    def test_either_file_may_be_none(self):
        none = self.path("none", b"hello\n")
        self.refused("diff", none, self.trace(), says=("none",))
        self.refused("diff", self.trace(), none, says=("none",))

    def test_a_span_with_nothing_in_it(self):
        self.refused("diff", self.trace(), self.trace(), "--after-since", "999999999", code=ERROR, says=("as after",))
        self.refused("diff", self.trace(), self.trace(), "--before-since", "2", "--before-until", "1", code=USAGE,
                     says=("--before-until", "--before-since"))


class Recordings(Command):
    def test_a_recording_answers_as_its_trace_does(self):
        from_trace = json.loads(self.run_it("report", self.trace(), "--json", "--all").stdout)
        from_recording = json.loads(self.run_it("report", self.recording(), "--json", "--all", expect=GAPS).stdout)
        for key in ("threads", "work", "softirq", "tasklets", "findings"):
            self.assertEqual(from_trace[key], from_recording[key], key)
        for key in ("kernel", "clock", "start_ns", "end_ns", "events", "events_by_type", "lost_events", "gaps"):
            self.assertEqual(from_trace["trace"][key], from_recording["trace"][key], key)

    def test_an_existing_file_is_kept_unless_forced(self):
        path = self.recording()
        before = os.stat(path).st_size
        self.refused("import", self.trace(), "-o", path, code=USAGE, says=("rec.db",))
        self.assertEqual(before, os.stat(path).st_size)
        self.run_it("import", self.trace(), "-o", path, "--force", expect=GAPS)

    def test_a_bad_input_leaves_no_recording(self):
        self.run_it("import", self.path("bad", b"no trace"), "-o", self.path("out.db"), expect=ERROR)
        self.assertFalse(os.path.exists(self.path("out.db")))

    def test_the_import_says_what_it_did(self):
        done = self.run_it("import", self.trace(), "-o", self.path("a.db"), "--json", expect=GAPS)
        answer = json.loads(done.stdout)
        self.assertEqual(LOST, answer["lost_events"])
        self.assertEqual(os.stat(self.path("a.db")).st_size, answer["bytes"])

    def test_a_folder_that_is_not_there(self):
        self.run_it("import", self.trace(), "-o", self.path("no/such/a.db"), expect=ERROR)


class Queries(Command):
    def query(self, path, sql, *arguments, expect=FINE):
        return json.loads(self.run_it("query", path, sql, "--json", *arguments, expect=expect).stdout)

    def test_the_events_are_tables(self):
        path = self.recording()
        report = json.loads(self.run_it("report", path, "--json").stdout)
        answer = self.query(path, "select count(*) from sched_switch")
        self.assertEqual([[report["trace"]["events_by_type"]["sched_switch"]]], answer["rows"])
        self.assertFalse(answer["truncated"])
        self.assertEqual([[report["trace"]["events"]]], self.query(path, "select count(*) from event")["rows"])

    def test_every_format(self):
        path = self.recording()
        sql = "select 1 as one, 'a,\"b' as text, null as none, 2.5 as real"
        self.assertEqual([[1, "a,\"b", None, 2.5]], self.query(path, sql)["rows"])
        rows = list(csv.reader(io.StringIO(self.run_it("query", path, sql, "--format", "csv").stdout.decode())))
        self.assertEqual([["one", "text", "none", "real"], ["1", "a,\"b", "", "2.5"]], rows)
        line = json.loads(self.run_it("query", path, sql, "--format", "ndjson").stdout)
        self.assertEqual({"one": 1, "text": "a,\"b", "none": None, "real": 2.5}, line)
        self.assertIn("one", self.run_it("query", path, sql).stdout.decode())

    def test_hostile_text_does_not_reach_the_terminal(self):
        done = self.run_it("query", self.recording(), "select char(27) || '[2J' as a", expect=FINE)
        self.assertNotIn(b"\x1b", done.stdout)

    def test_only_reading_is_allowed(self):
        path = self.recording()
        with open(path, "rb") as file:
            before = file.read()
        other = self.path("other.db")
        for sql in ("delete from sqlite_master", "drop table chunk", "create table t (a)",
                    "insert into chunk default values",
                    "update chunk set cpu = 1", "attach '%s' as o" % other, "vacuum", "vacuum into '%s'" % other,
                    "pragma journal_mode = delete", "pragma writable_schema = 1", "pragma user_version = 7",
                    "select load_extension('x')", "select writefile('%s', 'x')" % other,
                    "select readfile('/etc/passwd')",
                    "create temp table t (a)", "select 1; drop table chunk", "begin", "reindex", "detach main",
                    "with a as (select 1) delete from chunk", "explain delete from chunk; delete from chunk",
                    "select fts3_tokenizer('simple')", "analyze", ""):
            with self.subTest(sql=sql):
                self.refused("query", path, sql)
        with open(path, "rb") as file:
            self.assertEqual(before, file.read())
        self.assertFalse(os.path.exists(other))

    def test_the_row_limit_says_so(self):
        done = self.run_it("query", self.recording(), "select * from event", "--max-rows", "3", "--json", expect=FINE)
        answer = json.loads(done.stdout)
        self.assertEqual((3, True), (len(answer["rows"]), answer["truncated"]))
        self.assertIn(b"first 3 rows", done.stderr)

    def test_the_deadline_ends_a_runaway(self):
        runaway = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
        self.refused("query", self.recording(), runaway, "--deadline", "200ms", says=("deadline",))

    def test_sql_errors_have_sqlites_words(self):
        self.refused("query", self.recording(), "select nonsense from nowhere", says=("nowhere",))

    def test_a_trace_is_no_recording_and_says_what_to_do(self):
        self.refused("query", self.trace(), "select 1", says=("wakewatch import",))


if __name__ == "__main__":
    sys.exit(main())
