#!/usr/bin/env bash
# Every scenario on every kernel that the lab knows, with probes, one of them also fully preemptible and one without
# probes, and healthy threads under load. One boot of all scenarios takes about five minutes on two quiet cores (308 s
# on 6.12). Usage: tests/lab/run_matrix.sh [LAB-OPTION ...]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec python3 "$here/lab.py" --boot 6.1 --boot 6.12 --boot "6.12 preempt=full" --tracepoints --loaded "$@"
