"""Studies of other losses: config, starts, tables and sentences say the loss, or why not."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from landscape.data import DataError, make_dataset
from landscape.losses import PoissonLoss, WeightDecay, get_loss, objective_name
from landscape.networks import Network
from landscape.objective import mean_loss
from landscape.report.contents import fit_header, fit_rows
from landscape.rows import frame_of
from landscape.study.cells import Cell
from landscape.study.checks import check_study
from landscape.study.distinct import distinct_minima, number_starts
from landscape.study.regularization import make_arms, run_arms
from landscape.study.rows import Fit, Identity, Minimum, objective_in
from landscape.study.training import descend_starts, train_starts
from landscape.tables import FIGURES
from landscape.tables.findings import find
from landscape.tables.realizations import realization_tables
from tests import made_up
from tests.workflow.runs import snakemake

CLASSES = {"kind": "classes", "n_samples": 24, "n_features": 1, "n_neurons": 2, "noise": 0.1,
           "seed": 3}  # fmt: skip
LOGISTIC = {"datasets": {"a": CLASSES}, "loss": "logistic", "weight_decay": 0.01}
SINE = {"kind": "smooth", "function": "sine", "n_samples": 12, "n_features": 1}


class TestData:
    @pytest.mark.parametrize(
        ("entry", "shape"),
        [
            ({"kind": "iris"}, (100, 4)),
            ({"kind": "breast-cancer"}, (569, 30)),
            ({"kind": "breast-cancer", "features": ["worst area", "mean texture"]}, (569, 2)),
            ({**CLASSES, "n_features": 2}, (24, 2)),
        ],
    )
    def test_classes_have_labels_that_stay(self, entry, shape):
        data = make_dataset("a", entry)
        assert data.features.shape == shape and set(data.target) == {-1.0, 1.0}
        np.testing.assert_allclose(data.features.std(axis=0), 1.0)
        with pytest.raises(DataError, match="labels of classes stay as they are"):
            make_dataset("a", {**entry, "standardize": "both"})

    def test_the_share_of_labels_that_are_turned_is_exact(self):
        plain, noisy = (
            make_dataset("a", {**CLASSES, "n_samples": 40, "noise": share}).target
            for share in (0.0, 0.25)
        )
        assert (plain != noisy).sum() == 10 and 0 < (plain > 0).sum() <= 20

    def test_an_unknown_feature_is_named(self):
        with pytest.raises(DataError, match="'area' is none of mean radius"):
            make_dataset("a", {"kind": "breast-cancer", "features": ["area"]})


class TestConfig:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"loss": "cosh"}, "config key 'loss.name': 'cosh' should be 'squared', 'huber'"),
            ({"loss": "hinge"}, "'weight_decay.strength': the hinge loss is minimized from vertex"),
            ({"loss": {"name": "pinball", "width": 1.0}}, "'loss': pinball has no width; remove"),
            ({"loss": {"name": "huber", "tau": 0.5}}, "'loss': huber has no tau; remove it"),
            ({"weight_decay": -1.0}, "'weight_decay.strength': -1.0 should be greater than"),
            ({"training": {"solver": "trf"}}, "'training.solver': 'trf' minimizes sums of squares"),
            ({"solvers": {"solvers": ["trf"]}}, "'solvers.solvers': 'trf' minimizes sums of"),
            ({"minima": {"proof": "all"}}, "'minima.proof': 'all' is asked for, and the logistic"),
            (
                {"atlas": {"problems": {"p": {"neurons": 1, "data": SINE}}}},
                "'atlas.problems.p.data.standardize': 'both': the logistic loss needs labels",
            ),
            ({"atlas": {"solvers": ["far descent"]}}, "'atlas.solvers': 'far descent' knows the"),
            (
                {"weight_decay": {"strength": 0.1, "offset": True}},
                "'weight_decay.offset': only unrestricted networks have an offset",
            ),
            (
                {"weight_decay": {"strength": 0.1, "biases": True}},
                "'weight_decay.biases': in N* and N' the offset is a neuron",
            ),
            (
                {"datasets": {"a": SINE}},
                "'datasets.a.standardize': 'both': the logistic loss needs labels",
            ),
            (
                {"datasets": {"a": SINE}, "loss": "hinge", "weight_decay": 0.0},
                "'datasets.a.standardize': 'both': the hinge loss needs labels",
            ),
            (
                {"datasets": {"a": {**SINE, "standardize": "features"}}},
                "config key 'datasets.a': y: expected labels in {-1, 1}",
            ),
        ],
    )
    def test_what_does_not_go_together_is_answered(self, change, message):
        (found,) = check_study({**LOGISTIC, **change})[1]
        assert message in found

    def test_what_is_left_out_is_left_out_by_default(self):
        config, found = check_study(LOGISTIC)
        assert not found and config["loss"] == {"name": "logistic"}
        assert config["weight_decay"]["strength"] == 0.01 and config["minima"]["proof"] == "none"
        assert "trf" not in config["solvers"]["solvers"]
        plain, _ = check_study({"datasets": {"a": SINE}})
        assert plain["minima"]["proof"] == "distinct" and "trf" in plain["solvers"]["solvers"]
        huber, _ = check_study({"datasets": {"a": SINE}, "loss": "huber"})
        assert huber["minima"]["proof"] == "distinct" and "trf" not in huber["atlas"]["solvers"]

    def test_regularizers_are_not_silently_compared_for_the_squared_loss(self):
        cell = Cell("a", np.zeros((3, 1)), np.ones(3), 1, seed=0, loss=get_loss("logistic"))
        arms = make_arms([0.1], angle=15, merging_angle=5, every=10)
        with pytest.raises(DataError, match="for the squared loss without"):
            run_arms(cell, arms, starts=1, solver="SLSQP", max_iter=1, tol=1e-6)


@pytest.fixture(scope="module")
def study():
    """Data, cell, starts and minima of a logistic study with weight decay."""
    data = make_dataset("a", CLASSES)
    parts = {"loss": get_loss("logistic"), "weight_decay": WeightDecay(0.01)}
    cell = Cell("a", data.features, data.target, 1, seed=5, margin=1e-3, **parts)
    fits = []
    for space in ("restricted", "unrestricted"):
        trained = train_starts(cell, space, range(3), solver="L-BFGS-B", max_iter=100, tol=1e-9)
        fits += descend_starts(cell, trained, max_iter=1000)
    return data, cell, fits, distinct_minima(fits)


class TestStarts:
    def test_are_trained_descended_and_certified_with_the_loss(self, study):
        _, cell, fits, minima = study
        assert minima and all(fit.loss <= fit.trained_loss * (1 + 1e-12) for fit in fits)
        for row in minima:
            task = cell.task(row.space)
            own = mean_loss(
                row.network, task.X, task.y, space=task.space, loss="logistic", weight_decay=0.01
            )
            assert row.loss == pytest.approx(own, rel=1e-12)

    def test_a_lift_costs_nothing_where_biases_are_free(self, study):
        lifted = [fit for fit in study[2] if fit.space == "unrestricted"]
        for fit in lifted:
            assert fit.lift_start_loss == pytest.approx(fit.loss, rel=1e-9)
            assert fit.lift_loss <= fit.loss * (1 + 1e-9)

    def test_no_lift_where_it_would_be_judged_otherwise(self, study):
        cell = study[1]
        assert cell.liftable
        for extra in ({"biases": True}, {"offset": True}):
            parts = {**vars(cell), "weight_decay": WeightDecay(0.01, **extra)}
            assert not Cell(**parts).liftable

    def test_no_minimum_is_an_outcome_with_its_reason(self):
        x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
        cell = Cell("a", x, np.sign(x[:, 0]), 1, seed=1, loss=get_loss("logistic"))
        trained = train_starts(cell, "balanced", range(2), solver="SLSQP", max_iter=5, tol=1e-9)
        ends = descend_starts(cell, trained, max_iter=1000)
        endless = [end for end in ends if end.descent_outcome == "no_minimum"]
        assert endless and all("attained" in end.reason for end in endless)
        assert all(end.verdict == "undecided" for end in endless)


@pytest.fixture(scope="module")
def tables(study):
    data, cell, _, minima = study
    found = realization_tables(minima, {"a": data}, cell.loss)
    name = objective_name(cell.loss, cell.weight_decay)
    found["datasets"] = frame_of(Identity, [Identity.of(data, {}, name)])
    return found


class TestTables:
    def test_predictions_are_probabilities_and_labels(self, study, tables):
        data, cell, _, minima = study
        best = next(row for row in minima if row.space == "restricted")
        task, own = cell.task("restricted"), tables["predictions"].query("space == 'restricted'")
        values = np.maximum(task.X @ best.network.weights.T, 0) @ best.network.output_weights
        np.testing.assert_allclose(own["predicted"], expit(values), rtol=1e-12)
        np.testing.assert_array_equal(own["observed"], (data.target + 1) / 2)
        shown = tables["dependence"]["value"]
        assert ((shown >= 0) & (shown <= 1)).all()

    def test_accuracy_is_told_by_loss_and_labels(self, study, tables):
        data = study[0]
        scores = tables["accuracy"].set_index("model")
        assert scores["rmse"].isna().all() and scores["r_squared"].isna().all()
        linear = LogisticRegression(C=np.inf, tol=1e-12).fit(data.features, data.target)
        margins = data.target * linear.decision_function(data.features)
        expected = np.log1p(np.exp(-margins)).mean()
        assert scores.loc["linear", "loss"] == pytest.approx(expected, rel=1e-8)
        assert scores.loc["linear", "right"] == np.mean(margins > 0)
        share = np.mean(data.target > 0)
        constant = -share * np.log(share) - (1 - share) * np.log(1 - share)
        assert scores.loc["mean", "loss"] == pytest.approx(constant, rel=1e-9)
        assert scores.loc["mean", "explained"] == 0
        assert scores.loc["linear", "explained"] == pytest.approx(1 - expected / constant)

    def test_means_are_predicted_for_counts(self):
        _, loss = PoissonLoss().on(np.array([0.0, 3.0]))
        np.testing.assert_allclose(loss.mean(np.log([2.0, 5.0])), [2.0, 5.0])

    def test_sentences_name_the_loss_and_no_squares(self, study, tables):
        rows = made_up.drawn_tables()
        names = [name for name in rows if name != "runs"] + ["solvers"]
        empty = {name: made_up.rows(name, []) for name in names}
        _, _, fits, minima = study
        ours = {"minima": frame_of(Minimum, minima), "datasets": tables["datasets"]}
        ours["fits"] = number_starts(frame_of(Fit, fits), ours["minima"])
        said = {row.topic: row.finding for row in find({**empty, **ours})}
        assert "loss (logistic, weight decay 0.01)" in said["losses"]
        assert said["controls"].startswith("With weight decay")
        assert not any(word in text for text in said.values() for word in ("R²", "MSE", "square"))
        head = fit_header(tables)
        assert head == ("fit", "m", "loss", "right labels", "loss explained")
        lines = fit_rows(tables["accuracy"], "a")
        assert all(len(line) == len(head) for line in lines) and lines[0][0] == "constant"

    def test_axes_say_the_loss(self, study, tables):
        drawn = made_up.drawn_tables() | {"datasets": tables["datasets"]}
        drawn |= {name: tables[name] for name in ("predictions", "accuracy")}
        for name, where in (("losses", "supxlabel"), ("predicted", "supylabel")):
            figure = FIGURES[name].draw(drawn)
            text = getattr(figure, f"_{where}").get_text()
            wanted = {"losses": "logistic, weight decay 0.01", "predicted": "probability of label"}
            assert wanted[name] in text and "variance" not in text
        assert objective_in({}) == "squared"


STUDY = """
study: small
datasets:
  a: {kind: classes, n_samples: 20, n_features: 1, n_neurons: 2, noise: 0.1, seed: 3,
      networks: [own.npz]}
