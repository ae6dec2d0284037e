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

__all__ = ["Study", "config_schema", "starts_of_blocks"]

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


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Different = AfterValidator(_different)
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Text = Annotated[str, Field(min_length=1)]
Space = Literal["restricted", "balanced", "unrestricted"]
Numbers = Annotated[list[Count], Field(min_length=1), Different]
Names = Annotated[list[str], Field(min_length=1), Different]
Scales = Annotated[list[Annotated[float, Field(gt=0, le=1)]], Different]


def key(meaning: str, default: Any = ...) -> Any:
    """A key of the configuration; it has to be given if there is no default."""
    return Field(default, description=meaning)


class Section(BaseModel):
    """Keys that stand together; others are refused, and so are numbers written as text."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Data(Section):
    standardize: Literal["both", "features", "target", "none"] = key("what is standardized", "both")


class _Drawn(_Data):
    n_samples: Annotated[int, Field(ge=3)] = key("number of samples")
    n_features: Count = key("number of inputs")
    noise: NotNegative = key("standard deviation, in units of the noise-free target's", 0.0)
    seed: Seed = key("seed of its random numbers", 0)

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
    n_neurons: Count = key("neurons of the teacher")


class Smooth(_Drawn):
    """Samples of a smooth function."""

    kind: Literal["smooth"]
    function: Literal["sine", "bump", "saddle"] = key("which function")


class Diabetes(_Data):
    """scikit-learn's diabetes data."""

    kind: Literal["diabetes"]


class _Table(_Data):
    path: Text = key("path of a file, relative to the folder that the study is started from")
    target: Text = key("name of the column to be predicted")
    features: Names | None = key("names of columns; all but the target if left out", None)


class Csv(_Table):
    """A table of one's own, CSV."""

    kind: Literal["csv"]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = key("one character", ",")


class Parquet(_Table):
    """A table of one's own, Parquet."""

    kind: Literal["parquet"]


class Own(_Data):
    """Samples of a generator of one's own."""

    kind: str = key("teacher, smooth, diabetes, csv or parquet, or a name under plugins.generators")
    seed: Seed = key("seed of its random numbers", 0)
    options: dict[str, Any] = key("the arguments of the generator, name: value", {})


def _kind(entry: Any) -> str:
    kind = entry.get("kind") if isinstance(entry, dict) else getattr(entry, "kind", None)
    built_in = ("teacher", "smooth", "diabetes", "csv", "parquet")
    return kind.title() if isinstance(kind, str) and kind in built_in else "Own"


Data = Annotated[
    Annotated[Teacher, Tag("Teacher")]
    | Annotated[Smooth, Tag("Smooth")]
    | Annotated[Diabetes, Tag("Diabetes")]
    | Annotated[Csv, Tag("Csv")]
    | Annotated[Parquet, Tag("Parquet")]
    | Annotated[Own, Tag("Own")],
    Discriminator(_kind),
]


class Plugins(Section):
    """Functions of installed modules, by names of one's own."""

    generators: dict[Name, str] = key("import paths package.module:function of data sets", {})
    solvers: dict[Name, str] = key("import paths package.module:function of solvers", {})


class Training(Section):
    """Options of the training."""

    solver: str = key("SLSQP, L-BFGS-B, trust-constr, trf or a name under plugins.solvers", "SLSQP")
    max_iter: Count = key("iterations per start", 200)
    tol: Positive = key("1.0e-12 is usual; YAML reads 1e-12 without a point as text", 1e-12)


class Descent(Section):
    """Options of the descent."""

    max_iter: Count = key("steps of the active-set descent", 10000)


class Minima(Section):
    """Options of the distinct minima."""

    proof: Literal["distinct", "all", "none"] = key("what is proved in rationals too", "distinct")


class Probe(Section):
    """Options of the probes of balls."""

    max_minima: CountOrNone = key("minima of N*, per data set and number of neurons", 100)
    rigid_fraction: Fraction = key("radius of the ball, of min |u_i|/2", 0.98)


class Controls(Section):
    """Options of the controls."""

    max_minima: CountOrNone = key("minima per data set and number of neurons", 10)
    n_steps: Count = key("better realizations per control", 8)


class Pairs(Section):
    """Options of the pairs of networks, within N* and outside."""

    max_pairs: CountOrNone = key("pairs of distinct minima of N*", 100)
    max_minima: CountOrNone = key("minima that other pairs are made from", 10)
    n_random: CountOrNone = key("random pairs", 20)
    scales: Scales = key("of constructed pairs", [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])


class Radius(Section):
    """Options of the brackets of radii in parameter space."""

    spaces: Annotated[list[Space], Different] = key("whose minima", ["restricted"])
    max_minima: CountOrNone = key("minima per cell", 4)
    max_nodes: CountOrNone = key("convex programs per minimum", 150)
    ratio: Annotated[float, Field(gt=1)] = key("upper over lower end that is narrow enough", 1.1)
    n_starts: Count = key("descents per box of the search from above", 6)


