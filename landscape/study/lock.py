"""One run of a study at a time in a folder, and what a killed one left behind put away.

A run holds a lock of the operating system (``flock``) that ends with its process, however that
ends, and so do its jobs: whoever gets it knows that nobody is at work. Snakemake's own lock
outlives a run that was killed; the profiles switch it off. Where a file system has no such locks,
runs of one study in one folder are not kept apart.
"""

import atexit
import fcntl
import os
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from landscape.data.files import unwritable
from landscape.errors import LandscapeError

#: Open for as long as this process lives.
_held: list[IO[str]] = []


class RunError(LandscapeError, RuntimeError):
    """Why a run cannot begin here: one line, with the remedy."""


def begin(folder: str | Path, study: str, *, patience: float = 5.0) -> str | None:
    """Take a study in a folder for a run, for as long as this process lives.

    Other studies may be at work in the same folder, where ``.snakemake`` and ``results`` are; jobs
    of a killed run are waited for, ``patience`` seconds. A sentence says if a run had been killed
    here and its left-overs were removed. RunError if another run of this study is at work, or jobs
    of a killed one; or nothing can be written.
    """
    try:
        file = _open(folder, study)
        alone = _lock(file, fcntl.LOCK_EX, patience)
        file.seek(0)
        who = file.read().strip()
        if not alone:
            file.close()
            by = who or "a process that is just starting"
            raise RunError(
                f"another run of study {study!r} is at work in this folder ({by}), or jobs of it "
                "if that was killed: wait until it ends or stop it with Ctrl-C, then run again; "
                "two at once would write the same files"
            )
        file.truncate(0)
        print(f"process {os.getpid()}, since {datetime.now():%Y-%m-%d %H:%M:%S}", file=file)
        file.flush()
    except OSError as error:
        raise RunError(unwritable(Path(folder) / ".snakemake", error)) from None
    _share(file)
    atexit.register(lambda: None if file.closed else file.truncate(0))
    if not who:
        return None
    for partial in (Path(folder) / "results" / study).glob("**/.*.partial"):
        partial.unlink(missing_ok=True)
    return "an earlier run was killed here; its open jobs run again"


def attend(folder: str | Path, study: str) -> None:
    """Show, for as long as this process lives, that a job of a study is at work in the folder."""
    with suppress(OSError):  # a job that can write its results needs no lock to do so
        _share(_open(folder, study))


def check_writable(folder: str | Path) -> None:
    """Refuse a folder in which nothing can be written, with a RunError."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as probe:
            probe.write(b" " * 4096)
    except OSError as error:
        raise RunError(unwritable(folder, error)) from None


def _open(folder: str | Path, study: str) -> IO[str]:
    path = Path(folder) / f".snakemake/landscape.{study}.run"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+", encoding="utf-8")


def _share(file: IO[str]) -> None:
    """Hold the lock, which the run and its jobs share."""
    _lock(file, fcntl.LOCK_SH, 0.0)
    _held.append(file)


def _lock(file: IO[str], how: int, patience: float) -> bool:
    """Whether nobody else holds the lock in another way; also where there are no locks."""
    for _ in range(1 + int(10 * patience)):
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.1)
        except OSError:
            return True
    return False
