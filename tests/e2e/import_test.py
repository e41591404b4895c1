#!/usr/bin/env python3
"""Why: a file that somebody uploads through HTTP, as the dashboard does, becomes what `wakewatch import` makes of it; and
whatever else is sent, cut off or given up leaves nothing on the server. What is said about findings outlives a restart.
"""
import base64
import http.client
import json
import os
import sqlite3
import struct
import subprocess
import sys
import urllib.error
import urllib.parse

from command import FINE, PATIENCE_S, Command, main
from serve_test import Server

PART = 1 << 18
NOT_THERE = "no such upload"


class Refused(Exception):
    def __init__(self, error):
        super().__init__("%s: %s" % (error["code"], error.get("message", "")))
        self.code, self.message = error["code"], error.get("message", "")


class Importing(Command):
    def serve(self, *more):
        return Server(self, self.path("data"), more=more)

    def call(self, server, method, body=None, **headers):
        try:
            return server.call(method, body, **headers)
        except urllib.error.HTTPError as error:
            raise Refused(json.loads(error.read())) from error

    def begin(self, server, size, name="trace.dat", **more):
        headers = more.pop("headers", {})
        answer = self.call(server, "ImportService/BeginImport", {"fileName": name, "bytes": str(size), **more}, **headers)
        self.assertGreaterEqual(int(answer["partBytesMax"]), PART)
        return answer["importId"]

    def part(self, server, upload, offset, data, **headers):
        body = {"importId": upload, "offset": str(offset), "data": base64.b64encode(data).decode()}
        return int(self.call(server, "ImportService/UploadPart", body, **headers).get("bytesReceived", 0))

    def finish(self, server, upload, **headers):
        """What FinishImport said, message by message."""
        body = json.dumps({"importId": upload}).encode()
        connection = self.finishing(server, body, headers)
        try:
            response = connection.getresponse()
            self.assertEqual(200, response.status)
            messages = []
            while True:
                flags, length = struct.unpack(">BI", response.read(5))
                message = json.loads(response.read(length) or b"{}")
                if flags & 2:
                    if "error" in message:
                        raise Refused(message["error"])
                    return messages
                messages.append(message)
        finally:
            connection.close()

    def finishing(self, server, body, headers=None):
        url = urllib.parse.urlparse(server.web)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE_S)
        connection.request("POST", "/wakewatch.v1.ImportService/FinishImport",
                           struct.pack(">BI", 0, len(body)) + body,
                           {"Content-Type": "application/connect+json", **(headers or {})})
        return connection

    def upload(self, server, data, name="trace.dat", headers=None, **more):
        upload = self.begin(server, len(data), name, headers=headers or {}, **more)
        for at in range(0, len(data), PART):
            self.part(server, upload, at, data[at:at + PART], **(headers or {}))
        return upload

    def hosts(self, server, **headers):
        return {host["name"]: host for host in self.call(server, "FleetService/ListHosts", **headers).get("hosts", [])}

    def refuses(self, code, says, call, *arguments, **more):
        with self.assertRaises(Refused) as refused:
            call(*arguments, **more)
        self.assertEqual(code, refused.exception.code, refused.exception.message)
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word, refused.exception.message)

    def uploads(self, server):
        folder = os.path.join(server.data, "uploads")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def until_nothing_is_left(self, server):
        self.until(lambda: not self.uploads(server), lambda: self.uploads(server))


