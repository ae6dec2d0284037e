"""Networks that a data set of a study brings, through the workflow."""

import csv

import numpy as np
import pytest

from landscape import Network
from tests.workflow.runs import new_study, snakemake

TABLE = "results/tiny/tables/networks.csv"


def written(folder):
    """When the files of minima were written."""
    files = folder.glob("results/tiny/minima/**/*.parquet")
    return {path.name: path.stat().st_mtime_ns for path in files}


@pytest.mark.slow
def test_a_changed_network_is_analysed_again_and_nothing_else(tmp_path, rng):
    config = new_study(tmp_path) / "config.yaml"
    brings = "    target: y\n    networks: [net.npz]\n"
    config.write_text(config.read_text().replace("    target: y\n", brings))

    def save():
        parts = [rng.standard_normal(shape) for shape in ((3, 2), 3, 3)]
        Network(*parts, 0.0).save(tmp_path / "net.npz")
        snakemake(tmp_path, TABLE)
        with (tmp_path / TABLE).open() as file:
            (row,) = csv.DictReader(file)
        return row

    first = save()
    assert first["network"] == "net.npz" and first["verdict"] == "violated"
    assert float(first["nearest_loss"]) < float(first["loss"])
    before = written(tmp_path)
    second = save()
    assert second["loss"] != first["loss"] and np.isfinite(float(second["best_loss"]))
    assert before and before == written(tmp_path)
