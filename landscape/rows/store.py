"""Files of rows: Parquet, sealed; published tables as CSV beside it.

A Parquet file carries, in its own metadata, the version of this format, what it holds, what it was
made from, the SHA-256 of the CSV file beside it (of published tables) and one of itself: no bit of
either can change unnoticed. Equal content gives equal bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np

from landscape.data.files import AGAIN, read_file, replace_file
from landscape.errors import require_extra
from landscape.rows import Row, TableError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "FORMAT", "check_names", "csv_text", "read_columns", "read_parquet", "read_rows",
    "write_csv", "write_parquet", "write_rows",
]  # fmt: skip

#: Version of the format. 2 held published tables only.
FORMAT = 3

_KEY = b"landscape"
#: The last one stands in the file's footer before its checksum, for which that is 64 zeros.
_SEAL = b'"seal": "'
_ZEROS = b"0" * 64

Origin = Mapping[str, Any]
R = TypeVar("R", bound=Row)


def write_rows(
    path: str | Path, table: type[Row], rows: Iterable[Row], origin: Origin | None = None
) -> None:
    """Write the rows of a job, all of one table, arrays included.

    ``origin`` is what they are made from, JSON values. If the file system refuses: StoreError.
    """
    require_extra("study", "pyarrow")
    import pyarrow as pa

    rows, columns = list(rows), table.columns(arrays=True)
    arrays = [_arrow([getattr(row, c.name) for row in rows], c.type, c.depth) for c in columns]
    content = pa.Table.from_arrays(arrays, [c.name for c in columns])
    write_parquet(path, content, table, origin)


def read_rows(path: str | Path, table: type[R], origin: Origin | None = None) -> list[R]:
    """Read the rows of a job; ``origin`` is what they must have been made from, name by name.

    TableError if the file is missing, damaged, of another place or does not hold such rows.
    """
    content, columns = read_columns(path, table, origin), table.columns(arrays=True)
    made: dict[str, Any] = {c.name: bool for c in columns if c.flag}
    made |= {c.name: _array for c in columns if c.depth}
    found = content.to_pylist()
    return [table(**row | {name: make(row[name]) for name, make in made.items()}) for row in found]


def read_columns(path: str | Path, table: type[Row], origin: Origin | None = None) -> pa.Table:
    """Read the rows of a job as columns, arrays included; errors as :func:`read_rows`."""
    content, _ = read_parquet(path, table, origin)
    check_names([c.name for c in table.columns(arrays=True)], content.column_names, path)
    return content


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV: line feeds, missing numbers empty, the shortest digits that are exact."""
    text = io.BytesIO()
    write_csv(frame, text)
    return text.getvalue().decode()


def write_csv(frame: pd.DataFrame, file: BinaryIO) -> None:
    """Write it to a file, piece by piece."""
    frame.to_csv(file, index=False, lineterminator="\n", encoding="utf-8")


def _arrow(values: Sequence[Any], kind: str, depth: int) -> pa.Array:
    """A column from its buffers: pyarrow imports pandas to convert objects, a fifth of a second."""
    import pyarrow as pa

    own, known, inner = pa.float64(), None, []
    if depth:
        parts = [() if part is None else part for part in values]
        inner = [_arrow([p for part in parts for p in part], kind, depth - 1)]
        own, found = pa.list_(inner[0].type), [part is not None for part in values]
        known = None if all(found) else pa.py_buffer(np.packbits(found, bitorder="little"))
        rest: list[Any] = [np.cumsum([0, *map(len, parts)], dtype=np.int32)]
    elif kind == "text":
        words = [str(value).encode() for value in values]
        own, rest = pa.string(), [np.cumsum([0, *map(len, words)], dtype=np.int32), b"".join(words)]
    else:
        own = pa.int64() if kind == "integer" else own
        rest = [np.array(values, dtype=own.to_pandas_dtype())]
    buffers = [known, *map(pa.py_buffer, rest)]
    return pa.Array.from_buffers(own, len(values), buffers, children=inner)


def _array(values: Any) -> Any:
    return None if values is None else np.array(values, dtype=float)


def write_parquet(
    path: str | Path, content: pa.Table, table: type[Row], origin: Origin | None, **more: str
) -> None:
    """Write Parquet with our header, sealed."""
    import pyarrow.parquet as pq

    header = {"format": FORMAT, "table": table.name, "origin": dict(origin or {}), **more}
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, content.schema, compression="zstd") as writer:
        writer.write_table(content)
        # Added last and outside the schema: it stands in the file as it is, and once.
        writer.add_key_value_metadata({_KEY: json.dumps({**header, "seal": _ZEROS.decode()})})
    before, _, after = _sealed(buffer.getvalue())
    seal = sha256(buffer.getvalue()).hexdigest().encode()
    replace_file(path, lambda file: file.write(before + seal + after))


def read_parquet(
    path: str | Path, table: type[Row] | None = None, origin: Origin | None = None
) -> tuple[pa.Table, dict[str, Any]]:
    """Content and header of a file, after its seal, name and origin were checked."""
    require_extra("study", "pyarrow")
    import pyarrow.parquet as pq

    def check(fine: object, sentence: str) -> None:
        if not fine:
            raise TableError(f"{path}: {sentence}; {AGAIN}")

    content = read_file(path)
    whole = content.startswith(b"PAR1") and content.endswith(b"PAR1")
    check(whole, "no Parquet file, or a truncated one")
    old = "from an old version of landscape, from another program, or damaged"
    check(_SEAL in content, f"has no checksum: {old}")
    before, seal, after = _sealed(content)
    fine = sha256(before + _ZEROS + after).hexdigest().encode() == seal
    check(fine, "damaged: the content does not match its checksum")
    file = pq.ParquetFile(io.BytesIO(content))
    header: dict[str, Any] = json.loads(file.metadata.metadata[_KEY])
    other = f"has format {header['format']} of another version of landscape"
    check(header["format"] == FORMAT, f"{other}, this one reads {FORMAT}")
    wanted, held = table.name if table else header["table"], header["table"]
    check(held == wanted, f"holds {held!r}, expected {wanted!r}")
    _check_origin(path, header["origin"], origin or {})
    return file.read(), header


def _sealed(content: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before the seal of a file, the seal, and what stands after it."""
    start = content.rindex(_SEAL) + len(_SEAL)
    return content[:start], content[start : start + 64], content[start + 64 :]


def _check_origin(path: str | Path, found: Origin, expected: Origin) -> None:
    """Refuse a file that was made from something else: JSON values that both have are compared.

    The error names file and first value that differs.
    """
    plain, said = json.loads(json.dumps(expected)), partial(json.dumps, ensure_ascii=False)
    both = [name for name in plain if name in found]
    made, wanted = (dict(_flat({name: d[name] for name in both})) for d in (found, plain))
    for key in wanted | made:  # in the order of what is expected: a file's place comes first
        if made.get(key) != wanted.get(key):
            one, other = (said(d[key]) if key in d else "nothing" for d in (made, wanted))
            what = f"made with {key} {one}, here {other} is expected"
            raise TableError(f"{path}: {what}: a file of another place or study; {AGAIN}")


def _flat(values: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """JSON values that are not null, by their dotted keys."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{within}{name}.")
        elif value is not None:
            yield f"{within}{name}", value


def check_names(wanted: list[str], found: list[str], path: str | Path) -> None:
    """Refuse a file of other columns."""
    if wanted != found:
        odd = ", ".join(sorted(set(found) ^ set(wanted)) or ["their order"])
        raise TableError(f"{path}: columns differ from those of the table: {odd}; {AGAIN}")
