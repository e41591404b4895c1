#!/usr/bin/env python3
"""Why: a guest to record: a distribution's own kernel, this tree's guestlab module, busybox and the built collector.

Kernel packages are fetched with apt-get and unpacked, never installed, below build/lab. What cannot be had is an
Unavailable with the reason; the command then ends with 77.
Usage: build_guest.py [KERNEL]      KERNEL: the front of a version, such as 6.12; default: the first that can be had
"""
import glob
import gzip
import lzma
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("WAKEWATCH_LAB_BUILD", os.path.join(ROOT, "build", "lab"))
COLLECTOR = os.environ.get("WAKEWATCH_COLLECTOR", os.path.join(ROOT, "build", "release", "bin", "wakewatch-collector"))
KERNELS = ("6.1", "6.12")
SKIPPED = 77
APPLETS = ("sh mkdir mount umount cat echo sleep usleep insmod rmmod cut hostname ifconfig kill dmesg sync tr "
           "poweroff").split()
# In the order of their loading; those that a kernel has built in have no file.
DRIVERS = ("drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_legacy_dev",
           "drivers/virtio/virtio_pci_modern_dev", "drivers/virtio/virtio_pci", "net/core/failover",
           "drivers/net/net_failover", "drivers/net/virtio_net", "fs/netfs/netfs", "fs/fscache/fscache", "net/9p/9pnet",
           "net/9p/9pnet_virtio", "fs/9p/9p")


class Unavailable(Exception):
    """The guest cannot be built or run here, and why."""


def need(*programs):
    missing = [p for p in programs if shutil.which(p) is None]
    if missing:
        raise Unavailable("not installed: " + ", ".join(missing))


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode != 0:
        raise RuntimeError("%s ended with %d:\n%s" % (" ".join(command), done.returncode, done.stdout[-4000:]))
    return done.stdout


def version_key(release):
    return [int(number) for number in re.findall(r"\d+", release)]


def releases(kernel):
    """Releases of `kernel` that apt knows with their headers, oldest first."""
    names = set(subprocess.run(["apt-cache", "pkgnames", "linux-"], capture_output=True, text=True,
                               check=False).stdout.split())
    pattern = re.compile(r"linux-image-(%s\.[^a-z]*(?:\+(?:deb|bpo)[0-9.]*)?-amd64)$" % re.escape(kernel))
    found = [match.group(1) for match in map(pattern.match, names) if match]
    return sorted((r for r in found if "linux-headers-" + r in names), key=version_key)


def packages_of(release):
    """The image, its headers, and what those are made of."""
    depends = run("apt-cache", "depends", "linux-headers-" + release, "linux-image-" + release)
    parts = re.findall(r"Depends: (linux-(?:headers|kbuild|modules)-\S+)", depends)
    return ["linux-image-" + release, "linux-headers-" + release, *parts]


class Kernel:
    """One unpacked kernel: its image, its modules, and headers that build for it."""

    def __init__(self, release, folder):
        self.release = release
        self.folder = folder
        self.image = os.path.join(folder, "boot", "vmlinuz-" + release)
        self.headers = os.path.join(folder, "usr", "src", "linux-headers-" + release)
        self.mark = os.path.join(folder, "complete")  # there when everything else is

    def module(self, name):
        """The bytes of a driver, or None where the kernel has it built in."""
        path = os.path.join(self.folder, "lib", "modules", self.release, "kernel", name + ".ko")
        for ending, reader in (("", open), (".xz", lzma.open), (".gz", gzip.open)):
            if os.path.exists(path + ending):
                with reader(path + ending, "rb") as file:
                    return file.read()
        return None

    def compiler(self):
        """What the headers ask for."""
        with open(os.path.join(self.headers, ".kernelvariables"), encoding="utf-8") as file:
            match = re.search(r"\$\(CROSS_COMPILE\)(gcc\S*)", file.read())
        return match.group(1) if match else "gcc"


def unpack(kernel):
    """Fetches and unpacks a release. Its headers look for their other half below /usr/src, and are told where it is."""
    shutil.rmtree(kernel.folder, ignore_errors=True)
    os.makedirs(kernel.folder)
    try:
        run("apt-get", "-qq", "download", *packages_of(kernel.release), cwd=kernel.folder)
    except RuntimeError as error:
        raise Unavailable("the kernel's packages cannot be fetched: %s" % error) from error
    for package in sorted(glob.glob(os.path.join(kernel.folder, "*.deb"))):
        run("dpkg", "-x", package, kernel.folder)
        os.remove(package)
    makefile = os.path.join(kernel.headers, "Makefile")
    with open(makefile, encoding="utf-8") as file:
        text = file.read()
    with open(makefile, "w", encoding="utf-8") as file:
        file.write(text.replace("include /usr/src", "include %s/usr/src" % kernel.folder))
    with open(kernel.mark, "w", encoding="utf-8"):
        pass


