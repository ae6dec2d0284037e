"""Configuration, checked; and what the rules need to know of it."""

import hashlib
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

import landscape.tables
from landscape.data.sources import module_file
from landscape.study.checks import check_place, check_study
from landscape.study.config import starts_of_blocks
from landscape.study.rows import STEPS


class StudyError(WorkflowError):
    """What a user can mend, told without the places of the workflow's files that found it."""

    __traceback__ = None  # Snakemake prints what is here


def refuse(problems):
    """End before any job runs, with one line per problem."""
    if problems:
        raise StudyError("\n".join(problems))


refuse(check_place(sys.executable, Path(landscape.__file__).parent))
# All mistakes at once. The user's tables are read and their functions tried once: jobs on a cluster
# read the Snakefile again, in processes of their own.
texts = [Path(path).read_text(encoding="utf-8") for path in workflow.configfiles]
complete, found = check_study(config, texts, data=workflow.is_main_process)
refuse(found)
config.update(complete)


# Every study has its own folders; paths in the rules begin with one of these names.
pathvars:
    results=f"results/{config['study']}",
    logs=f"logs/{config['study']}",
    benchmarks="<results>/benchmarks",


DATASETS = list(config["datasets"])
NEURONS = config["neurons"]
BLOCKS = [f"{a}-{b}" for a, b in starts_of_blocks(config["starts"], config["block_size"])]
#: A job of the steps from training to solvers does all numbers of neurons of its data set, or one.
TOGETHER = config["neurons_together"]
JOB_NEURONS = NEURONS if TOGETHER else ["{neurons}"]
JOB = "{dataset}" if TOGETHER else "{dataset}/{neurons}"
#: Tables that other rules write than that of this name.
OF_REALIZATIONS = ["accuracy", "predictions", "dependence", "weights"]
OF_ATLASES = ["atlas", "coverage", "valleys", "barriers"]
APART = [*OF_ATLASES, *OF_REALIZATIONS, "networks", "provenance"]
TABLES = [name for name in landscape.tables.TABLES if name not in APART]
MAIN_FIGURES = ["losses", "stability", "radii", "probes", "dependence"]
MORE_FIGURES = [name for name in landscape.tables.FIGURES if name not in MAIN_FIGURES]
FIGURES = MAIN_FIGURES + MORE_FIGURES


wildcard_constraints:
    dataset="[A-Za-z0-9][A-Za-z0-9_.-]*",
    neurons=r"\d+",
    block=r"\d+-\d+",


# What a rule's files depend on beside its inputs stands in its parameters: parts of the
# configuration and a digest of the code. When one changes, Snakemake makes them again.

PACKAGE = Path(landscape.__file__).parent
#: Parts of the package that present results and change none.
PRESENTING = {"plots", "plots_atlas", "tables", "report", "paper", "claims"}


def digest(paths):
    """Digest of files and of their names."""
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path.name}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


SOURCES = [
    path
    for path in sorted(PACKAGE.rglob("*"))
    if path.is_file() and "__pycache__" not in path.parts
]
SHARED = [Path(workflow.source_path(f"../scripts/{name}.py")) for name in ("job", "tabular")]
#: Of what computes, for the rules whose results are numbers; and of everything, for the others.
COMPUTING = digest(
    [p for p in SOURCES if p.relative_to(PACKAGE).parts[0].removesuffix(".py") not in PRESENTING]
    + SHARED
)
EVERYTHING = digest(SOURCES + SHARED)


def settings(*keys):
    """Parts of the configuration by dotted key."""
    found = {}
    for key in keys:
        value = config
        for name in key.split("."):
            value = value[name]
        found[key] = value
    return found


def without_path(entry):
    """A data set's entry without its places: the content of the files counts."""
    return {key: value for key, value in entry.items() if key not in ("path", "networks")}


OBJECTIVE = ("loss", "weight_decay")
FITS = ("seed", "margin", "spaces", "training", *OBJECTIVE)
MINIMA = (*FITS, "descent", "minima")
#: What the tables of all steps are made from; how starts are cut into jobs changes none.
STUDY = settings(
    *MINIMA,
    *("neurons", "starts", "radius", "realization", "solvers"),
    *(key for key, _, _ in STEPS.values()),
) | {"datasets": {name: without_path(entry) for name, entry in config["datasets"].items()}}


def dataset_config(wildcards):
    """The config's entry of a data set, but for its networks, which change no data."""
    entry = config["datasets"][wildcards.dataset]
    return {key: value for key, value in entry.items() if key != "networks"}


def problem_config(wildcards):
    """The config's entry of a problem of which there is an atlas."""
    return config["atlas"]["problems"][wildcards.problem]


def content_of(entry):
    """Digests of what an entry of a data set stands for: its table, and its generator's module.

    They are no inputs of rules: their content counts, whatever their time stamps, and their paths
    may have braces.
    """
    own = [module_file(path) for path in generators_of(entry).values()]
    table = Path(entry.get("path", ""))
    held = hashlib.sha256(table.read_bytes()).hexdigest() if table.is_file() else ""
    return held + digest(map(Path, filter(None, own)))


def generators_of(entry):
    """Import path of the generator of a data set, by its kind; empty for our own kinds."""
    own = config["plugins"]["generators"]
    return {kind: path for kind, path in own.items() if kind == entry["kind"]}


def own_solvers(names):
    """Import paths of those solvers that are the user's own, by name."""
    own = config["plugins"]["solvers"]
    return {name: path for name, path in own.items() if name in names}


def solver_files(names):
    """Modules of the user's own solvers among these: what uses them depends on them."""
    own = [module_file(path) for path in own_solvers(names).values()]
    return [path for path in own if path]


def files(step, *, datasets=("{dataset}",), neurons=JOB_NEURONS, blocks=()):
    """Files of a step: by default those of a job, one for each of its numbers of neurons."""
    place = "{neurons}/{block}" if blocks else "{neurons}"
    path = f"<results>/{step}/{{dataset}}/{place}.parquet"
    return expand(path, dataset=datasets, neurons=neurons, block=blocks or [""])


def all_files(step, *, blocks=()):
    """Files of a step, of all data sets and numbers of neurons."""
    return files(step, datasets=DATASETS, neurons=NEURONS, blocks=blocks)


def figure_files(names):
    """Where figures go, PNG and SVG; the report shows the latter."""
    png = {f"{name}_png": f"<results>/figures/{name}.png" for name in names}
    svg = {
        f"{name}_svg": report(
            f"<results>/figures/{name}.svg",
            caption=f"../report/{name}.rst",
            category="Figures",
            labels={"figure": name},
        )
        for name in names
    }
    return png | svg


def drawn_from(figures):
    """The tables that figures are drawn from."""
    names = {table for figure in figures for table in landscape.tables.FIGURES[figure].tables}
    return {name: f"<results>/tables/{name}.parquet" for name in sorted(names)}
