#!/usr/bin/env python3
"""Wraps a folder of raw ring-buffer pages as a trace.dat of version 6, so that trace-cmd can read it.

Usage: tests/golden/raw_to_dat.py FOLDER OUT.dat
"""
import pathlib
import struct
import sys

PAGE = 4096


def sized(width, data):
    return len(data).to_bytes(width, "little") + data


def format_list(paths):
    return len(paths).to_bytes(4, "little") + b"".join(sized(8, path.read_bytes()) for path in paths)


def main():
    folder, out_path = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    pages = [path.read_bytes() for path in sorted(folder.glob("cpu*.raw"), key=lambda p: int(p.stem[3:]))]
    systems = {path.name: sorted(path.glob("*/format")) for path in sorted((folder / "events").iterdir())}
    out = b"\x17\x08\x44tracing6\0" + struct.pack("<BBI", 0, 8, PAGE)
    out += b"header_page\0" + sized(8, (folder / "header_page").read_bytes())
    out += b"header_event\0" + sized(8, (folder / "header_event").read_bytes())
    out += format_list(systems.pop("ftrace", []))
    out += len(systems).to_bytes(4, "little")
    for name, paths in systems.items():
        out += name.encode() + b"\0" + format_list(paths)
    out += sized(4, b"") + sized(4, b"") + sized(8, (folder / "saved_cmdlines").read_bytes())
    out += len(pages).to_bytes(4, "little") + b"options  \0" + b"\0\0" + b"flyrecord\0"
    at = (len(out) + 16 * len(pages) + PAGE - 1) // PAGE * PAGE
    table = b""
    for data in pages:
        table += struct.pack("<QQ", at, len(data))
        at += len(data)
    out += table
    out += b"\0" * (-len(out) % PAGE)
    out_path.write_bytes(out + b"".join(pages))


if __name__ == "__main__":
    main()
