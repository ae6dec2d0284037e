"""Tables fits, minima, probes and pairs from the arrays of all jobs."""

from pathlib import Path

from job import job, read_blocks

from landscape.data import read_arrays
from landscape.study.certificates import distinct_minima
from landscape.tables import fits_frame, minima_frame, pairs_frame, probes_frame, write_table


def by_cell(paths, depth):
    """Group block files by the last ``depth`` folders above them: the cell."""
    groups = {}
    for path in paths:
        groups.setdefault(Path(path).parts[-1 - depth : -1], []).append(path)
    return groups


def cell_of(dataset, space, neurons):
    return {"dataset": dataset, "space": space, "neurons": int(neurons)}


def main(snakemake):
    with job(snakemake) as progress:
        trained = by_cell(snakemake.input.fits, 3)
        ended = by_cell(snakemake.input.minima, 3)
        rows, minima = [], []
        for key in trained:
            fits, ends = read_blocks(trained[key], "fits"), read_blocks(ended[key], "minima")
            distinct = distinct_minima(ends)
            cell = cell_of(*key)
            rows += [(cell, *block, distinct) for block in zip(fits, ends, strict=True)]
            minima.append((cell, distinct))
        probes = []
        for path in map(Path, snakemake.input.probes):
            cell = cell_of(*path.parts[-3:-1], path.stem)
            probes.append((cell, read_arrays(path, "probes").arrays, {}))
        pairs = []
        for pair_path, control_path in zip(
            map(Path, snakemake.input.pairs), map(Path, snakemake.input.controls), strict=True
        ):
            cell = {"dataset": pair_path.parts[-2], "neurons": int(pair_path.stem)}
            controls = read_arrays(control_path, "controls").arrays
            probes.append(({**cell, "space": "restricted"}, {}, controls))
            pairs.append((cell, read_arrays(pair_path, "pairs").arrays, controls))
        frames = {
            "fits": fits_frame(rows),
            "minima": minima_frame(minima),
            "probes": probes_frame(probes),
            "pairs": pairs_frame(pairs),
        }
        for name, frame in frames.items():
            files = (snakemake.output[f"{name}_csv"], snakemake.output[f"{name}_parquet"])
            write_table(name, frame, *files)
            progress(f"{name}: {len(frame)} rows")


main(snakemake)  # noqa: F821
