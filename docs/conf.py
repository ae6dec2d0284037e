"""The site that `make docs` builds: pages in Markdown, a reference from docstrings, a gallery."""

import sys
from importlib.util import find_spec
from pathlib import Path

from sphinx.util.fileutil import copy_asset

import landscape

sys.path.insert(0, str(Path(__file__).parent))
from sections import process

project = "landscape"
author = copyright = "The landscape developers"
release = landscape.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery"]
# Beside a study's report: the pages alone, in seconds. `tags` is Sphinx's own.
if tags.has("pages"):  # noqa: F821
    extensions = ["myst_parser", "sphinx.ext.mathjax"]
    exclude_patterns += ["reference.md", "_reference", "_gallery"]
    suppress_warnings = ["toc.not_readable", "toc.excluded", "myst.xref_missing"]
html_theme = "furo"
html_title = f"landscape {release}"
html_css_files = ["site.css"]
html_js_files = ["access.js"]
html_copy_source = False

html_static_path = ["_static"]
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {"options": {"enableMenu": False}}

# The pages are written for GitHub as well: its mathematics, its anchors.
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3

default_role = "literal"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
templates_path = ["_templates"]
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "_gallery",
    "filename_pattern": "/",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "capture_repr": (),
    "min_reported_time": 1,
    "write_computation_times": False,  # a page that loads scripts from elsewhere
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
}


def copy_mathjax(app, failure):
    """MathJax from its locked package, of whose 24 MB formulas need the script and its fonts."""
    source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax"
    target = app.outdir / "_static/mathjax"
    if not failure:
        copy_asset(source / "tex-chtml.js", target)
        copy_asset(source / "output/chtml/fonts/woff-v2", target / "output/chtml/fonts/woff-v2")


def setup(app):
    app.connect("build-finished", copy_mathjax)
    if "sphinx.ext.autodoc" in app.extensions:
        app.connect("autodoc-process-docstring", process, priority=400)
