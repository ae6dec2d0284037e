"""The configuration of a study: every key once, with its type, range, default and meaning.

:class:`Study` is the model. ``python -m landscape.study.config`` writes the JSON schema of it that
editors use (``workflow/schemas/config.schema.yaml``); what a key that is left out means is what
``config.yaml`` documents. :mod:`landscape.study.checks` says what is wrong with a configuration.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic import model_validator as after

__all__ = ["OWN", "Study", "config_schema", "starts_of_blocks"]

SCHEMA = Path(__file__).parents[2] / "workflow/schemas/config.schema.yaml"
T = TypeVar("T")


def _different(values: list[T]) -> list[T]:
    twice = next((value for k, value in enumerate(values) if value in values[:k]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} stands twice; remove one of them")
    return values


def _no_other_folder(name: str) -> str:
    if name in ("paper", "benchmarks"):
        raise ValueError(f"results/{name} is the place of something else; choose another name")
    return name


NAME = "A name of letters, digits, -, _ and ., beginning with a letter or digit."
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description=NAME)]
Different = AfterValidator(_different)
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Space = Literal["restricted", "balanced", "unrestricted"]
Numbers = Annotated[list[Count], Field(min_length=1), Different]
Scales = Annotated[list[Annotated[float, Field(gt=0, le=1)]], Different]
ImportPath = Annotated[str, Field(description="An import path, package.module:function.")]


def key(description: str, default: Any = ...) -> Any:
    """A key of the configuration; it has to be given if there is no default."""
    return Field(default, description=description)


class Section(BaseModel):
    """Keys that stand together; others are refused, and so are numbers written as text."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


S = TypeVar("S", bound=Section)


def section(kind: type[S], description: str) -> S:
    """A section, all of whose keys may be left out."""
    found: S = Field(default_factory=kind, description=description)
    return found


class _Data(Section):
    standardize: Literal["both", "features", "target", "none"] = key(
        "One of both, features, target and none.", "both"
    )


class _Drawn(_Data):
    n_samples: Annotated[int, Field(ge=3)] = key("A number of samples, at least 3.")
    n_features: Count = key("A number of inputs, at least 1.")
    noise: Annotated[float, Field(ge=0)] = key(
        "A number, at least 0, in units of the noise-free target's standard deviation.", 0.0
    )
    seed: Seed = key("A non-negative integer.", 0)

    @after(mode="after")
    def _no_interpolation(self) -> _Drawn:
        n, d = self.n_samples, self.n_features
        if n < d + 2:
            raise ValueError(
                f"{n} samples of {d} features are interpolated by an affine function; give "
                f"n_samples of at least {d + 2}"
            )
        return self


class Teacher(_Drawn):
    """Samples of a random shallow ReLU network."""

    kind: Literal["teacher"]
    n_neurons: Count = key("Neurons of the teacher, at least 1.")


class Smooth(_Drawn):
    """Samples of a smooth function."""

    kind: Literal["smooth"]
    function: Literal["sine", "bump", "saddle"] = key("One of sine, bump and saddle.")


class Diabetes(_Data):
    """scikit-learn's diabetes data."""

    kind: Literal["diabetes"]


class Parquet(_Data):
    """A table of one's own, Parquet."""

    kind: Literal["parquet"]
    path: Annotated[str, Field(min_length=1)] = key(
        "Path of a file, relative to the folder that the study is started from."
    )
    target: Annotated[str, Field(min_length=1)] = key("Name of the column to be predicted.")
    features: Annotated[list[str], Field(min_length=1), Different] | None = key(
        "A list of different names of columns; all but the target if left out.", None
    )


class Csv(Parquet):
    """A table of one's own, CSV."""

    kind: Literal["csv"]  # type: ignore[assignment]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = key("One character.", ",")


class Own(_Data):
    """Samples of a generator of one's own."""

    kind: str = key(
        "One of teacher, smooth, diabetes, csv and parquet, or a name under plugins.generators."
    )
    seed: Seed = key("A non-negative integer.", 0)
    options: dict[str, Any] = key("The arguments of the generator, name: value.", {})


#: Kinds of data sets that are built in.
_KINDS = {"teacher": Teacher, "smooth": Smooth, "diabetes": Diabetes, "csv": Csv}
_KINDS["parquet"] = Parquet
#: What stands for a data set of a generator of one's own.
OWN = "Own"


def _kind(entry: Any) -> str:
    kind = entry.get("kind") if isinstance(entry, dict) else getattr(entry, "kind", None)
    return _KINDS[kind].__name__ if isinstance(kind, str) and kind in _KINDS else OWN


