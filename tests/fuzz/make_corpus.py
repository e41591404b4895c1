#!/usr/bin/env python3
"""Makes the seed corpus of the fuzz targets out of the recordings in tests/data/traces.

Keeps a few event formats, a few kernel symbols and the first pages of each CPU, and writes them in every shape the
reader knows (version 6, version 7 plain and with zstd, with an instance), so that a fuzzer starts from real bytes in
files of some kilobytes. Needs trace-cmd and zstd. Usage: tests/fuzz/make_corpus.py
"""
import pathlib
import struct
import subprocess
import tempfile

FUZZ = pathlib.Path(__file__).resolve().parent
TRACES = FUZZ.parent / "data" / "traces"
KEEP = {b"sched_switch", b"sched_waking", b"sched_wakeup", b"softirq_raise", b"workqueue_queue_work", b"print"}
PAGE = 4096
PAGES_A_CPU = 2
PAGES_A_CHUNK = 2


def number(width, value):
    return value.to_bytes(width, "little")


def sized(width, data):
    return number(width, len(data)) + data


def zstd(data):
    return subprocess.run(["zstd", "-q", "-19", "-c"], input=data, check=True, capture_output=True).stdout


def packed(data):
    body = zstd(data)
    return number(4, len(body)) + number(4, len(data)) + body


class V6:
    """What is kept of an uncompressed version 6 file."""

    def __init__(self, data):
        self.data, self.at = data, 12  # behind the magic and the version
        assert data[10:12] == b"6\0"
        self.start = self.take(6)  # byte order, size of a long, page size
        assert self.take(12) == b"header_page\0"
        self.header_page = self.text(8)
        assert self.take(13) == b"header_event\0"
        self.header_event = self.text(8)
        self.ftrace = self.formats()
        self.systems = []
        for _ in range(self.int(4)):
            name = self.cstring()
            kept = self.formats()
            if kept:
                self.systems.append((name, kept))
        self.kallsyms = b"".join(line + b"\n" for line in self.text(4).split(b"\n")[:20])
        self.printk = self.text(4)[:0]
        self.cmdlines = self.text(8)
        self.cpus = self.int(4)
        assert self.take(10) == b"options  \0"
        self.options = []
        while (option := self.int(2)) != 0:
            self.options.append((option, self.text(4)))
        assert self.take(10) == b"flyrecord\0"
        places = [(self.int(8), self.int(8)) for _ in range(self.cpus)]
        self.pages = [data[at : at + min(size, PAGE * PAGES_A_CPU)] for at, size in places]

    def take(self, size):
        self.at += size
        return self.data[self.at - size : self.at]

    def int(self, width):
        return int.from_bytes(self.take(width), "little")

    def text(self, width):
        return self.take(self.int(width))

    def cstring(self):
        end = self.data.index(b"\0", self.at)
        return self.take(end + 1 - self.at)[:-1]

    def formats(self):
        texts = [self.text(8) for _ in range(self.int(4))]
        return [text for text in texts if text.split(b"\n")[0].removeprefix(b"name: ") in KEEP]

    # The parts, which version 7 has as sections.
    def header_info(self):
        return b"header_page\0" + sized(8, self.header_page) + b"header_event\0" + sized(8, self.header_event)

    def format_list(self, texts):
        return number(4, len(texts)) + b"".join(sized(8, text) for text in texts)

    def system_list(self):
        body = b"".join(name + b"\0" + self.format_list(texts) for name, texts in self.systems)
        return number(4, len(self.systems)) + body

    def write_v6(self, instance):
        out = b"\x17\x08\x44tracing6\0" + self.start + self.header_info() + self.format_list(self.ftrace)
        out += self.system_list() + sized(4, self.kallsyms) + sized(4, self.printk) + sized(8, self.cmdlines)
        out += number(4, self.cpus) + b"options  \0"
        out += b"".join(number(2, option) + sized(4, data) for option, data in self.options)
        name_place = len(out) + 6
        if instance:
            out += number(2, 3) + sized(4, number(8, 0) + instance + b"\0")
        out += number(2, 0)
        out += self.flyrecord(len(out))
        if instance:
            out = out[:name_place] + number(8, len(out)) + out[name_place + 8 :]
            out += self.flyrecord(len(out))
        return out

    def flyrecord(self, at):
        table_end = at + 10 + 16 * self.cpus
        data_at = (table_end + PAGE - 1) // PAGE * PAGE
        table, data = b"flyrecord\0", b"\0" * (data_at - table_end)
        for pages in self.pages:
            table += struct.pack("<QQ", data_at, len(pages))
            data += pages
            data_at += len(pages)
        return table + data

    def write_v7(self, compressed, names):
        out = b"\x17\x08\x44tracing7\0" + self.start
        out += b"zstd\x001.5.4\0" if compressed else b"none\0\0"
        first_list = len(out)
        out += number(8, 0)
        options = b""
        sections = [
            (16, self.header_info()),
            (17, self.format_list(self.ftrace)),
            (18, self.system_list()),
            (19, sized(4, self.kallsyms)),
            (21, sized(8, self.cmdlines)),
        ]
        for section, body in sections:
            options += number(2, section) + sized(4, number(8, len(out)))
            out += self.section(section, packed(body) if compressed else body, compressed)
        options += b"".join(number(2, option) + sized(4, data) for option, data in self.options)
        for name in names:
            about = number(8, len(out)) + name + b"\0mono\0" + number(4, PAGE) + number(4, self.cpus)
            out += self.section(3, b"", compressed)
            for cpu, pages in enumerate(self.pages):
                body = self.chunks(pages) if compressed else pages
                about += struct.pack("<IQQ", cpu, len(out), len(body) - (4 if compressed else 0))
                out += body
            options += number(2, 3) + sized(4, about)
        options += number(2, 0) + sized(4, number(8, 0))
        out = out[:first_list] + number(8, len(out)) + out[first_list + 8 :]
        return out + self.section(0, options, False)

    @staticmethod
    def section(section, body, compressed):
        return struct.pack("<HHIQ", section, int(compressed), 0, len(body)) + body

    @staticmethod
    def chunks(pages):
        size = PAGE * PAGES_A_CHUNK
        parts = [pages[at : at + size] for at in range(0, len(pages), size)]
        return number(4, len(parts)) + b"".join(packed(part) for part in parts)


