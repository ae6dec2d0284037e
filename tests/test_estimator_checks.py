"""scikit-learn's own checks, all of them, without expected failures."""

from __future__ import annotations

import warnings

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from landscape import ShallowReLUClassifier, ShallowReLURegressor

# Their data are not standardized and some runs are cut short on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]


@parametrize_with_checks(
    [
        ShallowReLURegressor(n_neurons=2, n_starts=2, max_iter=100),
        ShallowReLUClassifier(n_neurons=2, n_starts=2, max_iter=100),
    ]
)
def test_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        ShallowReLURegressor(n_neurons=2, n_starts=2, max_iter=100, space="unrestricted"),
        ShallowReLURegressor(n_neurons=2, n_starts=2, space="balanced", solver="descent"),
        ShallowReLURegressor(n_neurons=2, n_starts=2, max_iter=100, loss="huber"),
        ShallowReLUClassifier(n_neurons=1, n_starts=1, space="unrestricted", alpha=0.0),
    ]
)
def test_check_with_other_options(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [ShallowReLURegressor, ShallowReLUClassifier])
@pytest.mark.parametrize(
    "name", ["check_param_validation", "check_dataframe_column_names_consistency"]
)
def test_check_that_is_not_in_the_list(name, kind):
    estimator = kind(n_neurons=2, n_starts=2)
    if name == "check_dataframe_column_names_consistency":
        with warnings.catch_warnings():
            warnings.simplefilter("error", category=FutureWarning)
            getattr(estimator_checks, name)(kind.__name__, estimator)
    else:
        getattr(estimator_checks, name)(kind.__name__, estimator)
