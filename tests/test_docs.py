"""What the pages name is there: modules, names in them, tests, tolerances."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
CODE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "landscape").rglob("*.py"))


def exists(dotted):
    """Whether a dotted or slashed path leads to a module and at most two names in the package."""
    parts = dotted.removesuffix(".py").replace(".", "/").split("/")
    for k in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:k])
        if place.is_dir() or place.with_suffix(".py").exists():
            names = parts[k:]
            return len(names) <= 2 and all(re.search(rf"\b{name}\b", CODE) for name in names)
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_names_exist(page):
    quoted = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    named = {
        name for text in quoted for name in re.findall(r"\blandscape(?:[./][A-Za-z_]+)+", text)
    }
    named -= {name for name in named if name.endswith((".smk", ".yaml"))}
    assert not [name for name in sorted(named) if not exists(name)]
    tests = {name for text in quoted for name in re.findall(r"\btests/[\w/]+\.py\b", text)}
    assert not [name for name in sorted(tests) if not (ROOT / name).exists()]


def test_every_tolerance_of_the_table_is_in_the_code():
    page = (ROOT / "docs/rounding.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`(?:\w+\.)*([A-Z][A-Z_]{2,})`", page))
    assert len(names) > 20
    assert not [name for name in sorted(names) if not re.search(rf"\b{name}\b", CODE)]
    rows = [line for line in page.splitlines() if line.startswith("|")]
    places = {p for row in rows for p in re.findall(r"\b([a-z_]+/_?[a-z_]+)\b", row)}
    folders = {path.name for path in (ROOT / "landscape").iterdir() if path.is_dir()}
    places = {place for place in places if place.split("/")[0] in folders}
    assert not [place for place in sorted(places) if not exists(f"landscape/{place}")]


def test_the_pages_alone_build_without_a_warning(tmp_path):
    """What every study puts beside its report, without the API's extensions."""
    pytest.importorskip("myst_parser")
    pytest.importorskip("furo")
    options = ["--quiet", "--fail-on-warning", "-t", "pages", "-d", str(tmp_path / "aside")]
    command = [sys.executable, "-m", "sphinx", *options, "docs", str(tmp_path / "pages")]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "pages/index.html").exists()
