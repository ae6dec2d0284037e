"""Files know what they were made from: as the rules' parameters say, key by key."""

import re

import pandas as pd
import pytest
import yaml
from snakemake.utils import validate

from landscape.study.origins import STEPS, file_origin, table_origin
from landscape.tables import TABLES
from tests.workflow.runs import PROFILE, RESULTS, ROOT, snakemake

RULES = {
    "dataset": "data",
    "fits": "train",
    "minima": "minima",
    "probes": "probe",
    "controls": "probe",
    "pairs": "probe",
    "natural": "probe",
    "converse": "probe",
    "radii": "radii",
    "brackets": "radii",
    "solvers": "solvers",
    "atlas": "atlas",
}
PLACES = {("dataset",): "teacher", ("dataset", "neurons"): "teacher/2", ("problem",): "tiny"}
CHANGES = {
    "seed": 8,
    "margin": 2.0e-3,
    "spaces": ["restricted", "balanced"],
    "training.max_iter": 90,
    "training.tol": 1.0e-11,
    "training.solver": "L-BFGS-B",
    "descent.max_iter": 9000,
    "probe.max_minima": 1,
    "controls.n_steps": 2,
    "pairs.max_pairs": 3,
    "minima.proof": "none",
    "radius.max_nodes": 10,
    "realization.factor": 2.0,
    "natural.max_minima": 1,
    "converse.n_draws": 3,
    "solvers.starts": 1,
    "atlas.starts": 3,
    "datasets.teacher.noise": 0.2,
}


def configuration(key=None, value=None):
    config = yaml.safe_load((PROFILE / "config.yaml").read_text())
    place = config
    *path, last = key.split(".") if key else [None]
    for name in path:
        place = place.setdefault(name, {})
    if key:
        place[last] = value
    given = yaml.safe_dump(config, sort_keys=False)
    validate(config, str(ROOT / "workflow/schemas/config.schema.yaml"))
    return config, given


def origins(config):
    return {
        kind: file_origin(kind, f"{PLACES.get(STEPS[kind][0], 'teacher/2/0-2')}.parquet", config)
        for kind in RULES
    }


@pytest.mark.slow
@pytest.mark.parametrize("key", CHANGES)
def test_a_file_is_made_again_exactly_when_its_origin_changes(copy, key):
    before, _ = configuration()
    after, given = configuration(key, CHANGES[key])
    (copy / "config.yaml").write_text(given)
    output = snakemake(copy, "--dry-run", profile=None)
    again = set(re.findall(r"^(?:local)?rule (\w+):$", output, re.MULTILINE))
    old, new = origins(before), origins(after)
    moved = {rule for kind, rule in RULES.items() if old[kind] != new[kind]}
    assert moved == again & set(RULES.values())


@pytest.mark.slow
def test_the_regularizers_are_compared_anew_when_their_settings_change(copy):
    snakemake(copy, "regularization")
    results = copy / RESULTS
    table = pd.read_csv(results / "tables/regularization.csv")
    assert set(table["dataset"]) == {"own", "teacher"} and set(table["neurons"]) == {2}
    assert (results / "figures/regularization.svg").exists()
    assert "Nothing to be done" in snakemake(copy, "--dry-run", "regularization")
    before, _ = configuration()
    for key, value in {"regularization.starts": 3, "training.tol": 1e-11, "margin": 2e-3}.items():
        after, given = configuration(key, value)
        (copy / "config.yaml").write_text(given)
        again = "regularization_runs" in snakemake(copy, "--dry-run", "regularization")
        one, two = (
            file_origin("regularization", "regularization/own/2.parquet", config)
            for config in (before, after)
        )
        assert again == (one != two) == (key != "margin"), key


@pytest.mark.parametrize("key", CHANGES)
def test_a_table_s_origin_has_every_key(key):
    before, after = configuration()[0], configuration(key, CHANGES[key])[0]
    name = "atlas" if key.startswith("atlas") else "fits"
    assert table_origin(name, before) != table_origin(name, after)


def test_blocks_and_places_change_no_table_s_origin():
    before = configuration()[0]
    for key, value in {"block_size": 3, "study": "other", "datasets.own.path": "x.csv"}.items():
        after = configuration(key, value)[0]
        for name in TABLES:
            assert table_origin(name, before) == table_origin(name, after)
