"""Which of many cases are fast tests, and which run with `make test-slow`."""

from itertools import product
from typing import Any

import pytest


def diagonal(*lists: Any) -> list[Any]:
    """All combinations of the lists' entries, for `parametrize`; those off the diagonal are slow.

    Each entry of each list is in a fast case.
    """
    values = [list(entries) for entries in lists]
    count = max(map(len, values))
    fast = [[k % len(own) for own in values] for k in range(count)]
    cases = []
    for places in product(*(range(len(own)) for own in values)):
        case = [own[k] for own, k in zip(values, places, strict=True)]
        marks = [] if list(places) in fast else [pytest.mark.slow]
        cases.append(pytest.param(*case, marks=marks))
    return cases
