"""What every script does: a log with progress, and errors in one line."""

import sys
import time
import traceback
from contextlib import contextmanager

from landscape.data import DataError, StoreError, read_arrays
from landscape.study.fits import split_parts
from landscape.study.starts import Block


@contextmanager
def job(snakemake):
    """Give a function that writes a line to the job's log.

    An error that a user can mend (data, files) ends the job with one line, in the log and on the
    terminal; anything else is a mistake in the program, and its traceback is in both.
    """
    with open(snakemake.log[0], "w", encoding="utf-8") as log:
        start = time.perf_counter()

        def progress(line):
            print(f"[{time.perf_counter() - start:8.2f} s] {line}", file=log, flush=True)

        wildcards = ", ".join(f"{key} {value}" for key, value in snakemake.wildcards.items())
        progress(f"{snakemake.rule}: {wildcards}" if wildcards else snakemake.rule)
        try:
            yield progress
        except (DataError, StoreError) as error:
            progress(f"error: {error}")
            sys.exit(f"error in rule {snakemake.rule}: {error}")
        except BaseException:
            traceback.print_exc(file=log)
            raise
        progress("done")


def block_of(snakemake, space):
    """The block of starts that a job's wildcards and seed describe, in one space."""
    first, stop = map(int, snakemake.wildcards.block.split("-"))
    return Block(
        dataset=snakemake.wildcards.dataset,
        space=space,
        n_neurons=int(snakemake.wildcards.neurons),
        first=first,
        stop=stop,
        seed=snakemake.params.seed,
    )


def read_blocks(paths, kind):
    """The arrays of several blocks by space, in the order of their starts."""
    spaces = {}
    for path in paths:
        for space, arrays in split_parts(read_arrays(path, kind).arrays).items():
            spaces.setdefault(space, []).append(arrays)
    return {
        space: sorted(blocks, key=lambda arrays: arrays["start"][0])
        for space, blocks in spaces.items()
    }
