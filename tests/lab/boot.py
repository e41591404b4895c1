"""Why: boots a guest in software emulation, so that it runs wherever the tests do, and never leaves one behind.

The guest runs the plan of a shared folder and powers off; what it says and writes lands in that folder.
"""
import os
import subprocess
import time

from build_guest import Unavailable

QEMU = "qemu-system-x86_64"
# Ends with the program that started it, whatever that one dies of.
WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"]
CPUS = 4
MEMORY_MIB = 2048
ARGUMENTS = "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable random.trust_cpu=on"


def command(guest, folder, arguments="", cpus=CPUS):
    return [*WITH_PARENT, QEMU, "-accel", "tcg,thread=multi", "-M", "pc,usb=off", "-smp", str(cpus),
            "-m", str(MEMORY_MIB), "-nodefaults", "-no-reboot", "-display", "none",
            "-serial", "file:" + os.path.join(folder, "serial.log"),
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net",
            "-virtfs", "local,path=%s,mount_tag=out,security_model=none,multidevs=remap" % folder,
            "-kernel", guest.kernel.image, "-initrd", guest.initramfs, "-append", ARGUMENTS + " " + arguments]


def log_of(folder):
    texts = []
    for name in ("serial.log", "guest.log"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                texts.append(file.read())
    return "\n".join(texts)


def boot(guest, folder, plan, patience_s, arguments="", cpus=CPUS):
    """Runs `plan`, a shell script, in the guest; the seconds that it took. `folder` is the guest's /out."""
    with open(os.path.join(folder, "plan"), "w", encoding="utf-8") as file:
        file.write(plan)
    begin = time.monotonic()
    with subprocess.Popen(command(guest, folder, arguments, cpus), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        try:
            said, _ = process.communicate(timeout=patience_s)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError("the guest did not end in %d s:\n%s" % (patience_s, log_of(folder)[-3000:])) from error
        finally:
            if process.poll() is None:
                process.kill()
    if process.returncode != 0:
        if "virtfs" in said or "9p" in said:
            raise Unavailable("this qemu has no shared folders: " + said.strip())
        raise RuntimeError("qemu ended with %d: %s" % (process.returncode, said))
    return time.monotonic() - begin
