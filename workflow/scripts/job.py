"""What every script does: a log with progress, errors in one line, files with their origin."""

# ruff: noqa: E402
import gc

# No module that is imported is garbage: to look for some among them, now and at the end of the
# process, takes a quarter of the time of a job's imports.
gc.disable()

import signal
import sys
import time
import traceback
from contextlib import contextmanager

from landscape.data import (
    DataError,
    StoreError,
    read_dataset,
    unwritable,
)
from landscape.study.lock import attend
from landscape.study.origins import file_origin


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
    try:
        log = open(snakemake.log[0], "w", encoding="utf-8")  # noqa: SIM115 - closed below
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
    sys.exit(f"error in rule {snakemake.rule}: {error}")


def load_data(snakemake, path):
    """A data set of this study."""
    return read_dataset(path, file_origin("dataset", path, snakemake.config))
