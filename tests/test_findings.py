"""Findings: made-up tables show that each sentence says what its rows hold, and no more."""

import numpy as np
import pytest

from landscape.rows import frame_of
from landscape.tables import TABLES
from landscape.tables.findings import ALARM, TOPICS, find, number
from landscape.tables.rows import FindingRow
from tests import made_up

NAMES = [name for name in made_up.drawn_tables() if name != "runs"] + ["solvers"]
CELL = {"dataset": "d", "space": "restricted", "neurons": 2}


def rows(name, *changes):
    known = CELL.keys() & {c.name for c in TABLES[name].columns()}
    return made_up.rows(name, [{key: CELL[key] for key in known} | change for change in changes])


def findings(**tables):
    """Findings on the data set d by topic; every table that is not given is empty."""
    start = {"start": 0, "verdict": "holds", "training_outcome": "converged",
             "lift_loss": np.nan}  # fmt: skip
    read = {name: rows(name) for name in NAMES} | {"fits": rows("fits", start)} | tables
    return frame_of(FindingRow, find(read)).set_index("topic")


def found(topic, **tables):
    row = findings(**tables).loc[topic]
    return row["status"], row["finding"], row["search"]


def balls(*verdicts, **others):
    return rows("probes", *({"minimum": k, "verdict": v} | others for k, v in enumerate(verdicts)))


def controls(**kinds):
    """Steps of controls from minimum 0: kind = verdicts from the largest distance on."""
    return rows(
        "controls",
        *(
            {"kind": kind, "step": k, "verdict": verdict}
            for kind, verdicts in kinds.items()
            for k, verdict in enumerate(verdicts)
        ),
    )


def select(frame, search):
    """The rows that a search finds."""
    for term in search.split():
        column, value = term.split("=")
        frame = frame[frame[column].astype(str) == value]
    return frame


class TestGlobalMinimum:
    ROWS = (
        {"verdict": "holds", "neurons": 1, "global_low": 0.25, "global_high": 0.25, "loss": 0.25},
        {"verdict": "violated", "neurons": 2, "global_low": 0.25, "global_high": 0.5, "loss": 0.75},
        {"verdict": "undecided", "neurons": 3, "global_low": 0.0, "global_high": 0.5, "loss": 0.5},
    )

    def test_cells_are_counted(self):
        fits = rows("fits", *({"start": k, "neurons": k + 1, "loss": 0.75} for k in range(3)))
        status, text, _ = found("global minimum", optima=rows("optima", *self.ROWS), fits=fits)
        assert status == "measured" and "in 1 of 3 cells" in text and ALARM not in text
        assert "in 1 that found a lower network, by up to 0.25; 1 remain open" in text

    def test_a_start_below_the_lower_end_is_an_alarm(self):
        fits = rows("fits", {"start": 0, "neurons": 1, "loss": 0.25 * (1 - 1e-12)})
        status, text, _ = found("global minimum", optima=rows("optima", self.ROWS[0]), fits=fits)
        assert status == "contradicts" and text.endswith(f"a start ends below. {ALARM}.")


class TestNothing:
    def test_no_start_no_finding(self):
        assert findings(fits=rows("fits")).empty

    def test_what_was_not_tested_is_said_to_be_so(self):
        status = findings()["status"]
        assert sorted(status.index) == sorted(TOPICS)
        assert (status.drop(["starts", "certificates"]) == "not tested").all()

    def test_no_control_is_a_gap(self):
        assert "would pass unnoticed" in found("controls", probes=balls("holds"))[1]


