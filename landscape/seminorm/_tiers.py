"""Kernels in two tiers: interpreted while that is faster than loading numba, compiled after that.

The modules `_kernels_*` are plain Python. Importing numba and loading compiled code costs a fresh
process more than half a second; interpreting a small search costs some hundredths. So a process
interprets its first small searches, up to `BUDGET` seconds, and compiles (from the cache) when that
is spent or a search is too large. The kernels use nothing but IEEE arithmetic in a fixed order, so
both tiers give the same bits: which one ran cannot be seen from a result.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.compiled import compiled as compile_kernel

#: CPU seconds that a process interprets before it loads numba, which takes about twice as long.
BUDGET = 0.25
#: Seconds that it takes per entry of a matrix that a kernel reads once, roughly.
INTERPRETED = 5e-7

#: Modules of kernels; each compiles those that it imports as well.
KERNELS = tuple(
    f"landscape.seminorm._kernels_{name}" for name in ("whole", "sweep", "cones", "conflicts")
)

_compiled: dict[str, dict[str, Any]] = {}
_lock = threading.RLock()
_spent = 0.0


class _Clock:
    """Stands for a kernel's array ``stop`` and also stops it at a time."""

    def __init__(self, stop: NDArray[np.int64], seconds: float) -> None:
        self.stop, self.end, self.late = stop, time.thread_time() + seconds, False

    def __getitem__(self, index: int) -> int:
        self.late = time.thread_time() > self.end
        return 1 if self.late else int(self.stop[index])


def call(kernel: Callable[..., Any], *arguments: Any, work: float, stop: int | None = None) -> Any:
    """Run a kernel in the tier that is done first.

    Parameters
    ----------
    kernel : function of a module ``_kernels_*``
    *arguments
    work : float
        Seconds that interpreting it takes, roughly.
    stop : int, optional
        Which argument is the array that stops the kernel: then a wrong guess costs no more than
        the budget.
    """
    global _spent
    ready = _compiled.get(kernel.__module__)
    if ready is not None:
        return ready[kernel.__name__](*arguments)
    if work <= BUDGET - _spent:
        start = time.thread_time()
        clock = None
        values = list(arguments)
        if stop is not None:
            clock = values[stop] = _Clock(values[stop], BUDGET - _spent)
        with np.errstate(all="ignore"):
            result = kernel(*values)
        _spent += time.thread_time() - start
        if clock is None or not clock.late:
            return result
    return compiled(kernel.__module__)[kernel.__name__](*arguments)


def loaded() -> bool:
    """Whether this process has compiled kernels already."""
    return bool(_compiled)


def compiled(module: str) -> dict[str, Any]:
    """The functions of a module ``_kernels_*``, compiled or loaded from numba's cache."""
    with _lock:
        if module not in _compiled:
            source = vars(import_module(module))
            namespace = dict(source)
            for name, function in source.items():
                if not isinstance(function, FunctionType):
                    continue
                if function.__module__ != module:
                    namespace[name] = compiled(function.__module__)[name]
                    continue
                # A copy that finds the compiled functions it calls.
                copy = FunctionType(function.__code__, namespace, name, function.__defaults__)
                copy.__doc__ = function.__doc__
                namespace[name] = compile_kernel(copy)
            _compiled[module] = namespace
        return _compiled[module]
