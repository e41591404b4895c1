"""Why: a comparison with other tools needs a trace that all of them read, larger than anything that belongs in a source
tree, made on the machine where they are compared. `trace-cmd record` writes such files, but refuses where the function
tracer is locked (containers), which these events do not need. So the kernel's pages are taken as they are, from an
instance of our own, and get the header of a trace.dat version 6 (trace-cmd.dat.v6(5)).
"""
import os
import platform
import shutil
import struct
import subprocess
import time

PAGE = 4096
SYSTEMS = ("sched", "irq", "workqueue", "timer")
FTRACE_FORMATS = ("print", "raw_data")
BUFFER_KB = 65536  # of each CPU
# Of these systems as they come; where a machine's events are longer the trace has fewer of them.
EVENT_BYTES = 50
COMMIT_MASK = (1 << 27) - 1
OPTION_CLOCK, OPTION_UNAME = 4, 5


def tracefs():
    """The folder where tracefs is mounted; mounts it if it is not. Needs root."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if fields[2] == "tracefs":
                return fields[1]
    subprocess.run(["mount", "-t", "tracefs", "none", "/sys/kernel/tracing"], check=True)
    return "/sys/kernel/tracing"


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def write(text, *path):
    with open(os.path.join(*path), "w", encoding="utf-8") as file:
        file.write(text)


class Instance:
    """A tracing instance of our own, gone when the block ends."""

    def __init__(self):
        self.folder = os.path.join(tracefs(), "instances", "wakewatch-bench-%d" % os.getpid())

    def __enter__(self):
        os.mkdir(self.folder)
        write("0", self.folder, "tracing_on")
        write("mono", self.folder, "trace_clock")
        write(str(BUFFER_KB), self.folder, "buffer_size_kb")
        for system in SYSTEMS:
            write("1", self.folder, "events", system, "enable")
        return self

    def __exit__(self, *_):
        write("0", self.folder, "tracing_on")
        os.rmdir(self.folder)

    def cpus(self):
        names = os.listdir(os.path.join(self.folder, "per_cpu"))
        return sorted(int(name[3:]) for name in names if name.startswith("cpu"))


def drain(pipe, out, chase):
    """Copies pages until there is none, or none that is full unless `chase`. Answers the bytes copied."""
    copied = 0
    while True:
        try:
            page = os.read(pipe, PAGE)
        except BlockingIOError:
            return copied
        if not page:
            return copied
        out.write(page)
        copied += len(page)
        if not chase and struct.unpack_from("<Q", page, 8)[0] & COMMIT_MASK < PAGE // 2:
            return copied


def record_pages(instance, folder, events, seconds):
    """Records about `events` events, for `seconds` at the most. Answers one file of pages for each CPU."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        pass  # then the load may cost events; the report says so
    paths = {cpu: os.path.join(folder, "cpu%d" % cpu) for cpu in instance.cpus()}
    pipes = {cpu: os.open(os.path.join(instance.folder, "per_cpu", "cpu%d" % cpu, "trace_pipe_raw"),
                          os.O_RDONLY | os.O_NONBLOCK) for cpu in paths}
    outs = {cpu: open(path, "wb") for cpu, path in paths.items()}
    try:
        copied, end = 0, time.monotonic() + seconds
        write("1", instance.folder, "tracing_on")
        while copied < events * EVENT_BYTES and time.monotonic() < end:
            time.sleep(0.02)
            copied += sum(drain(pipes[cpu], outs[cpu], False) for cpu in pipes)
        write("0", instance.folder, "tracing_on")
        for cpu, pipe in pipes.items():
            drain(pipe, outs[cpu], True)
    finally:
        for cpu, pipe in pipes.items():
            os.close(pipe)
            outs[cpu].close()
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return paths


def sized(text, form):
    return struct.pack(form, len(text)) + text


def formats(events_folder):
    """The formats of all events of SYSTEMS, as trace.dat holds them."""
    out = struct.pack("<I", len(SYSTEMS))
    for system in SYSTEMS:
        folder = os.path.join(events_folder, system)
        names = sorted(name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name)))
        out += system.encode() + b"\0" + struct.pack("<I", len(names))
        for name in names:
            out += sized(read(folder, name, "format"), "<Q")
    return out


def header(instance, cpus):
    """Everything in front of the table of CPU data."""
    events = os.path.join(instance.folder, "events")
    out = b"\x17\x08\x44tracing6\0" + struct.pack("<BBI", 0, struct.calcsize("P"), PAGE)
    out += b"header_page\0" + sized(read(events, "header_page"), "<Q")
    out += b"header_event\0" + sized(read(events, "header_event"), "<Q")
    ftrace = [read(events, "ftrace", name, "format") for name in FTRACE_FORMATS
              if os.path.exists(os.path.join(events, "ftrace", name, "format"))]
    out += struct.pack("<I", len(ftrace)) + b"".join(sized(text, "<Q") for text in ftrace)
    out += formats(events)
    out += sized(read("/proc/kallsyms"), "<I") + sized(b"", "<I")
    out += sized(read(tracefs(), "saved_cmdlines"), "<Q")
    out += struct.pack("<I", cpus) + b"options  \0"
    uname = " ".join(platform.uname()[:5]).encode()
    for number, data in ((OPTION_CLOCK, read(instance.folder, "trace_clock")), (OPTION_UNAME, uname + b"\0")):
        out += struct.pack("<H", number) + sized(data, "<I")
    return out + struct.pack("<H", 0) + b"flyrecord\0"


def record(path, events, seconds=120):
    """Records about `events` events of this machine into a trace.dat. Needs root and a little-endian machine."""
    folder = os.path.dirname(path)
    with Instance() as instance:
        pages = record_pages(instance, folder, events, seconds)
        out = header(instance, len(pages))
    at = (len(out) + 16 * len(pages) + PAGE - 1) // PAGE * PAGE
    for cpu in sorted(pages):
        size = os.path.getsize(pages[cpu])
        out += struct.pack("<QQ", at, size)
        at += size
    with open(path, "wb") as file:
        file.write(out + bytes(-len(out) % PAGE))
        for cpu in sorted(pages):
            with open(pages[cpu], "rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
            os.unlink(pages[cpu])
