"""Running small studies as a user does, for the tests of the workflow."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROFILE = ROOT / "tests/config"
#: Where the tests' study, whose name is tiny, writes.
RESULTS = "results/tiny"
VICTIM = f"{RESULTS}/fits/teacher/2/0-2.parquet"


def command(
    folder,
    *arguments,
    cores=2,
    profile="workflow/profiles/default",
    config="config.yaml",
    root=ROOT,
):
    """Command line and environment of a run of the study in ``folder``, as ``make study`` has."""
    python = sys.executable if root == ROOT else root / ".venv/bin/python"
    line = [python, "-m", "snakemake", "--snakefile", root / "Snakefile"]
    line += ["--directory", folder, "--configfile", folder / config]
    line += ["--workflow-profile", root / profile if profile else "none"]
    environment = {
        **os.environ,
        "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(folder / ".cache"),
    }
    return [*map(str, line), *(["--cores", str(cores)] if cores else []), *arguments], environment


def snakemake(folder, *arguments, check=True, environment=None, **options):
    """Run Snakemake on the study in ``folder``; what it printed."""
    line, own = command(folder, *arguments, **options)
    done = subprocess.run(
        line, cwd=folder, env={**own, **(environment or {})}, capture_output=True, text=True
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def new_study(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.yaml", "own.csv"):
        shutil.copy(PROFILE / name, folder / name)
    return folder


def digests(folder, pattern):
    """SHA-256 of files by name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
    }
