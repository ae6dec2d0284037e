"""Make one data set."""

from job import job

from landscape.data import make_dataset, write_dataset
from landscape.study.origins import file_origin


def main(snakemake):
    with job(snakemake) as progress:
        dataset = make_dataset(
            snakemake.wildcards.dataset,
            snakemake.params.dataset,
            generators=snakemake.params.generators,
        )
        progress(repr(dataset))
        path = snakemake.output[0]
        write_dataset(path, dataset, file_origin("dataset", path, snakemake.config))


main(snakemake)  # noqa: F821
