"""Kernels that numba compiles: one decorator, and a cache that no edit can leave behind.

Numba keeps machine code on disk and checks it against the file of the compiled function only. What
a function calls in another file is compiled into it all the same, so after an edit or a pull the
old code would run. Here the name of the cache's directory holds a digest of all kernels' sources.
Processes that need the same kernel wait for the first of them, and take its code from there.

To compile a kernel takes seconds. What a study calls a few times only is left to Python at first.
"""

import gc
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import numpy as np

__all__ = ["compiled", "interpreted", "seldom"]

PACKAGE = Path(__file__).parent
#: The files with kernels; what they import from this package must be among them.
SOURCES = ("_kernels.py", "*/_kernels*.py", "estimator/_lbfgs.py")
#: Folders whose kernels run as fast with few optimizations; to compile takes a quarter less.
LIGHT = ("bracket", "stationarity")
#: Caches of so many states of the sources are kept.
KEPT = 4
#: Calls that read or write about so many numbers are never left to Python,
SMALL = 1_000_000
#: and none is once such calls have taken so many seconds in this process.
PATIENCE = 2.0


@cache
def sources() -> list[Path]:
    """All files with kernels."""
    return sorted(path for pattern in SOURCES for path in PACKAGE.glob(pattern))


@cache
def cache_directory() -> Path | None:
    """Where machine code of the present sources is kept; None if nothing is writable.

    In ``NUMBA_CACHE_DIR``, in the package's ``__pycache__``, or in the user's cache.
    """
    import numba

    contents = b"".join(path.name.encode() + path.read_bytes() for path in sources())
    name = f"kernels-{hashlib.sha256(contents).hexdigest()[:16]}"
    chosen = cast(Any, numba.config).CACHE_DIR
    places = [Path(chosen)] if chosen else [PACKAGE / "__pycache__", Path.home() / ".cache/numba"]
    for place in places:
        directory = place / name
        try:
            new = not directory.exists()
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if not os.access(directory, os.W_OK):
            continue
        others = sorted(place.glob("kernels-*"), key=lambda path: path.stat().st_mtime)
        for outdated in others[:-KEPT] if new else ():
            shutil.rmtree(outdated, ignore_errors=True)
        return directory
    return None


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Wait until no other process is here; where files cannot be locked go on at once."""
    with ExitStack() as stack:
        with suppress(ImportError, OSError):
            import fcntl

            file = stack.enter_context(open(lock, "w"))
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
        yield


@contextmanager
def without_collector() -> Iterator[None]:
    """Without the cyclic garbage collector, which takes up to a seventh of a compilation."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def configured(**values: Any) -> Iterator[None]:
    """Numba with these settings, and with those from before afterwards."""
    import numba

    settings = vars(numba.config)
    before = {name: settings[name] for name in values}
    settings.update(values)
    try:
        yield
    finally:
        settings.update(before)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function of one of the `SOURCES`, without the interpreter's lock.

    Floating-point errors give inf and nan as in numpy. The machine code is cached on disk.
    """
    import numba
    from numba.core.compiler_lock import global_compiler_lock

    file = Path(function.__code__.co_filename)
    if file not in sources():
        raise ValueError(f"{file} is not among the sources of the cache's digest")
    directory, settings = cache_directory(), cast(Any, numba.config)
    level, vectors = settings.OPT, settings.LOOP_VECTORIZE
    if file.parent.name in LIGHT:
        level, vectors = type(level)(min(level, 1)), 0
    with configured(CACHE_DIR=str(directory or "")):
        compiler = numba.njit(nogil=True, error_model="numpy", cache=directory is not None)
        kernel: Any = compiler(function)
    compile_first, template = kernel.compile, kernel.get_call_template
    name = f"{file.parent.name}-{file.stem}-{function.__name__}.lock"

    def compile_once(signature: Any) -> Any:
        # Threads first: one that waits for another process must not hold up its own.
        one = alone(directory / name) if directory else nullcontext()
        # A kernel is the same whether Python or another kernel calls it first.
        own = configured(OPT=level, LOOP_VECTORIZE=vectors)
        with global_compiler_lock, one, without_collector(), own:
            return compile_first(signature)

    kernel.compile, kernel.lock = compile_once, directory / name if directory else None
    # A count that starts at a literal is one at first: callees would be compiled for both.
    kernel.get_call_template = lambda args, kws: template(
        [numba.types.unliteral(kind) for kind in args], kws
    )
    return kernel


@cache
def _as_python(kernel: Any) -> FunctionType:
    """The Python of a kernel, which calls that of other kernels."""
    function, kind = kernel.py_func, type(kernel)
    names, known = function.__code__.co_names, function.__globals__
    called = {name: known[name] for name in names if isinstance(known.get(name), kind)}
    twins = {name: _as_python(other) for name, other in called.items()}
    return FunctionType(function.__code__, known | twins, function.__name__)


def _as_returned(value: Any) -> Any:
    """Numbers of numpy as those of Python, which kernels return."""
    if isinstance(value, tuple):
        return tuple(map(_as_returned, value))
    return value.item() if isinstance(value, np.generic) else value


def interpreted(kernel: Any) -> Callable[..., Any]:
    """A kernel as Python: the same numbers to the last bit, a hundred times as slowly."""

    def run(*arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            with np.errstate(all="ignore"):
                return _as_returned(_as_python(kernel)(*arguments))
        finally:
            _spent[0] += time.perf_counter() - start

    return run


_spent = [0.0]  # seconds in interpreted kernels


def seldom(kernel: Any, size: int) -> Callable[..., Any]:
    """A kernel that a study may call so few times that compiling it takes longer than Python does.

    ``size`` is about how many numbers a call reads and writes. It is compiled where that is more
    than `SMALL`, where it has been compiled before, and where Python took `PATIENCE` seconds.
    """
    if kernel.overloads or size > SMALL or _spent[0] > PATIENCE:
        return kernel
    if kernel.lock is not None and kernel.lock.exists():
        return kernel
    return interpreted(kernel)