class Realization(Section):
    """Options of the brackets of radii in realization space."""

    spaces: Annotated[list[Literal["restricted", "balanced"]], Different] = key(
        "whose minima", ["restricted", "balanced"]
    )
    max_minima: CountOrNone = key("minima per cell", 3)
    factor: Positive = key("searched up to this times min |u_i|", 3.0)


class Solvers(Section):
    """Options of the comparison of solvers."""

    solvers: Annotated[list[str], Different] = key(
        "from SLSQP, L-BFGS-B, trust-constr, trf and plugins.solvers",
        ["SLSQP", "L-BFGS-B", "trust-constr", "trf"],
    )
    starts: Count = key("starts per solver", 60)
    slow_max_iter: Count = key("iterations of trust-constr", 50)


class Natural(Section):
    """Options of the minima outside N* as training finds them."""

    spaces: Annotated[list[Literal["balanced", "unrestricted"]], Different] = key(
        "whose minima", ["balanced", "unrestricted"]
    )
    max_minima: CountOrNone = key("minima per cell", 100)


class Converse(Section):
    """Options of the converse."""

    n_draws: CountOrNone = key("draws per data set and number of neurons", 50)
    rigid_fraction: Fraction = key("radius of the ball, of min |u_i|/2", 0.98)


class Regularization(Section):
    """Options of the experiment with the paper's regularizers."""

    neurons: Numbers = key("numbers of neurons", [2, 4])
    starts: Count = key("paired starts per data set and number of neurons", 60)
    strengths: Annotated[list[Positive], Field(min_length=1), Different] = key(
        "in units of the target's variance", [1e-2, 1e-1]
    )
    angle: Annotated[float, Field(gt=0, lt=90)] = key(
        "in degrees, within which directions are penalized", 15.0
    )
    merging_angle: Annotated[float, Field(ge=0, lt=90)] = key(
        "in degrees, within which neurons are merged", 5.0
    )
    every: Count = key("iterations between merges", 50)
    solver: Literal["SLSQP", "L-BFGS-B", "trust-constr"] = key(
        "trf minimizes sums of squares only", "SLSQP"
    )


class Problem(Section):
    """A problem of which there is an atlas."""

    neurons: Count = key("number of neurons")
    data: Data = key("a data set, as under datasets")


class Atlas(Section):
    """Options of the atlases."""

    problems: dict[Name, Problem] = key("small problems by name", {})
    starts: Count = key("starts per problem and solver", 200)
    max_supports: Count = key("least squares problems per atlas", 5_000_000)
    solvers: Names = key(
        "from descent and far descent (alone), SLSQP, L-BFGS-B, trf and plugins.solvers",
        ["SLSQP", "L-BFGS-B", "trf", "descent"],
    )


class Study(Section):
    """Configuration of a study; see config.yaml."""

    study: Annotated[Name, AfterValidator(_no_other_folder)] = key(
        "letters, digits, -, _ and .; results go to results/<name>", "default"
    )
    seed: Seed = key("seed of all random starts", 1)
    datasets: Annotated[dict[Name, Data], Field(min_length=1)] = key("data sets by name")
    neurons: Numbers = key("numbers of neurons", [2, 4])
    spaces: Annotated[list[Space], Field(min_length=1), Different] = key(
        "spaces that are trained over", ["restricted", "balanced", "unrestricted"]
    )
    starts: Count = key("random starts per cell", 200)
    block_size: Count = key("starts per job", 200)
    neurons_together: bool = key("whether a job does all numbers of neurons", True)
    margin: NotNegative = key("lower bound on N*, 0.001 is usual", 1e-3)
    plugins: Plugins = Plugins()
    training: Training = Training()
    descent: Descent = Descent()
    minima: Minima = Minima()
    probe: Probe = Probe()
    controls: Controls = Controls()
    pairs: Pairs = Pairs()
    radius: Radius = Radius()
    realization: Realization = Realization()
    solvers: Solvers = Solvers()
    natural: Natural = Natural()
    converse: Converse = Converse()
    regularization: Regularization = Regularization()
    atlas: Atlas = Atlas()

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

    def plain(node: Any) -> Any:
        """Without titles, which repeat names, and defaults of whole sections."""
        if isinstance(node, list):
            return [plain(entry) for entry in node]
        if not isinstance(node, dict):
            return node
        repeated = {"title", "default"} if "$ref" in node else {"title"}
        return {name: plain(entry) for name, entry in node.items() if name not in repeated}

    version = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    head = "# Made by `python -m landscape.study.config` from the model in that file.\n"
    schema = version | plain(Study.model_json_schema())
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