class TestStarts:
    FITS = rows(
        "fits",
        {"start": 0, "verdict": "holds", "training_outcome": "converged", "lift_loss": np.nan},
        {"start": 1, "verdict": "violated", "training_outcome": "failed", "minimum": -1,
         "lift_loss": np.nan},
        {"start": 2, "verdict": "undecided", "training_outcome": "stalled", "minimum": -1,
         "lift_loss": np.nan},
    )  # fmt: skip

    def test_outcomes(self):
        text = found("starts", fits=self.FITS)[1]
        assert text.startswith("3 starts for each of N* with m = 2, 3 in all")
        for part in ("1 converged", "0 reached", "1 stalled", "1 failed"):
            assert part in text

    def test_certificates(self):
        status, text, search = found("certificates", fits=self.FITS)
        assert status == "undecided"
        assert "Of 3 end points" in text
        assert "1 are certified local minima, 1 proven to be none, 1 undecided" in text
        assert select(self.FITS, search)["start"].tolist() == [2]

    @pytest.mark.parametrize(
        ("proofs", "status", "words"),
        [
            (
                ["proved", "open"],
                "undecided",
                "Of 2 distinct minima for which that was tried, 1 are proved",
            ),
            (["proved", "refuted"], "undecided", "1 are refuted there as they stand"),
            (["", ""], "undecided", ""),
        ],
    )
    def test_proofs_are_told_apart_from_certificates(self, proofs, status, words):
        minima = rows("minima", *({"minimum": k, "proof": p} for k, p in enumerate(proofs)))
        got, text, _ = found("certificates", fits=self.FITS, minima=minima)
        assert got == status and words in text and ("rational" in text) == bool(words)

    def test_distinct_minima_and_losses_by_space_and_width(self):
        minima = rows(
            "minima",
            {"minimum": 0, "loss": 0.5},
            {"minimum": 1, "loss": 0.25, "violations": "C.2"},
            {"minimum": 0, "neurons": 3, "loss": 0.125},
            {"minimum": 0, "space": "unrestricted", "loss": 1.0},
        )
        text = found("distinct minima", minima=minima)[1]
        assert "N*: 2 (m = 2), 1 (m = 3); unrestricted networks: 1 (m = 2)" in text
        assert "1 of them lies on the border" in text
        text = found("losses", minima=minima)[1]
        assert "N*: 0.25 (m = 2), 0.125 (m = 3); unrestricted networks: 1 (m = 2)." in text
        assert "Start by start" not in text  # there is no pair of starts

    @pytest.mark.parametrize(("lifted", "status"), [(0.5, "agrees"), (0.6, "contradicts")])
    def test_lifts(self, lifted, status):
        own = {"space": "unrestricted", "verdict": "holds", "training_outcome": "converged"}
        fits = rows("fits", own | {"loss": 0.5, "lift_loss": lifted})
        got, text, _ = found("lifts", fits=fits)
        assert got == status and (ALARM in text) == (status == "contradicts")
        assert f"{int(status == 'agrees')} end no higher" in text


class TestBalls:
    @pytest.mark.parametrize(
        ("verdicts", "status", "marked"),
        [
            (("holds", "holds"), "agrees", 2),
            (("holds", "undecided"), "undecided", 1),
            (("holds", "undecided", "violated"), "contradicts", 1),
        ],
    )
    def test_status_and_rows(self, verdicts, status, marked):
        probes = balls(*verdicts)
        got, text, search = found("rigid balls", probes=probes)
        assert got == status and (ALARM in text) == (status == "contradicts")
        assert len(select(probes, search)) == marked
        holding = verdicts.count("holds")
        assert f"At {holding} of {len(verdicts)} minima of N* the ball" in text
        assert "as Theorem 13 says" in text and "tests the program, not the paper" in text
        assert ("are undecided" in text) == ("undecided" in verdicts)


class TestControls:
    @pytest.mark.parametrize(
        ("kinds", "status", "counts"),
        [
            ({"C.1": ["violated"] * 2, "C.2": ["violated"]}, "agrees", (2, 0, 0)),
            ({"C.1": ["violated", "undecided"], "C.2": ["violated"]}, "undecided", (1, 0, 1)),
            ({"C.1": ["violated"], "C.2": ["holds"] * 2}, "agrees", (1, 1, 0)),
            ({"C.1": ["holds"], "C.2": ["holds"]}, "not tested", (0, 2, 0)),
        ],
    )
    def test_a_control_fails_at_all_its_steps_or_not_at_all(self, kinds, status, counts):
        got, text, _ = found("controls", controls=controls(**kinds))
        assert got == status and (ALARM in text) == (status == "contradicts")
        assert "2 controls outside N* (1 of C.1, 1 of C.2)" in text
        there, optimal, undecided = counts
        assert f"at {there} there are better" in text and f"{undecided} are undecided" in text
        assert (f"At {optimal} no network of any width is better" in text) == (optimal > 0)

    def test_an_extended_base_is_said(self):
        steps = controls(**{"C.1": ["violated"], "C.3": ["violated"] * 2})
        assert "are built on a minimum" not in found("controls", controls=steps)[1]
        steps.loc[steps["kind"] == "C.3", "base"] = "extended"
        assert "1 of C.3 are built on a minimum" in found("controls", controls=steps)[1]

    @pytest.mark.parametrize(
        ("base", "loss", "other", "status"),
        [
            ("minimum", 0.0, 0.0, "agrees"),
            ("minimum", 0.5, 0.5 - 1e-9, "agrees"),
            ("minimum", 0.5, 0.4, "contradicts"),
            ("extended", 0.5, 0.4, "agrees"),  # which descended further: its loss is not here
        ],
    )
    def test_what_no_network_betters_no_network_of_the_study_betters(
        self, base, loss, other, status
    ):
        kinds = controls(**{"C.1": ["violated"], "C.2": ["holds"]}).assign(base=base)
        minima = rows("minima", {"minimum": 0, "loss": loss})
        fits = rows("fits", {"start": 0, "loss": loss}, {"start": 1, "loss": other})
        fits = fits.assign(verdict="holds", training_outcome="converged", lift_loss=np.nan)
        got, text, _ = found("controls", controls=kinds, minima=minima, fits=fits)
        assert got == status and (ALARM in text) == (status == "contradicts")


