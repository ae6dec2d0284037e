"""What every script does: a log with progress, errors in one line, files with their origin.

A file stores where it belongs, the digest of its data, and the settings of the job that made it;
a job that reads it compares what it knows itself: a file of another place or study is named.
"""

# ruff: noqa: E402
import gc

# No module that is imported is garbage: to look for some among them, now and at the end of the
# process, takes a quarter of the time of a job's imports.
gc.disable()

import signal
import sys
import time
import traceback
from contextlib import ExitStack, contextmanager
from pathlib import Path

from landscape.data import DataError, StoreError
from landscape.data.files import unwritable
from landscape.study.lock import attend


@contextmanager
def job(snakemake):
    """Give a function that writes a line to the job's log.

    An error that a user can mend (data, files) ends the job with one line, in the log and on the
    terminal; anything else is a mistake in the program, and its traceback is in both.
    """
    gc.freeze()
    gc.enable()
    attend(".", snakemake.config["study"])
    # Ignored until here (workflow/rules/runs.smk), so that imports end without a traceback.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    start = time.perf_counter()
    with ExitStack() as files:
        try:
            log = files.enter_context(open(snakemake.log[0], "w", encoding="utf-8"))
        except OSError as error:
            _end(snakemake, unwritable(snakemake.log[0], error))

        def progress(line):
            try:
                print(f"[{time.perf_counter() - start:8.2f} s] {line}", file=log, flush=True)
            except OSError as error:
                _end(snakemake, unwritable(snakemake.log[0], error))

        wildcards = ", ".join(f"{key} {value}" for key, value in snakemake.wildcards.items())
        progress(f"{snakemake.rule}: {wildcards}" if wildcards else snakemake.rule)
        try:
            yield progress
            progress("done")
            gc.freeze()
        except (DataError, StoreError) as error:
            progress(f"error: {error}")
            _end(snakemake, error)
        except KeyboardInterrupt:
            progress("interrupted; run the study again to go on")
            sys.exit(130)
        except Exception:
            progress(traceback.format_exc())
            raise


def _end(snakemake, error):
    # In one piece: lines of jobs that fail together must not run into each other.
    sys.stderr.write(f"error in rule {snakemake.rule}: {error}\n")
    sys.exit(1)


def place(snakemake, path):
    """Where a file belongs in its study: kind, data set, number of neurons, block."""
    study = f"results/{snakemake.config['study']}/"
    return str(Path(path).with_suffix("")).split(study, 1)[1]


def origin(snakemake, path, data=None):
    """What a file of this study is made from, as far as this job knows."""
    known = {"place": place(snakemake, path), **snakemake.params.get("settings", {})}
    return {**known, "data": data.digest} if data is not None else known


def load_data(snakemake, path):
    """A data set of this study."""
    from landscape.rows.datasets import read_dataset  # with pyarrow

    return read_dataset(path, origin(snakemake, path))
