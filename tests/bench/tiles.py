#!/usr/bin/env python3
"""How long a server takes to answer about the timeline of ten million events.

Plays a recording as a collector would, again and again in its own time, to a server of its own until it holds so many
events, and asks for tiles and details at every zoom. --data keeps what was recorded, and is used again if it is there.
"""
import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def serve(args, data):
    grpc, http = free_port(), free_port()
    server = subprocess.Popen(
        [os.path.join(args.bin, "wakewatch"), "serve", "--data", data, "--listen", f"127.0.0.1:{grpc}", "--http",
         f"127.0.0.1:{http}"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", http), 1).close()
            return server, grpc, http
        except OSError:
            time.sleep(0.1)
    raise SystemExit("tiles.py: error: the server did not start")


def stop(server):
    server.send_signal(signal.SIGTERM)
    server.wait(60)


def record(args, data):
    """A lap has 145,594 events and takes 2.2 s; twice as fast, the chunks hold twice as much as a collector's."""
    server, grpc, _ = serve(args, data)
    try:
        seconds = args.events / 145_594 * 2.35 + 1
        subprocess.run(
            [os.path.join(args.bin, "fleet_bench"), "--server", f"127.0.0.1:{grpc}", "--collectors", "1",
             "--host-prefix", "guest-", "--recording", args.recording, "--speed", str(args.speed), "--seconds",
             str(seconds / args.speed), "--patience", "90"], check=True)
    finally:
        stop(server)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="where wakewatch, fleet_bench and tiles_bench are")
    parser.add_argument("--data", help="a folder for the recording; default: one that goes away")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--speed", type=float, default=1, help="trace seconds in a second, while it is made")
    parser.add_argument("--recording", default=os.path.join(here, "../data/traces/tiny_lost-174-A.dat"))
    parser.add_argument("--questions", type=int, default=200, help="at each zoom")
    parser.add_argument("--pids", default="15,22,29,1092", help="whose lanes are asked for")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wakewatch-tiles-") as temporary:
        data = args.data or temporary
        if not os.path.isdir(os.path.join(data, "hosts")):
            record(args, data)
        server, grpc, http = serve(args, data)
        try:
            return subprocess.run(
                [os.path.join(args.bin, "tiles_bench"), "--server", f"127.0.0.1:{grpc}", "--http",
                 f"127.0.0.1:{http}", "--host", "guest-0", "--pids", args.pids, "--questions", str(args.questions),
                 "--server-pid", str(server.pid)]).returncode
        finally:
            stop(server)


if __name__ == "__main__":
    sys.exit(main())
