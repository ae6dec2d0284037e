"""Networks from elsewhere: read exactly, written back exactly, or refused with a reason."""

import importlib.util
import warnings
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from landscape import (
    Network,
    Parametrization,
    ShallowReLURegressor,
    UnrestrictedSpace,
    from_sklearn,
    from_torch,
    load_network,
    realize,
)
from landscape.networks import NetworkError, as_network, own_objective


def data(rng, n=60, d=3, dtype=float):
    X = rng.standard_normal((n, d)) * [1.0, 30.0, 0.01][:d] + [0.0, 500.0, 1.0][:d]
    return X.astype(dtype), (np.abs(X[:, 0]) + X[:, 1] / 30).astype(dtype)


def perceptron(m=3, **options):
    return MLPRegressor(hidden_layer_sizes=(m,), random_state=0, **options)


def mlp(X, y, m=4, **options):
    model = perceptron(m, max_iter=40, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def same(one, other):
    names = ("weights", "biases", "output_weights")
    arrays = [(getattr(one, name), getattr(other, name)) for name in names]
    return all(np.array_equal(a, b) for a, b in arrays) and (
        (one.offset, one.dtype) == (other.offset, other.dtype)
    )


# --- scikit-learn -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "solver, dtype", [("lbfgs", "float64"), ("adam", "float64"), ("adam", "float32")]
)
def test_an_mlp_there_and_back(rng, solver, dtype):
    X, y = data(rng, dtype=dtype)
    model = mlp(X, y, solver=solver)
    network = from_sklearn(model)
    assert network.dtype == dtype
    assert np.abs(network.predict(X) - model.predict(X)).max() <= 16 * network.eps * (
        network.terms(X).max()
    )
    back = network.to_sklearn()
    assert back.coefs_[0].dtype == dtype
    for ours, theirs in zip(
        [*back.coefs_, *back.intercepts_], [*model.coefs_, *model.intercepts_], strict=True
    ):
        assert np.array_equal(ours, theirs)
    assert np.array_equal(back.predict(X), model.predict(X))
    assert same(from_sklearn(back), network)


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler,
        MinMaxScaler,
        MaxAbsScaler,
        RobustScaler,
        partial(StandardScaler, with_mean=False),  # it has a mean all the same
        partial(RobustScaler, with_centering=False),
    ],
    ids=lambda s: getattr(s, "__name__", "not centred"),
)
def test_scalers_are_folded_in_exactly(rng, scaler):
    """Each weight is the float next to the exact composition's, so values agree to rounding."""
    X, y = data(rng)
    model = TransformedTargetRegressor(
        make_pipeline(
            scaler(),
            perceptron(4, solver="lbfgs", max_iter=50),
        ),
        transformer=scaler(),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    network = from_sklearn(model)
    eps = np.finfo(float).eps
    assert (np.abs(network.predict(X) - model.predict(X)) <= 16 * eps * network.terms(X)).all()
    step, inner = model.regressor_.steps[0][1], model.regressor_.steps[1][1]
    for i, j in np.ndindex(4, 3):
        a, scale = Fraction(float(inner.coefs_[0][j, i])), Fraction(float(step.scale_[j]))
        exact = a * scale if scaler is MinMaxScaler else a / scale
        assert network.weights[i, j] == float(exact)
    assert network.source == "TransformedTargetRegressor"


def test_an_estimator_that_computes_something_else_is_refused(rng):
    class Doubled(MLPRegressor):
        def predict(self, X):
            return 2 * super().predict(X)

    X, y = data(rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = Doubled(hidden_layer_sizes=(2,), max_iter=5, random_state=0).fit(X, y)
        piped = make_pipeline(StandardScaler(), model).fit(X, y)
    for odd in (model, piped):
        with pytest.raises(NetworkError, match="computes something else than its weights"):
            from_sklearn(odd)


def test_steps_that_do_nothing_leave_the_precision(rng):
    X, y = data(rng, dtype="float32")
    model = mlp(X, y, solver="lbfgs")
    piped = make_pipeline("passthrough", model)
    assert same(from_sklearn(piped), from_sklearn(model))
    whole = TransformedTargetRegressor(perceptron(2, max_iter=5), transformer=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole.fit(X, y)
    assert from_sklearn(whole).n_neurons == 2


def test_classifiers_are_networks_of_log_odds(rng):
    X, y = data(rng)
    labels = np.where(y > np.median(y), "yes", "no")
    model = MLPClassifier(
        hidden_layer_sizes=(3,), solver="lbfgs", alpha=10.0, max_iter=30, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        piped = make_pipeline(StandardScaler(), model).fit(X, labels)
    odds = np.log(piped.predict_proba(X)[:, 1] / piped.predict_proba(X)[:, 0])
    np.testing.assert_allclose(from_sklearn(piped).predict(X), odds, rtol=1e-6, atol=1e-9)
    with pytest.raises(NetworkError, match="Pipeline with loss None"):
        own_objective(piped, len(X))


def test_the_estimator_is_a_network(rng):
    X, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    model = ShallowReLURegressor(2, n_starts=2, random_state=0).fit(X, y)
    assert np.allclose(as_network(model).predict(X), model.predict(X), atol=1e-12)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda X, y: MLPRegressor(hidden_layer_sizes=(3, 3)).fit(X, y), "2 hidden layers"),
        (lambda X, y: MLPRegressor(hidden_layer_sizes=(3,), activation="tanh").fit(X, y), "'tanh'"),
        (lambda X, y: perceptron().fit(X, np.c_[y, y]), "2 outputs"),
        (
            lambda X, y: MLPClassifier().fit(X, np.digitize(y, np.quantile(y, [0.3, 0.6]))),
            "softmax",
        ),
        (lambda X, y: perceptron(), "not fitted"),
        (
            lambda X, y: make_pipeline(StandardScaler(), perceptron()),
            "not fitted",
        ),
        (
            lambda X, y: make_pipeline(Normalizer(), perceptron()).fit(X, y),
            "Normalizer",
        ),
        (lambda X, y: make_pipeline(MinMaxScaler(clip=True), mlp(X, y)).fit(X, y), "clips"),
        (
            lambda X, y: TransformedTargetRegressor(
                perceptron(), func=np.cbrt, inverse_func=lambda z: z**3
            ).fit(X, y),
            "no scaler",
        ),
        (
            lambda X, y: TransformedTargetRegressor(
                perceptron(),
                transformer=QuantileTransformer(n_quantiles=9),
            ).fit(X, y),
            "QuantileTransformer",
        ),
        (lambda X, y: object(), "expected a fitted MLPRegressor"),
    ],
)
def test_what_is_refused_is_named(rng, make, message):
    X, y = data(rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make(X, y)
    with pytest.raises(NetworkError, match=message):
        as_network(model)


# --- the record -------------------------------------------------------------------------------


def random_network(rng, m=4, d=2, dtype="float64"):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")  # whose import tells numpy the name
    parts = [rng.standard_normal(shape).astype(dtype) for shape in ((m, d), m, m, ())]
    return Network(*parts, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_files_keep_every_bit(rng, tmp_path, dtype, suffix):
    network = random_network(rng, dtype=dtype)
    network.save(tmp_path / f"net{suffix}")
    read = load_network(tmp_path / f"net{suffix}")
    assert same(read, network) and read.source == f"net{suffix}"


def test_balancing_is_exact(rng):
    network = random_network(rng)
    scale = 2.0 ** rng.integers(-40, 40, 4)
    wild = Network(
        network.weights * scale[:, None] * 1e-9,
        network.biases * scale * 1e-9,
        network.output_weights / scale,
        network.offset,
    )
    X = rng.standard_normal((20, 2))
    balanced = wild.balanced()
    assert np.array_equal(balanced.predict(X), wild.predict(X))
    rows = np.abs(np.column_stack([balanced.weights, balanced.biases])).max(axis=1)
    ratios = np.abs(balanced.output_weights) / rows
    assert ratios.max() <= 2 and ratios.min() >= 0.5
    dead = Network([[0.0], [1.0]], [0.0, 0.0], [1.0, 0.0], 1.0).balanced()
    assert dead.weights.tolist() == [[0.0], [1.0]]


@pytest.mark.parametrize("name", ["unrestricted", "balanced", "restricted"])
def test_elements_compute_the_network(rng, name):
    network, X = random_network(rng), rng.standard_normal((20, 2))
    space = network.space(name, margin=1e-3)
    theta = network.to_parametrization(space)
    assert space.contains(theta)
    assert np.allclose(realize(theta, space.embed(X)), network.predict(X), atol=1e-12)
    back = Network.from_parametrization(theta, space)
    assert np.allclose(back.predict(X), network.predict(X), atol=1e-12)
    if name == "unrestricted":
        assert same(back, network)


def test_a_parametrization_without_a_space_is_one_of_its_inputs(rng):
    theta = Parametrization(rng.standard_normal((3, 2)), rng.standard_normal(3))
    X = rng.standard_normal((9, 2))
    assert np.allclose(as_network(theta).predict(X), realize(theta, X))
    network = as_network(theta, UnrestrictedSpace(2, 3))
    assert np.array_equal(network.biases, theta.weights[:, 1]) and network.offset == 0


@pytest.mark.parametrize(
    "parts, message",
    [
        (([1.0, 2.0], [0.0], [1.0], 0.0), r"weights: expected shape \(n_neurons, n_inputs\)"),
        ((np.ones((3, 2)), np.ones(2), np.ones(3), 0.0), "transposed"),
        ((np.ones((3, 2)), np.ones(3), np.ones((3, 1)), 0.0), "output_weights"),
        ((np.ones((1, 1)), [np.nan], [1.0], 0.0), "finite"),
        ((np.ones((1, 1)), [0.0], [1.0], [0.0, 1.0]), "offset"),
    ],
)
def test_shapes_are_checked(parts, message):
    with pytest.raises(NetworkError, match=message):
        Network(*parts)


# --- files that are none ----------------------------------------------------------------------


def test_files_that_are_refused(tmp_path, rng):
    for name, message in {
        "net.pt": "pickled objects",
        "net.joblib": "pickled objects",
        "net.txt": "unknown format",
        "net.npz": "no such file",
    }.items():
        with pytest.raises(NetworkError, match=message):
            load_network(tmp_path / name)
    np.savez(tmp_path / "pickled.npz", weights=np.array([{}], dtype=object))
    with pytest.raises(NetworkError, match="allow_pickle"):
        load_network(tmp_path / "pickled.npz")
    np.savez(tmp_path / "part.npz", weights=np.ones((2, 1)))
    with pytest.raises(NetworkError, match="biases is missing"):
        load_network(tmp_path / "part.npz")
    for suffix in (".npz", ".safetensors", ".onnx"):
        (tmp_path / f"noise{suffix}").write_bytes(rng.bytes(100))
        with pytest.raises(NetworkError, match="cannot be read"):
            load_network(tmp_path / f"noise{suffix}")


@pytest.mark.parametrize(
    "state, message",
    [
        ({"0.weight": (4, 2), "2.weight": (4, 4), "4.weight": (1, 4)}, "2 hidden layers"),
        ({"0.weight": (2, 4), "2.weight": (4, 1)}, "transposed"),
        ({"0.weight": (4, 2), "2.weight": (3, 4)}, "3 outputs"),
        ({"0.weight": (4, 2), "2.weight": (1, 5)}, "no two layers"),
        ({"0.weight": (4, 2), "0.bias": (3,), "2.weight": (1, 4)}, "0.bias has shape"),
        ({"0.weight": (4, 2), "2.weight": (1, 4), "norm.gamma": (4,)}, "what is norm.gamma"),
    ],
)
def test_state_dicts_that_are_refused(state, message):
    with pytest.raises(NetworkError, match=message):
        from_torch({name: np.ones(shape) for name, shape in state.items()})


def test_a_state_dict_without_biases_whatever_its_order(rng):
    a, c = rng.standard_normal((4, 2)), rng.standard_normal((1, 4))
    network = from_torch({"out.weight": c, "in.weight": a})
    assert np.array_equal(network.weights, a) and network.offset == 0


# --- ONNX -------------------------------------------------------------------------------------

needs_onnx = pytest.mark.skipif(importlib.util.find_spec("onnx") is None, reason="needs onnx")


def write_onnx(path, network, style, activation="Relu"):
    from onnx import TensorProto, helper, numpy_helper, save

    own = network.to_dict()
    kind = TensorProto.FLOAT if network.dtype == "float32" else TensorProto.DOUBLE
    a, c = own["weights"], own["output_weights"][None, :]
    if style == "gemm":
        tensors = {"a": a, "b": own["biases"], "c": c, "e": own["offset"].reshape(1)}
        nodes = [
            helper.make_node("Gemm", ["x", "a", "b"], ["z"], transB=1),
            helper.make_node(activation, ["z"], ["h"]),
            helper.make_node("Gemm", ["h", "c", "e"], ["y"], transB=1),
        ]
    else:
        tensors = {"a": a.T.copy(), "b": own["biases"], "c": c.T.copy(), "e": own["offset"]}
        nodes = [
            helper.make_node("MatMul", ["x", "a"], ["p"]),
            helper.make_node("Add", ["b", "p"], ["z"]),
            helper.make_node(activation, ["z"], ["h"]),
            helper.make_node("MatMul", ["h", "c"], ["q"]),
            helper.make_node("Add", ["q", "e"], ["r"]),
            helper.make_node("Identity", ["r"], ["y"]),
        ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", kind, ["n", network.n_inputs])],
        [helper.make_tensor_value_info("y", kind, ["n", 1])],
        [numpy_helper.from_array(values, name) for name, values in tensors.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


@needs_onnx
@pytest.mark.parametrize("style", ["gemm", "matmul"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_onnx(rng, tmp_path, style, dtype):
    network = random_network(rng, m=5, d=3, dtype=dtype)
    write_onnx(tmp_path / "net.onnx", network, style)
    assert same(load_network(tmp_path / "net.onnx"), network)


@needs_onnx
def test_onnx_with_another_activation(rng, tmp_path):
    write_onnx(tmp_path / "net.onnx", random_network(rng), "gemm", activation="Tanh")
    with pytest.raises(NetworkError, match="operator Tanh"):
        load_network(tmp_path / "net.onnx")


# --- PyTorch ----------------------------------------------------------------------------------


def sequential(torch, d=3, m=5, **options):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(d, m, **options), torch.nn.ReLU(), torch.nn.Linear(m, 1, **options)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_torch_there_and_back(rng, dtype):
    torch = pytest.importorskip("torch")
    module = sequential(torch, dtype=getattr(torch, dtype))
    network = from_torch(module)
    assert network.dtype == dtype and network.source == "Sequential"
    assert same(from_torch(module.state_dict()), network)
    back = network.to_torch()
    for name, tensor in module.state_dict().items():
        assert tensor.dtype == back.state_dict()[name].dtype
        assert torch.equal(tensor, back.state_dict()[name])
    x = rng.standard_normal((20, 3)).astype("float32")
    ours = module.double()(torch.tensor(x).double()).detach().numpy()[:, 0]
    assert np.allclose(network.predict(x), ours, rtol=1e-12, atol=1e-12)


def test_torch_modules_that_are_refused():
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Tanh(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(2, 3), nn.Linear(3, 1)

        def forward(self, x):
            return self.two(torch.tanh(self.one(x)))

    with pytest.raises(NetworkError, match="computes something else"):
        from_torch(Tanh())
    with pytest.raises(NetworkError, match="LeakyReLU"):
        from_torch(nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(), nn.Linear(3, 1)))
    with pytest.raises(NetworkError, match="2 hidden layers"):
        from_torch(
            nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
        )
    with pytest.raises(NetworkError, match="2 outputs"):
        from_torch(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)))
