#!/usr/bin/env python3
"""Why: TLS, tokens and certificates between real processes, as two hosts would use them: who gets in, who does not, and
whether what is said then helps. In one process every RPC is asked by tests/access.

Needs also WAKEWATCH_COLLECTOR (the collector) in the environment.
"""
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import time
import unittest

from command import ERROR, FINE, PATIENCE_S, USAGE, WAKEWATCH, Command, main

COLLECTOR = os.environ.get("WAKEWATCH_COLLECTOR", "wakewatch-collector")
EXAMPLE = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "examples", "late_threads.py")
SYSTEM_PYTHON = "/usr/bin/python3"
SECRET = re.compile(r"ww1\.[\w-]+\.([\w-]{43})")


class Guarded(Command):
    def setUp(self):
        super().setUp()
        self.data, self.certs, self.logs, self.secrets = self.path("data"), self.path("certs"), [], []
        self.run_it("cert", "create-ca", "--dir", self.certs, expect=FINE)
        self.run_it("cert", "server", "--dir", self.certs, "--name", "localhost", "--ip", "127.0.0.1", expect=FINE)
        self.addCleanup(self.no_secret_was_logged)

    def no_secret_was_logged(self):
        for log in self.logs:
            with open(log, encoding="utf-8", errors="replace") as file:
                text = file.read()
            self.assertIsNone(SECRET.search(text), "a token in a log: " + text)
            for secret in self.secrets:
                self.assertNotIn(secret, text)

    def cert(self, name, folder=None):
        return os.path.join(folder or self.certs, name)

    def token(self, name, *options):
        """A new token in a file of its own; its path."""
        path = self.path(name + ".token")
        self.run_it("token", "create", "--data", self.data, "--id", name, "-o", path, *options, expect=FINE)
        self.secrets.append(self.text(path))
        return path

    def text(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read().strip()

    def serve(self, *options, listen="127.0.0.1:0", tls=True):
        log = self.path("serve-%d.log" % time.monotonic_ns())
        self.logs.append(log)
        files = ["--tls-cert", self.cert("server.pem"), "--tls-key", self.cert("server-key.pem")] if tls else []
        with open(log, "wb") as file:
            process = subprocess.Popen([WAKEWATCH, "serve", "--data", self.data, "--listen", listen, "--http",
                                        "127.0.0.1:0", *files, *options], stdout=subprocess.DEVNULL, stderr=file)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            text = self.text(log)
            grpc = re.search(r"gRPC clients: (\S+):(\d+)", text)
            web = re.search(r"dashboard: (https?)://\S+:(\d+)/", text)
            if grpc and web:
                self.grpc, self.web_port, self.log = "127.0.0.1:" + grpc.group(2), int(web.group(2)), log
                self.https = web.group(1) == "https"
                return process
            self.assertTrue(process.poll() is None and time.monotonic() < deadline, text)
            time.sleep(0.05)

    def ca(self, folder=None):
        return ["--tls-ca", self.cert("ca.pem", folder)]

    def hosts(self, *options, expect=FINE):
        return self.run_it("list", "hosts", "--server", self.grpc, *options, expect=expect).stderr.decode()

    def refuses(self, *options, says=()):
        text = self.hosts(*options, expect=ERROR)
        self.assertEqual(1, text.count("\n"), text)
        for word in says:
            self.assertIn(word, text)

    def request(self, method, path, body=None, **headers):
        context = ssl.create_default_context(cafile=self.cert("ca.pem"))
        connection = http.client.HTTPSConnection("localhost", self.web_port, timeout=PATIENCE_S, context=context)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        try:
            return response.status, response.headers, response.read()
        finally:
            connection.close()


class Transport(Guarded):
    def test_no_listener_for_other_machines_without_tls(self):
        for option in ("--listen", "--http"):
            for address in ("0.0.0.0:0", "[::]:0"):
                self.refused("serve", "--data", self.data, option, address, says=["TLS", "--tls-cert"])
        self.refused("serve", "--data", self.data, "--tls-cert", self.cert("server.pem"), code=USAGE, says=["--tls-key"])
        self.refused("serve", "--data", self.data, "--tls-cert", self.cert("server.pem"), "--tls-key",
                     self.cert("ca-key.pem"), says=["not the key"])

    def test_a_client_sees_whom_it_talks_to(self):
        read = ["--token-file", self.token("read", "--role", "read")]
        other = self.path("other")
        self.run_it("cert", "create-ca", "--dir", other, expect=FINE)
        self.serve(listen="0.0.0.0:0")
        self.hosts(*read, *self.ca())
        self.refuses(*read, *self.ca(other), says=["not from", "--tls-ca"])
        self.refuses(*read, says=["speaks TLS", "--tls-ca"])
        self.refuses(*self.ca(), says=["token", "--token-file"])
        self.refuses("--token-file", self.path("none"), *self.ca(), says=["none"])
        empty = self.path("empty", b"\n")
        os.chmod(empty, 0o600)
        self.refuses("--token-file", empty, *self.ca(), says=["no token"])
        good, self.grpc = self.grpc, self.grpc.replace("127.0.0.1", "127.0.0.2")
        self.refuses(*read, *self.ca(), says=["not for 127.0.0.2", "--ip"])
        self.grpc = good
        self.serve(tls=False)
        self.refuses(*read, *self.ca(), says=["no TLS"])
        self.hosts(*read)

    @unittest.skipUnless(shutil.which("openssl"), "no openssl command")
    def test_a_certificate_that_expired_says_so(self):
        read = ["--token-file", self.token("read", "--role", "read")]
        config = self.path("ca.conf", (
            "[ca]\ndefault_ca=d\n[d]\ndatabase=%s\nnew_certs_dir=%s\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n"
            "x509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
            "[req]\ndistinguished_name=n\n[n]\n" % (self.path("index", b""), self.folder)).encode())
        for command in (["req", "-new", "-config", config, "-key", self.cert("server-key.pem"), "-subj", "/CN=localhost",
                         "-out", self.path("csr.pem")],
                        ["ca", "-batch", "-notext", "-config", config, "-cert", self.cert("ca.pem"), "-keyfile",
                         self.cert("ca-key.pem"), "-in", self.path("csr.pem"), "-out", self.path("old.pem"),
                         "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]):
            subprocess.run(["openssl", *command], capture_output=True, check=True)
        os.replace(self.path("old.pem"), self.cert("server.pem"))
        self.serve()
        self.refuses(*read, *self.ca(), says=["expired"])

    def test_clients_need_a_certificate_where_the_server_says_so(self):
        read = ["--token-file", self.token("read", "--role", "read")]
        other = self.path("other")
        self.run_it("cert", "create-ca", "--dir", other, expect=FINE)
        for folder in (self.certs, other):
            self.run_it("cert", "client", "--dir", folder, "--host", "web-1", expect=FINE)
        own = lambda folder: ["--tls-cert", self.cert("web-1.pem", folder), "--tls-key",
                              self.cert("web-1-key.pem", folder)]
        self.serve("--tls-client-ca", self.cert("ca.pem"))
        self.hosts(*read, *self.ca(), *own(self.certs))
        self.refuses(*self.ca(), *own(self.certs), says=["role read"])
        self.refuses(*read, *self.ca(), says=["certificate of this client", "--tls-cert"])
        self.refuses(*read, *self.ca(), *own(other), says=["authority of this client"])
        self.refuses(*read, says=["speaks TLS"])
        self.refuses(*read, *self.ca(), "--tls-cert", self.cert("web-1.pem"), says=["--tls-key"])
        self.imports("web-1", *self.ca(), *own(self.certs))
        self.imports("web-2", *self.ca(), *own(self.certs), says="may not deliver")

    def imports(self, host, *options, says=None):
        """Delivers a recording; where it `says` something it is refused, asked once, and told in one line."""
        command = [WAKEWATCH, "import", self.trace(), "--server", self.grpc, "--host", host, *options]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(FINE if says is None else ERROR, done.returncode, done.stderr)
        if says is not None:
            lines = done.stderr.decode().splitlines()
            self.assertEqual(1, len(lines), lines)
            self.assertIn(says, lines[0])
            self.assertNotIn("tried again", lines[0])

    def test_an_import_does_not_wait_for_another_certificate(self):
        other = self.path("other")
        self.run_it("cert", "create-ca", "--dir", other, expect=FINE)
        self.serve(listen="0.0.0.0:0")
        self.imports("lab-1", *self.ca(other), says="is not from")
        self.imports("lab-1", says="speaks TLS")
        good, self.grpc = self.grpc, self.grpc.replace("127.0.0.1", "127.0.0.2")
        self.imports("lab-1", *self.ca(), says="not for 127.0.0.2")
        self.grpc = good
        self.serve(tls=False)
        self.imports("lab-1", *self.ca(), says="speaks no TLS")

    def test_a_new_certificate_is_taken_up(self):
        read = ["--token-file", self.token("read", "--role", "read")]
        self.serve()
        self.hosts(*read, *self.ca())
        fresh = self.path("fresh")
        self.run_it("cert", "create-ca", "--dir", fresh, expect=FINE)
        self.run_it("cert", "server", "--dir", fresh, "--name", "localhost", "--ip", "127.0.0.1", expect=FINE)
        for name in ("server-key.pem", "server.pem"):
            os.replace(self.cert(name, fresh), self.cert(name))
        deadline = time.monotonic() + PATIENCE_S
        while self.run_it("list", "hosts", "--server", self.grpc, *read, *self.ca(fresh)).returncode != FINE:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        context = ssl.create_default_context(cafile=self.cert("ca.pem", fresh))
        with socket.create_connection(("127.0.0.1", self.web_port)) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                self.assertGreaterEqual(secure.version(), "TLSv1.2")

    def test_a_plain_client_gets_nothing_and_old_tls_neither(self):
        self.serve()
        with socket.create_connection(("127.0.0.1", self.web_port)) as plain:
            plain.settimeout(PATIENCE_S)
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                self.assertNotIn(b"HTTP/1.1", plain.recv(4096))
            except ConnectionResetError:
                pass
        self.assertEqual(200, self.request("GET", "/healthz")[0])


class Tokens(Guarded):
    def test_a_running_server_sees_every_change(self):
        self.serve(tls=False)
        self.assertIn("nobody is asked", self.text(self.log))
        self.hosts()
        read = self.token("read", "--role", "read")
        self.refuses(says=["token"])
        self.hosts("--token-file", read)
        fresh = self.path("fresh.token")
        self.run_it("token", "rotate", "--data", self.data, "read", "--keep-old", "1h", "-o", fresh, expect=FINE)
        self.assertNotEqual(self.text(read), self.text(fresh))
        self.hosts("--token-file", read)
        self.hosts("--token-file", fresh)
        self.run_it("token", "rotate", "--data", self.data, "read", "--keep-old", "0", "-o", self.path("last.token"),
                    expect=FINE)
        self.refuses("--token-file", fresh, says=["not known"])
        self.hosts("--token-file", self.path("last.token"))
        self.run_it("token", "revoke", "--data", self.data, "read", expect=FINE)
        self.refuses("--token-file", self.path("last.token"), says=["revoked"])
        listed = json.loads(self.run_it("token", "list", "--data", self.data, "--json", expect=FINE).stdout)
        self.assertIn("revoked", json.dumps(listed))
        self.assertNotIn(self.text(fresh)[-43:], json.dumps(listed))

    def test_an_expired_token(self):
        self.serve("--require-auth", tls=False)
        self.assertIn("nobody can call yet", self.text(self.log))
        brief = self.token("brief", "--role", "read", "--expires", "1s")
        deadline = time.monotonic() + PATIENCE_S
        while self.run_it("list", "hosts", "--server", self.grpc, "--token-file", brief).returncode == FINE:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        self.refuses("--token-file", brief, says=["expired"])

    def test_secrets_lie_in_files_of_their_owner(self):
        for path in (self.token("read", "--role", "read"), os.path.join(self.data, "tokens"), self.cert("ca-key.pem")):
            self.assertEqual(0o600, stat.S_IMODE(os.stat(path).st_mode), path)
        with open(os.path.join(self.data, "tokens"), encoding="utf-8") as file:
            self.assertIsNone(SECRET.search(file.read()))
        printed = self.run_it("token", "create", "--data", self.data, "--role", "admin", expect=FINE).stdout.decode()
        self.assertRegex(printed, SECRET)
        os.chmod(self.path("read.token"), 0o644)
        self.refused("list", "hosts", "--server", "127.0.0.1:1", "--token-file", self.path("read.token"),
                     says=["chmod 600"])

    def test_usage(self):
        for arguments in (("create",), ("create", "x", "--role", "read"), ("revoke",), ("rotate", "x", "--role", "read"),
                          ("list", "x"), ("create", "--role", "root"), ("create", "--role", "read", "--host", "a")):
            done = self.run_it("token", *arguments, "--data", self.data, expect=USAGE)
            self.assertEqual(b"", done.stdout)
        self.refused("token", "revoke", "--data", self.data, "none", says=["none", "token list"])
        for arguments in (("client",), ("server", "--host", "a"), ("create-ca", "--name", "a"), ("server",)):
            self.run_it("cert", *arguments, "--dir", self.certs, expect=USAGE)
        self.refused("cert", "create-ca", "--dir", self.certs, says=["--force"])

    def test_a_browser_over_tls(self):
        token = self.text(self.token("read", "--role", "read"))
        self.serve()
        origin = "https://localhost:%d" % self.web_port
        status, headers, _ = self.request("POST", "/login", "token=" + token, Origin=origin)
        self.assertEqual(303, status)
        cookie = headers["Set-Cookie"]
        self.assertRegex(cookie, r"^__Host-wakewatch=[\w-]{43}; Path=/; Max-Age=\d+; HttpOnly; SameSite=Strict; Secure$")
        mine = {"Cookie": cookie.split(";")[0]}
        self.assertEqual(200, self.request("GET", "/metrics", **mine)[0])
        self.assertEqual(401, self.request("GET", "/metrics")[0])
        call = ("POST", "/wakewatch.v1.FleetService/ListHosts", "{}")
        kind = {"Content-Type": "application/json"}
        self.assertEqual(200, self.request(*call, Origin=origin, **kind, **mine)[0])
        self.assertEqual(403, self.request(*call, **kind, **mine)[0])
        self.assertEqual(403, self.request(*call, Origin="https://evil.example", **kind, **mine)[0])
        self.assertEqual(401, self.request(*call, Origin=origin, **kind)[0])
        self.assertEqual(303, self.request("POST", "/logout", "", Origin=origin, **mine)[0])
        self.assertEqual(401, self.request("GET", "/metrics", **mine)[0])

    def test_the_python_example(self):
        have = subprocess.run([SYSTEM_PYTHON, "-c", "import grpc, google.protobuf"], capture_output=True, check=False)
        if have.returncode != 0:
            self.skipTest("no python3-grpcio")
        read = self.token("read", "--role", "read")
        self.serve()
        server = self.grpc.replace("127.0.0.1", "localhost")
        run = lambda *options: subprocess.run([SYSTEM_PYTHON, EXAMPLE, "--server", server, *self.ca(), *options],
                                              capture_output=True, timeout=PATIENCE_S, check=False)
        done = run("--token-file", read)
        self.assertEqual(0, done.returncode, done.stderr)
        done = run()
        self.assertEqual(1, done.returncode)
        self.assertIn(b"token", done.stderr)


class CollectorAccess(Guarded):
    def setUp(self):
        super().setUp()
        self.need_recording()

    def collect(self, *options):
        done = subprocess.run([COLLECTOR, "--server", self.grpc, "--once", "--duration", "300ms", "--log-level", "debug",
                               *options], capture_output=True, timeout=PATIENCE_S, check=False)
        self.logs.append(self.path("collect-%d.log" % time.monotonic_ns(), done.stdout + done.stderr))
        return done

    def test_a_collector_delivers_as_its_own_host_only(self):
        token = self.token("web-1", "--role", "ingest", "--host", "web-1")
        self.serve()
        config = self.path("collector.toml", ('token-file = "%s"\ntls-ca = "%s"\n' % (token, self.cert("ca.pem"))).encode())
        self.assertNotEqual(ERROR, self.collect("--config", config, "--host", "web-1").returncode)
        other = self.path("other")
        self.run_it("cert", "create-ca", "--dir", other, expect=FINE)
        for options, says in ((("--config", config, "--host", "web-2"), b"may not deliver as host"),
                              (("--host", "web-1", *self.ca()), b"token"), (("--host", "web-1"), b"speaks TLS"),
                              (("--host", "web-1", *self.ca(other)), b"is not from")):
            done = self.collect(*options)
            self.assertEqual(ERROR, done.returncode, done.stderr)
            self.assertIn(says, done.stderr)
            self.assertNotIn(b"tried again", done.stderr)
            # A service goes on trying, and says so.
            process = subprocess.Popen([COLLECTOR, "--server", self.grpc, *options], stderr=subprocess.PIPE)
            try:
                self.assertTrue(any(says in line and b"tried again" in line for line in process.stderr), says)
            finally:
                process.terminate()
                process.communicate(timeout=PATIENCE_S)
        read = self.token("read", "--role", "read")
        done = self.run_it("list", "hosts", "--server", self.grpc, "--token-file", read, *self.ca(), expect=FINE)
        self.assertIn(b"web-1", done.stdout)
        self.assertNotIn(b"web-2", done.stdout)


if __name__ == "__main__":
    sys.exit(main())
