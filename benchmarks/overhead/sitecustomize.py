"""Python imports this file at its start when its folder is on the path: CPU time by purpose.

Every process writes one JSON file, when it ends, into the folder that OVERHEAD_RECORDS names: its
CPU time in all, until it could run anything, for imports (the lazy ones as well), and for loading
or compiling numba's kernels. Nested imports are counted once.
"""

import atexit
import builtins
import functools
import importlib
import json
import os
import sys
import time

spent = {"start": time.process_time(), "imports": 0.0, "kernels": 0.0}
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
            spent[purpose] += time.process_time() - begin
            inside.pop()
            watch_kernels()

    return wrapper


def watch_kernels():
    """As soon as numba is there, count what it loads or compiles."""
    module = sys.modules.get("numba.core.dispatcher")
    dispatcher = getattr(module, "Dispatcher", None)
    if dispatcher and not hasattr(dispatcher.compile, "__wrapped__"):
        dispatcher.compile = counted(dispatcher.compile, "kernels")


@atexit.register
def write():
    record = {"pid": os.getpid(), "argv": sys.argv, "total": time.process_time(), **spent}
    path = os.path.join(os.environ["OVERHEAD_RECORDS"], f"{os.getpid()}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(record, file)


builtins.__import__ = counted(builtins.__import__, "imports")
importlib.import_module = counted(importlib.import_module, "imports")
