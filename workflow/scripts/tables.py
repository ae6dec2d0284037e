"""All tables of starts, minima, probes and pairs from the arrays of all jobs, and their sums."""

from pathlib import Path

from job import job, load, load_blocks, load_data
from tabular import save_tables

from landscape.study.balls import control_balls
from landscape.study.columns import split_parts
from landscape.study.distinct import distinct_minima
from landscape.tables import (
    cells_frame,
    controls_frame,
    findings_frame,
    fits_frame,
    minima_frame,
    pairs_frame,
    probes_frame,
    solvers_frame,
    stability_frame,
    summary_frame,
)
from landscape.tables.rates import degeneracies_frame, rates_frame

SUMMARIZED = ("fits", "minima", "probes", "controls", "natural")


def by_folder(paths):
    """Files by their folder: the blocks of one data set and number of neurons."""
    folders = {}
    for path in map(Path, paths):
        folders.setdefault(path.parts[-3:-1], []).append(path)
    return folders


def reader(snakemake):
    """What gives the arrays of files of one data set and number of neurons each."""
    data = {Path(path).stem: load_data(snakemake, path) for path in snakemake.input.data}

    def by_cell(paths, kind):
        return {
            (path.parts[-2], int(path.stem)): load(snakemake, path, kind, data[path.parts[-2]])
            for path in map(Path, paths)
        }

    def by_block(paths, kind):
        dataset = Path(paths[0]).parts[-3]
        return load_blocks(snakemake, paths, kind, data[dataset])

    return by_cell, by_block


def starts_and_minima(files, by_cell, by_block):
    """Tables of the starts and of the distinct minima."""
    ended = by_folder(files.minima)
    radii = {cell: split_parts(arrays) for cell, arrays in by_cell(files.radii, "radii").items()}
    rows, minima = [], []
    for (dataset, neurons), blocks in by_folder(files.fits).items():
        fits = by_block(blocks, "fits")
        ends = by_block(ended[dataset, neurons], "minima")
        for space in fits:
            cell = {"dataset": dataset, "space": space, "neurons": int(neurons)}
            distinct = distinct_minima(ends[space])
            minima.append((cell, distinct, radii[dataset, int(neurons)].get(space, {})))
            for block in zip(fits[space], ends[space], strict=True):
                rows.append((cell, *block, distinct))
    return {"fits": fits_frame(rows), "minima": minima_frame(minima)}


def beside(files, by_cell):
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


def sums(tables):
    """What the other tables say, in short."""
    return {
        "summary": summary_frame(*(tables[name] for name in SUMMARIZED)),
        "rates": rates_frame(tables["stability"]),
        "degeneracies": degeneracies_frame(tables["natural"]),
        "findings": findings_frame(tables),
    }


def main(snakemake):
    with job(snakemake) as progress:
        files, (by_cell, by_block) = snakemake.input, reader(snakemake)
        frames = starts_and_minima(files, by_cell, by_block) | beside(files, by_cell)
        save_tables(snakemake, frames | sums(frames), progress)


main(snakemake)  # noqa: F821
