"""Everything that is asked of a data set's minima, but proofs and radii."""

from job import job, load_data
from tabular import cells, load_minima, save

from landscape.study.controls import follow_controls
from landscape.study.converse import draw_converse
from landscape.study.pairs import measure_pairs
from landscape.study.probes import examine_minima, probe_minima
from landscape.study.rows import Control, Converse, Natural, Pair, Probe

#: By kind of file and config key: its rows, and what makes them of a cell and its minima.
STEPS = {
    "probes": ("probe", Probe, probe_minima),
    "controls": ("controls", Control, follow_controls),
    "pairs": ("pairs", Pair, measure_pairs),
    "natural": ("natural", Natural, examine_minima),
    "converse": ("converse", Converse, lambda cell, _, **options: draw_converse(cell, **options)),
}


def main(snakemake):
    with job(snakemake) as progress:
        data, settings = load_data(snakemake, snakemake.input.data), snakemake.params.settings
        for k, (cell, path) in enumerate(cells(snakemake, snakemake.output.probes, data)):
            minima = load_minima(snakemake, path, data)
            for kind, (key, table, measure) in STEPS.items():
                progress(f"neurons {cell.neurons}, {kind}")
                rows = measure(cell, minima, **settings[key], progress=progress)
                save(snakemake, snakemake.output[kind][k], table, rows, data)


main(snakemake)  # noqa: F821
