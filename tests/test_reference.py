"""The reference: every public name has its sections and an example, every record its fields."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc, NumpyDocString
from sphinx.pycode import ModuleAnalyzer

import landscape

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^   ([A-Za-z_][\w.]*)$", PAGE, re.MULTILINE)
PUBLIC = [name for name in landscape.__all__ if name != "__version__"]
#: The paper's numbers, its statements, theorems, or the work that a name comes from.
SOURCE = re.compile(
    r"Theorem|\(\d+\)|Proposition|Corollary|Lemma|Definition|Example \d|N\*|C\.\d|doi:|scikit-learn"
)

#: They read files and models: no statement is behind them.
READERS = ("Network", "from_sklearn", "from_torch", "load_network")


def find(name):
    module, _, own = name.rpartition(".")
    return getattr(importlib.import_module(f"landscape.{module}" if module else "landscape"), own)


@pytest.fixture(scope="module")
def sections():
    specification = importlib.util.spec_from_file_location("sections", ROOT / "docs/sections.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_every_public_name_is_listed():
    assert set(PUBLIC) <= set(LISTED)
    assert len(LISTED) == len(set(LISTED)) > 90


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_its_sections(name, sections):
    obj = find(name)
    text = inspect.getdoc(obj)
    assert ">>> " in text
    assert name in READERS or SOURCE.search(text), "no source"
    given = set(inspect.signature(obj).parameters)
    if inspect.isclass(obj):
        doc = ClassDoc(obj)
        told = {n for p in doc["Parameters"] + doc["Attributes"] for n in p.name.split(", ")}
        told |= {field for kind in obj.__mro__ for field in commented(kind)}
        assert given <= told
    else:
        doc = NumpyDocString("\n".join(sections.complete(obj)))
        told = {n.lstrip("*") for p in doc["Parameters"] for n in p.name.split(", ")}
        assert given == told
        assert doc["Returns"]


def commented(kind):
    """The fields of a class that a comment ``#:`` describes."""
    if not kind.__module__.startswith("landscape"):
        return set()
    found = ModuleAnalyzer.for_module(kind.__module__).find_attr_docs()
    return {field for owner, field in found if owner == kind.__name__}


@pytest.mark.parametrize("name", [name for name in LISTED if inspect.isfunction(find(name))])
def test_shared_parameters_are_listed_in_full(name, sections):
    """No parameter of a function is left to another function's page."""
    doc = NumpyDocString("\n".join(sections.complete(find(name))))
    texts = [" ".join(p.desc) for p in doc["Parameters"]]
    assert not [text for text in texts if sections.OTHER.match(text)]
