"""Random streams: every use of random numbers in a study names its own.

A stream depends on the study's seed and on what it is for, never on when or where it runs, nor on
what else is drawn. Keys are typed and delimited before they are hashed, so that different keys are
different streams: ``("ab", "c")`` and ``("a", "bc")``, ``1`` and ``"1"``.
"""

import hashlib
from operator import index

import numpy as np

__all__ = ["stream"]


def stream(seed: int, *keys: str | int) -> np.random.Generator:
    """The random numbers of one purpose.

    Parameters
    ----------
    seed : int
        Of the study; any integer.
    *keys : str or int
        First the purpose, then what it is about. Other types are a TypeError.

    Examples
    --------
    >>> one, two = (stream(0, "start", "sine", 2, 7).random() for _ in range(2))
    >>> bool(one == two), bool(stream(0, "start", "sine", 27).random() == one)
    (True, False)
    """
    digest = hashlib.sha256()
    for key in (index(seed), *keys):
        kind, text = ("s", key) if isinstance(key, str) else ("i", str(index(key)))
        encoded = text.encode()
        digest.update(f"{kind}{len(encoded)}:".encode() + encoded)
    return np.random.default_rng(np.frombuffer(digest.digest(), dtype="<u4"))
