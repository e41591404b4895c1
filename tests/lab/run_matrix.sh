#!/usr/bin/env bash
# Every scenario on every kernel that the lab knows, with probes, one of them also fully preemptible and one without
# probes, and healthy threads under load. An hour in software emulation. Usage: tests/lab/run_matrix.sh [LAB-OPTION ...]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec python3 "$here/lab.py" --boot 6.1 --boot 6.12 --boot "6.12 preempt=full" --tracepoints --loaded "$@"
