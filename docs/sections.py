"""What a docstring of the package leaves to others is listed in full in the reference.

Parameters that are "as in" or "as for" another function have that function's text, and what a
function returns is told by the first sentence of its record.
"""

import importlib
import inspect
import re
import typing

from numpydoc.docscrape import NumpyDocString, Parameter
from sphinx.pycode import ModuleAnalyzer

OTHER = re.compile(r"\b[Aa]s (?:in|for)\s+(?::func:|:class:)?`+~?([\w.]+)`+")


def resolve(name, near):
    """A function or class by the name that a docstring of the module ``near`` has for it."""
    module, _, own = name.rpartition(".")
    for place in (module, near, "landscape"):
        if place and hasattr(importlib.import_module(place), own):
            return getattr(importlib.import_module(place), own)
    raise LookupError(f"{near}: a docstring refers to {name}, which is not there")


def parameters(obj):
    """Name: (type, lines of text) of the parameters, in the signature's order."""
    text = inspect.getdoc(obj) or ""
    found = {}
    for entry in NumpyDocString(text)["Parameters"]:
        others = OTHER.match(" ".join(entry.desc))
        shared = parameters(resolve(others[1], obj.__module__)) if others else {}
        for name in entry.name.replace("*", "").split(", "):
            found[name] = shared.get(name, (entry.type, entry.desc))
    for name in OTHER.findall(re.sub(r"\n(Parameters|Examples)\n-.*", "", text, flags=re.DOTALL)):
        found = parameters(resolve(name, obj.__module__)) | found
    signature = inspect.signature(obj).parameters
    hints = typing.get_type_hints(obj.__init__ if inspect.isclass(obj) else obj)
    for name, hint in hints.items():
        if name in signature and inspect.isclass(hint) and hint.__module__.startswith("landscape"):
            found.setdefault(name, (hint.__name__, []))
    return {name: found[name] for name in signature if name in found}


def returned(obj):
    """(type, lines of text) of what a function returns, from its annotation."""
    kind = typing.get_type_hints(obj).get("return", type(None))
    if not inspect.isclass(kind) or not kind.__module__.startswith("landscape"):
        return inspect.formatannotation(kind), []
    place = re.sub(r"\._\w+", "", kind.__module__)
    sentence = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    return kind.__name__, [f"{sentence} See :class:`{place}.{kind.__name__}`."]


def complete(obj):
    """The docstring of a function with all its sections, as lines."""
    doc = NumpyDocString(inspect.getdoc(obj) or "")
    every = parameters(obj)
    if len(every) > len(doc["Parameters"]):
        doc["Parameters"] = [Parameter(name, *rest) for name, rest in every.items()]
    kind, text = returned(obj)
    if not doc["Returns"] and not doc["Yields"] and kind != "NoneType":
        doc["Returns"] = [Parameter("", kind, text)]
    return str(doc).split("\n")


def field_type(name):
    """How the source annotates a field of a record, by its full name; empty if it does not."""
    place, _, own = name.rpartition(".")
    module, _, record = place.rpartition(".")
    for base in getattr(importlib.import_module(module), record).__mro__:
        if own in vars(base).get("__annotations__", {}):
            source = ModuleAnalyzer.for_module(base.__module__)
            source.analyze()
            return source.annotations[base.__qualname__, own]
    return ""


def process(app, what, name, obj, options, lines):
    """For Sphinx, before numpydoc reads the sections."""
    if what == "function" and lines:
        lines[:] = complete(obj)
    if what == "attribute" and lines and (kind := field_type(name)):
        lines[0] = f"*{kind}*: {lines[0]}"
