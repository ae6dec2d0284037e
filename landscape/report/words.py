"""The page's words: terms lead to the glossary where they first stand, mathematics is typeset."""

import re
import tomllib
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from markupsafe import Markup

#: How what tables and captions write is set as HTML; patterns of escaped text.
_SET = [
    (r"W\^\{1,(?:∞|inf)\}", "<i>W</i><sup>1,∞</sup>"),
    (r"\|u_i\|", "‖u_i‖"),
    (r"\^\(([^()]+)\)", r"<sup>\1</sup>"),
    (r"‖(\w+)‖_inf", r"‖\1‖<sub>∞</sub>"),
    (r"\b([a-zA-Zσ])_([a-z]|\d)\b", r"<i>\1</i><sub>\2</sub>"),
    (r"\bmin_i\b", "min<sub><i>i</i></sub>"),
    (r"\bP_\(d,m,1\)", "<i>P</i><sub>(<i>d</i>,<i>m</i>,1)</sub>"),
    (r"\bN(\*|&#x27;)(?!\w)", r"<i>N</i>\1"),
    (r"\bR\^2\b|R²", "<i>R</i>²"),
    (r"\br\^2\b", "<i>r</i>²"),
    (r"(?<![\w>])r(?=²)|(?<=√)r\b|\br(?=\*)", "<i>r</i>"),
    (r"\bm(?= [=+])", "<i>m</i>"),
]


def typeset(text: str) -> Markup:
    """Text as HTML, with letters of formulas in italics, indices below and exponents above.

    Examples
    --------
    >>> print(typeset("half of the smallest ‖u_i‖ on N*, W^{1,∞} < 1"))
    half of the smallest ‖<i>u</i><sub>i</sub>‖ on <i>N</i>*, <i>W</i><sup>1,∞</sup> &lt; 1
    """
    html = escape(text)
    for pattern, markup in _SET:
        html = re.sub(pattern, markup, html)
    return Markup(html)


class Glossary:
    """The terms by key (name, text, and of statements where their proof is), and links to them."""

    def __init__(self) -> None:
        source = files("landscape.report").joinpath("glossary.toml").read_text("utf-8")
        self.terms: Mapping[str, Any] = tomllib.loads(source)
        self._keys = {
            word: key
            for key, term in self.terms.items()
            for plain in (term["name"], *term["words"])
            for word in (plain, plain[0].upper() + plain[1:])
        }
        words = sorted(self._keys, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, words))})(?!\w)")
        self._seen: set[tuple[str, str]] = set()

    def __call__(self, text: str, part: str) -> Markup:
        """Text of a part of the page as HTML; a term is linked where it first stands in the part.

        The part of a term itself, ``term-<key>``, does not link to it.
        """
        pieces, last = [], 0
        for match in self._pattern.finditer(text):
            key = self._keys[match[0]]
            if (part, key) in self._seen or part == f"term-{key}":
                continue
            self._seen.add((part, key))
            link = Markup('<a class="term" href="#term-{}">{}</a>')
            pieces += [typeset(text[last : match.start()]), link.format(key, typeset(match[0]))]
            last = match.end()
        return Markup("").join([*pieces, typeset(text[last:])])
