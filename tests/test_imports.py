"""What is imported when: the package itself nothing, a fit no more than it needs."""

import subprocess
import sys

#: What costs a tenth of a second or more to import, or pulls in something that does.
HEAVY = {
    "numpy",
    "scipy.optimize",
    "scipy.stats",
    "pandas",
    "pyarrow",
    "matplotlib",
    "seaborn",
    "sklearn",
    "numba",
    "joblib",
    "clarabel",
    "flint",
    "snakemake",
}
TABLES_AND_FIGURES = {
    "pandas",
    "matplotlib",
    "seaborn",
    "sklearn",
    "joblib",
    "snakemake",
}


def loaded_by(statement):
    """Heavy modules that a new interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_imports_nothing_heavy():
    assert loaded_by("import landscape") == set()
    # The check sees what is there.
    assert loaded_by("import landscape; landscape.UnrestrictedSpace") == {"numpy"}


def test_configuration_is_checked_without_numpy():
    assert loaded_by("import landscape.study.config") == set()


def test_steps_load_neither_tables_nor_figures():
    """A job of the study starts in a second: what it imports is paid by every job."""
    steps = "training distinct probes pairs radii coverage"
    modules = [f"landscape.study.{step}" for step in steps.split()]
    loaded = loaded_by(f"import landscape.rows.store, {', '.join(modules)}")
    assert "numpy" in loaded and not loaded & (TABLES_AND_FIGURES | {"numba", "scipy.stats"})


def test_the_lists_of_tables_and_figures_are_read_without_what_makes_them():
    """Snakemake reads them in every job."""
    assert loaded_by("import landscape.tables") == {"numpy"}


#: What the extras bring.
EXTRAS = ("flint", "matplotlib", "pandas", "pyarrow", "pydantic", "seaborn", "snakemake")


def without_extras(statement):
    """What a new interpreter without the extras' packages says."""
    code = f"import sys\nsys.modules |= dict.fromkeys({EXTRAS})\n{statement}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_the_core_needs_no_extra():
    done = without_extras(
        "import landscape\nprint(len([getattr(landscape, name) for name in landscape.__all__]))"
    )
    assert int(done.stdout) > 10, done.stderr


def test_a_missing_extra_is_named_with_what_to_do():
    for module in ("landscape.plots", "landscape.report"):
        done = without_extras(f"import {module}")
        assert "not installed; run: pip install 'landscape-relu[study]'" in done.stderr
    # scikit-learn imports pandas where it is there: we only need it for the table of starts.
    fit = "landscape.estimator.ShallowReLURegressor(1).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 3.0])"
    assert not without_extras(f"import landscape.estimator\n{fit}").stderr
    done = without_extras(f"import landscape.estimator\n{fit}.starts_")
    assert "pandas is not installed; run: pip install 'landscape-relu[paper]'" in done.stderr
