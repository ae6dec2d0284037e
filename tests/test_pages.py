"""The pages say what is so: examples run, theorems and tests name each other."""

import ast
import doctest
import importlib.util
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

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
