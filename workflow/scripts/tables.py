"""Tables fits, minima, probes and pairs from the arrays of all jobs."""

from pathlib import Path

from job import job, read_blocks

from landscape.data import read_arrays
from landscape.study.certificates import distinct_minima
from landscape.study.fits import split_parts
from landscape.tables import fits_frame, minima_frame, pairs_frame, probes_frame, write_table


def by_folder(paths):
    """Files by their folder: the blocks of one data set and number of neurons."""
    folders = {}
    for path in map(Path, paths):
        folders.setdefault(path.parts[-3:-1], []).append(path)
    return folders


def main(snakemake):
    with job(snakemake) as progress:
        ended = by_folder(snakemake.input.minima)
        rows, minima = [], []
        for (dataset, neurons), files in by_folder(snakemake.input.fits).items():
            fits = read_blocks(files, "fits")
            ends = read_blocks(ended[dataset, neurons], "minima")
            for space in fits:
                cell = {"dataset": dataset, "space": space, "neurons": int(neurons)}
                distinct = distinct_minima(ends[space])
                minima.append((cell, distinct))
                for block in zip(fits[space], ends[space], strict=True):
                    rows.append((cell, *block, distinct))
        probes, pairs = [], []
        for probe_file, pair_file in zip(
            map(Path, snakemake.input.probes), map(Path, snakemake.input.pairs), strict=True
        ):
            cell = {"dataset": probe_file.parts[-2], "neurons": int(probe_file.stem)}
            found = split_parts(read_arrays(probe_file, "probes").arrays)
            controls = found.pop("controls", {})
            probes += [({**cell, "space": space}, balls, {}) for space, balls in found.items()]
            probes.append(({**cell, "space": "restricted"}, {}, controls))
            pairs.append((cell, read_arrays(pair_file, "pairs").arrays, controls))
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
