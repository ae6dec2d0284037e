"""One run at a time in a folder, and what a killed one left behind put away.

Snakemake's own lock outlives a run that was killed, and does not say whose it is. So a run also
holds a lock of the operating system (`flock`), which ends with its process, however that ends, and
every job of a run holds a shared one: when nobody holds either, no run of the study is alive, and
Snakemake's lock is a left-over that may go. On file systems without such locks nothing is
removed, and Snakemake's own lock is all there is.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO

from landscape.data import unwritable

__all__ = ["LOOKING", "RunError", "attend", "begin", "check_writable", "looks_only"]

#: Options with which snakemake only shows something.
LOOKING = frozenset(
    """
    --report --dag --rulegraph --filegraph --d3dag --summary -S --detailed-summary -D --lint
    --list-rules --list --list-target-rules --list-changes --list-input-changes
    --list-params-changes --list-untracked --dry-run --dryrun -n --containerize
    """.split()  # noqa: SIM905 - a column of thirty strings is harder to read
)

#: Open for as long as this process lives; by file.
_held: dict[Path, IO[str]] = {}


class RunError(RuntimeError):
    """Why a run cannot begin here: one line, with the remedy."""


def looks_only(arguments: Iterable[str]) -> bool:
    """Whether snakemake's command line starts no job.

    Examples
    --------
    >>> looks_only(["--cores", "2", "--report", "report.html"]), looks_only(["--cores", "2"])
    (True, False)
    """
    given = {argument.split("=")[0] for argument in arguments}
    return bool(given & LOOKING) and "--report-after-run" not in given


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
    home = Path(folder) / ".snakemake"
    run = home / f"landscape.{study}.run"
    if run.absolute() in _held:
        return None
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = run.open("a+", encoding="utf-8")
    except OSError as error:
        raise RunError(unwritable(run, error)) from None
    granted = _lock(file, fcntl.LOCK_EX)
    if granted is False:
        file.seek(0)
        who = file.read().strip() or "a process that is just starting"
        file.close()
        raise RunError(
            f"another run of study {study!r} is at work in this folder ({who}): wait until it ends "
            "or stop it with Ctrl-C, then run again; two at once would write the same files"
        )
    _held[run.absolute()] = file
    removed = _put_away(Path(folder), study, patience) if granted else None
    try:
        file.seek(0)
        file.truncate()
        print(f"process {os.getpid()}, since {datetime.now():%Y-%m-%d %H:%M:%S}", file=file)
        file.flush()
    except OSError as error:
        raise RunError(unwritable(run, error)) from None
    return removed


def attend(folder: str | Path, study: str) -> None:
    """Show, for as long as this process lives, that a job of a study is at work in the folder."""
    jobs = Path(folder) / f".snakemake/landscape.{study}.jobs"
    try:
        file = jobs.open("a+", encoding="utf-8")
    except OSError:  # a job that can write its results needs no lock to do so
        return
    _lock(file, fcntl.LOCK_SH)
    _held[jobs.absolute()] = file


def _put_away(folder: Path, study: str, patience: float) -> str | None:
    """Remove what a killed run of the study left; the caller holds the study's lock."""
    home = folder / ".snakemake"
    own = {home / f"landscape.{study}.{what}" for what in ("run", "jobs")}
    alone = not any(_busy(path) for path in set(home.glob("landscape.*.*")) - own)
    # Snakemake's locks do not say whose they are, but which files they are about.
    stale = [
        lock
        for lock in sorted((home / "locks").glob("*.lock"))
        if alone or f"results/{study}/" in lock.read_text(encoding="utf-8")
    ]
    if not stale:
        return None
    end = time.monotonic() + patience
    while busy := _busy(home / f"landscape.{study}.jobs"):
        if time.monotonic() > end:
            raise RunError(
                f"jobs of a killed run of study {study!r} are still at work in this folder: wait "
                "until they end (`ps` shows them as python .snakemake/scripts/...), then run again"
            )
        time.sleep(0.1)
    if busy is None:
        return None
    for lock in stale:
        lock.unlink(missing_ok=True)
    for partial in (folder / "results" / study).glob("**/.*.partial"):
        partial.unlink(missing_ok=True)
    return "an earlier run was killed here; its lock is removed and its open jobs run again"


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


def _busy(path: Path) -> bool | None:
    """Whether a process holds the lock; None where that cannot be known."""
    try:
        with path.open("a+", encoding="utf-8") as file:
            granted = _lock(file, fcntl.LOCK_EX)
    except OSError:
        return None
    return None if granted is None else not granted


def _lock(file: IO[str], how: int) -> bool | None:
    """Whether the lock was granted; None where the file system has no locks."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
