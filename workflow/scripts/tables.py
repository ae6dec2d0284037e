"""All tables of starts, minima, probes and pairs from the arrays of all jobs."""

from pathlib import Path

from job import job, read_blocks

from landscape.data import read_arrays
from landscape.study.certificates import distinct_minima
from landscape.study.fits import split_parts
from landscape.study.probes import control_balls
from landscape.tables import (
    cells_frame,
    controls_frame,
    fits_frame,
    minima_frame,
    pairs_frame,
    probes_frame,
    solvers_frame,
    stability_frame,
    write_table,
)


def by_folder(paths):
    """Files by their folder: the blocks of one data set and number of neurons."""
    folders = {}
    for path in map(Path, paths):
        folders.setdefault(path.parts[-3:-1], []).append(path)
    return folders


def by_cell(paths, kind):
    """The arrays of files of one data set and number of neurons each."""
    return {
        (path.parts[-2], int(path.stem)): read_arrays(path, kind).arrays
        for path in map(Path, paths)
    }


def starts_and_minima(files):
    """Tables of the starts and of the distinct minima."""
    ended = by_folder(files.minima)
    radii = {cell: split_parts(arrays) for cell, arrays in by_cell(files.radii, "radii").items()}
    rows, minima = [], []
    for (dataset, neurons), blocks in by_folder(files.fits).items():
        fits = read_blocks(blocks, "fits")
        ends = read_blocks(ended[dataset, neurons], "minima")
        for space in fits:
            cell = {"dataset": dataset, "space": space, "neurons": int(neurons)}
            distinct = distinct_minima(ends[space])
            minima.append((cell, distinct, radii[dataset, int(neurons)].get(space, {})))
            for block in zip(fits[space], ends[space], strict=True):
                rows.append((cell, *block, distinct))
    return {"fits": fits_frame(rows), "minima": minima_frame(minima)}


def beside(files):
    """The other tables, of one file per data set and number of neurons."""
    parts = {
        kind: {cell: split_parts(arrays) for cell, arrays in by_cell(paths, kind).items()}
        for kind, paths in (
            ("probes", files.probes),
            ("pairs", files.pairs),
            ("radii", files.radii),
            ("cases", files.cases),
        )
    }
    probes, pairs = [], []
    found = {name: [] for name in ("controls", "brackets", "converse", "natural", "stability")}
    for key, balls in parts["probes"].items():
        cell = dict(zip(("dataset", "neurons"), key, strict=True))
        controls = balls.pop("controls", {})
        first = control_balls(controls)
        probes += [({**cell, "space": space}, arrays, {}) for space, arrays in balls.items()]
        probes.append(({**cell, "space": "restricted"}, {}, first))
        pairs.append((cell, parts["pairs"][key].get("pairs", {}), first))
        found["controls"].append((cell, controls))
        found["stability"].append((cell, parts["pairs"][key].get("stability", {})))
        found["brackets"].append((cell, parts["radii"][key].get("realization", {})))
        cases = parts["cases"][key]
        found["converse"].append((cell, cases.pop("converse", {})))
        found["natural"] += [({**cell, "space": space}, rows) for space, rows in cases.items()]
    runs = cells_frame(
        "runs",
        [
            (dict(zip(("dataset", "neurons"), key, strict=True)), arrays)
            for key, arrays in by_cell(files.solvers, "solvers").items()
        ],
    )
    return {
        "probes": probes_frame(probes),
        "pairs": pairs_frame(pairs),
        "runs": runs,
        "solvers": solvers_frame(runs),
        "controls": controls_frame(found["controls"]),
        "stability": stability_frame(found["stability"]),
        **{name: cells_frame(name, found[name]) for name in ("brackets", "converse", "natural")},
    }


def main(snakemake):
    with job(snakemake) as progress:
        for name, frame in (starts_and_minima(snakemake.input) | beside(snakemake.input)).items():
            files = (snakemake.output[f"{name}_csv"], snakemake.output[f"{name}_parquet"])
            write_table(name, frame, *files)
            progress(f"{name}: {len(frame)} rows")


main(snakemake)  # noqa: F821
