"""Networks from elsewhere: one small record, from scikit-learn, PyTorch and files, and back.

- `_record`: :class:`Network`, ``x -> sum_i c_i relu(<a_i, x> + b_i) + e`` in the data's own units;
- `_sources`: what is read, and how scalers are folded in;
- `_weights`: the networks at the minima of a study.

>>> network = Network([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0], 0.0)
>>> network.predict([[-2.0], [3.0]])
array([2., 3.])
"""

from landscape.networks._record import Network, NetworkError, exact
from landscape.networks._sources import (
    as_network,
    from_sklearn,
    from_torch,
    in_order,
    load_network,
    own_objective,
)

__all__ = [
    "Network",
    "NetworkError",
    "as_network",
    "exact",
    "from_sklearn",
    "from_torch",
    "in_order",
    "load_network",
    "own_objective",
]
