"""Networks out of scikit-learn, PyTorch, and files, read and never run, but for a comparison.

What is read is compared with what the model itself computes, where that can be asked: nothing that
was misunderstood passes. Scalers are folded in exactly: the composition is computed in rational
arithmetic, and each weight of the result is the float next to the exact one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from landscape.errors import require_extra
from landscape.losses import WeightDecay
from landscape.networks._record import DTYPES, Network, NetworkError, exact, learn_bfloat16
from landscape.networks._weights import load_minimum
from landscape.parametrization import Parametrization
from landscape.spaces import Space
from landscape.streams import stream

Exact = NDArray[Any]  # of fractions

#: How much more than the composition of scalers and network these may round, one after the other: a
#: mean that is large beside its scale cancels. What is misread is farther off.
FOLDED = 2.0**32

ONE_LAYER = "a network with one hidden layer of ReLUs and one output is needed"


def as_network(model: Any, space: Space | None = None) -> Network:
    """Whatever is one as a `Network`.

    Parameters
    ----------
    model : Network, Parametrization, estimator, torch module or state dict, or path
        A parametrization is that of ``space``; without one, a function of its own inputs.
    space : Space, optional

    Raises
    ------
    NetworkError
        If it is none.
    """
    if isinstance(model, Network):
        return model
    if isinstance(model, Parametrization):
        return Network.from_parametrization(model, space)
    if isinstance(model, str | Path):
        return load_network(model)
    if isinstance(model, Mapping) or hasattr(model, "state_dict"):
        return from_torch(model)
    return from_sklearn(model)


def in_order(model: Any, X: Any) -> Any:
    """X, of a table the columns that an estimator was fitted on, in that order.

    NetworkError where one is missing.
    """
    names = getattr(model, "feature_names_in_", None)
    if names is None or not hasattr(X, "columns"):
        return X
    if missing := [name for name in names if name not in X.columns]:
        raise NetworkError(f"X: there is no column {missing[0]!r}, which the estimator needs")
    return X[list(names)]


# --- scikit-learn -----------------------------------------------------------------------------


@dataclass
class _Folded:
    """A network in rational numbers; weights (m, d), biases and output weights (m,), offset."""

    a: Exact
    b: Exact
    c: Exact
    e: Fraction
    dtype: str
    plain: bool = True  # whether nothing was folded in


def from_sklearn(estimator: Any) -> Network:
    """A fitted `MLPRegressor` or `MLPClassifier`, or a pipeline or `TransformedTargetRegressor`.

    A classifier is one of two classes; the network's values are its log odds.

    Standard, min-max, max-abs and robust scalers of features and target are folded in: the network
    is one of the data's own units, and each of its weights is the float next to that of the exact
    composition. `landscape.ShallowReLURegressor` is taken as well.

    Parameters
    ----------
    estimator : fitted estimator

    Returns
    -------
    network : Network

    Raises
    ------
    NetworkError
        For other depths, activations, numbers of outputs, or transformers; or if it is not fitted.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> X, y = np.linspace(-1, 1, 20)[:, None], np.linspace(0, 1, 20)
    >>> model = MLPRegressor(
    ...     hidden_layer_sizes=(3,), solver="lbfgs", max_iter=20_000, random_state=0
    ... ).fit(X, y)
    >>> network = from_sklearn(model)
    >>> network, bool(np.allclose(network.predict(X), model.predict(X), rtol=1e-12))
    (Network(n_inputs=1, n_neurons=3, dtype='float64', source='MLPRegressor'), True)
    """
    folded = _fold(estimator)
    a, b, c = (part.astype(float) for part in (folded.a, folded.b, folded.c))
    dtype, name = folded.dtype if folded.plain else "float64", type(estimator).__name__
    network = Network(a, b, c, float(folded.e), dtype=dtype, source=name)

    odds = hasattr(estimator, "predict_proba")

    def run(x: NDArray[np.float64]) -> NDArray[np.float64]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names of features
            return _numbers(estimator.predict_proba(x)[:, 1] if odds else estimator.predict(x))

    slack = 1.0 if folded.plain else FOLDED
    _compare(network, run, name, slack, expit if odds else np.asarray)
    return network


def _fold(model: Any) -> _Folded:
    name = type(model).__name__
    if hasattr(model, "regressor") and hasattr(model, "check_inverse"):
        return _fold_target(model)
    if hasattr(model, "steps"):
        *before, (_, last) = model.steps
        folded = _fold(last)
        for key, step in reversed(before):
            if step is None or step == "passthrough":
                continue
            factor, shift = _affine(step, folded.a.shape[1], f"{name}: step {key!r}")
            folded.b = folded.b + folded.a @ shift
            folded.a, folded.plain = folded.a * factor, False
        return folded
    if not hasattr(model, "coefs_") or not hasattr(model, "intercepts_"):
        if hasattr(model, "hidden_layer_sizes") or hasattr(model, "n_neurons"):
            raise NetworkError(f"{name}: it is not fitted; call fit first")
        raise NetworkError(
            f"{name}: expected a fitted MLPRegressor, a Pipeline or TransformedTargetRegressor "
            "around one, a torch module or state dict, a Network, or the path of a file"
            + ("; take its best_estimator_" if hasattr(model, "best_estimator_") else "")
        )
    output = getattr(model, "out_activation_", "identity")
    if output not in ("identity", "logistic"):
        raise NetworkError(f"{name}: the activation of its output is {output!r}; {ONE_LAYER}")
    activation = getattr(model, "activation", "relu")
    layers: list[Any] = list(model.coefs_)
    if len(layers) != 2:
        raise NetworkError(f"{name}: it has {len(layers) - 1} hidden layers; {ONE_LAYER}")
    if activation != "relu":
        raise NetworkError(f"{name}: its activation is {activation!r}, not 'relu'; {ONE_LAYER}")
    if layers[1].shape[1] != 1:
        raise NetworkError(f"{name}: it has {layers[1].shape[1]} outputs; {ONE_LAYER}")
    (a, c), (b, e) = layers, model.intercepts_
    weights, biases, outputs = (exact(np.asarray(p, dtype=float)) for p in (a.T, b, c[:, 0]))
    return _Folded(weights, biases, outputs, Fraction(float(e[0])), str(a.dtype))


def _fold_target(model: Any) -> _Folded:
    """The network inside a `TransformedTargetRegressor`, its values transformed back."""
    if not hasattr(model, "regressor_"):
        raise NetworkError(f"{type(model).__name__}: it is not fitted; call fit first")
    folded = _fold(model.regressor_)
    if model.func is not None or model.inverse_func is not None:
        raise NetworkError("TransformedTargetRegressor: its function is no scaler; " + ONE_LAYER)
    if model.transformer is None:
        return folded
    factor, shift = _affine(model.transformer_, 1, "TransformedTargetRegressor: transformer")
    scale = 1 / factor[0]
    folded.c, folded.e = folded.c * scale, (folded.e - shift[0]) * scale
    folded.plain = False
    return folded


def _affine(step: Any, d: int, where: str) -> tuple[Exact, Exact]:
    """``x -> factor * x + shift`` of a scaler, (d,) each."""
    name = type(step).__name__
    zeros, ones = np.zeros(d), np.ones(d)

    def given(key: str, default: NDArray[np.float64], used: bool = True) -> Exact:
        values = getattr(step, key, None) if used else None
        return exact(default if values is None else np.asarray(values, dtype=float))

    centres = {
        "StandardScaler": ("mean_", "with_mean"),
        "RobustScaler": ("center_", "with_centering"),
        "MaxAbsScaler": ("", ""),
        "MinMaxScaler": ("", ""),
    }
    if name not in centres:
        raise NetworkError(
            f"{where} is a {name}; only StandardScaler, MinMaxScaler, MaxAbsScaler and "
            "RobustScaler can be folded into the weights: transform the data first"
        )
    if getattr(step, "clip", False):
        raise NetworkError(f"{where} clips, which no affine map does; set clip=False")
    if not hasattr(step, "scale_"):
        raise NetworkError(f"{where} is not fitted")
    if name == "MinMaxScaler":
        return given("scale_", ones), given("min_", zeros)
    factor, (key, option) = 1 / given("scale_", ones), centres[name]
    # A scaler that does not centre has a mean all the same.
    return factor, -given(key, zeros, getattr(step, option, False)) * factor


def own_objective(estimator: Any, n_samples: int) -> dict[str, Any]:
    """What a scikit-learn network minimized, as `landscape.analyse` takes it.

    Parameters
    ----------
    estimator : MLPRegressor or MLPClassifier
        With the features and the target that it was fitted to. Not a pipeline: its penalty is on
        weights in the units of its scaler; analyse its last step on what the others make of X.
    n_samples : int
        Number of samples of a gradient: all of them for "lbfgs", of a batch for "adam" and "sgd",
        by whose size scikit-learn divides the penalty.

    Returns
    -------
    options : dict
        ``loss`` and ``weight_decay``.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier, MLPRegressor
    >>> own_objective(MLPRegressor(alpha=0.5), 100)["weight_decay"].strength
    0.005
    >>> own_objective(MLPClassifier(alpha=0.5), 100)["weight_decay"].strength
    0.0025
    """
    name = type(estimator).__name__
    alpha, loss = getattr(estimator, "alpha", None), getattr(estimator, "loss", None)
    if alpha is None or loss not in ("squared_error", "log_loss"):
        raise NetworkError(
            f"estimator: expected an MLPRegressor of the squared error or an MLPClassifier, got "
            f"{name} with loss {loss!r}"
        )
    if n_samples < 1:
        raise ValueError(f"n_samples: expected a positive integer, got {n_samples!r}")
    # (1/2) mean r^2 + alpha / (2 n) ‖W‖^2, and mean log loss + alpha / (2 n) ‖W‖^2.
    if loss == "squared_error":
        return {"loss": "squared", "weight_decay": WeightDecay(alpha / n_samples)}
    return {"loss": "logistic", "weight_decay": WeightDecay(alpha / (2 * n_samples))}


# --- PyTorch ----------------------------------------------------------------------------------


def from_torch(module: Any) -> Network:
    """A `torch.nn.Sequential` of Linear, ReLU, Linear, or a state dict of one.

    Parameters
    ----------
    module : torch.nn.Module or mapping of str to tensor
        A module is also run on some inputs: the network has to compute the same. Of a state dict
        nothing but the shapes can be checked. torch is not imported.

    Returns
    -------
    network : Network
        With the precision of the tensors as its ``dtype``; no digit is lost.

    Raises
    ------
    NetworkError
        For other depths, activations or numbers of outputs, or transposed weights.

    Examples
    --------
    >>> state = {"0.weight": [[1.0, 2.0]], "0.bias": [0.5], "2.weight": [[3.0]], "2.bias": [0.0]}
    >>> from_torch({key: np.array(value, np.float32) for key, value in state.items()})
    Network(n_inputs=2, n_neurons=1, dtype='float32', source='state dict')
    """
    if isinstance(module, Mapping):
        return _from_tensors(module, "state dict")
    name = type(module).__name__
    leaves = [type(part).__name__ for part in module.modules() if not [*part.children()]]
    odd = [leaf for leaf in leaves if leaf not in ("Linear", "ReLU", "Identity", "Flatten")]
    if odd:
        raise NetworkError(f"{name}: it has a {odd[0]}, neither Linear nor ReLU; {ONE_LAYER}")
    network = replace(_from_tensors(module.state_dict(), name), source=name)
    like = next(iter(module.parameters()))

    def run(x: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            return _numbers(module(like.new_tensor(x)))

    _compare(network, run, name)
    return network


def _numbers(tensor: Any) -> NDArray[np.float64]:
    """A tensor, or an array, as float64, which holds every shorter float exactly."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu().double().numpy()
    return np.asarray(tensor, dtype=float)


