"""A scikit-learn regressor whose fit is a certified local minimum, and displays for it.

- `_regressor`: the estimator;
- `_units`: merged samples, centred data of size one, and networks in both units;
- `_starts`: one start, from its seed to its certificate;
- `_smooth`, `_lbfgs`: descent to a good basin, smoothed, with swaps of neurons;
- `_sobolev`: descent and certificate with gradients in the fit;
- `_displays`: figures in the style of scikit-learn's displays.
"""

from landscape.estimator._classifier import ShallowReLUClassifier
from landscape.estimator._displays import LandscapeDisplay, RealizationDisplay
from landscape.estimator._regressor import ShallowReLURegressor

__all__ = [
    "LandscapeDisplay", "RealizationDisplay", "ShallowReLUClassifier", "ShallowReLURegressor",
]  # fmt: skip
