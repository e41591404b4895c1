#!/usr/bin/env python3
"""Why: the protocol checker as a user meets it: verdicts and exit codes, limits, Ctrl-C, and texts that make no sense."""
import json
import os
import signal
import subprocess
import sys
import time

from command import ERROR, FINDINGS, FINE, GAPS, INTERRUPTED, PATIENCE_S, WAKEWATCH, Command, main


class Protocols(Command):
    SAFE = """protocol pair "a waiter and its waker";
flag cond;
task waiter { await (cond); }
task waker { cond = 1; }
"""
    LOSES = """protocol late "looks before it sets its state";
flag cond;
kthread worker {
    if (!cond) {
        set_current_state(TASK_INTERRUPTIBLE);
        schedule() until (cond);
    }
}
task waker { cond = 1; wake_up_process(worker); }
"""
    ENDLESS = """protocol endless;
byte a max 200; byte b max 200; byte c max 200; byte d max 200;
task one { while (a < 200) { a = a + 1; b = 0; } }
task two { while (b < 200) { b = b + 1; c = 0; } }
task three { while (c < 200) { c = c + 1; d = 0; } }
task four { while (d < 200) { d = d + 1; a = 0; } }
"""

    def text(self, content):
        return self.path("own.wake", content.encode() if isinstance(content, str) else content)

    def answer(self, *arguments, expect):
        return json.loads(self.run_it("check", *arguments, "--json", expect=expect).stdout)

    def test_a_safe_protocol_is_fine_and_one_that_loses_is_four(self):
        for memory in ("sc", "tso"):
            safe = self.answer(self.text(self.SAFE), "--memory", memory, expect=FINE)
            self.assertEqual(("pair", memory, "safe", []),
                             (safe["protocol"], safe["memory"], safe["verdict"], safe["counterexample"]))
            loses = self.answer(self.text(self.LOSES), "--memory", memory, expect=FINDINGS)
            self.assertEqual((1, "loses"), (loses["schema_version"], loses["verdict"]))
            self.assertEqual({"worker", "waker"}, {step["task"] for step in loses["counterexample"]})
            for step in loses["counterexample"]:
                self.assertEqual({"E0", "E1"}, set(step["events"]))
                self.assertLessEqual(set(step["events"]["E0"]), set(step["events"]["E1"]))
        self.assertEqual("tso", self.answer(self.text(self.SAFE), expect=FINE)["memory"])
        text = self.run_it("check", self.text(self.LOSES), expect=FINDINGS).stdout.decode()
        self.assertIn("(sc, ", text)
        self.assertIn("(tso, ", text)
        self.assertIn("wake_up_process(worker)", text)

    def test_the_search_can_be_cut_and_told_how(self):
        path = self.text(self.LOSES)
        plain = self.answer(path, expect=FINDINGS)
        for option in (("--threads", "1"), ("--no-reduction",), ("--no-symmetry",), ("--hash-compaction",)):
            other = self.answer(path, *option, expect=FINDINGS)
            self.assertEqual((plain["verdict"], len(plain["counterexample"])),
                             (other["verdict"], len(other["counterexample"])), option)
        endless = self.text(self.ENDLESS)
        for limit in (("--states", "20000"), ("--memory-limit", "8"), ("--seconds", "1")):
            done = self.run_it("check", endless, "--memory", "sc", *limit, expect=ERROR)
            self.assertIn("not finished", done.stderr.decode(), limit)
            self.assertIn("--states", done.stderr.decode(), limit)
        self.assertEqual("unfinished", self.answer(endless, "--states", "20000", expect=ERROR)["verdict"])

    def test_ctrl_c_ends_it_at_once_and_says_how_far_it_came(self):
        process = subprocess.Popen([WAKEWATCH, "check", self.text(self.ENDLESS)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.until_it_works(process, signal.SIGINT)
        process.send_signal(signal.SIGINT)
        out, complaint = process.communicate(timeout=PATIENCE_S)
        self.assertEqual((INTERRUPTED, b""), (process.returncode, out))
        self.assertRegex(complaint.decode(), r"interrupted after [\d,]+ states")

    def test_what_is_wrong_with_a_text_is_one_line_with_its_place(self):
        rows = (("empty", "", "own.wake"), ("no semicolon", "protocol x;\nflag cond\n", "line 2"),
                ("an unknown name", "protocol x;\ntask a { b = 1; }\n", "line 2"),
                ("zeros", bytes(5000), "own.wake"), ("no UTF-8", b"protocol x;\nflag \xff;\n", "line 2"),
                ("long", "protocol x;\n" + "// long\n" * 100000, "own.wake"),
                ("deep", "protocol x;\ntask a " + "{" * 50000, "own.wake"),
                ("a text that acts on terminals", "protocol x;\n\x1b[2J\n", "line 2"))
        for name, content, says in rows:
            with self.subTest(name=name):
                self.assertNotIn("\x1b", self.refused("check", self.text(content), says=(says,)))
        self.refused("check", "no-such-protocol", says=("no-such-protocol", "--list"))
        self.refused("check", self.folder, says=(os.path.basename(self.folder),))

    def test_standard_input_and_files_come_before_names(self):
        done = self.run_it("check", "-", input=self.LOSES.encode(), expect=FINDINGS)
        self.assertIn(b"late", done.stdout)
        shipped = self.run_it("check", "--show", "kthread_loop", expect=FINE).stdout
        self.assertIn(b"protocol kthread_loop", shipped)
        self.path("kthread_loop", self.LOSES.encode())
        self.assertEqual("late", self.answer("kthread_loop", expect=FINDINGS)["protocol"])
        os.remove(self.path("kthread_loop"))
        os.mkdir(self.path("kthread_loop"))
        self.assertEqual("kthread_loop", self.answer("kthread_loop", expect=FINE)["protocol"])

    def test_every_shipped_protocol_is_what_it_says(self):
        names = [row["protocol"] for row in json.loads(self.run_it("check", "--list", "--json", expect=FINE).stdout)["items"]]
        rows = json.loads(self.run_it("check", "--all", "--json", expect=FINE).stdout)["protocols"]
        self.assertEqual(sorted(2 * names), sorted(row["protocol"] for row in rows))
        for row in rows:
            self.assertTrue(row["as_expected"], row)
            self.assertIn(row["verdict"], ("safe", "loses"))
        self.assertIn(names[0], self.run_it("check", "--all", expect=FINE).stdout.decode())

    def test_whether_a_recording_can_tell(self):
        rows = json.loads(self.run_it("check", "--diagnose", "--json", expect=FINE).stdout)["protocols"]
        self.assertGreater(len(rows), 20)
        for row in rows:
            self.assertEqual(["E0", "E1"], [level["level"] for level in row["levels"]])
            for told in row["levels"]:
                self.assertIn(told["tell"], ("yes", "no", "sometimes", "not finished"), row["protocol"])
                if told["tell"] in ("no", "sometimes"):
                    self.assertIsNotNone(told["same"], row["protocol"])
        text = self.run_it("check", "--diagnose", self.text(self.LOSES), expect=FINE).stdout.decode()
        self.assertIn("E0: ", text)
        self.assertIn("nothing to tell", self.run_it("check", "--diagnose", self.text(self.SAFE), expect=FINE).stdout.decode())

    def test_verdicts_are_in_every_recording(self):
        query = "select name, memory, verdict, expected from protocol_verdict order by 1, 2"
        deadline = time.monotonic() + PATIENCE_S
        while True:
            path = self.recording()
            rows = json.loads(self.run_it("query", path, query, "--json", expect=FINE).stdout)["rows"]
            # A check has two seconds, which may be too few while the machine is busy.
            if "unfinished" not in [row[2] for row in rows] or time.monotonic() > deadline:
                break
            os.remove(path)
        listed = json.loads(self.run_it("list", "protocols", "--json", expect=FINE).stdout)["items"]
        self.assertEqual(2 * len(listed), len(rows))
        self.assertTrue(all(row[2] == row[3] for row in rows), rows)

    def test_a_recording_is_held_against_a_protocol(self):
        done = self.run_it("check", "kthread_stop_check_before_set", "--against", self.trace(), "--json")
        self.assertIn(done.returncode, (FINE, GAPS, FINDINGS, ERROR))
        if done.returncode == ERROR:
            self.assertTrue(done.stderr.decode().startswith("wakewatch: error: "), done.stderr)
        else:
            self.assertEqual("kthread_stop_check_before_set", json.loads(done.stdout)["protocol"])
        self.refused("check", "kthread_loop", "--against", self.path("missing"), says=("missing",))


if __name__ == "__main__":
    sys.exit(main())
