"""``python -m benchmarks.networks [--only diabetes] [--yun RUNS] [--publish]``: imported networks.

On each of five data sets six networks of scikit-learn and, where it is installed, two of PyTorch:
by L-BFGS and Adam, in double and single precision, with scalers around them. Each is analysed, and
so is the minimum found next to it, written to a file and read again. A verdict is compared with
an optimizer of the raw parameters (L-BFGS-B of scipy, its own loss and gradient): from a violated
point it has to find a lower one, and within the radius of a certified minimum it must find none.

``--yun`` repeats table 1 of Yun, Sra and Jadbabaie (ICLR 2019): Adam on gaussian data, full batch,
200,000 steps whose size falls by the factor 0.2 every 20,000, then pairs of a neuron and a sample
with \\|pre-activation\\| < 1e-5. Beside their count stands what they did not say: whether such a
point is a local minimum, and how far the minimum is at which descent from it ends. A run of the
largest size takes two hours; ``--largest 1e7`` leaves out that one alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.optimize import minimize
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.networks.adam import adam
from benchmarks.publish import markdown, publish
from landscape import (
    Network,
    analyse,
    certify_minimum,
    descend,
    distance_to_fibre,
    load_network,
)
from landscape.descent import DescentOutcome
from landscape.networks import as_network
from landscape.verdict import Verdict

PAGE = Path(__file__).parents[2] / "docs/networks.md"
RESULTS = Path("results/benchmarks/networks")
MAKER = "python -m benchmarks.networks"
#: (inputs, neurons, samples), and their mean number of pairs and share with flat extreme rays.
YUN = {
    (10, 1, 1000): (7.25, 0.0),
    (10, 1, 10_000): (9.275, 0.025),
    (100, 1, 1000): (36.3, 0.0),
    (100, 1, 10_000): (74.4, 0.05),
    (100, 10, 10_000): (620.0, 0.1),
    (1000, 1, 10_000): (355.0, 0.0),
    (1000, 10, 10_000): (1058.0, 0.625),
}


def tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Five data sets that need no network, in their own units."""
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    found = {"diabetes": (X, y)}
    iris, wine = datasets.load_iris().data, datasets.load_wine().data
    found["iris"] = iris[:, :3], iris[:, 3]
    found["wine"] = wine[:, 1:6], wine[:, 0]
    found["linnerud"] = (datasets.load_linnerud().data, datasets.load_linnerud().target[:, 1])
    found["friedman"] = datasets.make_friedman1(150, 5, noise=0.5, random_state=0)
    return found


