"""Kernels that numba compiles: one decorator, and a cache that no edit can leave behind.

Numba keeps machine code on disk and checks it against the file of the compiled function only. What
a function calls in another file is compiled into it all the same, so after an edit or a pull the
old code would run. Here the name of the cache's directory holds a digest of all kernels' sources.
Processes that need the same kernel wait for the first of them, and take its code from there.
"""

import gc
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any, cast

__all__ = ["compiled"]

PACKAGE = Path(__file__).parent
#: The files with kernels; what they import from this package must be among them.
SOURCES = ("_kernels.py", "*/_kernels*.py", "estimator/_lbfgs.py")
#: Caches of so many states of the sources are kept.
KEPT = 4


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
    before = settings.CACHE_DIR
    try:
        settings.CACHE_DIR = str(directory or "")
        compiler = numba.njit(nogil=True, error_model="numpy", cache=directory is not None)
        kernel: Any = compiler(function)
        compile_first, template = kernel.compile, kernel.get_call_template
        name = f"{file.parent.name}-{file.stem}-{function.__name__}.lock"

        def compile_once(signature: Any) -> Any:
            # Threads first: one that waits for another process must not hold up its own.
            one = alone(directory / name) if directory else nullcontext()
            with global_compiler_lock, one, without_collector():
                return compile_first(signature)

        kernel.compile = compile_once
        # A count that starts at a literal is one at first: callees would be compiled for both.
        kernel.get_call_template = lambda args, kws: template(
            [numba.types.unliteral(kind) for kind in args], kws
        )
        return kernel
    finally:
        settings.CACHE_DIR = before