def fetch(kernel):
    """The newest release of `kernel` that was fetched before, or else the newest that apt knows."""
    need("apt-get", "apt-cache", "dpkg")
    known = [Kernel(release, os.path.join(BUILD, "kernels", release)) for release in releases(kernel)]
    if not known:
        raise Unavailable("apt knows no linux-image of %s with its headers" % kernel)
    fetched = [k for k in known if os.path.exists(k.mark)]
    if not fetched:
        unpack(known[-1])
    return (fetched or known)[-1]


def first_kernel():
    reasons = []
    for kernel in KERNELS:
        try:
            return fetch(kernel)
        except Unavailable as error:
            reasons.append(str(error))
    raise Unavailable("; ".join(reasons))


def build_module(kernel, folder):
    need("make", kernel.compiler())
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(os.path.join(HERE, "module"), folder)
    run("make", "-s", "-C", kernel.headers, "M=" + folder, "modules")
    return os.path.join(folder, "guestlab.ko")


def libraries(program):
    """The shared libraries of a program, and the loader; a static one has none."""
    found = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return re.findall(r"(/\S+) \(0x", found.stdout) if found.returncode == 0 else []


def put(root, source, folder="bin"):
    os.makedirs(os.path.join(root, folder), exist_ok=True)
    shutil.copy(source, os.path.join(root, folder))
    for library in libraries(source):
        target = os.path.join(root, library.lstrip("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            shutil.copy(library, target)


def put_modules(root, kernel, guestlab):
    folder = os.path.join(root, "modules")
    os.makedirs(folder)
    order = []
    for name in DRIVERS:
        content = kernel.module(name)
        if content is None:
            continue
        order.append(os.path.basename(name) + ".ko")
        with open(os.path.join(folder, order[-1]), "wb") as file:
            file.write(content)
    with open(os.path.join(folder, "order"), "w", encoding="utf-8") as file:
        file.writelines(name + "\n" for name in order)
    shutil.copy(guestlab, folder)


def build_initramfs(kernel, folder, guestlab, programs):
    root = os.path.join(folder, "root")
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "dev", "proc", "sys", "tmp", "out"):
        os.makedirs(os.path.join(root, name))
    busybox = shutil.which("busybox")
    if libraries(busybox):
        raise Unavailable("busybox is not a static one")
    put(root, busybox)
    for applet in APPLETS:
        os.symlink("busybox", os.path.join(root, "bin", applet))
    relay = os.path.join(folder, "relay")
    run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", relay, os.path.join(HERE, "guest", "relay.c"))
    for program in (relay, COLLECTOR, *programs):
        put(root, program)
    put_modules(root, kernel, guestlab)
    # Whom the collector becomes when it gives up its privileges.
    os.makedirs(os.path.join(root, "etc"), exist_ok=True)
    for file, entries in (("passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"),
                          ("group", "root:x:0:\nnogroup:x:65534:\n")):
        with open(os.path.join(root, "etc", file), "w", encoding="utf-8") as out:
            out.write(entries)
    shutil.copy(os.path.join(HERE, "guest", "init.sh"), os.path.join(root, "init"))
    os.chmod(os.path.join(root, "init"), 0o755)
    names = "\n".join(os.path.relpath(os.path.join(at, name), root)
                      for at, folders, files in os.walk(root) for name in folders + files)
    archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names.encode(),
                             capture_output=True, check=True).stdout
    path = os.path.join(folder, "initramfs.gz")
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(archive)
    return path


class Guest:
    """What boot.py needs: a kernel and an initramfs."""

    def __init__(self, kernel, initramfs):
        self.kernel = kernel
        self.initramfs = initramfs


def build(name=None, programs=()):
    """A guest of kernel `name`; `programs` are put beside the collector, with their libraries."""
    need("busybox", "cpio", "gcc", "ldd")
    if not os.path.exists(COLLECTOR):
        raise Unavailable("no collector at " + COLLECTOR)
    kernel = fetch(name) if name else first_kernel()
    folder = os.path.join(BUILD, "guests", kernel.release)
    os.makedirs(folder, exist_ok=True)
    guestlab = build_module(kernel, os.path.join(folder, "module"))
    return Guest(kernel, build_initramfs(kernel, folder, guestlab, programs))


def main():
    try:
        guest = build(*sys.argv[1:2])
    except Unavailable as error:
        print("skipped: %s" % error, file=sys.stderr)
        return SKIPPED
    print(guest.kernel.image, guest.initramfs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