Data = Annotated[
    Annotated[Teacher, Tag("Teacher")]
    | Annotated[Smooth, Tag("Smooth")]
    | Annotated[Diabetes, Tag("Diabetes")]
    | Annotated[Csv, Tag("Csv")]
    | Annotated[Parquet, Tag("Parquet")]
    | Annotated[Own, Tag(OWN)],
    Discriminator(_kind),
]


class Plugins(Section):
    """Functions of one's own."""

    generators: dict[Name, ImportPath] = key("Kinds of data sets, each with its import path.", {})
    solvers: dict[Name, ImportPath] = key("Solvers, each with its import path.", {})


class Training(Section):
    """The training."""

    solver: str = key(
        "One of SLSQP, L-BFGS-B, trust-constr and trf, or a name under plugins.solvers.", "SLSQP"
    )
    max_iter: Count = key("A number of iterations, at least 1.", 200)
    tol: Positive = key(
        "A number above 0; 1.0e-12 is usual. (YAML reads 1e-12 without a point as text.)", 1e-12
    )


class Descent(Section):
    """The descent."""

    max_iter: Count = key("A number of steps, at least 1.", 10000)


class Minima(Section):
    """The distinct minima."""

    proof: Literal["distinct", "all", "none"] = key(
        "One of distinct, all and none: what is proved in rational arithmetic as well.", "distinct"
    )


class Probe(Section):
    """The probes of balls."""

    max_minima: CountOrNone = key(
        "A number of minima of N*, per data set and number of neurons, at least 0.", 100
    )
    rigid_fraction: Fraction = key("A number above 0 and below 1.", 0.98)


class Controls(Section):
    """The controls."""

    max_minima: CountOrNone = key(
        "A number of minima per data set and number of neurons, at least 0.", 10
    )
    n_steps: Count = key("A number of steps, at least 1.", 8)


class Pairs(Section):
    """The pairs of networks."""

    max_pairs: CountOrNone = key("A number of pairs, at least 0.", 100)
    max_minima: CountOrNone = key("A number of minima that pairs are made from, at least 0.", 10)
    n_random: CountOrNone = key("A number of random pairs, at least 0.", 20)
    scales: Scales = key(
        "A list of different numbers above 0 and at most 1.",
        [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0],
    )


class Radius(Section):
    """The brackets of radii in parameter space."""

    spaces: Annotated[list[Space], Different] = key(
        "A list of different spaces, from restricted, balanced and unrestricted.", ["restricted"]
    )
    max_minima: CountOrNone = key("A number of minima per cell, at least 0.", 4)
    max_nodes: CountOrNone = key("A number of convex programs per minimum, at least 0.", 150)
    ratio: Annotated[float, Field(gt=1)] = key("A number above 1.", 1.1)
    n_starts: Count = key("A number of descents per box, at least 1.", 6)


class Realization(Section):
    """The brackets of radii in realization space."""

    spaces: Annotated[list[Literal["restricted", "balanced"]], Different] = key(
        "A list of different spaces, from restricted and balanced.", ["restricted", "balanced"]
    )
    max_minima: CountOrNone = key("A number of minima per cell, at least 0.", 3)
    factor: Positive = key("A number above 0.", 3.0)


class Solvers(Section):
    """The comparison of solvers."""

    solvers: Annotated[list[str], Different] = key(
        "A list of different solvers, from SLSQP, L-BFGS-B, trust-constr and trf, or "
        "plugins.solvers.",
        ["SLSQP", "L-BFGS-B", "trust-constr", "trf"],
    )
    starts: Count = key("A number of starts per solver, at least 1.", 60)
    slow_max_iter: Count = key("A number of iterations of trust-constr, at least 1.", 50)


class Natural(Section):
    """Minima outside N* as training finds them."""

    spaces: Annotated[list[Literal["balanced", "unrestricted"]], Different] = key(
        "A list of different spaces, from balanced and unrestricted.", ["balanced", "unrestricted"]
    )
    max_minima: CountOrNone = key("A number of minima per cell, at least 0.", 100)


class Converse(Section):
    """The converse."""

    n_draws: CountOrNone = key("A number of draws, at least 0.", 50)
    rigid_fraction: Fraction = key("A number above 0 and below 1.", 0.98)


class Regularization(Section):
    """The experiment with the paper's regularizers."""

    neurons: Numbers = key("A list of different numbers of neurons, each at least 1.", [2, 4])
    starts: Count = key(
        "A number of paired starts per data set and number of neurons, at least 1.", 60
    )
    strengths: Annotated[list[Positive], Field(min_length=1), Different] = key(
        "A list of different numbers above 0, in units of the target's variance.", [1e-2, 1e-1]
    )
    angle: Annotated[float, Field(gt=0, lt=90)] = key(
        "An angle in degrees above 0 and below 90, within which directions are penalized.", 15.0
    )
    merging_angle: Annotated[float, Field(ge=0, lt=90)] = key(
        "An angle in degrees, at least 0 and below 90, within which neurons are merged.", 5.0
    )
    every: Count = key("A number of iterations between merges, at least 1.", 50)
    solver: Literal["SLSQP", "L-BFGS-B", "trust-constr"] = key(
        "One of SLSQP, L-BFGS-B and trust-constr. (trf minimizes sums of squares only.)", "SLSQP"
    )


