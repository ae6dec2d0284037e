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
    """The random numbers of one purpose, the first key; the others say what it is about.

    TypeError for other keys than integers and texts.
    """
    digest = hashlib.sha256()
    for key in (index(seed), *keys):
        kind, text = ("s", key) if isinstance(key, str) else ("i", str(index(key)))
        encoded = text.encode()
        digest.update(f"{kind}{len(encoded)}:".encode() + encoded)
    return np.random.default_rng(np.frombuffer(digest.digest(), dtype="<u4"))
