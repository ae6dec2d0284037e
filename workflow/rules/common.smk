"""Configuration, checked; and what the rules need to know of it."""

import copy
import importlib.util
import re
from functools import cache
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

import landscape.tables
from landscape.data import plugins
from landscape.study.checks import adapt_defaults, study_problems
from landscape.study.config import (
    config_problems,
    duplicate_keys,
    sound_part,
    starts_of_blocks,
)
from landscape.study.origins import settings_of

SCHEMA = Path(workflow.source_path("../schemas/config.schema.yaml"))


class StudyError(WorkflowError):
    """What a user can mend, told without the places of the workflow's files that found it."""

    __traceback__ = None  # Snakemake prints what is here


def refuse(problems):
    """End before any job runs, with one line per problem."""
    if problems:
        raise StudyError("\n".join(problems))


def judge(part):
    """What is wrong with a configuration that is valid by the schema; fills in its defaults."""
    given = copy.deepcopy(part)
    validate(part, str(SCHEMA))
    return study_problems(part, given)


# First our own sentences on what is written; then, on what of it is sound, Snakemake's validation,
# which fills in the defaults, and what needs them: combinations of keys, and the user's own tables.
STRUCTURE = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
found = [
    problem
    for path in workflow.configfiles
    for problem in duplicate_keys(Path(path).read_text(encoding="utf-8"))
] + config_problems(config, STRUCTURE)
GIVEN = copy.deepcopy(config)
part = sound_part(config, STRUCTURE) if found else config
refuse(found + (judge(part) if part is not None else []))
adapt_defaults(config, GIVEN)


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
#: Atlases have tables and figures of their own (atlas.smk), and so has provenance.
OF_ATLASES = ["atlas", "coverage"]
TABLES = [name for name in landscape.tables.TABLES if name not in [*OF_ATLASES, "provenance"]]
MAIN_FIGURES = ["losses", "stability", "radii", "probes"]
MORE_FIGURES = [name for name in landscape.tables.FIGURES if name not in MAIN_FIGURES]
FIGURES = MAIN_FIGURES + MORE_FIGURES


wildcard_constraints:
    dataset="[A-Za-z0-9][A-Za-z0-9_.-]*",
    neurons=r"\d+",
    block=r"\d+-\d+",


PACKAGE = Path(importlib.util.find_spec("landscape").origin).parent


def code(*modules):
    """Files of the package's modules that these import, directly or not: rules depend on them."""
    found, waiting = set(), list(modules)
    while waiting:
        path = module_file(waiting.pop())
        if path is None or path in found:
            continue
        found.add(path)
        waiting += imported_by(path)
    return sorted(os.path.relpath(path) for path in found)


#: An import of the package's modules, anywhere in a file; several names may be in brackets.
IMPORT = re.compile(
    r"^[ \t]*(?:from (landscape[\w.]*) import ([^(\n]+|\([^)]*\))|import ([\w., \t]+))",
    re.MULTILINE,
)


@cache
def imported_by(path):
    """Names of the modules, and of what may be modules, that a file imports.

    Once per file: rules share most of them, and every job of a cluster reads the Snakefile again;
    for that reason also without a parser, which would take most of the time of reading it.
    """
    names = []
    for module, members, modules in IMPORT.findall(path.read_text(encoding="utf-8")):
        members = re.findall(r"\w+", re.sub(r"#.*| as \w+", "", members))
        names += [module, *(f"{module}.{member}" for member in members)]
        names += re.findall(r"landscape[\w.]*", modules)
    return [name for name in names if name.startswith("landscape.")]


@cache
def module_file(module):
    """The file of a module of the package; None for other names."""
    first, *rest = module.split(".")
    # The package's own __init__ only names things.
    if first != "landscape" or not rest:
        return None
    place = PACKAGE.joinpath(*rest)
    candidates = [place / "__init__.py", place.with_suffix(".py")]
    return next((path for path in candidates if path.is_file()), None)


def dataset_config(wildcards):
    """The config's entry of a data set."""
    return config["datasets"][wildcards.dataset]


def dataset_files(wildcards):
    """The files that a data set is read from."""
    entry = dataset_config(wildcards)
    return files_of(entry)


def files_of(entry):
    """The files that an entry of a data set stands for: its table, or its generator's module."""
    own = [plugins.module_file(path) for path in generators_of(entry).values()]
    return [path for path in [entry.get("path"), *own] if path]


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
    own = [plugins.module_file(path) for path in own_solvers(names).values()]
    return [path for path in own if path]


def job_block(step):
    """The files of a job's block of starts: one for each of its numbers of neurons."""
    return expand(
        f"<results>/{step}/{{{{dataset}}}}/{{neurons}}/{{{{block}}}}.parquet", neurons=JOB_NEURONS
    )


def job_blocks(step):
    """The files of all blocks of starts for a job's data set and its numbers of neurons."""
    return expand(
        f"<results>/{step}/{{{{dataset}}}}/{{neurons}}/{{block}}.parquet",
        neurons=JOB_NEURONS,
        block=BLOCKS,
    )


def job_cells(step):
    """The files of a job's data set, one for each of its numbers of neurons."""
    return expand(f"<results>/{step}/{{{{dataset}}}}/{{neurons}}.parquet", neurons=JOB_NEURONS)


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


def all_blocks(step):
    """The files of all blocks of starts."""
    return expand(
        f"<results>/{step}/{{dataset}}/{{neurons}}/{{block}}.parquet",
        dataset=DATASETS,
        neurons=NEURONS,
        block=BLOCKS,
    )


def cells(step):
    """The files of all data sets and numbers of neurons."""
    return expand(
        f"<results>/{step}/{{dataset}}/{{neurons}}.parquet", dataset=DATASETS, neurons=NEURONS
    )


def page_parts():
    """Files of the package that the report's page is put together from."""
    return sorted(os.path.relpath(path) for path in PACKAGE.glob("report/page.*"))


def package_files():
    """All modules of the package."""
    return sorted(os.path.relpath(path) for path in PACKAGE.rglob("*.py"))
