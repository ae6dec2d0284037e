"""Array files: npz without pickles, the same bytes for the same content, checked when read.

A file holds named arrays and a header: the version of this format, the kind of its content, what
it was made from, and JSON metadata. The archive's comment is the SHA-256 of everything before it,
so that no bit can change unnoticed. What is damaged, foreign or of another version is named in the
error; nothing is ever half-written, and nothing in a file is ever executed.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.data.datasets import Dataset
from landscape.data.files import AGAIN, StoreError, check_origin, read_file, replace_file

__all__ = ["FORMAT", "Record", "read_arrays", "read_dataset", "write_arrays", "write_dataset"]

#: Version of the format. 1 had no version, no origin, and a checksum of the arrays only.
FORMAT = 2

_HEADER = "__header__"
_SEAL = 64  # hexadecimal digits of a SHA-256


@dataclass(frozen=True)
class Record:
    """Content of a file.

    Attributes
    ----------
    arrays : dict of str to array
        Numbers, booleans or text; never objects.
    metadata : dict
        JSON values.
    origin : dict
        What the file was made from, JSON values.
    """

    arrays: dict[str, NDArray[Any]]
    metadata: dict[str, Any]
    origin: dict[str, Any] = field(default_factory=dict)


def write_arrays(
    path: str | Path,
    kind: str,
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, Any] | None = None,
    origin: Mapping[str, Any] | None = None,
) -> None:
    """Write a file of the given kind; equal content gives equal bytes.

    Raises
    ------
    TypeError
        If an array holds Python objects, or the metadata is not JSON.
    StoreError
        If the file system refuses.
    """
    content = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    for name, values in content.items():
        if values.dtype.hasobject:
            raise TypeError(f"{path}: array {name!r} holds Python objects; store numbers or text")
    header = {
        "format": FORMAT,
        "kind": kind,
        "metadata": dict(metadata or {}),
        "origin": dict(origin or {}),
    }
    content[_HEADER] = np.array(json.dumps(header, sort_keys=True, allow_nan=False))
    buffer = io.BytesIO()
    # numpy dates every member 1980: the bytes do not depend on the time.
    np.savez(buffer, allow_pickle=False, **content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"0" * _SEAL
    body = buffer.getvalue()[:-_SEAL]
    seal = hashlib.sha256(body).hexdigest().encode()
    replace_file(path, lambda file: file.write(body + seal))


def read_arrays(path: str | Path, kind: str, origin: Mapping[str, Any] | None = None) -> Record:
    """Read a file and check that it is what was written, of the given kind and origin.

    Parameters
    ----------
    path : path
    kind : str
    origin : mapping, optional
        What the file must have been made from; compared name by name.

    Raises
    ------
    StoreError
        If not; the message names the file, what is wrong and the remedy.
    """
    content = read_file(path)
    # The seal first: what is not as it was written is looked at no further than for its name.
    if hashlib.sha256(content[:-_SEAL]).hexdigest().encode() != content[-_SEAL:]:
        raise StoreError(f"{path}: {_unsealed(content)}; {AGAIN}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays.pop(_HEADER)))
        version, found = header["format"], header["kind"]
        made, metadata = header["origin"], header["metadata"]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise StoreError(f"{path}: not written by landscape ({error}); {AGAIN}") from None
    if version != FORMAT:
        raise StoreError(f"{path}: {_version(version)}; {AGAIN}")
    if found != kind:
        raise StoreError(f"{path}: holds {found!r}, expected {kind!r}; {AGAIN}")
    check_origin(path, made, origin or {})
    return Record(arrays, metadata, made)


def _unsealed(content: bytes) -> str:
    """What a file is that does not end with the checksum of its content."""
    if not content.startswith(b"PK"):
        return "not written by landscape"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if f"{_HEADER}.npy" not in archive.namelist():
                return "not written by landscape"
            member = io.BytesIO(archive.read(f"{_HEADER}.npy"))
        header = json.loads(str(np.lib.format.read_array(member, allow_pickle=False)))
        version = header.get("format", 1)
    # Damaged archives make zipfile and numpy raise anything; whatever it is, it means this.
    except Exception as error:
        return f"truncated or damaged ({error})"
    if version != FORMAT:
        return _version(version)
    return "truncated or damaged: the content does not match its checksum"


def _version(version: object) -> str:
    return f"has format {version} of another version of landscape, this one reads {FORMAT}"


def write_dataset(
    path: str | Path, dataset: Dataset, origin: Mapping[str, Any] | None = None
) -> None:
    """Write a data set; :func:`read_dataset` gives it back exactly."""
    metadata = {
        "name": dataset.name,
        "feature_names": list(dataset.feature_names),
        "target_name": dataset.target_name,
        "source": dataset.metadata,
    }
    arrays = {"features": dataset.features, "target": dataset.target}
    write_arrays(path, "dataset", arrays, metadata, origin)


def read_dataset(path: str | Path, origin: Mapping[str, Any] | None = None) -> Dataset:
    """Read a data set; errors as :func:`read_arrays`."""
    record = read_arrays(path, "dataset", origin)
    return Dataset(
        record.metadata["name"],
        record.arrays["features"],
        record.arrays["target"],
        feature_names=record.metadata["feature_names"],
        target_name=record.metadata["target_name"],
        metadata=record.metadata["source"],
    )
