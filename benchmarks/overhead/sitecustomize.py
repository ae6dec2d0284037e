"""Python imports this file at its start when its folder is on the path: CPU time by purpose.

Every process writes one JSON file, when it ends, into the folder that OVERHEAD_RECORDS names: its
CPU time in all, until it could run anything, for imports (the lazy ones as well), for loading
numba's kernels and for compiling those that no earlier process has compiled; and the rule and the
wildcards of its job. Nested imports are counted once.
"""

import atexit
import builtins
import functools
import importlib
import json
import os
import sys
import time

spent = {"start": time.process_time(), "imports": 0.0, "kernels": 0.0, "compiling": 0.0}
inside = []


def counted(function, purpose):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if inside:  # counted by the one that called it
            return function(*args, **kwargs)
        inside.append(purpose)
        begin = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            missed = purpose == "kernels" and sum(args[0].stats.cache_misses.values())
            spent["compiling" if missed else purpose] += time.process_time() - begin
            inside.pop()
            watch_kernels()

    return wrapper


def only_new(imports, counting):
    """Do not count imports of what is there: a function may do a million, cheaper than counting."""

    @functools.wraps(imports)
    def wrapper(name, globals=None, locals=None, fromlist=(), level=0):
        full = name
        if level and (package := (globals or {}).get("__package__")):
            full = ".".join(filter(None, [package.rsplit(".", level - 1)[0], name]))
        module = sys.modules.get(full)
        if module is not None and all(member in vars(module) for member in fromlist or ()):
            return imports(name, globals, locals, fromlist, level)
        return counting(name, globals, locals, fromlist, level)

    return wrapper


def watch_kernels():
    """As soon as numba is there, count what it loads or compiles."""
    module = sys.modules.get("numba.core.dispatcher")
    dispatcher = getattr(module, "Dispatcher", None)
    if dispatcher and not hasattr(dispatcher.compile, "__wrapped__"):
        dispatcher.compile = counted(dispatcher.compile, "kernels")


@atexit.register
def write():
    # Snakemake gives a script its job by this name.
    job = getattr(sys.modules["__main__"], "snakemake", None)
    rule = getattr(job, "rule", "")
    wildcards = dict(job.wildcards.items()) if rule else {}
    record = {"rule": rule, "wildcards": wildcards, "total": time.process_time(), **spent}
    path = os.path.join(os.environ["OVERHEAD_RECORDS"], f"{os.getpid()}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(record, file)


builtins.__import__ = only_new(builtins.__import__, counted(builtins.__import__, "imports"))
importlib.import_module = counted(importlib.import_module, "imports")
