#!/usr/bin/env python3
"""Why: holds the source tree to house_rules.py, and shows on small trees that each rule can fail."""
import os
import subprocess
import sys
import tempfile
import unittest

import house_rules

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


class Tree(unittest.TestCase):
    """The tree itself."""

    def test_rules(self):
        for rule in house_rules.RULES:
            with self.subTest(rule=rule.__name__):
                found = list(rule(ROOT))
                self.assertFalse(found, "\n  " + "\n  ".join(found))


class Rules(unittest.TestCase):
    """Each rule, on a tree that breaks it and on one that does not."""

    def violations(self, rule, tree):
        with tempfile.TemporaryDirectory() as root:
            for path, text in tree.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return list(rule(root))

    def check(self, rule, good, bad, words):
        self.assertEqual([], self.violations(rule, good))
        found = self.violations(rule, bad)
        self.assertEqual(1, len(found), found)
        self.assertIn(words, found[0])

    def test_an_include_downward_is_fine_and_upward_is_not(self):
        base = {"analysis/base/a.h": "", "analysis/model/m.h": ""}
        self.check(house_rules.upward_includes,
                   dict(base, **{"analysis/model/m.cc": '#include "analysis/base/a.h"\n'}),
                   dict(base, **{"analysis/base/a.cc": '#include "analysis/model/m.h"\n'}),
                   "analysis/base may not include analysis/model/m.h")

    def test_the_collector_sees_neither_checks_nor_server(self):
        base = {"analysis/chunk/c.h": "", "analysis/checks/x.h": ""}
        self.check(house_rules.upward_includes,
                   dict(base, **{"collector/r.cc": '#include "analysis/chunk/c.h"\n'}),
                   dict(base, **{"collector/r.cc": '#include "analysis/checks/x.h"\n'}),
                   "collector may not include")

    def test_the_store_does_not_know_the_collector(self):
        base = {"analysis/report/r.h": "", "collector/c.h": ""}
        self.check(house_rules.upward_includes,
                   dict(base, **{"server/store/s.cc": '#include "analysis/report/r.h"\n'}),
                   dict(base, **{"server/store/s.cc": '#include "collector/c.h"\n'}),
                   "server/store may not include")

    def test_an_include_that_is_not_rooted(self):
        base = {"analysis/base/a.h": ""}
        self.check(house_rules.upward_includes,
                   dict(base, **{"analysis/base/a.cc": '#include "analysis/base/a.h"\n#include <a.h>\n'}),
                   dict(base, **{"analysis/base/a.cc": '#include "a.h"\n'}),
                   "not a path from the top")

    def test_an_rpc_without_a_role(self):
        rpc = "service S {\n  rpc Get(GetRequest) returns (stream GetResponse)%s\n}\n"
        self.check(house_rules.rpcs_without_role,
                   {"proto/s.proto": rpc % " {\n    option (role) = ROLE_READ;\n  }"},
                   {"proto/s.proto": rpc % ";"}, "rpc Get has no role")

    def test_an_rpc_without_a_role_fails_the_build(self):
        rpc = "service S {\n  rpc Get(GetRequest) returns (stream GetResponse)%s\n}\nmessage M { int32 a = 1 [lazy = true]; }\n"
        role = " {\n    option (role) = %s;\n  }"
        rows = [("a role", rpc % role % "ROLE_READ", True),
                ("a role and another option", rpc % " { option deprecated = true; option (role) = ROLE_ADMIN; }", True),
                ("two in a row", rpc % role % "ROLE_READ" + rpc % role % "ROLE_INGEST", True),
                ("none", rpc % ";", False),
                ("an empty body", rpc % " {}", False),
                ("the one that is none", rpc % role % "ROLE_UNSPECIFIED", False),
                ("only in a comment", rpc % " {\n    // option (role) = ROLE_READ;\n  }", False),
                ("the second of two", rpc % role % "ROLE_READ" + rpc % ";", False),
                ("another option's braces", rpc % " { option (x) = { y: 1 }; option (role) = ROLE_READ; }", False)]
        script = os.path.join(ROOT, "cmake", "proto_roles.cmake")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s.proto")
            for story, text, good in rows:
                with self.subTest(story):
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(text)
                    done = subprocess.run(["cmake", "-DWAKEWATCH_PROTO=" + path, "-P", script], capture_output=True, check=False)
                    self.assertEqual(good, done.returncode == 0, done.stderr)
                    self.assertEqual(good, b"s.proto" not in done.stderr)

    def test_a_check_that_is_not_listed(self):
        check = {"analysis/checks/late.h": "class Late : public Check {\n"}
        self.check(house_rules.missing_checks,
                   dict(check, **{"analysis/checks/checks_list.cc": '#include "analysis/checks/late.h"\n'}),
                   dict(check, **{"analysis/checks/checks_list.cc": ""}),
                   "analysis/checks/late.h")

    def test_a_format_that_is_not_listed(self):
        reader = {"analysis/trace/odd.cc": "class OddInput : public TraceInput {\n"}
        self.check(house_rules.missing_formats,
                   dict(reader, **{"analysis/trace/formats_list.cc": '#include "analysis/trace/odd.h"\n'}),
                   reader, "analysis/trace/odd.h")

    def test_marks(self):
        self.check(house_rules.marks, {"a/a.cc": "// a toDo list, mastodon\n"},
                   {"a/a.cc": "// TO" "DO later\n"}, "a/a.cc:1")

    def test_long_files_need_a_reason(self):
        long = "int a;\n" * 501
        self.check(house_rules.long_files, {"a/a.cc": "// Longer than 500 lines: a table.\n" + long},
                   {"a/a.cc": long}, "501")

    def test_long_functions_need_a_reason(self):
        body = "void F() {\n" + "  G();\n" * 69 + "}\n"
        self.check(house_rules.long_functions,
                   {"a/a.cc": "// Longer than 70 lines: a switch.\n" + body,
                    "a/b.cc": "void F() {\n" + "  G();\n" * 68 + "}\n"},
                   {"a/a.cc": body}, "71 lines")

    def test_headers_say_why(self):
        self.check(house_rules.headers_without_why,
                   {"collector/a.h": "// Why: so.\n#pragma once\n"}, {"collector/a.h": "#pragma once\n"}, "opens with")

    def test_headers_are_read_once(self):
        self.check(house_rules.headers_without_why,
                   {"collector/a.h": "// Why: so.\n#pragma once\n"}, {"collector/a.h": "// Why: so.\n"}, "pragma")


if __name__ == "__main__":
    sys.exit(unittest.main())
