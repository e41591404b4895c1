#!/usr/bin/env python3
"""Why: scores `wakewatch report --json` on a folder of recordings with ground truth: NAME/trace.dat (or .xz)
beside NAME/truth.jsonl.

Usage: score.py [--json] [--verbose] [--goals] FOLDER      WAKEWATCH: the program. --goals: 1 when a goal is missed.
"""
import argparse
import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile

import truth

WAKEWATCH = os.environ.get("WAKEWATCH", "wakewatch")
PATIENCE_S = 300
DONE, GAPS = 0, 3


def report(path):
    done = subprocess.run([WAKEWATCH, "report", path, "--json"], capture_output=True, timeout=PATIENCE_S, check=False)
    if done.returncode not in (DONE, GAPS):
        raise RuntimeError("%s: %s" % (path, done.stderr.decode(errors="replace").strip()))
    return json.loads(done.stdout)


def report_of(folder, scratch):
    path = os.path.join(folder, "trace.dat")
    if os.path.exists(path):
        return report(path)
    plain = os.path.join(scratch, "trace.dat")
    with lzma.open(path + ".xz") as packed, open(plain, "wb") as file:
        shutil.copyfileobj(packed, file)
    return report(plain)


def score_folder(folder, said=None):
    """The score of all recordings in `folder`; said is called with a sentence for each miss and false hit."""
    score = truth.Score()
    with tempfile.TemporaryDirectory(prefix="wakewatch-score-") as scratch:
        for name in sorted(os.listdir(folder)):
            records = os.path.join(folder, name, "truth.jsonl")
            if not os.path.exists(records):
                continue
            sentences = score.add(name, truth.read(records), report_of(os.path.join(folder, name), scratch))
            for sentence in sentences if said else ():
                said(sentence)
    return score


def main():
    parser = argparse.ArgumentParser(description="scores lost-wakeup findings on recordings with ground truth")
    parser.add_argument("folder")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="each miss and each false hit on standard error")
    parser.add_argument("--goals", action="store_true", help="end with 1 when a goal is missed")
    options = parser.parse_args()
    score = score_folder(options.folder, (lambda text: print(text, file=sys.stderr)) if options.verbose else None)
    print(json.dumps(score.document(), indent=1) if options.json else score.table())
    missed = truth.goals_missed(score)
    for sentence in missed:
        print("goal missed: " + sentence, file=sys.stderr)
    return 1 if options.goals and missed else 0


if __name__ == "__main__":
    sys.exit(main())
