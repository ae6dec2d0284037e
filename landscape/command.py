"""The command line ``landscape``: networks and data from files, answers on the terminal.

Results go to the standard output, progress and errors, one line each, to the error output.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from landscape import __version__
from landscape.data import DataError, load_csv, load_parquet
from landscape.data.files import check
from landscape.errors import NUMERICAL_ERRORS, LandscapeError
from landscape.losses import LOSSES, WeightDecay, get_loss

__all__ = ["main"]

#: What the process returns; 2 is argparse's, for a wrong call.
DONE, FAILED, VIOLATED, UNDECIDED, INTERRUPTED = 0, 1, 3, 4, 130

ABOUT = """Optimization landscapes of shallow ReLU networks, exactly.

A network is one with one hidden layer of ReLUs and one output, in a file: .npz, .safetensors or
.onnx (landscape.from_sklearn(model).save("model.npz") and landscape.from_torch(module).save(...)
write one). Data are a table with a header, .csv or .parquet, in the units of the network."""

EXAMPLES = """examples:
  landscape analyse model.npz data.csv --target price --html page.html
  landscape certify model.onnx data.csv --target price && echo "a local minimum"
  landscape certify model.npz data.csv --target sick --loss logistic --weight-decay 1e-4
  landscape lipschitz model.safetensors --norm inf --box -1 1
  landscape certify model.npz german.csv --target preis --delimiter ';' --decimal , --missing drop
  landscape tree small.csv --target y --neurons 1
  landscape study config.yaml --cores 2 --dry-run
  landscape claims --only splitting --quick

exit codes:
  0  done; with certify: a certified local minimum, with seminorm and lipschitz: exact
  1  an error, in one line on the error output
  2  a wrong call
  3  certify: no local minimum
  4  undecided: certify cannot tell, or a limit left an interval
