"""All local minima and valleys of one small problem, and the starts looked up among them."""

from itertools import product

from job import job, origin
from tabular import save

from landscape.atlas import AtlasTooLarge, make_atlas
from landscape.data import DataError, make_dataset
from landscape.losses import objective_of
from landscape.rows.datasets import write_dataset
from landscape.spaces import SPACES, make_space
from landscape.study.coverage import atlas_rows, cover, endings, valley_rows
from landscape.study.rows import Barrier, Coverage, Entry, Valley


def main(snakemake):
    with job(snakemake) as progress:
        name, params = snakemake.wildcards.problem, snakemake.params
        settings, output = params.settings, snakemake.output
        data = make_dataset(name, params.problem["data"], generators=params.generators)
        neurons, margin = params.problem["neurons"], settings["margin"]
        space = make_space("restricted", data.n_features, neurons, margin=margin)
        limit, objective = settings["atlas.max_supports"], objective_of(settings)
        try:
            atlas = make_atlas(
                data.features,
                data.target,
                space=space,
                max_supports=limit,
                progress=progress,
                **objective,
            )
        except AtlasTooLarge as error:
            raise DataError(f"atlas problem {name!r}: {error}") from None
        for unresolved in atlas.undecided:
            progress(f"undecided at loss {unresolved.loss:.6g}: {unresolved.reason}")
        spaces = {own: make_space(own, data.n_features, neurons) for own in SPACES}
        rows, ends = [], {}
        for solver, (own, other) in product(
            settings["atlas.solvers"], {**spaces, "restricted": space}.items()
        ):
            ends[own, solver] = endings(
                data.features,
                data.target,
                space=other,
                solver=solver,
                starts=settings["atlas.starts"],
                seed=settings["seed"],
                problem=name,
                own=params.own,
                max_iter=settings["training.max_iter"],
                tol=settings["training.tol"],
                objective=objective,
            )
        for solver in settings["atlas.solvers"]:
            found = ends["restricted", solver]
            rows += cover(atlas, found, solver=solver, problem=name, progress=progress)
        for row in rows:
            if row.number == -2:
                progress(f"{row.solver}: the atlas lacks the minimum of start {row.start}")
        write_dataset(output.data, data, origin(snakemake, output.data))
        save(snakemake, output.atlas, Entry, atlas_rows(name, atlas), data)
        save(snakemake, output.coverage, Coverage, rows, data)
        valleys, barriers = valley_rows(name, atlas, ends, objective=objective, progress=progress)
        save(snakemake, output.valleys, Valley, valleys, data)
        save(snakemake, output.barriers, Barrier, barriers, data)


main(snakemake)  # noqa: F821
