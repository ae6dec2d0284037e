"""Make one data set."""

from job import job

from landscape.data import make_dataset, write_dataset


def main(snakemake):
    with job(snakemake) as progress:
        dataset = make_dataset(
            snakemake.wildcards.dataset,
            snakemake.params.dataset,
            generators=snakemake.params.generators,
        )
        progress(repr(dataset))
        write_dataset(snakemake.output[0], dataset)


main(snakemake)  # noqa: F821