def _from_tensors(tensors: Mapping[str, Any], where: str) -> Network:
    """A network from weights in torch's layout, (outputs, inputs), whatever their names."""
    dtypes = {str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values()}
    arrays = {name: _numbers(tensor) for name, tensor in tensors.items()}
    matrices = [name for name, values in arrays.items() if values.ndim == 2]
    if len(matrices) != 2:
        raise NetworkError(
            f"{where}: it has {len(matrices)} matrices of weights ({', '.join(matrices)}), for "
            f"{max(len(matrices) - 1, 0)} hidden layers; {ONE_LAYER}"
        )
    for first, last in (matrices, matrices[::-1]):
        a, c = arrays[first], arrays[last]
        if c.shape == (1, len(a)):
            break
    else:
        a, c = (arrays[name] for name in matrices)
        if c.shape == (a.shape[1], 1):
            raise NetworkError(
                f"{where}: {matrices[0]} {a.shape} and {matrices[1]} {c.shape} are transposed; "
                "torch's layout is (outputs, inputs)"
            )
        if c.shape[1] == len(a):
            raise NetworkError(f"{where}: it has {len(c)} outputs; {ONE_LAYER}")
        raise NetworkError(
            f"{where}: {matrices[0]} {a.shape} and {matrices[1]} {c.shape} are no two layers"
        )
    vectors = {name: values for name, values in arrays.items() if values.ndim < 2}

    def bias(name: str, size: int) -> NDArray[np.float64]:
        key = name.removesuffix("weight") + "bias" if name.endswith("weight") else f"{name}_bias"
        values = np.atleast_1d(vectors.pop(key, np.zeros(size)))
        if values.shape != (size,):
            raise NetworkError(f"{where}: {key} has shape {values.shape}, expected ({size},)")
        return values

    b, e = bias(first, len(a)), bias(last, 1)
    if vectors:
        raise NetworkError(f"{where}: what is {next(iter(vectors))}? {ONE_LAYER}")
    (dtype,) = dtypes if len(dtypes) == 1 else ("float64",)
    if dtype not in DTYPES:
        raise NetworkError(f"{where}: its numbers are {dtype}, expected one of {', '.join(DTYPES)}")
    return Network(a, b, c[0], float(e[0]), dtype=dtype, source=where)


