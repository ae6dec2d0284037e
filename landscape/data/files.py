"""Files that are written completely or not at all, and errors that name the file and the remedy."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from landscape.errors import LandscapeError

AGAIN = "delete it and run the study again"

#: What to do about errors of the file system.
_REMEDIES = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space, then run again")
_LOCKED = (errno.EROFS, errno.EACCES, errno.EPERM)
_REMEDIES |= dict.fromkeys(_LOCKED, "make its folder writable, or work in another one")
_REMEDIES[errno.EFBIG] = "raise the limit on the size of files, then run again"


class StoreError(LandscapeError, RuntimeError):
    """A file that cannot be written or read, or that holds something else than expected."""


class DataError(LandscapeError, ValueError):
    """Data that cannot be studied; the message says where, what was found and what to do."""


def check(fine: object, where: object, sentence: str) -> None:
    """Refuse what stands at a place in the data, unless it is fine."""
    if not fine:
        raise DataError(f"{where}: {sentence}")


def replace_file(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file completely or not at all: beside its place first, then ``os.replace``.

    If the file system refuses, a :class:`StoreError` says so, and an old file stays as it was.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            write(file)
            # Some file systems report a full disk only here; and after a power failure the
            # new name must not stand for content that never arrived.
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise StoreError(unwritable(path, error)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def unwritable(path: str | Path, error: OSError) -> str:
    """One line on a file that cannot be written: what the system says, and what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "run again when that is mended")
    return f"{path}: cannot be written ({error.strerror or error}); {remedy}"


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text as :func:`replace_file` does."""
    replace_file(path, lambda file: file.write(text.encode()))


def read_file(path: str | Path) -> bytes:
    """The content of a file that must not be empty."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise StoreError(f"{path}: no such file; run the study again") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not content:
        raise StoreError(f"{path}: is empty; {AGAIN}")
    return content
