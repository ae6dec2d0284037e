"""The examples of pages of the docs run."""

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page", ["networks", "bracket"])
def test_page(page):
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    path = str(DOCS / f"{page}.md")
    failed, attempted = doctest.testfile(path, module_relative=False, optionflags=flags)
    assert attempted > 5
    assert not failed
