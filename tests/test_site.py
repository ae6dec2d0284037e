"""The site that `make docs` builds: as a browser, a keyboard and a screen reader see it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import MISSING, browser

ROOT = Path(__file__).parents[1]

#: What is wrong with the page that is open; axe-core looks at more, but comes with no package.
LOOK = r"""
const wrong = [], all = (selector) => [...document.querySelectorAll(selector)];
const shown = (e) => e.getClientRects().length && getComputedStyle(e).visibility !== "hidden";
const say = (text, e) => wrong.push(text + ": " + e.outerHTML.slice(0, 120));
const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) wrong.push("the page scrolls sideways");
all("img").forEach((e) => { if (!e.complete || !e.naturalWidth) say("not loaded", e);
                            if (!e.hasAttribute("alt")) say("no alternative text", e); });
all("mjx-merror").forEach((e) => say("formula", e));
all(".math").forEach((e) => e.querySelector("mjx-container") || say("not typeset", e));
const focusable = "a[href], button, input, [tabindex='0']";
all("article *:not(mjx-container *)").filter(shown).forEach((e) => {
  const flow = getComputedStyle(e).overflowX;
  if (["auto", "scroll"].includes(flow) && e.scrollWidth > e.clientWidth
      && !e.matches(focusable) && !e.querySelector(focusable)) say("no key scrolls", e);
});
all("[role=heading]").forEach((e) => e.hasAttribute("aria-level") || say("no level", e));
all("aside, nav").filter(shown).forEach((e) => e.ariaLabel || say("no name", e));
all("th").forEach((e) => e.textContent.trim() || say("empty header", e));
all("a[href], button, input:not([type=hidden])").filter(shown).forEach((e) =>
  (e.ariaLabel || e.title || e.placeholder || e.innerText.trim()
   || e.querySelector("img[alt]:not([alt=''])")) || say("no name", e));
if (!document.querySelector("h1")) wrong.push("no title");
let last = 0;
all("article :is(h1, h2, h3, h4, h5, h6)").forEach((e) => {
  if (e.tagName[1] > last + 1) say("level left out", e);
  last = +e.tagName[1];
});
const ids = new Set();
all("[id]:not(mjx-container *)").forEach((e) => ids.has(e.id) ? say("twice", e) : ids.add(e.id));
return wrong;
"""
#: Formulas are there, where there are some.
READY = """return !document.querySelector("script[src*=mathjax]")
  || document.readyState == "complete" && !document.querySelector(".math:not(:has(mjx-container))");
"""


def complaints(site, profile):
    """(page, width, what is wrong) of all pages, wide and narrow."""
    found = []
    with browser(profile) as window:
        for page in sorted(site.rglob("*.html")):
            window.open(page.as_uri())
            for width in (1400, 390):
                window.size(width, 900)
                for _ in range(100):
                    if window.run(READY):
                        break
                window.run("return new Promise((done) => setTimeout(done, 50))")
                name = str(page.relative_to(site))
                found += [(name, width, text) for text in window.run(LOOK)]
            errors = [e["message"] for e in window.log("browser") if e["level"] == "SEVERE"]
            found += [(str(page.relative_to(site)), 0, text) for text in errors]
            assert all(url.startswith(("file:", "data:")) for url in window.requests())
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("sphinx")
    pytest.importorskip("furo")
    folder = tmp_path_factory.mktemp("site")
    build = (sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet")
    done = subprocess.run(
        [*build, "docs", folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_it_is_complete_and_loads_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(list((site / "_gallery").glob("plot_*.html"))) >= 15
    assert (site / "_static/mathjax/tex-chtml.js").exists()
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]*\ssrc="(?:https?:)?//|<link[^>]*stylesheet[^>]*"https?://'
    )
    assert len(pages) > 100
    assert not [page.name for page in pages if loaded.search(page.read_text(encoding="utf-8"))]


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} not there")
def test_every_page_wide_and_narrow(site, tmp_path):
    found = complaints(site, tmp_path)
    assert not found, "\n".join(map(str, found))