def _compare(
    network: Network,
    run: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    where: str,
    slack: float = 1.0,
    link: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray,
) -> None:
    """Refuse a network that computes something else than the model it was read from."""
    x = stream(0, "networks", "compare").standard_normal((64, network.n_inputs))
    x = np.vstack([x, 100 * x, np.zeros((1, network.n_inputs))])
    sizes = 16 * (network.n_inputs + network.n_neurons) * network.eps * network.terms(x) * slack
    found = run(x).reshape(-1)
    if found.shape != (len(x),) or not (np.abs(found - link(network.predict(x))) <= sizes).all():
        raise NetworkError(f"{where}: it computes something else than its weights; {ONE_LAYER}")


# --- files ------------------------------------------------------------------------------------


def load_network(
    path: str | Path,
    *,
    dataset: str | None = None,
    space: str | None = None,
    neurons: int | None = None,
    minimum: int = 0,
    standardized: bool = False,
) -> Network:
    """A network from a file, of which nothing is executed; or one of a study.

    Parameters
    ----------
    path : path
        ``.npz`` as `Network.save` writes it (``weights`` (m, d), ``biases``, ``output_weights``,
        ``offset``) or with the names of a state dict; ``.safetensors`` with a state dict; ``.onnx``
        with Gemm, or MatMul and Add, and one Relu. The last two need the extra "networks". Or
        ``results/<study>/tables/weights.parquet``, which needs the extra "study".
    dataset, space, neurons, minimum
        Which network of a study: that of this minimum, 0 the one of least loss. What is not given
        must be the only one.
    standardized : bool
        Of a study: the network of the data as the study stores them. By default it is one of the
        data's own units: each weight is the float next to the exact composition of the stored
        network and the standardization.

    Returns
    -------
    network : Network

    Raises
    ------
    NetworkError
        If the file cannot be read, holds pickled objects, or something else than such a network.

    Examples
    --------
    >>> import tempfile
    >>> network = Network([[1.0]], [-1.0], [2.0], 3.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     network.save(f"{folder}/mine.npz")
    ...     load_network(f"{folder}/mine.npz").predict([[4.0]])
    array([9.])
    """
    path = Path(path)
    readers = {".npz": _load_npz, ".safetensors": _load_safetensors, ".onnx": _load_onnx}
    if path.suffix not in (*readers, ".parquet"):
        pickled = path.suffix in (".pt", ".pth", ".pkl", ".pickle", ".joblib")
        why = "it may hold pickled objects, which run code when they are read" if pickled else ""
        raise NetworkError(
            f"{path}: {why or 'unknown format'}; write .npz, .safetensors or .onnx, for instance "
            "landscape.from_torch(module).save('network.npz')"
        )
    if not path.is_file():
        raise NetworkError(f"{path}: no such file")
    if path.suffix == ".parquet":
        place = {"dataset": dataset, "space": space, "neurons": neurons, "minimum": minimum}
        return load_minimum(path, place, standardized=standardized)
    return replace(readers[path.suffix](path), source=path.name)


