"""Analyse the networks that one data set brings."""

from job import job, load_data
from tabular import load, save

from landscape.losses import objective_of
from landscape.study.imported import examine_networks
from landscape.study.rows import Fit, Imported


def main(snakemake):
    with job(snakemake) as progress:
        files = snakemake.input
        data = load_data(snakemake, files.data)
        ends = load(snakemake, files.minima, Fit, data)
        objective = objective_of(snakemake.params.settings)
        networks = snakemake.params.networks
        rows = examine_networks(data, networks, ends, progress, objective=objective)
        save(snakemake, snakemake.output[0], Imported, rows, data)


main(snakemake)  # noqa: F821
