"""The page on networks runs."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/networks.md"


def test_page():
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, attempted = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags)
    assert attempted > 10 and failed == 0
