#!/usr/bin/python3
"""The kernel threads that wake latest on every host of a Wakewatch server, then its findings as they are made.

Needs Debian's (or Ubuntu's) python3-grpcio, python3-protobuf, protobuf-compiler and protobuf-compiler-grpc: the classes
for the messages are made from the .proto files beside this tree when the script starts.

  deploy/examples/late_threads.py --server 127.0.0.1:7400
  deploy/examples/late_threads.py --server 127.0.0.1:7400 --watch 60
"""
import argparse
import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def load_contract(folder):
    """Compiles the wire contract into `folder`; the modules (fleet, analysis, findings) with their gRPC stubs."""
    plugin = shutil.which("grpc_python_plugin")
    if plugin is None or shutil.which("protoc") is None:
        sys.exit("late_threads.py: protoc and its gRPC plugin are missing: "
                 "apt-get install protobuf-compiler protobuf-compiler-grpc")
    files = sorted(str(file) for file in PROTO.glob("wakewatch/v1/*.proto"))
    subprocess.run(["protoc", "-I", str(PROTO), "--python_out=" + folder, "--grpc_python_out=" + folder,
                    "--plugin=protoc-gen-grpc_python=" + plugin, *files], check=True)
    sys.path.insert(0, folder)
    names = ("fleet", "analysis", "findings")
    return {name: (importlib.import_module("wakewatch.v1.%s_pb2" % name),
                   importlib.import_module("wakewatch.v1.%s_pb2_grpc" % name)) for name in names}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def open_channel(grpc, arguments):
    """Plaintext on this machine, TLS where an authority is named; with a token at each call where there is one."""
    if arguments.tls_ca:
        own = [read(path) if path else None for path in (arguments.tls_key, arguments.tls_cert)]
        channel = grpc.secure_channel(arguments.server, grpc.ssl_channel_credentials(read(arguments.tls_ca), *own))
    else:
        channel = grpc.insecure_channel(arguments.server)
    if not arguments.token_file:
        return channel
    bearer = ("authorization", "Bearer " + read(arguments.token_file).decode().strip())

    class WithToken(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
        def intercept_unary_unary(self, call, details, request):
            return call(details._replace(metadata=[*(details.metadata or ()), bearer]), request)

        intercept_unary_stream = intercept_unary_unary

    return grpc.intercept_channel(channel, WithToken())


def humane(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return "%.3g %s" % (ns / size, unit)
    return "%d ns" % ns


def show_threads(channel, contract, rows):
    fleet, fleet_grpc = contract["fleet"]
    analysis, analysis_grpc = contract["analysis"]
    hosts = fleet_grpc.FleetServiceStub(channel).ListHosts(fleet.ListHostsRequest()).hosts
    if not hosts:
        print("the server has no hosts yet")
    for host in hosts:
        lost = "%d events lost" % host.lost_events if host.gaps else "nothing lost"
        print("%s: kernel %s, %d events, %s, %d findings" % (host.name, host.kernel, host.events, lost, host.findings))
        request = analysis.ListThreadsRequest(recording=analysis.RecordingRef(host=host.name))
        threads = analysis_grpc.AnalysisServiceStub(channel).ListThreads(request).threads
        for thread in sorted(threads, key=lambda t: -t.wakeup_latency.p99_ns)[:rows]:
            latency = thread.wakeup_latency
            print("  %-16s pid %-7d n %-8d p50 %-10s p99 %-10s max %s" % (
                thread.comm, thread.pid, latency.n, humane(latency.p50_ns), humane(latency.p99_ns),
                humane(latency.max_ns)))


def watch_findings(channel, contract, grpc, seconds):
    findings, findings_grpc = contract["findings"]
    stub = findings_grpc.FindingServiceStub(channel)
    try:
        for message in stub.WatchFindings(findings.WatchFindingsRequest(backlog=20), timeout=seconds):
            for finding in message.findings:
                so_far = " (so far)" if finding.open else ""  # told again when it is over
                print("%s %s %s%s: %s" % (finding.host, finding.check, getattr(finding, "class"), so_far,
                                          finding.explanation), flush=True)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
            raise


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="127.0.0.1:7400", metavar="HOST:PORT")
    parser.add_argument("--rows", type=int, default=10, help="threads shown of each host")
    parser.add_argument("--watch", type=float, default=0, metavar="SECONDS", help="then show findings for so long")
    for name, what in (("--token-file", "a token with the role read"), ("--tls-ca", "speak TLS, to a server of this CA"),
                       ("--tls-cert", "a certificate of ours, where the server asks for one"), ("--tls-key", "its key")):
        parser.add_argument(name, metavar="FILE", help=what)
    arguments = parser.parse_args()
    try:
        import grpc
    except ImportError:
        sys.exit("late_threads.py: the grpc module is missing: apt-get install python3-grpcio")
    with tempfile.TemporaryDirectory() as folder:
        contract = load_contract(folder)
        with open_channel(grpc, arguments) as channel:
            try:
                show_threads(channel, contract, arguments.rows)
                if arguments.watch > 0:
                    watch_findings(channel, contract, grpc, arguments.watch)
            except grpc.RpcError as error:
                sys.exit("late_threads.py: %s: %s" % (arguments.server, error.details()))


if __name__ == "__main__":
    main()
