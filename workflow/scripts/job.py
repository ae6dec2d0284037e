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
from pathlib import Path

from landscape.data import (
    DataError,
    StoreError,
    read_arrays,
    read_dataset,
    unwritable,
    write_arrays,
)
from landscape.study.columns import join_parts, split_parts
from landscape.study.distinct import distinct_minima
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


def load(snakemake, path, kind, data=None):
    """The arrays of a file of this study; of another one's, or made from other data: an error."""
    origin = file_origin(kind, path, snakemake.config, data)
    return read_arrays(path, kind, origin).arrays


def save(snakemake, path, kind, arrays, data=None):
    """Write arrays together with what they were made from."""
    origin = file_origin(kind, path, snakemake.config, data)
    write_arrays(path, kind, arrays, origin=origin)


def outputs(snakemake, kind, paths=None):
    """Path by number of neurons of the files of one kind that a job writes; it may have several."""
    paths = snakemake.output if paths is None else paths
    return {int(file_origin(kind, path, snakemake.config)["neurons"]): path for path in paths}


def of_neurons(paths, neurons):
    """Those files of blocks whose folder is this number of neurons."""
    return [path for path in paths if Path(path).parent.name == str(neurons)]


def load_blocks(snakemake, paths, kind, data=None):
    """The arrays of several blocks by space, in the order of their starts."""
    spaces = {}
    for path in paths:
        for space, arrays in split_parts(load(snakemake, path, kind, data)).items():
            spaces.setdefault(space, []).append(arrays)
    return {
        space: sorted(blocks, key=lambda arrays: arrays["start"][0])
        for space, blocks in spaces.items()
    }


def measure_minima(snakemake, **measures):
    """For each number of neurons of a job, write what is found out about its minima.

    For each kind of file ``measure(settings, data, neurons, minima, progress)`` gives arrays by
    part; ``minima`` holds the distinct ones by space.
    """
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        paths = {kind: outputs(snakemake, kind, snakemake.output[kind]) for kind in measures}
        for neurons in next(iter(paths.values())):
            starts = of_neurons(snakemake.input.minima, neurons)
            blocks = load_blocks(snakemake, starts, "minima", data)
            minima = {space: distinct_minima(parts) for space, parts in blocks.items()}
            for kind, measure in measures.items():
                progress(f"neurons {neurons}, {kind}")
                found = measure(snakemake.params.settings, data, neurons, minima, progress)
                save(snakemake, paths[kind][neurons], kind, join_parts(found), data)


def run_starts(snakemake, kind, run):
    """For each number of neurons of a job, write what becomes of its block of starts.

    ``run(snakemake, data, block, progress)`` gives the arrays of one space.
    """
    from landscape.study.starts import Block  # with scipy.optimize, which other jobs do not need

    first, stop = map(int, snakemake.wildcards.block.split("-"))
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        for neurons, path in outputs(snakemake, kind).items():
            found = {}
            for space in snakemake.params.settings["spaces"]:
                progress(f"neurons {neurons}, {space}")
                block = Block(
                    dataset=data.name,
                    space=space,
                    n_neurons=neurons,
                    first=first,
                    stop=stop,
                    seed=snakemake.params.settings["seed"],
                )
                found[space] = run(snakemake, data, block, progress)
            save(snakemake, path, kind, join_parts(found), data)