class TestRadii:
    def test_sides_that_are_known(self):
        bracket = {"radius_high_method": "falsifier", "radius": 1.0, "radius_low": 2.0}
        minima = rows(
            "minima",
            {"minimum": 0, **bracket, "radius_high": 6.0},
            {"minimum": 1, **bracket, "radius_high": np.inf},
            {"minimum": 2},
        )
        text = found("parameter radius", minima=minima)[1]
        assert "Of 2 bracketed minima, the radius in parameter space of 1 is known" in text
        assert "up to a factor 3, and 2 times the certified one; of 1 only from below" in text
        zero = minima.assign(radius_low=np.where(minima["minimum"] == 1, np.inf, 2.0))
        text = found("parameter radius", minima=zero)[1]
        assert "certified one; of 1 it is infinite: the residual is zero." in text
        unbounded = minima[minima["minimum"] > 0]
        text = found("parameter radius", minima=unbounded)[1]
        assert "of 0 is known" in text and "median" not in text
        crossed = minima.assign(radius_high=1.0)
        assert found("parameter radius", minima=crossed)[0] == "contradicts"

    def test_the_promised_radius_beside_the_proven_one(self):
        minima = rows("minima", {"minimum": 0, "paper_radius": 1e-6})
        probes = balls("holds", radius=0.5)
        text = found("realization radius", minima=minima, probes=probes)[1]
        assert "in the median 1 × 10⁻⁶; at 1 minimum of N*" in text
        assert "in the median 500,000 times as large, holds no better" in text
        assert "Beyond" not in text
        # Where the promise is infinite, nothing can be larger.
        infinite = minima.assign(paper_radius=np.inf)
        assert found("realization radius", minima=infinite, probes=probes)[0] == "not tested"
        # A ball that is undecided or violated proves nothing.
        for verdict in ("undecided", "violated"):
            probes = balls(verdict, radius=0.5)
            got = found("realization radius", minima=minima, probes=probes)
            assert got[0] == "not tested"

    def test_none_found_beyond(self):
        wide = rows("brackets", {"radius_low": 1.0, "radius_high": np.inf})
        minima = rows("minima", {"paper_radius": np.inf})
        text = found("realization radius", brackets=wide, minima=minima)[1]
        assert (
            "0 of the 1 minimum of N* searched" in text
            and "from below only" in text
            and "median" not in text
        )


class TestOutside:
    def test_converse(self):
        draws = rows("converse", {"draw": 0, "realization": "holds", "parameters": "violated"})
        status, text, _ = found("converse", converse=draws)
        assert status == "agrees" and "Of 1 network " in text
        status, text, _ = found("converse", converse=draws.assign(realization="violated"))
        assert status == "contradicts" and ALARM in text

    def test_natural_violations_contradict_nothing(self):
        natural = rows(
            "natural",
            {"space": "unrestricted", "minimum": 0, "spare": 1, "verdict": "violated"},
            {"space": "unrestricted", "minimum": 1, "verdict": "holds"},
        )
        status, text, _ = found("natural cases", natural=natural)
        assert status == "measured" and "N'" not in text
        assert "of 2 minima of unrestricted networks, 1 has spare neurons" in text
        assert "1 hold, 1 violated, 0 undecided" in text

    @pytest.mark.parametrize(
        ("verdict", "status"),
        [("holds", "agrees"), ("violated", "contradicts"), ("undecided", "undecided")],
    )
    def test_inverse_stability(self, verdict, status):
        pairs = rows(
            "pairs",
            {"kind": "random", "within": 1, "ratio": 2.5, "verdict": verdict},
            {"kind": "C.1", "within": 0, "ratio": 99.0, "verdict": "violated"},
        )
        got, text, _ = found("inverse stability", pairs=pairs)
        assert got == status and "distance / √r is 2.5000" in text
        assert "At 1 pair outside" in text

    def test_solvers_add_up(self):
        solvers = rows(
            "solvers",
            *({"neurons": m, "solver": "trf", "starts": 10, "trained_certified": m, "certified": 9}
              for m in (2, 3)),
        )  # fmt: skip
        assert "trf 5 and 18 of 20." in found("solvers", solvers=solvers)[1]


def test_every_finding_has_a_known_status_and_rows_of_a_known_table():
    frame = findings(probes=balls("violated"), controls=controls(**{"C.1": ["holds"]}))
    known = {"contradicts", "undecided", "not tested", "agrees", "measured"}
    assert set(frame["status"]) <= known
    for row in frame.itertuples():
        columns = {term.split("=")[0] for term in row.search.split()}
        assert columns <= {c.name for c in TABLES[row.table].columns()}


def test_strange_verdicts_are_refused():
    with pytest.raises(ValueError, match="maybe"):
        findings(probes=balls("maybe"))


def test_numbers_read_as_in_a_sentence():
    assert [number(n, "pair") for n in (0, 1, 2)] == ["no pair", "1 pair", "2 pairs"]
