"""One run of a study at a time in a folder, and what a killed one left behind put away.

A run holds a lock of the operating system (``flock``) that ends with its process, however that
ends, and so do its jobs: whoever gets it knows that nobody is at work. Snakemake's own lock
outlives a run that was killed; the profiles switch it off. Where a file system has no such locks,
runs of one study in one folder are not kept apart.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import time
from datetime import datetime
from pathlib import Path
from typing import IO

from landscape.data import unwritable
from landscape.errors import LandscapeError

__all__ = ["RunError", "attend", "begin", "check_writable"]

#: Open for as long as this process lives.
_held: list[IO[str]] = []


class RunError(LandscapeError, RuntimeError):
    """Why a run cannot begin here: one line, with the remedy."""


def _open(folder: str | Path, study: str) -> IO[str]:
    path = Path(folder) / f".snakemake/landscape.{study}.run"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+", encoding="utf-8")


def begin(folder: str | Path, study: str, *, patience: float = 5.0) -> str | None:
    """Take a study in a folder for a run, for as long as this process lives.

    Parameters
    ----------
    folder : path
        Where ``.snakemake`` and ``results`` are.
    study : str
        Runs of other studies may be at work in the same folder.
    patience : float
        Seconds to wait for jobs of a run that was killed.

    Returns
    -------
    str or None
        A sentence if a run had been killed here and its left-overs were removed.

    Raises
    ------
    RunError
        If another run of this study is at work, or jobs of a killed one; or nothing can be written.
    """
    try:
        file = _open(folder, study)
        alone = _lock(file, fcntl.LOCK_EX, patience)
        file.seek(0)
        who = file.read().strip()
        if not alone:
            file.close()
            raise RunError(
                f"another run of study {study!r} is at work in this folder "
                f"({who or 'a process that is just starting'}), or jobs of it if that was killed: "
                "wait until it ends or stop it with Ctrl-C, then run again; two at once would "
                "write the same files"
            )
        file.truncate(0)
        print(f"process {os.getpid()}, since {datetime.now():%Y-%m-%d %H:%M:%S}", file=file)
        file.flush()
    except OSError as error:
        raise RunError(unwritable(Path(folder) / ".snakemake", error)) from None
    _lock(file, fcntl.LOCK_SH, 0.0)  # which the jobs share
    _held.append(file)
    atexit.register(lambda: None if file.closed else file.truncate(0))
    if not who:
        return None
    for partial in (Path(folder) / "results" / study).glob("**/.*.partial"):
        partial.unlink(missing_ok=True)
    return "an earlier run was killed here; its open jobs run again"


def attend(folder: str | Path, study: str) -> None:
    """Show, for as long as this process lives, that a job of a study is at work in the folder."""
    try:
        file = _open(folder, study)
    except OSError:  # a job that can write its results needs no lock to do so
        return
    _lock(file, fcntl.LOCK_SH, 0.0)
    _held.append(file)


def _lock(file: IO[str], how: int, patience: float) -> bool:
    """Whether nobody else holds the lock in another way; also where there are no locks."""
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        except OSError:
            return True
        else:
            return True


def check_writable(folder: str | Path) -> None:
    """Refuse a folder in which nothing can be written.

    Raises
    ------
    RunError
        One line, with the remedy.
    """
    probe = Path(folder) / f".probe-{os.getpid()}"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b" " * 4096)
    except OSError as error:
        raise RunError(unwritable(Path(folder), error)) from None
    finally:
        if probe.exists():
            probe.unlink()
