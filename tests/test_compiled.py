"""The cache of machine code: it follows edits of what kernels call, and of nothing else."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from landscape import compiled

CALLEE = """
from landscape.compiled import compiled
@compiled
def inner(x):
    return x + {number}
"""
CALLER = """
from landscape.compiled import compiled
from landscape.seminorm._kernels_callee import inner
@compiled
def outer(x):
    return 10 * inner(x)
"""
RUN = """
import sys
from landscape.seminorm._kernels_caller import outer
print(outer(1), sum(outer.stats.cache_hits.values()))
"""


LIGHT = """
from landscape.compiled import compiled
from landscape.seminorm._kernels_callee import inner
@compiled
def light(x):
    return 10 * inner(x)
"""
LEVELS = """
import numba
from numba.core import event
class Levels(event.Listener):
    def on_start(self, compiling):
        name = compiling.data["dispatcher"].py_func.__name__
        print(name, int(numba.config.OPT), int(numba.config.LOOP_VECTORIZE))
    def on_end(self, compiling):
        pass
event.register("numba:compile", Levels())
from landscape.bracket._kernels_light import light
light(1)
print("after", int(numba.config.OPT), int(numba.config.LOOP_VECTORIZE))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of that name with two kernels, of which one calls the other."""
    root = tmp_path / "landscape"
    (root / "seminorm").mkdir(parents=True)
    for folder in (root, root / "seminorm"):
        (folder / "__init__.py").touch()
    source = Path(compiled.__file__)
    (root / "compiled.py").write_text(source.read_text())
    (root / "seminorm" / "_kernels_caller.py").write_text(CALLER)
    (root / "seminorm" / "_kernels_callee.py").write_text(CALLEE.format(number=1))
    return root


def python(code: str, package: Path, timeout: float | None = None, **variables: str) -> str:
    """What a new process prints, which finds the package first and knows of no other cache."""
    clean = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=package.parent, env={**clean, **variables},
        capture_output=True, text=True, check=True, timeout=timeout,
    )  # fmt: skip
    return result.stdout


def run(package: Path, **variables: str) -> tuple[int, int]:
    """What the outer kernel returns in a new process, and how often it came from the cache."""
    value, hits = python(RUN, package, **variables).split()
    return int(value), int(hits)


def test_an_edited_callee_in_another_file_counts(package: Path) -> None:
    assert run(package) == (20, 0)
    (package / "other.py").write_text("edited = True\n")
    assert run(package) == (20, 1)  # a cold start takes the code from the disk
    callee = package / "seminorm" / "_kernels_callee.py"
    callee.write_text(CALLEE.format(number=4))
    assert run(package) == (50, 0)
    callee.write_text(CALLEE.format(number=1))
    assert run(package) == (20, 1)  # what a checkout of an older state had compiled is still there


def test_the_cache_goes_where_numba_is_told(package: Path, tmp_path: Path) -> None:
    assert run(package, NUMBA_CACHE_DIR=str(tmp_path / "chosen")) == (20, 0)
    assert list((tmp_path / "chosen").glob("kernels-*/**/*.nbi"))
    assert not list(package.rglob("*.nbi"))


def test_processes_wait_for_the_one_that_compiles(package: Path) -> None:
    run(package)
    (cache,) = (package / "__pycache__").glob("kernels-*")
    held = compiled.alone(cache / "seminorm-_kernels_caller-outer.lock")
    with held, pytest.raises(subprocess.TimeoutExpired):
        python(RUN, package, timeout=5)
    assert run(package) == (20, 1)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_pauses_while_a_kernel_is_compiled(package: Path, enabled: bool) -> None:
    code = f"""
import gc
if not {enabled}:
    gc.disable()
from numba.core import event
from landscape.seminorm._kernels_caller import outer
states = []
class Listener(event.Listener):
    def on_start(self, happened):
        states.append(gc.isenabled())
    def on_end(self, happened):
        states.append(gc.isenabled())
event.register("numba:compile", Listener())
outer(1)
try:
    outer("text")
except Exception:
    states.append("failed")
print(*states, gc.isenabled())
"""
    *states, after = python(code, package).split()
    assert len(states) > 4 and "failed" in states
    assert {*states} == {"False", "failed"} and after == str(enabled)


def test_a_kernel_has_its_own_level_whoever_calls_it_first(package: Path) -> None:
    (package / "bracket").mkdir()
    (package / "bracket" / "__init__.py").touch()
    (package / "bracket" / "_kernels_light.py").write_text(LIGHT)
    printed = python(LEVELS, package, NUMBA_OPT="3").splitlines()
    assert printed == ["light 1 0", "inner 3 1", "after 3 1"]
    shutil.rmtree(package / "__pycache__")
    assert python(LEVELS, package, NUMBA_OPT="0").startswith("light 0 0")  # never above the user's


def test_old_caches_do_not_pile_up(package: Path) -> None:
    edits = [
        "from landscape.compiled import PACKAGE, cache_directory",
        f"for number in range({compiled.KEPT + 3}):",
        "    (PACKAGE / 'seminorm/_kernels_callee.py').write_text(str(number))",
        "    cache_directory.cache_clear(), cache_directory()",
    ]
    python("\n".join(edits), package)
    assert len(list((package / "__pycache__").glob("kernels-*"))) == compiled.KEPT


def test_every_kernel_and_what_it_imports_is_in_the_digest() -> None:
    known = compiled.sources()
    assert known
    for path in known:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("landscape."):
                imported = compiled.PACKAGE.parent / f"{node.module.replace('.', '/')}.py"
                assert imported in [*known, Path(compiled.__file__)], (path, node.module)
    # A kernel anywhere else is refused, so that none can be forgotten.
    with pytest.raises(ValueError, match="not among the sources"):
        compiled.compiled(run)
    text = "\n".join(path.read_text() for path in compiled.PACKAGE.rglob("*.py"))
    assert text.count("njit(") == 1
