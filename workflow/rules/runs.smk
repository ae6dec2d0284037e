# What is done before the first job and after the last one.
import json
import os
import shlex
import sys
import threading
import time

import numpy
from snakemake import benchmark
from snakemake.logging import logger

from landscape.study.lock import RunError, begin, check_writable

# Ctrl-C reaches every process. A job must not answer it with a traceback while it still imports;
# after that it ends by itself, with a line in its log (workflow/scripts/job.py). Jobs find the
# package where this process did, also in an environment of their own.
search = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))


def kernels():
    """Variables by which BLAS and numpy take their kernels for AVX2 where they have wider ones.

    Each sums in another order and rounds powers in its own way. With these, tables are the same
    bytes on all processors that have AVX2. What a user has set stays.
    """
    found = numpy.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    if not {"X86_V3", "AVX2"} & {*found}:
        return {}
    wider = " ".join(name for name in found if name.startswith(("X86_V4", "AVX512")))
    return {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": wider}


surroundings = {"PYTHONPATH": search, **{k: os.environ.get(k) or v for k, v in kernels().items()}}
exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in surroundings.items())
shell.prefix(f"set -euo pipefail; trap '' INT; export {exports}; ")

# For `benchmark:` Snakemake looks at all processes of a job twice a second, 30 times, and then every
# half minute. That took more of its time than anything else, and long jobs lost their last half minute.
benchmark.BENCHMARK_INTERVAL_SHORT = 4


def spent():
    """Where the time went, all runs of the study together, in one line."""
    folder = Path(f"results/{config['study']}/benchmarks")
    wall = {}
    for path in sorted(folder.rglob("*.jsonl")):
        step = path.relative_to(folder).parts[0].removesuffix(".jsonl")
        lines = path.read_text(encoding="utf-8").splitlines()
        wall[step] = wall.get(step, 0.0) + sum(json.loads(line)["s"] for line in lines)
    total = sum(wall.values()) or 1.0
    longest = sorted(wall.items(), key=lambda item: -item[1])[:6]
    return ", ".join(f"{step} {100 * seconds / total:.0f} %" for step, seconds in longest)


#: When the first job of this run began.
RUN = {}


def found():
    """What the study found, if this run made its page: where to read more, and the page's lines."""
    page, log = (Path(f"{place}/{config['study']}") for place in ("results", "logs"))
    page, log = page / "report.html", log / "page.log"
    if not page.exists() or page.stat().st_mtime < RUN.get("began", float("inf")):
        return []
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    marked = [line.split("] found: ", 1)[1] for line in lines if "] found: " in line]
    return [*marked, f"Read {page} first."]


if workflow.is_main_process:
    # Snakemake answers a folder that it cannot write in with a traceback.
    home = next(path for path in (".snakemake", ".") if os.path.exists(path))
    if not os.access(home, os.W_OK):
        try:
            check_writable(home)
        except RunError as error:
            refuse([str(error)])


# One run at a time in a folder; what a killed one left behind is put away.
onstart:
    RUN["began"] = time.time()
    try:
        if sentence := begin(".", config["study"]):
            logger.warning(sentence)
        check_writable("results")
        check_writable("logs")
    except RunError as error:
        refuse([str(error)])


def end_timers():
    """End Snakemake's timers (workflow/profiles/default), for the last of which it would wait."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()


onsuccess:
    end_timers()
    print(f"Where the time went (all runs of this study): {spent()}", file=sys.stderr)
    for line in found():
        print(line, file=sys.stderr)


onerror:
    end_timers()
    logger.error("Not finished; what is done is kept. Run the same command again to go on.")