"""

#: Packages by the extra that brings them; the core has no name.
PACKAGES = {
    "": ("numpy", "scipy", "scikit-learn", "numba", "clarabel", "joblib", "threadpoolctl"),
    "paper": ("matplotlib", "pandas"),
    "study": ("snakemake", "pydantic", "pyarrow", "seaborn", "plotly"),
    "networks": ("onnx", "safetensors"),
    "exact": ("python-flint",),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (LandscapeError, ValueError, OSError, *NUMERICAL_ERRORS) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        print(f"landscape {options.command}: {text}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "landscape", description=ABOUT, epilog=EXAMPLES, formatter_class=layout
    )
    parser.add_argument("--version", action="version", version=f"landscape {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(run: Callable[[Any], int], text: str, *given: Any) -> argparse.ArgumentParser:
        name = run.__name__.strip("_")
        own = commands.add_parser(name, help=text, description=f"{text}.", parents=given)
        own.set_defaults(run=run)
        return own

    network, data, spaces, answer, limits, losses = (
        argparse.ArgumentParser(add_help=False) for _ in "abcdef"
    )
    network.add_argument("network", type=Path, help=".npz, .safetensors or .onnx")
    data.add_argument("data", type=Path, help=".csv or .parquet")
    data.add_argument("--target", required=True, help="the column that is predicted")
    data.add_argument(
        "--features", type=lambda text: text.split(","), help="columns in the order of the "
        "network's inputs, separated by commas; default: all others",
    )  # fmt: skip
    tab = {"tab": "\t", "\\t": "\t"}
    data.add_argument(
        "--delimiter", type=lambda text: tab.get(text, text), help="of a CSV file; default: ,"
    )
    data.add_argument("--decimal", choices=(".", ","), help="of a CSV file; default: .")
    data.add_argument("--encoding", help="of a CSV file: utf-8 (default), cp1252, latin-1, ...")
    data.add_argument(
        "--encode", choices=("none", "onehot"), default="none",
        help="what becomes of columns of categories; none (default) refuses them",
    )  # fmt: skip
    data.add_argument(
        "--missing", choices=("refuse", "drop"), default="refuse",
        help="what becomes of rows that lack a value; default: refuse",
    )  # fmt: skip
    names = ("unrestricted", "balanced", "restricted")
    spaces.add_argument("--space", choices=names, default=names[0], help="N (default), N' or N*")
    answer.add_argument("--json", action="store_true", help="print JSON")
    losses.add_argument("--loss", default="squared", help=f"{', '.join(LOSSES)}")
    losses.add_argument(
        "--loss-option", action="append", default=[], metavar="NAME=NUMBER",
        help="of the loss: delta=1.35 of huber, tau=0.9 of pinball",
    )  # fmt: skip
    losses.add_argument(
        "--weight-decay", type=float, default=0.0, metavar="STRENGTH",
        help="adds STRENGTH times the sum of squares of weights and output weights",
    )  # fmt: skip
    losses.add_argument(
        "--decay-biases", action="store_true", help="of biases and offset too, as torch has it"
    )
    limits.add_argument("--time-limit", type=float, metavar="SECONDS", help="then an interval")

    one = command(_analyse, "Analyse a network on data", network, data, spaces, losses, answer)
    one.add_argument("--html", type=Path, metavar="FILE", help="write the page, with its figure")
    one.add_argument("--no-valleys", action="store_true", help="make no merge tree of small data")
    one = command(
        _certify,
        "Decide whether a network is a local minimum",
        network,
        data,
        spaces,
        losses,
        answer,
    )
    one.add_argument("--exact", action="store_true", help="prove it in rational arithmetic")
    one = command(_tree, "Make the merge tree of the loss on small data", data, spaces, answer)
    one.add_argument("--neurons", type=int, required=True, help="of the network with biases")
    one.add_argument("--exact", action="store_true", help="in rational arithmetic")
    one.add_argument("--plot", type=Path, metavar="FILE", help="draw its disconnectivity graph")
    one = command(
        _seminorm, "The W^{1,inf} seminorm of a network over (x, 1)", network, answer, limits
    )
    one.add_argument("--certify", action="store_true", help="confirm it in exact arithmetic")
    one = command(_lipschitz, "The Lipschitz constant of a network in x", network, answer, limits)
    one.add_argument("--norm", type=float, default=2.0, metavar="{1,2,inf}", help="default: 2")
    one.add_argument(
        "--box", type=float, nargs="+", metavar="BOUND",
        help="low and high, of all inputs or one pair for each; default: everywhere",
    )  # fmt: skip
    one = command(_study, "Run a study with Snakemake; results go to the present folder")
    one.add_argument("config", type=Path, help="see config.yaml of the repository")
    one.add_argument("options", nargs=argparse.REMAINDER, help="all that follows: Snakemake's own")
    one = command(_claims, "Try published claims about the loss's landscape", answer)
    one.add_argument("--only", nargs="+", metavar="FAMILY", help="these families (--list: all)")
    one.add_argument("--list", action="store_true", help="list the families of claims")
    one.add_argument("--quick", action="store_true", help="small numbers, in less than a minute")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument(
        "--out", type=Path, help="folder to write; default: results/claims, with --only none"
    )
    one.add_argument(
        "--assemble", action="store_true", help="table and page of the families in the folder"
    )
    command(_doctor, "Versions, extras, caches: what a report of a mistake needs", answer)
    return parser


# --- what goes in, what comes out -------------------------------------------------------------


#: Keys of the config that are options here.
_KEYS = re.compile("`(target|features|delimiter|decimal|encoding|encode|missing)`")


def _read(options: Any) -> tuple[Any, Any]:
    """Features and target of a table."""
    more = {key: getattr(options, key) for key in ("target", "features", "encode", "missing")}
    names = ("delimiter", "decimal", "encoding")
    text = {key: getattr(options, key) for key in names if getattr(options, key) is not None}
    try:
        if options.data.suffix == ".parquet":
            check(not text, options.data, f"`{'`, `'.join(text)}` is of CSV files; leave it out")
            table = load_parquet(options.data, **more)
        else:
            table = load_csv(options.data, **more, **text)
    except DataError as error:
        said = _KEYS.sub(r"--\1", str(error).replace(" in the config", ""))
        said = re.sub("set `kind` to (csv|parquet)", r"let its name end with .\1", said)
        said = said.replace("`path`", "the path")
        raise DataError(said) from None
    if table.record["n_dropped"]:
        rows, dropped = (table.record[key] for key in ("n_dropped", "dropped"))
        _say(f"{rows} of {table.record['rows']} rows lack a value and are left out: {dropped}")
    if table.record["encoded"]:
        _say(f"features: {', '.join(table.feature_names)}")
    return table.features, table.target


def _form(options: Any) -> dict[str, Any]:
    """The loss and the weight decay."""
    named = {}
    for text in options.loss_option:
        key, _, number = text.partition("=")
        try:
            named[key] = float(number)
        except ValueError:
            raise ValueError(f"--loss-option: expected NAME=NUMBER, got {text!r}") from None
    both = {"biases": options.decay_biases, "offset": options.decay_biases}
    decay = WeightDecay(options.weight_decay, **both)
    return {"loss": get_loss(options.loss, **named), "weight_decay": decay}


def _show(options: Any, found: dict[str, Any]) -> None:
    """Print what was found, as JSON or a line for each."""
    from landscape.analysis import to_json

    plain = to_json(found)
    if options.json:
        print(json.dumps(plain, ensure_ascii=False, indent=2))
    else:
        print("\n".join(f"{key:15} {value}" for key, value in plain.items()))


def _say(line: str) -> None:
    """A line of progress."""
    print(f"landscape: {line}", file=sys.stderr, flush=True)


# --- the commands -----------------------------------------------------------------------------


def _analyse(options: Any) -> int:
    from landscape.analysis import analyse

    valleys = not options.no_valleys
    found = analyse(
        options.network, *_read(options), space=options.space, valleys=valleys, progress=_say,
        **_form(options),
    )  # fmt: skip
    if options.html:
        found.to_html(options.html)
    if options.json:
        _show(options, found.to_dict())
    else:
        print(found)
    return DONE


def _certify(options: Any) -> int:
    from landscape.minima import certify_minimum
    from landscape.networks import load_network

    network, (x, y) = load_network(options.network), _read(options)
    space = network.space(options.space)
    theta = network.to_parametrization(space)
    form = _form(options)
    found = certify_minimum(theta, space.embed(x), y, space=space, exact=options.exact, **form)
    names = ("verdict", "reason", "kind", "loss", "stationarity", "radius", "slack", "slope")
    _show(options, {name: getattr(found, name) for name in (*names, "n_kinks", "proved")})
    return {"holds": DONE, "violated": VIOLATED}.get(found.verdict.value, UNDECIDED)


def _tree(options: Any) -> int:
    from landscape.spaces import make_space
    from landscape.trees import merge_tree

    x, y = _read(options)
    space = make_space(options.space, x.shape[1], options.neurons)
    tree = merge_tree(x, y, space=space, exact=options.exact, progress=_say)
    pairs = [
        {"loss": birth, "barrier": death, "spurious": spurious, "positive": positive}
        for (birth, death), spurious, positive in zip(
            tree.pairs, tree.spurious, tree.positive, strict=True
        )
    ]
    if options.plot:
        figure: Any = tree.plot().figure
        figure.savefig(options.plot)
    if options.json:
        _show(options, {"space": space.name, "cost": vars(tree.cost), "valleys": pairs})
    else:
        print(f"{'loss':>12} {'barrier':>12}  positive output weights, spurious")
        for pair in pairs:
            more = f"{pair['positive']}{', spurious' if pair['spurious'] else ''}"
            print(f"{pair['loss']:12.6g} {pair['barrier']:12.6g}  {more}")
    return DONE


def _seminorm(options: Any) -> int:
    from landscape.networks import load_network
    from landscape.seminorm import sobolev_seminorm

    theta = load_network(options.network).to_parametrization()
    limits = {"certify": options.certify, "time_limit": options.time_limit}
    found = sobolev_seminorm(theta, **limits)
    names = ("value", "lower", "upper", "exact", "proved", "method", "tolerance", "witness")
    _show(options, {name: getattr(found, name) for name in (*names, "gradient")})
    return DONE if found.exact else UNDECIDED


def _lipschitz(options: Any) -> int:
    import numpy as np

    from landscape.lipschitz import lipschitz_constant

    box = options.box
    if box is not None and len(box) > 2:
        if len(box) % 2:
            raise ValueError(f"--box: expected pairs of low and high, got {len(box)} numbers")
        box = np.reshape(box, (-1, 2))
    found = lipschitz_constant(
        options.network, norm=options.norm, domain=box, time_limit=options.time_limit
    )
    names = ("value", "lower", "upper", "exact", "method", "tolerance", "witness", "gradient")
    _show(options, {"norm": f"{options.norm:g}", **{name: getattr(found, name) for name in names}})
    return DONE if found.exact else UNDECIDED


def workflow_folder() -> Path:
    """Where the workflow is: inside an installed package, beside it in the repository."""
    here = Path(__file__).parent
    for folder in (here / "_workflow", here.parent / "workflow"):
        if (folder / "Snakefile").exists():
            return folder
    raise LandscapeError("the workflow is not installed; reinstall landscape-relu from a wheel")


def _study(options: Any) -> int:
    from landscape.errors import require_extra

    require_extra("study", "snakemake", "pandas", "pydantic", "seaborn")
    folder = workflow_folder()
    check = [sys.executable, folder / "scripts/config_syntax.py", "--configfile", options.config]
    if (code := subprocess.call(list(map(str, check)))) != DONE:
        return code
    # The options of Snakemake that follow replace these.
    given = {option.split("=")[0] for option in options.options}
    own: dict[str, Any] = {"--workflow-profile": folder / "profiles/default"}
    if not given & {"-c", "--cores", "-j", "--jobs"}:
        own["--cores"] = "all"
    line: list[Any] = [sys.executable, "-m", "snakemake", "--snakefile", folder / "Snakefile"]
    line += ["--configfile", options.config]
    line += [part for key, value in own.items() if key not in given for part in (key, value)]
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    environment = {**os.environ, "PATH": os.pathsep.join(paths)}
    return subprocess.call([*map(str, line), *options.options], env=environment)


def _claims(options: Any) -> int:
    from landscape.claims.page import assemble, compute
    from landscape.claims.registry import FAMILIES, Effort, load

    if options.list:
        print("\n".join(f"{key:15} {load(key).title}" for key in FAMILIES))
        return DONE
    effort, keys = Effort(options.quick, options.seed), options.only or FAMILIES
    folder = options.out or (None if options.only else Path("results/claims"))
    rows = [] if options.assemble else compute(keys, effort, folder, _say)
    if folder is not None and (options.assemble or not options.only):
        rows = assemble(effort, folder)
    if options.json:
        print(json.dumps([vars(row) for row in rows], ensure_ascii=False, indent=2))
    else:
        print("\n".join(f"{row.claim:34} {row.verdict:26} {row.measured}" for row in rows))
    return DONE


def _doctor(options: Any) -> int:
    from landscape import compiled

    found: dict[str, Any] = {"landscape": __version__, "folder": str(Path(__file__).parent)}
    found["python"] = f"{sys.version.split()[0]} ({sys.executable})"
    found["cores"] = os.cpu_count()
    missing = False
    for extra, packages in PACKAGES.items():
        for package in packages:
            try:
                found[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                extra_name = f"landscape-relu[{extra}]" if extra else "landscape-relu"
                found[package] = f"not installed (pip install '{extra_name}')"
                missing |= not extra
    if find_spec("numba") is not None:
        cache = compiled.cache_directory()
        found["kernel cache"] = str(cache) if cache else "nowhere writable: set NUMBA_CACHE_DIR"
    try:
        found["workflow"] = str(workflow_folder())
    except LandscapeError as error:
        found["workflow"] = str(error)
    _show(options, found)
    return FAILED if missing else DONE
