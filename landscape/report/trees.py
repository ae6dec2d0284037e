"""The page's interactive merge trees: a leaf shows its network and fit, a branch saddle and path.

Drawn by plotly, whose script is embedded from the installed package: no request.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from landscape.data import Dataset
from landscape.parametrization import Parametrization
from landscape.plots_atlas import fit
from landscape.realization import realize
from landscape.spaces import make_space
from landscape.study.rows import Valley
from landscape.tables.findings import SPACE_NAMES
from landscape.trees import layout


def drawn_trees(valleys: Sequence[Valley], data: Mapping[str, Dataset]) -> list[dict[str, Any]]:
    """What the page's script draws: a tree for each problem and space."""
    groups: dict[tuple[str, str], list[Valley]] = {}
    for row in sorted(valleys, key=lambda row: row.valley):
        groups.setdefault((row.problem, row.space), []).append(row)
    return [_tree(rows, data[problem]) for (problem, _), rows in groups.items()]


def _tree(rows: Sequence[Valley], data: Dataset) -> dict[str, Any]:
    """A tree as the script draws it: numbers to six digits, a valley's own by its number."""
    pairs = np.array([[row.loss, row.barrier] for row in rows])
    parents, positive = (
        np.array([getattr(row, name) for row in rows]) for name in ("parent", "positive")
    )
    places, tops = layout(pairs, parents, positive)
    columns = ("loss", "parent", "positive", "starts", "verdict", "spurious")
    return {
        "title": f"{rows[0].problem}, {SPACE_NAMES[rows[0].space]}",
        "line": data.n_features == 1,
        "samples": _digits([data.features[:, 0] if data.n_features == 1 else data.target]),
        "target": _digits(data.target),
        "valleys": [
            {name: getattr(row, name) for name in columns}
            | {"place": int(places[k]), "top": float(tops[k]), "leaf": _shown(row, data)}
            | ({} if row.profile is None else {"saddle": _shown(row, data, saddle=True)})
            for k, row in enumerate(rows)
        ],
    }


def _shown(row: Valley, data: Dataset, *, saddle: bool = False) -> dict[str, Any]:
    """A network and its fit: a curve for one input, else values at the samples by target."""
    theta, shown = row.network, dict[str, Any]()
    if saddle:
        assert row.saddle_weights is not None and row.saddle_output_weights is not None
        theta = Parametrization(row.saddle_weights, row.saddle_output_weights)
        shown["path"] = _digits(np.transpose(row.profile))  # type: ignore[arg-type]
    if data.n_features == 1:
        curve = fit(row, theta, data.features[:, 0])
    else:
        space = make_space(row.space, data.n_features, row.neurons)
        curve = data.target, realize(theta, space.embed(data.features))
    neurons = np.column_stack([theta.weights, theta.output_weights])
    return shown | {"fit": _digits(curve), "neurons": _digits(neurons)}


def _digits(values: Any) -> Any:
    """Nested lists of numbers to six digits."""
    if np.ndim(values):
        return [_digits(value) for value in values]
    return float(f"{values:.6g}")