def _load_npz(path: Path) -> Network:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = dict(file)
    except (OSError, ValueError, EOFError) as error:
        raise NetworkError(f"{path}: cannot be read as .npz ({error})") from None
    dtype = str(found.pop("dtype", "")) or None
    found.pop("source", None)
    names = ("weights", "biases", "output_weights", "offset")
    if missing := [name for name in names if name not in found]:
        if len(missing) < len(names):
            raise NetworkError(f"{path}: {missing[0]} is missing")
        return _from_tensors(found, str(path))
    if extra := found.keys() - set(names):
        raise NetworkError(f"{path}: what is {min(extra)}? {ONE_LAYER}")
    kinds = {str(found[name].dtype) for name in names[:3]}
    own = dtype or (kinds.pop() if len(kinds) == 1 else "float64")
    parts: Any = {name: found[name] for name in names}
    try:
        return Network(**parts, dtype=own if own in DTYPES else "float64")
    except (NetworkError, TypeError) as error:
        raise NetworkError(f"{path}: {error}") from None


def _load_safetensors(path: Path) -> Network:
    require_extra("networks", "safetensors")
    learn_bfloat16()
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return _from_tensors(load_file(path), str(path))
    except (SafetensorError, KeyError, TypeError) as error:
        raise NetworkError(f"{path}: cannot be read as safetensors ({error})") from None