def train(X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Trained models by what they are, on data in their own units."""

    def mlp(m: int, solver: str, **options: Any) -> MLPRegressor:
        options = {"alpha": 0.0, "max_iter": 3000, "tol": 1e-7, "random_state": 0, **options}
        return MLPRegressor(hidden_layer_sizes=(m,), solver=solver, **options)

    Z, t = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
    models = {
        "lbfgs, 2": make_pipeline(StandardScaler(), mlp(2, "lbfgs")).fit(X, t),
        "lbfgs, 4, target scaled": TransformedTargetRegressor(
            make_pipeline(MinMaxScaler(), mlp(4, "lbfgs")), transformer=StandardScaler()
        ).fit(X, y),
        "lbfgs, 6, alpha": make_pipeline(StandardScaler(), mlp(6, "lbfgs", alpha=1e-4)).fit(X, t),
        "adam, 3": make_pipeline(StandardScaler(), mlp(3, "adam")).fit(X, t),
        "adam, 6": make_pipeline(StandardScaler(), mlp(6, "adam", learning_rate_init=0.01)).fit(
            X, t
        ),
    }
    single = mlp(4, "adam").fit(Z.astype("float32"), t.astype("float32"))
    found: dict[str, Any] = {
        key: (model, X, y if "target" in key else t) for key, model in models.items()
    }
    found["adam, 4, float32"] = single, Z, t
    if find_spec("torch"):
        found["torch adam, 4, float32"] = train_torch(Z, t, 4, "float32"), Z, t
        found["torch lbfgs, 3"] = train_torch(Z, t, 3, "float64"), Z, t
    return found


def train_torch(Z: np.ndarray, t: np.ndarray, m: int, dtype: str) -> Any:
    """A torch module, trained on all samples: by Adam in single, by L-BFGS in double precision."""
    import torch

    torch.manual_seed(0)
    precision = getattr(torch, dtype)
    layers = torch.nn.Linear(Z.shape[1], m), torch.nn.ReLU(), torch.nn.Linear(m, 1)
    module = torch.nn.Sequential(*layers).to(precision)
    x, y = torch.tensor(Z, dtype=precision), torch.tensor(t, dtype=precision)[:, None]
    weights = list(module.parameters())
    optimizer: Any = torch.optim.Adam(weights, 1e-2)
    if dtype == "float64":
        optimizer = torch.optim.LBFGS(weights, line_search_fn="strong_wolfe", max_iter=100)

    def loss() -> Any:
        optimizer.zero_grad()
        value = ((module(x) - y) ** 2).mean()
        value.backward()
        return value

    for _ in range(30 if dtype == "float64" else 3000):
        optimizer.step(loss)
    return module


# --- an optimizer of its own ------------------------------------------------------------------


def pack(net: Network) -> np.ndarray:
    """All parameters in a row."""
    return np.concatenate([net.weights.ravel(), net.biases, net.output_weights, [net.offset]])


def unpack(p: np.ndarray, d: int) -> Network:
    """The network of a row of parameters."""
    m = (len(p) - 1) // (d + 2)
    a, b, c = np.split(p[:-1], [m * d, m * (d + 1)])
    return Network(a.reshape(m, d), b, c, p[-1], source="optimizer")


def objective(p: np.ndarray, X: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean squared error and one of its one-sided gradients."""
    d = X.shape[1]
    m = (len(p) - 1) // (d + 2)
    a, b, c = np.split(p[:-1], [m * d, m * (d + 1)])
    z = X @ a.reshape(m, d).T + b
    h = np.maximum(z, 0)
    s = h @ c + p[-1] - y
    g = 2 / len(y) * (s[:, None] * (z > 0)) * c
    parts = [(g.T @ X).ravel(), g.sum(0), 2 / len(y) * h.T @ s, [2 * s.mean()]]
    return float(s @ s) / len(y), np.concatenate(parts)


def searched(net: Network, X: np.ndarray, y: np.ndarray, sizes: Any) -> tuple[list, list]:
    """All points that the optimizer evaluates, from the network and points around it, and ends."""
    rng, seen, ends = np.random.default_rng(0), [], []

    def watched(p: np.ndarray) -> tuple[float, np.ndarray]:
        seen.append(p.copy())
        return objective(p, X, y)

    start = pack(net)
    for size in (0.0, *sizes):
        options = {"maxiter": 3000, "maxfun": 10_000, "ftol": 1e-15, "gtol": 1e-12}
        begin = start + size * rng.standard_normal(start.size)
        ends.append(minimize(watched, begin, jac=True, method="L-BFGS-B", options=options).x)
    return seen, ends


def in_units(net: Network, X: np.ndarray) -> tuple[Network, np.ndarray]:
    """Network and features in units in which the features are standardized."""
    mean, scale = X.mean(0), X.std(0)
    return net.rescaled(mean, scale).balanced(), (X - mean) / scale


def out_of_units(net: Network, X: np.ndarray) -> Network:
    """The inverse of `in_units`."""
    return net.rescaled(-X.mean(0) / X.std(0), 1 / X.std(0))


def compare(name: str, key: str, model: Any, X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """One row: a network, its verdict, its nearest minimum, and what the optimizer says."""
    begin = time.process_time()
    found = analyse(model, X, y, valleys=False, node_limit=2000, nearby=24)
    seconds = time.process_time() - begin
    net, gap = as_network(model), found.gap
    row = {"data": name, "network": key, "dtype": net.dtype, "verdict": found.verdict.value}
    row |= {"seconds": seconds, "loss": found.loss / np.var(y), "gap": gap.loss / np.var(y)}
    row |= {"parameters": gap.parameters, "values": gap.values / np.std(y)}
    row |= {"precision": gap.precision, "lipschitz": found.lipschitz[2].value}
    row["ratio"] = found.seminorm.value / max(found.lipschitz[1].value, 1e-300)
    own, Z = in_units(net, X)
    seen, ends = searched(own, Z, y, (1e-3, 1e-3, 1e-2, 1e-2, 0.1, 0.1))
    points = np.array(seen)
    losses = np.array([objective(p, Z, y)[0] for p in points])
    lower = losses < found.loss * (1 - 1e-12)
    row["agrees"] = bool(lower.any()) if found.verdict is Verdict.VIOLATED else None
    if gap.network is None:
        return row | {"certified": None, "refuted": None, "nearer": None}
    with tempfile.TemporaryDirectory() as folder:
        gap.network.save(Path(folder) / "minimum.npz")
        minimum = load_network(Path(folder) / "minimum.npz")
    again = analyse(minimum, X, y, valleys=False, node_limit=100)
    row["certified"] = again.verdict.value
    # The certificate speaks of max-norm in the network's own parameters.
    radius = again.certificate.radius
    around = np.array(searched(minimum, X, y, radius * np.array([0.01, 0.1, 0.3]))[0])
    inside = np.abs(around - pack(minimum)).max(axis=1) <= radius
    below = [objective(p, X, y)[0] for p in around[inside]]
    row["refuted"] = bool((np.array(below) < again.loss - again.certificate.slack - 1e-13).any())
    # Certified minima next to the optimizer's ends that are nearer, modulo symmetries.
    space, theta = net.space(), net.to_parametrization()

    def distance(other: Any) -> float:
        return distance_to_fibre(theta, other, space=space).upper

    nearest, far = np.inf, distance(minimum.to_parametrization())
    for p in ends:
        begin = out_of_units(unpack(p, X.shape[1]), X).balanced().to_parametrization()
        end = descend(begin, space.embed(X), y, space=space)
        if end.outcome is DescentOutcome.MINIMUM and end.loss <= found.loss:
            nearest = min(nearest, distance(end.parametrization))
    return row | {"nearer": bool(nearest < 0.99 * far), "distance": far, "theirs": nearest}


# --- table 1 of Yun, Sra and Jadbabaie --------------------------------------------------------


def drawn(X: np.ndarray, m: int, rng: np.random.Generator) -> np.ndarray:
    """The parameters at which Adam begins."""
    d = X.shape[1]
    parts = rng.standard_normal(m * d) / np.sqrt(d), np.zeros(m), rng.standard_normal(m), [0.0]
    return np.concatenate(parts)


def plain_adam(p: np.ndarray, X: np.ndarray, y: np.ndarray, steps: int) -> Network:
    """Full-batch Adam from 1e-3, times 0.2 every tenth of the steps: what `adam` is tested by."""
    p, first, second, rate = p.copy(), np.zeros_like(p), np.zeros_like(p), 1e-3
    for k in range(1, steps + 1):
        g = objective(p, X, y)[1]
        first += 0.1 * (g - first)
        second += 0.001 * (g * g - second)
        p -= rate * (first / (1 - 0.9**k)) / (np.sqrt(second / (1 - 0.999**k)) + 1e-8)
        if k % (steps // 10) == 0:
            rate *= 0.2
    return unpack(p, X.shape[1])


def fast_adam(p: np.ndarray, X: np.ndarray, y: np.ndarray, steps: int) -> Network:
    """The same up to rounding, by sums over samples."""
    begin = unpack(p, X.shape[1])
    inputs = np.column_stack([X, np.ones(len(X))])
    rows, c, e = adam(begin.rows, begin.output_weights, begin.offset, inputs, y, steps)
    return Network(rows[:, :-1], rows[:, -1], c, e, source="adam")


def yun(size: tuple[int, int, int], run: int, steps: int) -> dict[str, Any]:
    """One run of one size: their count, our verdict, and the minimum at which descent ends."""
    d, m, n = size
    rng = np.random.default_rng([d, m, n, run])
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    begin = time.process_time()
    net = fast_adam(drawn(X, m, rng), X, y, steps)
    seconds = time.process_time() - begin
    space, theta = net.space(), net.to_parametrization()
    inputs = space.embed(X)
    own = certify_minimum(theta, inputs, y, space=space)
    pairs = int((np.abs(X @ net.weights.T + net.biases) < 1e-5).sum())
    row = {"size": str(size), "run": run, "steps": steps, "seconds": seconds, "pairs": pairs}
    row |= {"verdict": own.verdict.value}
    row |= dict.fromkeys(("kinks", "inside", "gap", "parameters", "values"), np.nan)
    if m > 1:
        return row
    end = descend(net.balanced().to_parametrization(), inputs, y, space=space)
    if end.outcome is DescentOutcome.MINIMUM and end.certificate is not None:
        ends = np.concatenate([*end.certificate.multipliers, [0.5]])
        row |= {"kinks": end.certificate.n_kinks, "inside": float(np.minimum(ends, 1 - ends).min())}
        row["parameters"] = distance_to_fibre(theta, end.parametrization, space=space).upper
        near = Network.from_parametrization(end.parametrization, space)
        row["values"] = float(np.abs(near.predict(X) - net.predict(X)).max())
        row["gap"] = own.loss - end.loss
    return row


# --- the page ---------------------------------------------------------------------------------


def counts(column: pd.Series) -> str:
    """Verdicts, as numbers of holds, violated, undecided."""
    return " / ".join(str(int((column == verdict.value).sum())) for verdict in Verdict)


def page(rows: pd.DataFrame) -> str:
    """What is published."""
    head = ["data", "networks", "holds / violated / undecided", "optimizer agrees"]
    head += ["minima certified again", "refuted", "loss gap", "parameters", "optimizer nearer"]
    head += ["seminorm / Lipschitz"]
    lines = []
    torch = rows["network"].str.startswith("torch")
    parts = [("all", rows), *([("of PyTorch", rows[torch])] if torch.any() else [])]
    for name, own in [*rows.groupby("data", sort=False), *parts]:
        decided = own["agrees"].dropna()
        line = [str(name), str(len(own)), counts(own["verdict"])]
        line += [f"{int(decided.sum())} of {len(decided)}", counts(own["certified"])]
        line += [str(int((own["refuted"] == True).sum()))]  # noqa: E712
        line += [f"{own['gap'].median():.2g}", f"{own['parameters'].median():.2g}"]
        line += [str(int((own["nearer"] == True).sum()))]  # noqa: E712
        line += [f"{own['ratio'].min():.3g} to {own['ratio'].max():.3g}"]
        lines.append(line)
    return markdown(head, lines)


def yun_page(rows: pd.DataFrame) -> str:
    """Table 1 again, from the runs that there are."""
    head = ["(inputs, neurons, samples)", "runs", "pairs, published", "pairs, here"]
    head += ["flat, published", "holds / violated / undecided", "minima reached"]
    head += ["loss", "parameters", "values", "kinks", "nearest multiplier"]
    lines = []
    for size, (pairs, flat) in YUN.items():
        own = rows[rows["size"] == str(size)]
        if not len(own):
            lines.append([str(size), "0", f"{pairs:g}", "", f"{flat:g}", *[""] * 7])
            continue
        line = [str(size), str(len(own)), f"{pairs:g}", f"{own['pairs'].mean():.3g}"]
        line += [f"{flat:g}", counts(own["verdict"])]
        near = own[own["gap"].notna()]
        line.append(str(len(near)) if size[1] == 1 else "not tried")
        if len(near):
            line += [f"{near[key].median():.2g}" for key in ("gap", "parameters", "values")]
            line += [f"{near['kinks'].mean():.3g}", f"{near['inside'].min():.2g}"]
        lines.append([*line, *[""] * (len(head) - len(line))])
    return f"{int(rows['steps'].iloc[0]):,} steps:\n\n" + markdown(head, lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog=MAKER, description=__doc__)
    parser.add_argument("--only", nargs="*", help="data sets; none at all: no networks")
    parser.add_argument("--yun", type=int, default=0, metavar="RUNS", help="per size; they: 40")
    parser.add_argument("--steps", type=int, default=200_000, help="of Adam")
    parser.add_argument("--largest", type=float, default=1e5, help="inputs x neurons x samples")
    parser.add_argument("--jobs", type=int, default=1, help="processes, for --yun")
    parser.add_argument("--publish", action="store_true", help=f"what is known into {PAGE.name}")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = []
    with threadpool_limits(1):
        for name, (X, y) in tables().items():
            if options.only is not None and name not in options.only:
                continue
            for key, (model, features, target) in train(X, y).items():
                rows.append(compare(name, key, model, features, target))
                print({k: v for k, v in rows[-1].items()}, flush=True)
        sizes = [size for size in YUN if np.prod(size) <= options.largest]
        runs = [(size, run, options.steps) for size in sizes for run in range(options.yun)]
        repeated = Parallel(n_jobs=options.jobs)(delayed(yun)(*run) for run in runs)
    parts = ("networks", rows, page, MAKER), ("yun", repeated, yun_page, f"{MAKER} --yun")
    for name, new, write, maker in parts:
        known = _known(name, new)
        if not len(known):
            print(f"{RESULTS / name}.csv: there is none; what {PAGE.name} has of it stays")
            continue
        print(text := write(known))
        if options.publish:
            publish(text, PAGE, maker)


def _known(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of this run, or of the last one that had some."""
    path = RESULTS / f"{name}.csv"
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(path, index=False)
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


if __name__ == "__main__":
    main()