class Problem(Section):
    """A problem of which there is an atlas."""

    neurons: Count = key("A number of neurons, at least 1.")
    data: Data = key("A data set, as under datasets.")


class Atlas(Section):
    """The atlases."""

    problems: dict[Name, Problem] = key(
        "Small problems by name, each with its neurons and its data.", {}
    )
    starts: Count = key("A number of starts per problem and solver, at least 1.", 200)
    max_supports: Count = key("A number of least squares problems, at least 1.", 5_000_000)
    solvers: Annotated[list[str], Field(min_length=1), Different] = key(
        "A list of different solvers, from descent and far descent (alone), SLSQP, L-BFGS-B and "
        "trf, or plugins.solvers.",
        ["SLSQP", "L-BFGS-B", "trf", "descent"],
    )


class Study(Section):
    """Configuration of a study; see config.yaml."""

    study: Annotated[Name, AfterValidator(_no_other_folder)] = key(
        "A name of letters, digits, -, _ and ., not paper or benchmarks; results go to "
        "results/<name>.",
        "default",
    )
    seed: Seed = key("A non-negative integer, the seed of all random starts.", 1)
    datasets: Annotated[dict[Name, Data], Field(min_length=1)] = key(
        "One or more data sets, each a name with its options."
    )
    neurons: Numbers = key("A list of different numbers of neurons, each at least 1.", [2, 4])
    spaces: Annotated[list[Space], Field(min_length=1), Different] = key(
        "A list of different spaces, from restricted, balanced and unrestricted.",
        ["restricted", "balanced", "unrestricted"],
    )
    starts: Count = key("A number of starts per cell, at least 1.", 200)
    block_size: Count = key("A number of starts per job, at least 1.", 200)
    neurons_together: bool = key(
        "Whether a job does all numbers of neurons of its data set, true or false.", True
    )
    margin: Annotated[float, Field(ge=0)] = key("A number, at least 0; 0.001 is usual.", 1e-3)
    plugins: Plugins = section(Plugins, "Functions of installed modules, by names of one's own.")
    training: Training = section(Training, "Options of the training.")
    descent: Descent = section(Descent, "Options of the descent.")
    minima: Minima = section(Minima, "Options of the distinct minima.")
    probe: Probe = section(Probe, "Options of the probes.")
    controls: Controls = section(Controls, "Options of the controls.")
    pairs: Pairs = section(Pairs, "Options of the pairs of networks, within N* and outside.")
    radius: Radius = section(Radius, "Options of the brackets of radii in parameter space.")
    realization: Realization = section(
        Realization, "Options of the brackets of radii in realization space."
    )
    solvers: Solvers = section(Solvers, "Options of the comparison of solvers.")
    natural: Natural = section(Natural, "Options of the minima outside N* as training finds them.")
    converse: Converse = section(Converse, "Options of the converse.")
    regularization: Regularization = section(
        Regularization, "Options of the experiment with the paper's regularizers."
    )
    atlas: Atlas = section(Atlas, "Options of the atlases.")

    @after(mode="after")
    def _trained_spaces(self) -> Study:
        """Spaces that a step goes over by default are those of them that are trained."""
        for step in (self.radius, self.realization, self.natural):
            if "spaces" not in step.model_fields_set:
                trained: Any = [space for space in step.spaces if space in self.spaces]
                step.spaces = trained
                step.model_fields_set.discard("spaces")
        return self

    def complete(self) -> dict[str, Any]:
        """The configuration with its defaults, as plain values."""
        return self.model_dump(exclude_none=True)


def config_schema() -> str:
    """The JSON schema of a configuration, as YAML."""
    import yaml  # type: ignore[import-untyped]

    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Study.model_json_schema(),
    }
    head = "# Made by `python -m landscape.study.config` from the model in that file.\n"
    return head + str(yaml.safe_dump(schema, sort_keys=False, width=100))


def starts_of_blocks(starts: int, block_size: int) -> list[tuple[int, int]]:
    """First index and end of every block.

    Examples
    --------
    >>> starts_of_blocks(50, 20)
    [(0, 20), (20, 40), (40, 50)]
    """
    return [(k, min(k + block_size, starts)) for k in range(0, starts, block_size)]


if __name__ == "__main__":
    SCHEMA.write_text(config_schema(), encoding="utf-8")
    print(f"wrote {SCHEMA}", file=sys.stderr)