def _load_onnx(path: Path) -> Network:
    require_extra("networks", "onnx")
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise NetworkError(f"{path}: cannot be read as ONNX ({reason})") from None
    network = replace(_from_graph(model.graph, str(path)), source=path.name)
    from onnx.reference import ReferenceEvaluator

    evaluator, (name,) = ReferenceEvaluator(model), _inputs(model.graph)
    kind = np.float64 if network.dtype == "float64" else np.float32

    def run(x: NDArray[np.float64]) -> NDArray[np.float64]:
        outputs: list[Any] = [evaluator.run(None, {name: row.astype(kind)}) for row in x[:, None]]
        return np.concatenate([_numbers(one[0]) for one in outputs])

    # The model may compute with one sample at a time, and in single precision.
    _compare(replace(network, dtype="float32"), run, str(path))
    return network


def _inputs(graph: Any) -> list[str]:
    """Names of a graph's inputs that are no weights."""
    weights = {tensor.name for tensor in graph.initializer}
    return [entry.name for entry in graph.input if entry.name not in weights]


#: Operators that leave one row of numbers as it is; others are compared by running the model.
_PASSING = ("Identity", "Cast", "Flatten", "Reshape", "Squeeze")


def _from_graph(graph: Any, where: str) -> Network:
    """The network of a chain of ONNX operators."""
    from onnx import helper, numpy_helper

    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        if node.op_type == "Constant":
            tensors[node.output[0]] = numpy_helper.to_array(attributes["value"])
        for name in node.input:
            users.setdefault(name, []).append((node, attributes))
    inputs = _inputs(graph)
    if len(inputs) != 1 or len(graph.output) != 1:
        raise NetworkError(f"{where}: it has several inputs or outputs; {ONE_LAYER}")
    current, chain = inputs[0], list[str]()
    layers: list[tuple[NDArray[Any], NDArray[Any]]] = []
    while current != graph.output[0].name:
        following = users.get(current, [])
        if len(following) != 1:
            raise NetworkError(f"{where}: {current!r} is used {len(following)} times; {ONE_LAYER}")
        node, attributes = following[0]
        others = [tensors[name] for name in node.input if name in tensors]
        op = node.op_type
        if op == "Gemm" and not attributes.get("transA") and node.input[0] == current and others:
            matrix = others[0] if attributes.get("transB") else others[0].T
            shift = others[1] if len(others) > 1 else np.zeros(len(matrix), matrix.dtype)
            alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
            layers.append((alpha * matrix, beta * np.broadcast_to(shift, (1, len(matrix)))[0]))
        elif op == "MatMul" and node.input[0] == current and others and others[0].ndim == 2:
            layers.append((others[0].T, np.zeros(others[0].shape[1], others[0].dtype)))
        elif op == "Add" and others and layers and chain[-1:] != ["Relu"]:
            matrix, shift = layers[-1]
            layers[-1] = matrix, shift + others[0].reshape(-1)
        elif op not in ("Relu", *_PASSING):
            raise NetworkError(f"{where}: operator {op}; {ONE_LAYER}")
        if op not in _PASSING:
            chain.append({"MatMul": "Gemm"}.get(op, op))
        current = node.output[0]
    if [op for op in chain if op != "Add"] != ["Gemm", "Relu", "Gemm"]:
        raise NetworkError(f"{where}: its layers are {', '.join(chain)}; {ONE_LAYER}")
    state: dict[str, NDArray[Any]] = {}
    for name, (matrix, shift) in zip("02", layers, strict=True):
        state |= {f"{name}.weight": matrix, f"{name}.bias": shift.astype(matrix.dtype)}
    return _from_tensors(state, where)