neurons: [1]
starts: 4
loss: %s
weight_decay: %s
solvers: {starts: 1, slow_max_iter: 5}
atlas:
  starts: 3
  solvers: [descent, SLSQP]
  problems:
    p: {neurons: 1, data: {kind: classes, n_samples: 6, n_features: 1, n_neurons: 1, seed: 1}}
pairs: {max_pairs: 2, max_minima: 1, n_random: 2, scales: [1.0e-2]}
"""

NAMES = {
    "{name: huber, delta: 0.5}": "huber (delta 0.5)",
    "{name: pinball, tau: 0.7}": "pinball (tau 0.7)",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "decay"),
    [("logistic", 0.01), ("{name: huber, delta: 0.5}", 0), ("absolute", 0),
     ("{name: pinball, tau: 0.7}", 0), ("hinge", 0)],
)  # fmt: skip
def test_a_study_runs_from_config_to_page(tmp_path, loss, decay):
    (tmp_path / "config.yaml").write_text(STUDY % (loss, decay))
    Network([[1.0], [-1.0]], [0.5, 0.1], [1.0, -1.0], 0.2).save(tmp_path / "own.npz")
    snakemake(tmp_path)
    page = (tmp_path / "results/small/report.html").read_text(encoding="utf-8")
    name = "logistic, weight decay 0.01" if decay else NAMES.get(loss, loss)
    assert f"Minimized: {name}" in page
    findings = (tmp_path / "results/small/tables/findings.csv").read_text()
    assert "contradicts" not in findings and "R²" not in findings
    tables = {
        name: pd.read_csv(tmp_path / f"results/small/tables/{name}.csv")
        for name in ("minima", "atlas", "coverage", "valleys", "networks")
    }
    assert (tables["coverage"]["number"] >= -1).all()  # the atlas lacks no end of a descent
    assert len(tables["atlas"]) and (tables["coverage"]["number"] >= 0).any()
    assert len(tables["valleys"]) and tables["networks"]["verdict"].eq("violated").all()
    assert tables["minima"]["proof"].eq("proved").any() == (not decay)
