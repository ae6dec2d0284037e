"""More about minima: proofs, and their radii bracketed in both spaces."""

from job import job, load_data
from tabular import cells, load_minima, save

from landscape.radius import RadiusBudget
from landscape.study.radii import bracket_radii, bracket_realizations, prove_minima
from landscape.study.rows import Bracket, Minimum


def main(snakemake):
    with job(snakemake) as progress:
        data, settings = load_data(snakemake, snakemake.input.data), snakemake.params.settings
        options = dict(settings["radius"])
        budget = RadiusBudget(**{k: options.pop(k) for k in ("max_nodes", "ratio", "n_starts")})
        written = cells(snakemake, snakemake.output.radii, data)
        for (cell, path), wide in zip(written, snakemake.output.brackets, strict=True):
            progress(f"neurons {cell.neurons}")
            minima = load_minima(snakemake, path, data)
            if settings["minima"]["proof"] != "none":
                minima = prove_minima(cell, minima, progress=progress)
            minima = bracket_radii(cell, minima, **options, budget=budget, progress=progress)
            save(snakemake, path, Minimum, minima, data)
            brackets = bracket_realizations(
                cell, minima, **settings["realization"], progress=progress
            )
            save(snakemake, wide, Bracket, brackets, data)


main(snakemake)  # noqa: F821
