"""Array files: npz without pickles, the same bytes for the same content, checked when read.

A file holds named arrays, JSON metadata, the kind of its content and a checksum. A file that is
truncated, damaged or of another kind is named in the error; nothing is ever half-written.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from landscape.data.datasets import Dataset

__all__ = [
    "Record",
    "StoreError",
    "read_arrays",
    "read_dataset",
    "replace_file",
    "write_arrays",
    "write_dataset",
]

_HEADER = "__header__"


class StoreError(RuntimeError):
    """A file that is missing, truncated, damaged, or holds something else than expected."""


@dataclass(frozen=True)
class Record:
    """Content of a file.

    Attributes
    ----------
    arrays : dict of str to array
        Numbers, booleans or text; never objects.
    metadata : dict
        JSON values.
    """

    arrays: dict[str, NDArray[Any]]
    metadata: dict[str, Any]


def replace_file(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file completely or not at all: beside its place first, then ``os.replace``."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            write(file)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_arrays(
    path: str | Path,
    kind: str,
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a file of the given kind; equal content gives equal bytes.

    Raises
    ------
    TypeError
        If an array holds Python objects, or the metadata is not JSON.
    """
    content = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    for name, values in content.items():
        if values.dtype.hasobject:
            raise TypeError(f"{path}: array {name!r} holds Python objects; store numbers or text")
    details = dict(metadata or {})
    header = {"kind": kind, "metadata": details, "checksum": _checksum(kind, details, content)}
    content[_HEADER] = np.array(json.dumps(header, sort_keys=True, allow_nan=False))
    # numpy dates every member 1980: the bytes do not depend on the time.
    replace_file(path, lambda file: np.savez(file, allow_pickle=False, **content))


def read_arrays(path: str | Path, kind: str) -> Record:
    """Read a file and check that it is what was written, of the given kind.

    Raises
    ------
    StoreError
        If not; the message names the file and the remedy.
    """
    remedy = "delete it and run the study again"
    try:
        # Opened here: numpy leaves its own handle open when the archive is damaged.
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise StoreError(f"{path}: no such file; run the study again") from None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise StoreError(f"{path}: truncated or damaged ({error}); {remedy}") from None
    except TypeError:  # a bare array in npy format is no archive
        raise StoreError(f"{path}: not written by landscape; {remedy}") from None
    try:
        header = json.loads(str(arrays.pop(_HEADER)))
        found, metadata, checksum = header["kind"], header["metadata"], header["checksum"]
    except (KeyError, TypeError, ValueError):
        raise StoreError(f"{path}: not written by landscape; {remedy}") from None
    if found != kind:
        raise StoreError(f"{path}: holds {found!r}, expected {kind!r}; {remedy}")
    if checksum != _checksum(kind, metadata, arrays):
        raise StoreError(f"{path}: content does not match its checksum; {remedy}")
    return Record(arrays, metadata)


def write_dataset(path: str | Path, dataset: Dataset) -> None:
    """Write a data set; :func:`read_dataset` gives it back exactly."""
    metadata = {
        "name": dataset.name,
        "feature_names": list(dataset.feature_names),
        "target_name": dataset.target_name,
        "source": dataset.metadata,
    }
    arrays = {"features": dataset.features, "target": dataset.target}
    write_arrays(path, "dataset", arrays, metadata)


def read_dataset(path: str | Path) -> Dataset:
    """Read a data set; errors as :func:`read_arrays`."""
    record = read_arrays(path, "dataset")
    return Dataset(
        record.metadata["name"],
        record.arrays["features"],
        record.arrays["target"],
        feature_names=record.metadata["feature_names"],
        target_name=record.metadata["target_name"],
        metadata=record.metadata["source"],
    )


def _checksum(kind: str, metadata: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of everything in a file, independent of the order of the arrays."""
    digest = hashlib.sha256(json.dumps([kind, metadata], sort_keys=True).encode())
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
