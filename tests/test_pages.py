"""The pages say what is so: examples run, theorems and tests name each other."""

import ast
import builtins
import dataclasses
import doctest
import importlib.util
import inspect
import re
import typing
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from numpydoc.docscrape import NumpyDocString

import landscape

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("[!_]*.md"))]
TEXT = {page: page.read_text(encoding="utf-8") for page in PAGES}
#: Their examples are run by tests/test_trees.py.
ELSEWHERE = ["trees.md"]
RUN = [page for page, text in TEXT.items() if ">>> " in text and page.name not in ELSEWHERE]


def fenced(language):
    """The text of all code blocks in this language."""
    block = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return [
        code for text in TEXT.values() for lang, code in block.findall(text) if lang == language
    ]


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_examples_run(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    plt.switch_backend("Agg")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, attempted = doctest.testfile(str(page), module_relative=False, optionflags=flags)
    plt.close("all")
    assert attempted >= 5
    assert not failed


def test_other_python_of_the_pages_imports_what_exists():
    """What is not run (it needs a study's results, say) at least parses and imports real names."""
    blocks = [b for b in fenced("python") if ">>> " not in b and "snakefile:" not in b]
    assert len(blocks) >= 3
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("landscape"):
                module = importlib.import_module(node.module)
                assert not [alias.name for alias in node.names if not hasattr(module, alias.name)]


def test_theorems_are_numbered_and_name_their_tests():
    text = TEXT[ROOT / "docs/mathematics.md"]
    chapters = re.split(r"^## Theorem (\d+): ", text, flags=re.MULTILINE)[1:]
    numbers = [int(number) for number in chapters[::2]]
    assert [int(number) for number in re.findall(r"\[(\d+)\]\(#theorem-", text)] == numbers
    assert numbers == sorted(set(numbers)) and set(range(1, 26)) <= set(numbers)
    for number, chapter in zip(numbers, chapters[1::2], strict=True):
        assert "∎" in chapter, f"Theorem {number} has no proof"
        _, found, checks = chapter.partition("\nChecked by: ")
        assert found, f"Theorem {number} names no test"
        files = re.findall(r"`(tests/[\w/]+\.py)`", checks)
        assert files, f"Theorem {number} names no test"
        cited = rf"Theorems? (?:\d+(?:\.\d+)?(?:, | and | to ))*{number}\b"
        sources = [(ROOT / file).read_text(encoding="utf-8") for file in files]
        assert any(re.search(cited, source) for source in sources), (
            f"none of {files} names Theorem {number}"
        )
        inside = {name for name in re.findall(r"`(test_\w+)`", checks)}
        assert not [name for name in inside if f"def {name}(" not in "".join(sources)]
    cited = {
        int(number)
        for path in (ROOT / "landscape").rglob("*.py")
        for number in re.findall(
            r"Theorem (\d+)(?!\.?\d* of the paper)\b(?!\.1\b)", path.read_text()
        )
    }
    assert cited <= set(numbers)


def test_nothing_outside_of_the_repository_is_cited():
    """No issue, no note of whoever wrote it, no folder beside it."""
    outside = re.compile(r"\bshared/|\bnotes/\w+\.md|\bissue #?\d")
    texts = dict(TEXT)
    for folder in ("landscape", "workflow", "benchmarks", "docs/gallery"):
        for path in (ROOT / folder).rglob("*.py"):
            texts[path] = path.read_text(encoding="utf-8")
    found = [
        (str(p.relative_to(ROOT)), m.group()) for p, t in texts.items() for m in outside.finditer(t)
    ]
    assert not found


@cache
def module_source(module):
    """Lines of a module, and its classes by name."""
    text = inspect.getsource(importlib.import_module(module))
    return text.splitlines(), {n.name: n for n in ast.parse(text).body if hasattr(n, "bases")}


def classes_in(hint):
    """The package's classes in an annotation, and in what it is made of."""
    if inspect.isclass(hint) and hint.__module__.startswith("landscape"):
        yield hint
    for part in typing.get_args(hint):
        yield from classes_in(part)


class Names(dict):
    """A module's names; those that only a type checker imports stand for anything."""

    def __missing__(self, name):
        return vars(builtins).get(name, typing.Any)


def named_by(thing):
    """Classes in the annotations of a function's result, of a class's fields and methods."""
    names = Names(vars(importlib.import_module(thing.__module__)))
    hints = typing.get_type_hints(thing, localns=names) if not inspect.isclass(thing) else {}
    found = [hints.get("return")]
    if inspect.isclass(thing):
        for base in [b for b in thing.__mro__[1:] if b.__module__.startswith("landscape")]:
            yield from named_by(base)
        own = typing.get_type_hints(
            type("own", (), {"__annotations__": fields(thing)}), None, names
        )
        found += own.values()
        public = [m for k, m in vars(thing).items() if k[0] != "_"]
        for method in filter(inspect.isfunction, (getattr(m, "fget", m) for m in public)):
            yield from named_by(method)
    yield from (kind for hint in found for kind in classes_in(hint))


def fields(kind):
    """Name: annotation of the public ones of a class's own."""
    return {k: h for k, h in vars(kind).get("__annotations__", {}).items() if k[0] != "_"}


def records():
    """All dataclasses and named tuples that lead from ``landscape.__all__``."""
    names = [name for name in landscape.__all__ if name != "__version__"]
    names += re.findall(r"^   (\w+\.[A-Za-z_]\w*)$", TEXT[ROOT / "docs/reference.md"], re.M)
    found, queue = set(), []
    for name in names:
        module, _, own = f"landscape.{name}".rpartition(".")
        queue.append(getattr(importlib.import_module(module), own))
    while queue:
        thing = queue.pop()
        if thing not in found:
            found.add(thing)
            queue += named_by(thing)
    kinds = [t for t in found if dataclasses.is_dataclass(t) or hasattr(t, "_fields")]
    return sorted(kinds, key=lambda kind: kind.__qualname__)


def explained(kind):
    """Fields that a section of the docstring or a comment ``#:`` of their own explains."""
    doc = NumpyDocString(inspect.getdoc(kind) or "")
    entries = [entry.name for part in ("Parameters", "Attributes") for entry in doc[part]]
    found = {name for entry in entries for name in entry.split(", ")}
    for base in kind.__mro__:
        if base.__module__.startswith("landscape"):
            lines, classes = module_source(base.__module__)
            for node in classes[base.__name__].body:
                if isinstance(node, ast.AnnAssign):
                    around = lines[node.lineno - 2].strip(), lines[node.end_lineno - 1]
                    if around[0].startswith("#: ") or "  #: " in around[1]:
                        found.add(node.target.id)
    return found


def test_every_field_of_every_record_is_explained_and_in_the_reference():
    kinds = records()
    assert {"Certificate", "Fit", "Probe", "ExactMinimum", "TreeCost"} <= {
        kind.__name__ for kind in kinds
    }
    listed = re.findall(r"^   (?:\w+\.)*(\w+)$", TEXT[ROOT / "docs/reference.md"], re.M)
    assert not [kind.__name__ for kind in kinds if kind.__name__ not in listed]
    fields = {
        (kind.__name__, field.name)
        for kind in kinds
        for field in dataclasses.fields(kind)
        if field.name[0] != "_" and field.name not in explained(kind)
    }
    assert not fields
