"""A user's own generators and solvers, from the package that docs/plugins.md describes."""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from landscape.data import DataError, load_function, make_dataset
from landscape.data.sources import module_file
from landscape.study.checks import check_study
from landscape.study.training import solver_named

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/plugins.md").read_text()
CONFIG = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1))
#: Functions that break the contract, each in its own way.
BROKEN = """
import itertools
import numpy as np
from scipy.optimize import OptimizeResult

number = 3
count = itertools.count()


def unseeded(rng, n):
    return np.arange(n)[:, None] + 0.0, np.arange(n) + float(next(count))


def flat(rng, n):
    return np.arange(n), np.arange(n)


def one(rng, n):
    return np.zeros((n, 1))


def text(rng, n):
    return [["a"]] * n, ["b"] * n


def fails(rng, n):
    raise KeyError("no file")


def ends(rng, n):
    raise SystemExit(3)


def pair(fun, x0, bounds, max_iter, tol):
    return x0, 0.0


def short(fun, x0, bounds, max_iter, tol):
    return OptimizeResult(x=x0[:1])


def nan(fun, x0, bounds, max_iter, tol):
    return OptimizeResult(x=x0 * np.nan)


def drifts(fun, x0, bounds, max_iter, tol):
    return OptimizeResult(x=x0 + next(count))


def raises(fun, x0, bounds, max_iter, tol):
    return 1 / 0


def other(f, start):
    return start
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the page's package, as if installed there."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "my_package").mkdir()
    (folder / "my_package/__init__.py").write_text("")
    for source in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        name = re.match(r'"""(my_package/\w+\.py)"""', source).group(1)
        (folder / name).write_text(source)
    (folder / "my_package/broken.py").write_text(BROKEN)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def problems(config):
    return check_study(config)[1]


def test_the_page_is_a_valid_study(site):
    assert problems(CONFIG) == []
    data = make_dataset(
        "waves", CONFIG["datasets"]["waves"], generators=CONFIG["plugins"]["generators"]
    )
    assert data.features.shape == (20, 1) and data.metadata["options"]["seed"] == 3
    assert module_file("my_package.waves:draw") == str(site / "my_package/waves.py")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("unseeded", "returned different samples for the same seed; draw all random numbers from"),
        ("flat", "returned shapes (5,) and (5,); return (features, target)"),
        ("one", "returned a ndarray; return (features, target)"),
        ("text", "returned what is no array of numbers; return"),
        ("fails", "failed (KeyError: 'no file'); correct it or its options"),
        ("ends", "failed (SystemExit: 3); correct it or its options"),
    ],
)
def test_a_generator_that_breaks_the_contract_is_named(site, path, message):
    entry = {"kind": "mine", "options": {"n": 5}}
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        make_dataset("a", entry, generators={"mine": f"my_package.broken:{path}"})
    assert "plugins.generators.mine" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("pair", "returned a tuple; return a scipy.optimize.OptimizeResult"),
        ("short", "returned x = [1.0]; return"),
        ("nan", "returned x = [nan, nan, nan]; return"),
        ("drifts", "for the same problem; seed its random numbers"),
        (
            "raises",
            "failed on a parabola (ZeroDivisionError: division by zero); correct it",
        ),
        ("other", "has the signature (f, start), and is called with (fun, x0, bounds, max_iter"),
        ("number", "is a int, not a function; correct the import path"),
        ("gone", "is no such name, not a function"),
    ],
)
def test_a_solver_that_breaks_the_contract_is_named_before_anything_runs(site, path, message):
    config = copy.deepcopy(CONFIG)
    config["plugins"]["solvers"]["heavy-ball"] = f"my_package.broken:{path}"
    (found,) = problems(config)
    assert found.startswith("config key 'plugins.solvers.heavy-ball': ")
    assert message in found and "\n" not in found


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone_package:f", "module 'gone_package' of 'gone_package:f' cannot be imported"),
        ("my_package.waves", "is no import path; write package.module:function"),
        ("__import__('os'):f", "is no import path"),
        ("my_package.waves:draw(1)", "is no import path"),
        ("../waves:draw", "is no import path"),
    ],
)
def test_only_import_paths_are_imported(site, path, message):
    with pytest.raises(DataError, match=re.escape(message)):
        load_function("key", path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": {"samples": 3}}, "'datasets.waves.options': 'my_package.waves:draw' has the"),
        ({"n_samples": 3}, "'datasets.waves.n_samples' is unknown (value 3)"),
        ({"seed": -1}, "'datasets.waves.seed': -1 should be greater than or equal to 0"),
        ({"kind": "wave"}, "'wave' is no kind of data; did you mean 'waves'?"),
    ],
)
def test_mistakes_in_a_generated_data_set_are_named(site, change, message):
    config = copy.deepcopy(CONFIG)
    config["datasets"]["waves"] |= change
    (found,) = problems(config)
    assert message in found and "\n" not in found


def test_functions_are_tried_before_the_jobs_and_not_by_them(site):
    config = copy.deepcopy(CONFIG)
    config["plugins"]["solvers"]["heavy-ball"] = "my_package.broken:raises"
    assert problems(config) and check_study(config, data=False)[1] == []


def test_names_that_are_built_in_are_refused(site):
    config = copy.deepcopy(CONFIG)
    config["plugins"]["solvers"]["trf"] = "my_package.heavy_ball:minimize"
    (found,) = problems(config)
    assert "'plugins.solvers': 'trf' is built in; choose another name" in found


def test_the_pages_solver_minimizes_within_bounds(site):
    solver = solver_named("heavy-ball", CONFIG["plugins"]["solvers"])

    class Box:
        lb, ub = np.zeros(2), np.ones(2)

    found = solver(lambda x: (float((x - 2) @ (x - 2)), 2 * (x - 2)), np.zeros(2), Box, 100, 1e-9)
    np.testing.assert_array_equal(found.x, [1.0, 1.0])


@pytest.mark.slow
def test_a_study_with_both_runs_and_follows_edits(site, tmp_path):
    small = yaml.safe_load((ROOT / "tests/config/config.yaml").read_text())
    config = {**small, **copy.deepcopy(CONFIG), "starts": 2, "block_size": 1}
    config["training"]["max_iter"] = 30
    config["solvers"] = {"solvers": ["heavy-ball", "trf"], "starts": 1}
    config["atlas"]["solvers"] = ["heavy-ball"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))

    def snakemake(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "2",
             "--workflow-profile", "none", "--configfile", "config.yaml", *arguments],
            cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / ".cache"),
                 "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    snakemake()
    text = (tmp_path / "results/tiny/tables/solvers.csv").read_text()
    assert "heavy-ball" in text
    assert "heavy-ball" in (tmp_path / "results/tiny/tables/coverage.csv").read_text()
    assert "Nothing to be done" in snakemake("--dry-run")
    solver = site / "my_package/heavy_ball.py"
    solver.write_text(solver.read_text().replace("step = x0, 0.05", "step = x0, 0.04"))
    output = snakemake("--dry-run")
    assert "rule train:" in output and "rule solvers:" in output and "rule data:" not in output
