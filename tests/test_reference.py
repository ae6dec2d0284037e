"""The reference: every public name has its sections and an example, every record its fields."""

import ast
import builtins
import dataclasses
import importlib
import inspect
import re
import typing
from functools import cache
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc, NumpyDocString

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


@cache
def comments(module):
    """(class, field) of a module whose annotation a comment ``#:`` precedes or follows."""
    source = inspect.getsource(importlib.import_module(module))
    lines, found = ["", *source.splitlines()], set()
    for kind in [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]:
        for field in [node for node in kind.body if isinstance(node, ast.AnnAssign)]:
            before = re.match(" *#: ", lines[field.lineno - 1])
            if before or re.search("  #: ", lines[field.end_lineno]):
                found.add((kind.name, field.target.id))
    return found


def commented(kind):
    """The fields of a class that a comment ``#:`` describes."""
    if not kind.__module__.startswith("landscape"):
        return set()
    return {field for owner, field in comments(kind.__module__) if owner == kind.__name__}


@pytest.mark.parametrize("name", [name for name in LISTED if inspect.isfunction(find(name))])
def test_shared_parameters_are_listed_in_full(name, sections):
    """No parameter of a function is left to another function's page."""
    doc = NumpyDocString("\n".join(sections.complete(find(name))))
    texts = [" ".join(p.desc) for p in doc["Parameters"]]
    assert not [text for text in texts if sections.OTHER.match(text)]


class Names(dict):
    """A module's names; those that only a type checker imports stand for anything."""

    def __missing__(self, name):
        return vars(builtins).get(name, typing.Any)


def classes_in(hint):
    """The package's classes in an annotation, and in what it is made of."""
    if inspect.isclass(hint) and hint.__module__.startswith("landscape"):
        yield hint
    for part in typing.get_args(hint):
        yield from classes_in(part)


def named_by(thing):
    """Classes in the annotations of a function's result, and of a class's fields and methods."""
    names = Names(vars(importlib.import_module(thing.__module__)))
    if not inspect.isclass(thing):
        yield from classes_in(typing.get_type_hints(thing, localns=names).get("return"))
        return
    for base in [b for b in thing.__mro__[1:] if b.__module__.startswith("landscape")]:
        yield from named_by(base)
    own = vars(thing).get("__annotations__", {})
    public = type("public", (), {"__annotations__": {k: own[k] for k in own if k[0] != "_"}})
    for hint in typing.get_type_hints(public, localns=names).values():
        yield from classes_in(hint)
    members = [getattr(m, "fget", m) for k, m in vars(thing).items() if k[0] != "_"]
    for method in filter(inspect.isfunction, members):
        yield from named_by(method)


def records():
    """All dataclasses and named tuples that public names lead to."""
    found, queue = set(), [find(name) for name in {*PUBLIC, *LISTED}]
    while queue:
        if (thing := queue.pop()) not in found:
            found.add(thing)
            queue += named_by(thing)
    return [t for t in found if dataclasses.is_dataclass(t) or hasattr(t, "_fields")]


def test_every_field_of_every_record_is_explained():
    """In a section of the docstring or by a comment of its own, on a page of the reference."""
    missing = set()
    kinds = records()
    assert {"Certificate", "Fit", "ExactMinimum", "TreeCost"} <= {k.__name__ for k in kinds}
    for kind in kinds:
        doc = NumpyDocString(inspect.getdoc(kind))
        told = {n for p in doc["Parameters"] + doc["Attributes"] for n in p.name.split(", ")}
        told |= {field for base in kind.__mro__ for field in commented(base)}
        names = getattr(kind, "_fields", ()) or [f.name for f in dataclasses.fields(kind)]
        missing |= {(kind.__name__, name) for name in {*names} - told if name[0] != "_"}
    assert not missing
    assert {kind.__name__ for kind in kinds} <= {name.rpartition(".")[2] for name in LISTED}


@pytest.mark.parametrize(
    ("name", "kind"), [("minima.Certificate.proof", "ExactMinimum | None"), ("Network.x", "")]
)
def test_a_field_has_the_type_of_its_source(name, kind, sections):
    assert sections.field_type(f"landscape.{name}") == kind
