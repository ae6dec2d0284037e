"""The page of the estimator's benchmark; tests/test_pages.py runs the others."""

from __future__ import annotations

import pandas as pd
import pytest


def test_page_of_the_benchmark_is_made_from_its_table(tmp_path):
    """The published page says what the published table says; without one, an invented table."""
    report = pytest.importorskip("benchmarks.estimator.report")
    rows = []
    for name, m, losses in (("one", 2, (0.5, 0.4, 0.45)), ("two", 4, (0.2, 0.3, 0.25))):
        for k in (1, 20):
            for method, loss in zip(
                ("landscape, N*", "landscape, N", "MLP lbfgs"), losses, strict=True
            ):
                rows.append([name, 50, 3, m, method, k, k * 0.1, loss, "20/20", k * 0.05, 0.5])
        for method in ("ridge", "gradient boosting"):
            rows.append([name, 50, 3, m, method, 1, 0.01, 0.6, None, None, 0.7])
    columns = ["data", "n", "d", "neurons", "method", "starts", "seconds", "loss", "certified"]
    table = pd.DataFrame(rows, columns=[*columns, "seconds to best", "cv R2"])
    page = report.page(table)
    assert "Lowest training loss by this estimator: 2 of 2 rows" in page
    assert "N above `MLPRegressor`: two with m = 4." in page
    report.figure(table, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    if report.TABLE.exists():
        assert report.page(pd.read_csv(report.TABLE)) == report.PAGE.read_text(encoding="utf-8")
