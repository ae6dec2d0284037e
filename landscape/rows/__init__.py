"""A table is a class: each field of its rows carries the column's type, unit and meaning.

Schema, documentation, frames and files (:mod:`landscape.rows.store`) are derived from the class. A
job writes rows as they are, with the networks that they are about; a published table holds their
columns of numbers and text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from landscape.data import StoreError
from landscape.errors import require_extra

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Column", "Row", "TableError", "array", "as_frame", "column", "frame_of"]

#: Also of a table that does not have its columns, types or key.
TableError = StoreError
#: Types of columns by those of the fields; anything else is an array.
_TYPES = {"str": "text", "float": "number", "int": "integer", "bool": "integer"}
#: Their types for pandas. What is missing is NaN for a number and empty for a text.
DTYPES = {"text": "str", "number": "float64", "integer": "int64"}


@dataclass(frozen=True)
class Column:
    """One column, from a field of a row."""

    name: str
    type: str  #: text, number, integer or array.
    meaning: str = ""
    unit: str = ""  #: Empty for pure numbers, counts and text.
    key: bool = False  #: Whether it is one of those that identify a row.
    path: bool = False  #: Whether it depends on the last bits of the processor's arithmetic.
    depth: int = 0  #: Of arrays: their number of dimensions.
    flag: bool = False  #: Whether it is true or false; tables have 1 or 0.


def column(meaning: str, unit: str = "", *, default: Any = MISSING, **how: Any) -> Any:
    """A field of a row with what its column means; ``key`` and ``path`` as in :class:`Column`.

    Of tables that sum others up, ``of`` computes the value from whatever the rows are made of.
    """
    return field(default=default, metadata={"meaning": meaning, "unit": unit, **how})


def array(depth: int) -> Any:
    """A field that holds an array of so many dimensions, or None; only in the files of jobs."""
    return field(default=None, metadata={"depth": depth})


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(column, array))
class Row:
    """Base class of all rows; a class with a ``name`` is a table, its docstring says what a row is.

    Subclasses are frozen dataclasses whose fields are given by name.

    Examples
    --------
    >>> class Fall(Row):
    ...     "One fall of a stone."
    ...
    ...     name = "falls"
    ...     stone: str = column("Which.", key=True)
    ...     height: float = column("From where.", "m")
    >>> [(c.name, c.type, c.unit) for c in Fall.columns()], Fall.key()
    ([('stone', 'text', ''), ('height', 'number', 'm')], ['stone'])
    """

    #: Name of the table; empty for classes that others share columns of.
    name: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True, eq=False)(cls)

    @classmethod
    def columns(cls, *, arrays: bool = False) -> tuple[Column, ...]:
        """The columns, those of the key first; arrays only if asked for."""
        found = []
        for entry in fields(cls):  # type: ignore[arg-type]
            known = {name: value for name, value in entry.metadata.items() if name != "of"}
            written = getattr(entry.type, "__name__", str(entry.type))
            kind = _TYPES.get(written, "array")
            if arrays or kind != "array":
                found.append(Column(entry.name, kind, flag=written == "bool", **known))
        return tuple(sorted(found, key=lambda c: not c.key))

    @classmethod
    def key(cls) -> list[str]:
        """Names of the columns that identify a row; rows are sorted by them."""
        return [c.name for c in cls.columns() if c.key]

    @classmethod
    def title(cls) -> str:
        """What one row is."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    def copied(cls, *records: Any, **given: Any) -> Self:
        """The row of what is given, and else of what records call the same.

        A count that is no key may be called ``n_...`` there. Of several records the first that has
        it counts; what none has keeps its default.
        """
        for record, (name, own) in product(records, cls._called()):
            if name not in given and hasattr(record, own):
                given[name] = getattr(record, own)
        return cls(**given)

    @classmethod
    @cache
    def _called(cls) -> list[tuple[str, str]]:
        """Names of the columns, and what they may be called in a record."""
        entries = fields(cls)  # type: ignore[arg-type]
        counts = [entry for entry in entries if not entry.metadata.get("key")]
        found = [(entry.name, entry.name) for entry in entries]
        return found + [(entry.name, f"n_{entry.name}") for entry in counts]

    @classmethod
    def computed(cls, place: Mapping[str, Any], source: Any) -> Any:
        """The row at a place whose other columns are computed from ``source``."""
        others = [entry for entry in fields(cls) if entry.name not in place]  # type: ignore[arg-type]
        return cls(**place, **{entry.name: entry.metadata["of"](source) for entry in others})


def as_frame(table: type[Row], columns: Mapping[str, Any] | pd.DataFrame) -> pd.DataFrame:
    """Columns as a data frame with the table's types, sorted by its key if it has one.

    TableError if a column is missing or unknown, or two rows have the same key.
    """
    require_extra("study", "pandas")
    import pandas as pd  # half a second: only where tables are made

    wanted = {c.name: DTYPES[c.type] for c in table.columns()}
    if odd := sorted(wanted.keys() ^ columns.keys()):
        raise TableError(f"table {table.name}: lacks or adds {', '.join(odd)}")
    frame = pd.DataFrame({name: columns[name] for name in wanted}).astype(wanted)
    if not (key := table.key()):
        return frame
    if (twice := frame.duplicated(key)).any():
        where = frame.loc[twice, key].iloc[0].to_dict()
        raise TableError(f"table {table.name}: two rows for {where}")
    return frame.sort_values(key, ignore_index=True)


def frame_of(table: type[Row], rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a data frame, without their arrays."""
    rows, names = list(rows), [c.name for c in table.columns()]
    return as_frame(table, {name: [getattr(row, name) for row in rows] for name in names})
