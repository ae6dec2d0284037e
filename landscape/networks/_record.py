"""The record of a network with one hidden layer of ReLUs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.data import DataError, replace_file
from landscape.errors import require_extra
from landscape.parametrization import Parametrization, max_norms, require_finite
from landscape.spaces import Space, UnrestrictedSpace, make_space

Array = NDArray[np.float64]

#: Precisions in which networks are stored; all their numbers are float64 numbers as well.
DTYPES = ("float64", "float32", "float16", "bfloat16")


#: Arrays of floats as arrays of fractions.
exact = np.vectorize(Fraction, otypes=[object])


def learn_bfloat16() -> bool:
    """Let numpy know the name "bfloat16", if the package is there, as it is with ONNX."""
    with suppress(ImportError):
        import ml_dtypes

        return bool(ml_dtypes.bfloat16)
    return False


class NetworkError(DataError):
    """A model that is no network with one hidden layer of ReLUs and one output; says what it is."""


@dataclass(frozen=True, eq=False)
class Network:
    """A network ``x -> sum_i c_i relu(<a_i, x> + b_i) + e``, (11), in the data's own units.

    Parameters
    ----------
    weights : array_like of shape (m, d)
        Weight vectors ``a_i`` as rows. (scikit-learn's ``coefs_[0]`` is the transpose.)
    biases, output_weights : array_like of shape (m,)
        ``b_i`` and ``c_i``.
    offset : float
        The bias e of the output.
    dtype : str
        Precision in which it was trained and is written again; here all numbers are float64.
    source : str
        Where it comes from. Where that is not said, `landscape.analyse` looks whether the weights
        fit the data better when they are transposed.

    Raises
    ------
    NetworkError
        If shapes do not fit, or a number is not finite.

    Examples
    --------
    >>> Network([[1.0]], [-1.0], [2.0], 3.0).predict([[0.0], [4.0]])  # 2 relu(x - 1) + 3
    array([3., 9.])
    """

    weights: Array
    biases: Array
    output_weights: Array
    offset: float
    dtype: str = "float64"
    source: str = ""

    def __post_init__(self) -> None:
        a, b, c = (
            np.array(getattr(self, name), dtype=float, order="C")
            for name in ("weights", "biases", "output_weights")
        )
        if a.ndim != 2 or a.shape[1] == 0:
            raise NetworkError(f"weights: expected shape (n_neurons, n_inputs), got {a.shape}")
        for name, values in (("biases", b), ("output_weights", c)):
            if values.shape != a.shape[:1]:
                hint = "; are the weights transposed?" if values.shape == a.shape[1:] else ""
                raise NetworkError(
                    f"{name}: expected shape ({len(a)},), one for each row of weights, got "
                    f"{values.shape}{hint}"
                )
        if self.dtype not in DTYPES:
            raise NetworkError(f"dtype: expected one of {', '.join(DTYPES)}, got {self.dtype!r}")
        e = np.asarray(self.offset, dtype=float)
        if e.size != 1:
            raise NetworkError(f"offset: expected one number, got shape {e.shape}")
        try:
            require_finite("expected finite", weights=a, biases=b, output_weights=c, offset=e)
        except ValueError as error:
            raise NetworkError(str(error)) from None
        for values in (a, b, c):
            values.setflags(write=False)
        vars(self).update(weights=a, biases=b, output_weights=c, offset=float(e.reshape(())))

    @property
    def n_inputs(self) -> int:
        """Number d of inputs."""
        return self.weights.shape[1]

    @property
    def n_neurons(self) -> int:
        """Number m of neurons."""
        return self.weights.shape[0]

    @property
    def rows(self) -> Array:
        """``(a_i, b_i)``, shape (m, d + 1)."""
        return np.column_stack([self.weights, self.biases])

    def __repr__(self) -> str:
        return (
            f"Network(n_inputs={self.n_inputs}, n_neurons={self.n_neurons}, "
            f"dtype={self.dtype!r}, source={self.source!r})"
        )

    def predict(self, X: ArrayLike) -> Array:
        """Values at the rows of X, shape (n,), computed in float64.

        Parameters
        ----------
        X : array_like of shape (n, d)
        """
        x = np.asarray(X, dtype=float)
        if x.ndim != 2 or x.shape[1] != self.n_inputs:
            raise NetworkError(f"X: expected shape (n, {self.n_inputs}), got {x.shape}")
        z = x @ self.weights.T + self.biases
        return np.asarray(np.maximum(z, 0.0) @ self.output_weights + self.offset)

    def terms(self, X: ArrayLike) -> Array:
        """``sum_i |c_i| (|a_i| |x| + |b_i|) + |e|``, (n,): what rounding of values is relative to.

        Parameters rounded to a precision whose machine epsilon is eps, once each, change a value by
        at most eps times this (to first order).
        """
        sizes = np.abs(np.asarray(X, dtype=float)) @ np.abs(self.weights).T + np.abs(self.biases)
        return np.asarray(sizes @ np.abs(self.output_weights) + abs(self.offset))

    @property
    def eps(self) -> float:
        """Machine epsilon of ``dtype``."""
        return 2.0**-7 if self.dtype == "bfloat16" else float(np.finfo(self.dtype).eps)

    def balanced(self) -> Network:
        """The same function, bit for bit, with ``|c_i|`` and ``‖(a_i, b_i)‖_inf`` of like size.

        Neurons are rescaled by powers of two. Those that contribute nothing stay.
        """
        sizes = max_norms(self.rows)
        outer = np.abs(self.output_weights)
        used = (sizes > 0) & (outer > 0)
        logs = np.log2(np.where(used, outer, 1.0)) - np.log2(np.where(used, sizes, 1.0))
        k = np.round(logs / 2).astype(int)
        a, c = np.ldexp(self.weights, k[:, None]), np.ldexp(self.output_weights, -k)
        return replace(self, weights=a, biases=np.ldexp(self.biases, k), output_weights=c)

    def rescaled(
        self,
        shift: ArrayLike,
        scale: ArrayLike,
        target_shift: float | Fraction = 0.0,
        target_scale: float | Fraction = 1.0,
    ) -> Network:
        """The network in other units, ``(x - shift) / scale`` and the target likewise.

        All four are floats or fractions. Composed in rationals and rounded once. It keeps its
        ``dtype``, for what its precision is; its numbers have more digits.
        """
        a, c, b = (exact(part) for part in (self.weights, self.output_weights, self.biases))
        unit = Fraction(target_scale)
        return replace(
            self,
            weights=(a * exact(scale)).astype(float),
            biases=(b + a @ exact(shift)).astype(float),
            output_weights=(c / unit).astype(float),
            offset=float((Fraction(self.offset) - Fraction(target_shift)) / unit),
        )

    # --- elements of the spaces -----------------------------------------------------------------

    def space(self, name: str = "unrestricted", *, margin: float = 0.0) -> Space:
        """The space of this name that networks of this architecture are elements of."""
        return make_space(name, self.n_inputs, self.n_neurons, margin=margin)

    def to_parametrization(self, space: Space | str = "unrestricted") -> Parametrization:
        """The element of a space that computes the network on embedded inputs.

        In N with an offset these are its own numbers; in N' and N* it is rewritten by Lemma A.4,
        see `landscape.lift`, and rounded.
        """
        target = self.space(space) if isinstance(space, str) else space
        return target.from_network(self.weights, self.biases, self.output_weights, self.offset)

    @classmethod
    def from_parametrization(
        cls, theta: Parametrization, space: Space | None = None, *, dtype: str = "float64"
    ) -> Network:
        """A network of the features that the space embeds; without one, of theta's own inputs."""
        a, c, e, b = theta.weights, theta.output_weights, 0.0, np.zeros(theta.n_neurons)
        if isinstance(space, UnrestrictedSpace):
            a, b = a[:, :-1], a[:, -1]
            if space.offset:
                a, b, c, e = a[:-1], b[:-1], c[:-1], float(c[-1])
        elif space is not None:
            a, b = a[:, :-2], a[:, -2] - a[:, -1]
        return cls(a, b, c, e, dtype=dtype, source="parametrization")

    # --- and elsewhere --------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Arrays in their own precision by name, as `save` writes them to ``.npz``."""
        names = ("weights", "biases", "output_weights", "offset")
        own = "float32" if self.dtype == "bfloat16" else self.dtype
        arrays = {name: np.asarray(getattr(self, name)).astype(own) for name in names}
        return arrays | {"dtype": self.dtype, "source": self.source}

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Arrays as those of torch's ``Sequential(Linear, ReLU, Linear)``."""
        own = self.to_dict()
        return {
            "0.weight": own["weights"],
            "0.bias": own["biases"],
            "2.weight": own["output_weights"][None, :],
            "2.bias": own["offset"].reshape(1),
        }

    def save(self, path: str | Path) -> None:
        """Write ``.npz``, or ``.safetensors`` in torch's layout; `landscape.load_network` reads it.

        Parameters
        ----------
        path : path
            Its suffix decides; safetensors needs the extra "networks".
        """
        if Path(path).suffix == ".safetensors":
            require_extra("networks", "safetensors")
            from safetensors.numpy import save

            state = self.state_dict()
            if self.dtype == "bfloat16" and learn_bfloat16():
                state = {name: values.astype("bfloat16") for name, values in state.items()}
            content = save(state, metadata={"source": self.source})
            replace_file(path, lambda file: file.write(content))
        elif Path(path).suffix == ".npz":
            replace_file(path, lambda file: np.savez(file, allow_pickle=False, **self.to_dict()))
        else:
            raise NetworkError(f"{path}: expected a name that ends in .npz or .safetensors")

    def to_sklearn(self) -> Any:
        """A fitted `sklearn.neural_network.MLPRegressor` with these numbers, exactly."""
        from sklearn.neural_network import MLPRegressor

        model = MLPRegressor(hidden_layer_sizes=(self.n_neurons,))
        own: Any = self.to_dict()
        if self.dtype == "float16":  # scikit-learn has no half precision
            own = {name: own[name].astype(np.float32) for name in list(own)[:4]}
        model.coefs_ = [own["weights"].T.copy(), own["output_weights"][:, None].copy()]
        model.intercepts_ = [own["biases"].copy(), own["offset"].reshape(1).copy()]
        model.n_features_in_, model.n_layers_, model.n_outputs_ = self.n_inputs, 3, 1
        model.out_activation_, model.n_iter_, model.t_ = "identity", 0, 0
        return model

    def to_torch(self) -> Any:
        """A `torch.nn.Sequential` of Linear, ReLU, Linear with these numbers, exactly.

        Raises
        ------
        ImportError
            Without torch, which is no dependency and which no extra brings.
        """
        import torch

        kind = getattr(torch, self.dtype)
        model = torch.nn.Sequential(
            torch.nn.Linear(self.n_inputs, self.n_neurons, dtype=kind),
            torch.nn.ReLU(),
            torch.nn.Linear(self.n_neurons, 1, dtype=kind),
        )
        state = {name: torch.tensor(values) for name, values in self.state_dict().items()}
        model.load_state_dict(state)
        return model
