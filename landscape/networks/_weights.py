"""Networks at the minima of a study, from its table of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from landscape.networks._record import Network, NetworkError
from landscape.rows.store import read_parquet
from landscape.spaces import SPACES


def load_minimum(path: Path, place: dict[str, Any], *, standardized: bool) -> Network:
    """The network at one minimum, in the data's own units or in those that the study stores."""
    content, header = read_parquet(path)
    if header["table"] != "weights":
        raise NetworkError(f"{path}: table {header['table']!r}; networks are in table 'weights'")
    table = {name: np.array(content.column(name).to_pylist()) for name in content.column_names}
    for name, wanted in place.items():
        held = sorted(set(table[name].tolist()))
        if wanted is None and len(held) == 1:
            (wanted,) = held
        if wanted not in held:
            shown = f"{', '.join(map(repr, held[:12]))}{', ...' * (len(held) > 12)}"
            got = "nothing" if wanted is None else repr(wanted)
            raise NetworkError(f"{path}: {name}: expected one of {shown}, got {got}")
        place, own = {**place, name: wanted}, table[name] == wanted
        table = {key: values[own] for key, values in table.items()}
    shape = int(table["neuron"].max()) + 1, int(table["input"].max()) + 1
    names = ("standardized", "standardized_output") if standardized else ("weight", "output_weight")
    a, c = (table[name].reshape(shape) for name in names)
    d = shape[1] - SPACES[place["space"]].extra_inputs
    biases = a[:-1, d] - a[:-1, d + 1 :].sum(axis=1)
    source = "{dataset}, {space}, m = {neurons}, minimum {minimum}".format(**place)
    return Network(a[:-1, :d], biases, c[:-1, 0], c[-1, 0], source=source)
