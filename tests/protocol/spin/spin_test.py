#!/usr/bin/env python3
"""Why: a second opinion on every verdict: models of the same protocols, written for SPIN, have to say what wakewatch says.

Usage: spin_test.py MODEL.pml. A model's lines `// wake: PROTOCOL MEMORY DEFINES` name the shipped protocol that it mirrors with
those defines; PROTOCOL/N stands for that protocol with N wakers. Needs WAKEWATCH (the program) in the environment.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

WAKEWATCH = os.environ.get("WAKEWATCH", "wakewatch")
HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE_S = 600
SKIPPED = 77
LINE = re.compile(r"^// wake: (\w+)(?:/(\d+))? (sc|tso)((?: -D\w+(?:=\w+)?)*)$")


class Wrong(Exception):
    pass


def run(arguments, folder, **more):
    return subprocess.run(arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S,
                          universal_newlines=True, **more)


def build(model, defines, folder):
    """Returns the folder that holds the verifier of `model` with `defines`."""
    verifier = os.path.join(folder, "_".join(defines) or "plain")
    if os.path.exists(verifier):
        return verifier
    os.mkdir(verifier)
    for name in (model, "kernel.inc"):
        shutil.copy(os.path.join(HERE, name), verifier)
    spin = run(["spin", "-a"] + defines + [model], verifier)
    if not os.path.exists(os.path.join(verifier, "pan.c")):
        raise Wrong("spin: " + spin.stdout)
    compiled = run(["cc", "-O2", "-w", "-DSAFETY", "-DVECTORSZ=4096", "-o", "pan", "pan.c"], verifier)
    if compiled.returncode != 0:
        raise Wrong("cc: " + compiled.stdout)
    return verifier


def spin_verdict(model, defines, folder):
    """The verdict and the number of states. Invalid ends are no matter (-E): the model's judge knows which ends are losses."""
    text = run(["./pan", "-E", "-m400000", "-w22"], build(model, defines, folder)).stdout
    states = re.search(r"(\d+) states, stored", text)
    if "max search depth too small" in text or "out of memory" in text or not states:
        raise Wrong("spin did not finish: " + text)
    if "assertion violated" in text:
        return "loses", int(states.group(1))
    if "errors: 0" not in text:
        raise Wrong("spin found something else: " + text)
    return "safe", int(states.group(1))


def wakewatch_verdict(protocol, wakers, memory, folder):
    if wakers:
        shown = run([WAKEWATCH, "check", "--show", protocol], folder)
        text, replaced = re.subn(r"task waker\[\d+\]", "task waker[%s]" % wakers, shown.stdout)
        if replaced != 1:
            raise Wrong("%s has no wakers to count: %s" % (protocol, shown.stdout))
        protocol = os.path.join(folder, "%s_%s.wake" % (protocol, wakers))
        with open(protocol, "w") as file:
            file.write(text)
    done = subprocess.run([WAKEWATCH, "check", protocol, "--json", "--memory", memory], cwd=folder, timeout=PATIENCE_S,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    try:
        answer = json.loads(done.stdout)
        return answer["verdict"], answer["states"]
    except (ValueError, KeyError):
        raise Wrong("wakewatch answers %r and says %r" % (done.stdout, done.stderr))


def cases(model):
    with open(os.path.join(HERE, model)) as file:
        for number, line in enumerate(file, 1):
            if not line.startswith("// wake:"):
                continue
            found = LINE.match(line.rstrip("\n"))
            if not found:
                raise Wrong("%s:%d: not understood: %s" % (model, number, line))
            protocol, wakers, memory, defines = found.groups()
            yield protocol, wakers, memory, defines.split() + (["-DTSO"] if memory == "tso" else [])


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: spin_test.py MODEL.pml")
    model = os.path.basename(sys.argv[1])
    for tool in ("spin", "cc"):
        if not shutil.which(tool):
            print("spin_test.py: SKIPPED: there is no %s here, so no verdict was compared" % tool)
            sys.exit(SKIPPED)
    compared = wrong = 0
    with tempfile.TemporaryDirectory(prefix="wakewatch-spin-") as folder:
        for protocol, wakers, memory, defines in cases(model):
            name = protocol + ("/" + wakers if wakers else "")
            try:
                theirs, their_states = spin_verdict(model, defines, folder)
                ours, our_states = wakewatch_verdict(protocol, wakers, memory, folder)
                same = theirs == ours
                print("%s %s %s: spin %s (%d states), wakewatch %s (%d states)" %
                      ("ok" if same else "DIFFERENT", name, memory, theirs, their_states, ours, our_states))
            except (Wrong, subprocess.TimeoutExpired) as error:
                same = False
                print("FAILED %s %s: %s" % (name, memory, error))
            compared += 1
            wrong += not same
    if compared == 0:
        sys.exit("%s names no protocol" % model)
    sys.exit("%d of %d differ" % (wrong, compared) if wrong else 0)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit("spin_test.py: %s" % wrong)
