"""Networks that a data set of a study brings, through the workflow."""

import csv
import re

import numpy as np
import pandas as pd
import pytest

from landscape import Network
from landscape.tables import read_table
from tests.workflow.runs import ROOT, new_study, snakemake

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
    # With all of the page: this network, the documentation, and claims that are there already.
    config.write_text(config.read_text().replace("page: {docs: false}", "page: {docs: true}"))

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
    snakemake(tmp_path)
    page = (tmp_path / "results/tiny/report.html").read_text(encoding="utf-8")
    assert 'id="figure-networks"' in page and "Of 1 network that the data sets bring" in page
    for place in set(re.findall(r'href="(docs/[^"#]+)', page)):
        assert (tmp_path / "results/tiny" / place).exists(), place
    assert (tmp_path / "results/tiny/docs/_static/mathjax/tex-chtml.js").exists()


def test_the_page_loads_a_network_of_the_study(study, tmp_path, monkeypatch):
    """Its code as it stands, but for the names of study and data set; the network predicts."""
    page = (ROOT / "docs/networks.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from landscape import load_network\n.*?)```", page, re.S)
    place = study / "results/tiny/tables"
    code = code.replace("results/default/tables", str(place)).replace("diabetes", "own")
    monkeypatch.chdir(tmp_path)
    known = {}
    exec(code, known)
    own = pd.read_csv(study / "own.csv")
    scores = read_table("accuracy", place / "accuracy.csv").set_index(["dataset", "model"])
    errors = known["model"].predict(own.drop(columns="y").to_numpy()) - own["y"]
    rmse = np.sqrt(np.mean(errors**2))
    assert rmse == pytest.approx(scores.loc[("own", "restricted"), "rmse"], rel=1e-9)
    assert (tmp_path / "network.npz").exists()