def version_6(path, work):
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-q", "-d", "-c", path], check=True, capture_output=True).stdout
    converted = pathlib.Path(work) / "v6.dat"
    subprocess.run(
        ["trace-cmd", "convert", "-i", path, "-o", converted, "--file-version", "6", "--compression", "none"],
        check=True, capture_output=True)
    return converted.read_bytes()


def main():
    dats, pages = FUZZ / "corpus" / "trace_dat", FUZZ / "corpus" / "page_decoder"
    for folder in (dats, pages):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        hog = V6(version_6(TRACES / "wq_hog-141-A.dat.zst", work))
        lossy = V6(version_6(TRACES / "tiny_lost-174-A.dat", work))
        lossy_file = version_6(TRACES / "tiny_lost-174-A.dat", work)
    hog.pages = [data[:PAGE] for data in hog.pages[:2]]
    hog.cpus = 2
    (dats / "v6.dat").write_bytes(hog.write_v6(b""))
    (dats / "v6_instance.dat").write_bytes(hog.write_v6(b"sys"))
    (dats / "v7_plain.dat").write_bytes(hog.write_v7(False, [b""]))
    (dats / "v7_zstd_instance.dat").write_bytes(hog.write_v7(True, [b"", b"sys"]))
    lossy.pages = [data[: PAGE * 2] for data in lossy.pages[:1]]
    lossy.cpus = 1
    (dats / "v7_zstd_lossy.dat").write_bytes(lossy.write_v7(True, [b""]))

    # The page target's first byte chooses the size of a page; 0 is 4096.
    (pages / "quiet.page").write_bytes(b"\0" + hog.pages[0])
    missed = first_missed_page(lossy_file)
    (pages / "missed.page").write_bytes(b"\0" + missed)
    (pages / "two.page").write_bytes(b"\0" + lossy.pages[0])


def first_missed_page(data):
    """The first page of the file whose commit says that events were lost before it (bit 31)."""
    start = data.index(b"flyrecord\0") + 10
    at = int.from_bytes(data[start : start + 8], "little")
    for page in range(at, len(data), PAGE):
        if data[page + 8 + 3] & 0x80:
            return data[page : page + PAGE]
    raise SystemExit("the recording has no page with lost events")


if __name__ == "__main__":
    main()
