"""Runs a command and writes what it cost: `child_runner.py REPORT COMMAND...`.

A process between the bench and what it measures: the peak memory that the kernel reports for a child begins with that
of the process which forked it, and this one is small. Must import next to nothing.
"""

import json
import resource
import subprocess
import sys
import time

begun = time.perf_counter()
code = subprocess.call(sys.argv[2:])
wall_s = time.perf_counter() - begun
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as report:  # noqa: PTH123 - pathlib would double what this process weighs
    cost = {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": wall_s, "peak_bytes": usage.ru_maxrss * 1024}
    json.dump(cost, report)
sys.exit(code)