class Imports(Importing):
    def test_a_good_file_becomes_what_the_command_makes_of_it(self):
        data = self.trace_bytes()
        server = self.serve()
        messages = self.finish(server, self.upload(server, data, "My Trace.dat"))
        last = messages[-1]
        self.assertEqual((True, "My-Trace", str(len(data))), (last["done"], last["host"], last["bytesRead"]))
        self.assertIn("EVENTS WERE LOST", last["warnings"][0])
        host = self.hosts(server)["My-Trace"]
        self.assertEqual(last["recording"], host["recording"])
        self.assertEqual([], self.uploads(server))
        # The same events, lost events and findings, from the server's file and after a restart.
        part = os.path.join(server.data, "hosts", "My-Trace", last["recording"], "part-0001.db")
        counts = "SELECT (SELECT sum(events) FROM chunk), (SELECT count(*) FROM gap), (SELECT count(*) FROM finding)"
        own = self.run_it("query", self.recording(), counts, "--format", "json", expect=FINE).stdout
        self.assertEqual(0, server.stop())
        self.assertEqual(own, self.run_it("query", part, counts, "--format", "json", expect=FINE).stdout)
        again = self.serve()
        self.assertEqual(host["events"], self.hosts(again)["My-Trace"]["events"])
        answer = self.call(again, "AnalysisService/ListThreads", {"recording": {"host": "My-Trace"}})
        self.assertTrue(answer["threads"])

    def test_parts_may_come_twice_and_only_in_order(self):
        data = self.trace_bytes()
        server = self.serve()
        upload = self.begin(server, len(data))
        first = data[:PART]
        self.assertEqual(len(first), self.part(server, upload, 0, first))
        self.assertEqual(len(first), self.part(server, upload, 0, first))
        self.refuses("failed_precondition", "ends at byte %d" % PART, self.part, server, upload, PART + 1, b"x")
        self.refuses("failed_precondition", "of %d bytes" % len(data), self.finish, server, upload)
        self.refuses("invalid_argument", "announced", self.part, server, upload, PART, data[PART:] + b"x")
        for at in range(PART, len(data), PART):
            self.part(server, upload, at, data[at:at + PART])
        self.assertTrue(self.finish(server, upload)[-1]["done"])
        self.refuses("not_found", NOT_THERE, self.finish, server, upload)

    def test_broken_files_are_named_and_leave_nothing(self):
        data = self.trace_bytes()
        server = self.serve()
        for story, broken in (("no trace", b"MZ" + bytes(5000)), ("truncated", data[:20000]), ("one byte", b"x"),
                              ("no recording", b"SQLite format 3\0" + bytes(4080))):
            with self.subTest(story):
                upload = self.upload(server, broken, "<b>%s</b>.dat" % story)
                with self.assertRaises(Refused) as refused:
                    self.finish(server, upload)
                self.assertEqual("invalid_argument", refused.exception.code, refused.exception.message)
                self.assertIn("b>.dat: ", refused.exception.message)
                self.assertTrue(refused.exception.message.endswith(")"), "a remedy: " + refused.exception.message)
                self.assertNotIn(server.data, refused.exception.message)
        self.assertEqual({}, self.hosts(server))
        self.assertEqual([], self.uploads(server))
        self.assertEqual([], os.listdir(os.path.join(server.data, "hosts")))

    def test_what_is_given_up_goes(self):
        data = self.trace_bytes()
        server = self.serve()
        upload = self.begin(server, len(data))
        self.part(server, upload, 0, data[:PART])
        self.assertEqual(1, len(self.uploads(server)))
        self.call(server, "ImportService/CancelImport", {"importId": upload})
        self.assertEqual([], self.uploads(server))
        self.refuses("not_found", NOT_THERE, self.part, server, upload, PART, data[PART:])
        self.refuses("not_found", NOT_THERE, self.call, server, "ImportService/CancelImport", {"importId": upload})
        # A caller that leaves while it is read, now and then too late: all of it is there, or nothing.
        for _ in range(3):
            connection = self.finishing(server, json.dumps({"importId": self.upload(server, data, "left.dat")}).encode())
            response = connection.getresponse()
            self.assertEqual(200, response.status)
            self.assertEqual(0, response.read(5)[0], "it has begun")
            connection.close()
        self.until_nothing_is_left(server)
        for row in self.call(server, "FleetService/ListRecordings", {"host": "left"}).get("recordings", []):
            self.assertGreater(int(row["events"]), 0)
        # What a crash leaves goes at the next start.
        self.part(server, self.begin(server, len(data)), 0, data[:PART])
        server.kill()
        self.assertEqual(1, len(self.uploads(server)))
        self.assertEqual([], self.uploads(self.serve()))

    def test_there_is_room_for_so_much(self):
        server = self.serve("--import-gib", "1")
        self.refuses("resource_exhausted", "--import-gib", self.begin, server, (1 << 30) + 1)
        self.refuses("invalid_argument", "empty", self.begin, server, 0)
        for _ in range(4):
            self.begin(server, 1000)
        self.refuses("resource_exhausted", "at once", self.begin, server, 1000)
        self.assertEqual(0, server.stop())
        closed = self.serve("--import-gib", "0")
        self.refuses("failed_precondition", "takes no uploads", self.begin, closed, 1000)

    def fill(self, folder):
        """Takes all the room that is left there."""
        path = os.path.join(folder, "filler")
        with open(path, "wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass
        return path

    def test_a_full_disk_refuses_and_loses_nothing(self):
        data = self.trace_bytes()
        disk = self.path("data")
        os.mkdir(disk)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("no small disk can be mounted here: %s" % mounted.stderr.decode())
        self.addCleanup(subprocess.run, ["umount", "-l", disk])
        server = self.serve()
        self.refuses("resource_exhausted", "disk has room for", self.begin, server, 1 << 28)
        upload = self.begin(server, len(data))
        filler = self.fill(disk)
        self.refuses("resource_exhausted", "free space", self.part, server, upload, 0, data[:PART])
        os.remove(filler)
        for at in range(0, len(data), PART):
            self.part(server, upload, at, data[at:at + PART])
        filler = self.fill(disk)
        self.refuses("resource_exhausted", ("trace.dat", "free space"), self.finish, server, upload)
        self.assertEqual([], self.uploads(server))
        self.assertEqual({}, self.hosts(server))
        os.remove(filler)
        self.assertTrue(self.finish(server, self.upload(server, data))[-1]["done"])

    def test_no_host_is_taken_over(self):
        data = self.trace_bytes()
        server = self.serve()
        for name in ("../evil", "a/b", "-x", ".x", "a b", "x" * 254):
            self.refuses("invalid_argument", "a host is", self.begin, server, 10, host=name)
        self.assertEqual("lab-7", self.finish(server, self.upload(server, data, host="lab-7"))[-1]["host"])
        # A host that was streamed as a collector does it keeps its name, also when it is gone.
        collector = os.path.join(server.data, "hosts", "lab-7")
        self.assertEqual(0, server.stop())
        part = os.path.join(collector, os.listdir(collector)[0], "part-0001.db")
        with sqlite3.connect(part) as db:
            db.execute("UPDATE session SET boot_id = '5b1c'")
        db.close()
        again = self.serve()
        self.refuses("already_exists", "lab-7", self.begin, again, 10, host="lab-7")
        self.assertEqual(["lab-7"], sorted(self.hosts(again)))

    def test_who_may_import(self):
        data = self.trace_bytes()
        tokens = {}
        for name, options in (("importer", ("--role", "import")), ("bound", ("--role", "import", "--role", "ingest", "--host", "lab-7")),
                              ("reader", ("--role", "read")), ("chief", ("--role", "admin"))):
            path = self.path(name)
            self.run_it("token", "create", "--data", self.path("data"), "--id", name, "-o", path, *options, expect=FINE)
            with open(path, encoding="utf-8") as file:
                tokens[name] = {"Authorization": "Bearer " + file.read().strip()}
        server = self.serve()
        self.refuses("permission_denied", "role import", self.begin, server, 10, headers=tokens["reader"])
        self.refuses("permission_denied", "lab-7", self.begin, server, 10, host="lab-8", headers=tokens["bound"])
        last = self.finish(server, self.upload(server, data, headers=tokens["bound"]), **tokens["bound"])[-1]
        self.assertEqual("lab-7", last["host"])
        mine = self.begin(server, len(data), headers=tokens["importer"])
        self.refuses("not_found", NOT_THERE, self.part, server, mine, 0, data[:PART], **tokens["chief"])
        self.refuses("not_found", NOT_THERE, self.finish, server, mine, **tokens["chief"])
        self.assertEqual(PART, self.part(server, mine, 0, data[:PART], **tokens["importer"]))
        # And what is said about findings bears a name.
        said = {"annotation": {"host": "lab-7", "groupId": "00", "note": "x", "author": "somebody else"}}
        self.refuses("permission_denied", "role admin", self.call, server, "FindingService/AnnotateFindings", said,
                     **tokens["importer"])
        kept = self.call(server, "FindingService/AnnotateFindings", said, **tokens["chief"])["annotation"]
        self.assertEqual("chief", kept["author"])


class Annotated(Importing):
    def groups(self, server, **more):
        filter_ = {"host": "trace", **more}
        answer = self.call(server, "FindingService/ListFindingGroups", {"filter": filter_})
        listed = self.call(server, "FindingService/ListFindings", filter_)
        self.assertEqual(answer.get("findings", "0"), listed.get("total", "0"))
        return {group["groupId"]: int(group["count"]) for group in answer.get("groups", [])}

    def say(self, server, group, **more):
        return self.call(server, "FindingService/AnnotateFindings",
                         {"annotation": {"host": "trace", "groupId": group, **more}})["annotation"]

    def test_what_is_said_stays_and_what_is_muted_is_left_out(self):
        server = self.serve("--latency-threshold", "20us")
        self.finish(server, self.upload(server, self.trace_bytes()))
        groups = self.groups(server)
        self.assertGreater(len(groups), 1, "findings to speak about")
        muted, noted = sorted(groups)[:2]
        kept = self.say(server, muted, triage="TRIAGE_MUTED", note="known \u2603")
        self.assertGreater(int(kept["changedRealNs"]), 1e18)
        self.say(server, noted, triage="TRIAGE_ACKNOWLEDGED")
        rest = {group: n for group, n in groups.items() if group != muted}
        self.assertEqual(rest, self.groups(server, withoutMuted=True))
        self.assertEqual(groups, self.groups(server))
        self.assertEqual({muted: groups[muted]}, self.groups(server, groupId=muted))
        copy = self.path("copy")
        self.run_it("backup", "--data", server.data, "--to", copy, expect=FINE)
        self.assertEqual(0, server.stop())
        for data in (server.data, copy):
            again = Server(self, data)
            listed = self.call(again, "FindingService/ListAnnotations", {"host": "trace"})["annotations"]
            self.assertEqual([noted, muted], [one["groupId"] for one in listed])
            self.assertEqual("known \u2603", listed[1]["note"])
            self.assertEqual(rest, self.groups(again, withoutMuted=True))
            again.stop()
        again = Server(self, server.data)
        self.say(again, muted)
        self.assertEqual(groups, self.groups(again, withoutMuted=True))
        self.refuses("invalid_argument", "4097 bytes", self.say, again, noted, note="x" * 4097)

    def test_a_damaged_file_does_not_keep_the_server_from_starting(self):
        server = self.serve()
        self.say(server, "00", note="lost")
        self.assertEqual(0, server.stop())
        path = os.path.join(server.data, "annotations.db")
        with open(path, "r+b") as file:
            file.seek(5000)
            byte = file.read(1)[0]
            file.seek(5000)
            file.write(bytes([byte ^ 1]))
        told = self.run_it("doctor", "--data", server.data, "--full").stdout.decode()
        self.assertIn("annotations.db", told)
        again = self.serve()
        self.assertIn("quarantine", again.text())
        self.assertEqual({}, self.call(again, "FindingService/ListAnnotations"))
        self.assertEqual("new", self.say(again, "00", note="new")["note"])


if __name__ == "__main__":
    sys.exit(main())
