"""The committed digits: `make reference` writes them, test_reference.py compares with them."""

import shutil
import sys
from pathlib import Path

from landscape.tables import read_table

FOLDER = Path(__file__).parents[1] / "reference"
#: The data set whose minima are well conditioned and apart. The other one has two minima of equal
#: loss: which of them a start reaches can be up to rounding.
DATASET = "own"
#: Tables that other kernels of BLAS and numpy reproduce to ten digits. Not the runs of scipy's
#: solvers before the descent, nor controls, which are the ends of a search.
NAMES = [
    "atlas",
    "brackets",
    "converse",
    "degeneracies",
    "fits",
    "minima",
    "natural",
    "pairs",
    "probes",
    "rates",
    "summary",
]


def kept(name, results):
    """The part of a study's table that is compared."""
    frame = read_table(name, Path(results) / f"tables/{name}.csv")
    if "dataset" in frame:
        frame = frame[frame["dataset"] == DATASET]
    return frame.reset_index(drop=True)


if __name__ == "__main__":
    frames = {name: kept(name, sys.argv[1]) for name in NAMES}
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for name, frame in frames.items():
        frame.to_csv(FOLDER / f"{name}.csv", index=False, lineterminator="\n")
    print(f"wrote {len(frames)} tables to {FOLDER}")
