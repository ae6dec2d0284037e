"""All local minima of one small problem, and the starts of each solver looked up among them."""

from job import job, save

from landscape.atlas import AtlasTooLarge, make_atlas
from landscape.data import DataError, make_dataset
from landscape.spaces import make_space
from landscape.study.coverage import atlas_arrays, coverage, coverage_arrays


def main(snakemake):
    with job(snakemake) as progress:
        name, params = snakemake.wildcards.problem, snakemake.params
        settings = params.settings
        data = make_dataset(name, params.problem["data"], generators=params.generators)
        space = make_space(
            "restricted",
            data.features.shape[1],
            params.problem["neurons"],
            margin=settings["margin"],
        )
        try:
            atlas = make_atlas(
                data.features,
                data.target,
                space=space,
                max_supports=settings["atlas.max_supports"],
                progress=progress,
            )
        except AtlasTooLarge as error:
            raise DataError(f"atlas problem {name!r}: {error}") from None
        for unresolved in atlas.undecided:
            progress(f"undecided at loss {unresolved.loss:.6g}: {unresolved.reason}")
        records = [
            coverage(
                atlas,
                solver=solver,
                starts=settings["atlas.starts"],
                seed=settings["seed"],
                dataset=name,
                own=params.own,
                max_iter=settings["training.max_iter"],
                tol=settings["training.tol"],
                progress=progress,
            )
            for solver in settings["atlas.solvers"]
        ]
        for record in records:
            for start in record.missing:
                progress(f"{record.solver}: the atlas lacks the minimum of start {start}")
        save(snakemake, snakemake.output.atlas, "atlas", atlas_arrays(atlas), data)
        save(snakemake, snakemake.output.coverage, "coverage", coverage_arrays(records), data)


main(snakemake)  # noqa: F821
