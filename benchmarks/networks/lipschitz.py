"""``python -m benchmarks.networks.lipschitz [--lipmip FOLDER] [--publish]``: other exact tools.

Lipschitz constants on the unit cube of networks with PyTorch's default initialization, from a seed,
by :func:`landscape.lipschitz_constant` and by

- LipMIP (arXiv:2003.01219), a mixed-integer program: a clone of its repository in ``--lipmip``,
  with torch and gurobipy installed (the free size of Gurobi is enough here); max and sum norms;
- ExLipBaB (arXiv:2602.15499), branch and bound, installed from its repository; all three norms.

What is missing is left out of the table. The networks that the two publish have two hidden layers
or more, so these are of the sizes of their experiments, with one. Their weights are rounded to
single precision first, because LipMIP computes in it.
"""

import argparse
import contextlib
import io
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.publish import markdown, publish
from landscape import Network, lipschitz_constant

PAGE = Path(__file__).parents[2] / "docs/networks.md"
MAKER = "python -m benchmarks.networks.lipschitz"
SIZES = [(2, 8), (2, 16), (2, 64), (4, 8), (4, 16), (8, 8), (8, 16), (10, 20)]
NORMS = (1, 2, np.inf)
RUNS = 3


def draw(d: int, m: int, run: int) -> Network:
    """A network as PyTorch initializes it, in single precision."""
    rng = np.random.default_rng([d, m, run])
    sizes = [(m, d), m, m]
    parts = [
        rng.uniform(-1, 1, size) / np.sqrt(width)
        for size, width in zip(sizes, (d, d, m), strict=True)
    ]
    return Network(*(part.astype(np.float32).astype(float) for part in parts), 0.0)


def by_lipmip(network: Network, norm: float, limit: float) -> float | None:
    """LipMIP's value, None where it has no such norm or ends early."""
    if norm == 2:
        return None
    import torch
    from hyperbox import Hyperbox
    from lipMIP import LipMIP
    from relu_nets import ReLUNet

    m, d = network.weights.shape
    net = ReLUNet([d, m, 1])
    first, last = (layer for layer in net.net if isinstance(layer, torch.nn.Linear))
    with torch.no_grad():
        first.weight.copy_(torch.tensor(network.weights))
        first.bias.copy_(torch.tensor(network.biases))
        last.weight.copy_(torch.tensor(network.output_weights)[None])
        last.bias.zero_()
    cube = Hyperbox.build_unit_hypercube(d)
    name = {1: "l1", np.inf: "linf"}[norm]
    options: dict[str, Any] = {"primal_norm": name, "num_threads": 1, "timeout": limit}
    began = time.monotonic()
    value = LipMIP(net, cube, torch.Tensor([1.0]), **options).compute_max_lipschitz().value
    return float(value) if time.monotonic() - began < limit else None


def by_exlipbab(network: Network, norm: float, limit: float) -> float | None:
    """ExLipBaB's value, None where it ends early."""
    from exlipbab.exlipbab_main import exlipbab_main
    from exlipbab.helper_classes.piece_wise_linear_function import PWL_Identity, PWL_Relu
    from exlipbab.helper_classes.polyhedron import Polyhedron

    m, d = network.weights.shape
    layers = [(network.weights, network.biases), PWL_Relu(m)]
    layers += [(network.output_weights[None], np.zeros(1)), PWL_Identity(1)]
    cube = Polyhedron.from_intervals(np.array([(0, 1)] * d))
    low, high = exlipbab_main(layers, cube, pnorm=norm, verbose=False, timeout=limit)[:2]
    return float(high) if high - low <= 1e-9 * high else None


def by_landscape(network: Network, norm: float, limit: float) -> float | None:
    """Ours, None where its ends do not meet."""
    cube = [[0, 1]] * network.weights.shape[1]
    found = lipschitz_constant(network, norm=norm, domain=cube, time_limit=limit)
    return found.value if found.exact else None


def quietly(tool: Any, *arguments: Any) -> float | None:
    """A tool's value, without its progress."""
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        return cast("float | None", tool(*arguments))


def measure(tools: dict[str, Any], limit: float) -> pd.DataFrame:
    """One row for each network, norm and tool; a tool stops at the first size that is too much."""
    rows, over = [], set()
    for tool in tools.values():  # compiles, imports
        quietly(tool, draw(2, 4, 0), 1, limit)
    for d, m in SIZES:
        for run in range(RUNS):
            network = draw(d, m, run)
            for norm in NORMS:
                for name, tool in tools.items():
                    if (name, d, norm) in over:
                        continue
                    began = time.perf_counter()
                    value = quietly(tool, network, norm, limit)
                    took = time.perf_counter() - began
                    if value is None:
                        over.add((name, d, norm))
                    rows.append((d, m, run, norm, name, value, took))
        print(pd.DataFrame(rows).tail(len(tools) * len(NORMS)).to_string(), flush=True)
    columns = ["d", "m", "run", "norm", "tool", "value", "seconds"]
    return pd.DataFrame(rows, columns=columns)


def page(rows: pd.DataFrame, limit: float) -> str:
    """Medians of seconds, and the largest relative difference from ours."""
    own = rows[rows["tool"] == "landscape"].set_index(["d", "m", "run", "norm"])["value"]
    tools = [name for name in rows["tool"].unique() if name != "landscape"]
    head = ["inputs, neurons, norm", "landscape, s"]
    head += [text for name in tools for text in (f"{name}, s", "difference")]
    lines = []
    for (d, m, norm), group in rows.groupby(["d", "m", "norm"]):
        line = [f"{d}, {m}, {norm:g}"]
        for name in ["landscape", *tools]:
            part = group[group["tool"] == name]
            ended = len(part) == RUNS and part["value"].notna().all()
            line.append(f"{part['seconds'].median():.2g}" if ended else "-")
            if name != "landscape":
                other = part.set_index(["d", "m", "run", "norm"])["value"]
                gap = (other / own.reindex(other.index) - 1).abs().max()
                line.append(f"{gap:.0e}" if ended else "-")
        lines.append(line)
    return markdown(head, lines) + f"\n\n-: no such norm, or not within {limit:g} s."


def main() -> None:
    parser = argparse.ArgumentParser(prog=MAKER, description=__doc__)
    parser.add_argument("--lipmip", type=Path, metavar="FOLDER", help="a clone of its repository")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one constant")
    parser.add_argument("--publish", action="store_true", help=f"into {PAGE.name}")
    options = parser.parse_args()
    tools: dict[str, Any] = {"landscape": by_landscape}
    if options.lipmip:
        sys.path.insert(0, str(options.lipmip))
        tools["LipMIP"] = by_lipmip
    if find_spec("exlipbab"):
        tools["ExLipBaB"] = by_exlipbab
    with threadpool_limits(1):
        rows = measure(tools, options.limit)
    text = page(rows, options.limit)
    print(text)
    if options.publish:
        publish(text, PAGE, MAKER)


if __name__ == "__main__":
    main()
