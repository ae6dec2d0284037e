"""The configuration of a study: every key once, with its type, range, default and meaning.

:class:`Study` is the model. ``python -m landscape.study.config`` writes the JSON schema of it that
editors use (``workflow/schemas/config.schema.yaml``); what a key that is left out means is what
``config.yaml`` documents. :mod:`landscape.study.checks` says what is wrong with a configuration.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
)
from pydantic import model_validator as validated
from pydantic_core import PydanticCustomError

__all__ = ["Study", "config_schema", "starts_of_blocks"]

SCHEMA = Path(__file__).parents[2] / "workflow/schemas/config.schema.yaml"
#: Solvers of scipy.optimize, as :data:`landscape.training.SOLVERS` has them (its import is slow).
SOLVERS = ("SLSQP", "L-BFGS-B", "trust-constr", "trf")


def _different(values: list[Any]) -> list[Any]:
    for k, value in enumerate(values):
        if value in values[:k]:
            raise ValueError(f"{value!r} stands twice; remove one of them")
    return values


def _no_other_folder(name: str) -> str:
    if name in ("paper", "claims", "benchmarks"):
        raise ValueError(f"results/{name} is the place of something else; choose another name")
    return name


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Folder = Annotated[Name, AfterValidator(_no_other_folder)]
Different = AfterValidator(_different)
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Text = Annotated[str, Field(min_length=1)]
Smoothly = Literal["SLSQP", "L-BFGS-B", "trust-constr"]
Space = Literal["restricted", "balanced", "unrestricted"]
Spaces = Annotated[list[Space], Different]
Balanced = Annotated[list[Literal["restricted", "balanced"]], Different]
Degenerate = Annotated[list[Literal["balanced", "unrestricted"]], Different]
Numbers = Annotated[list[Count], Field(min_length=1), Different]
Names = Annotated[list[str], Field(min_length=1), Different]
Strengths = Annotated[list[Positive], Field(min_length=1), Different]
Scales = Annotated[list[Annotated[float, Field(gt=0, le=1)]], Different]


def key(meaning: str, default: Any = ..., **limits: Any) -> Any:
    """A key of the configuration; it has to be given if there is no default."""
    return Field(default, description=meaning, **limits)


class Section(BaseModel):
    """Keys that stand together; others are refused, and so are numbers written as text."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Data(Section):
    standardize: Literal["both", "features", "target", "none"] = key("what is standardized", "both")
    networks: Names | None = key("paths of networks that are analysed beside the starts", None)


class _Drawn(_Data):
    n_samples: int = key("number of samples", ge=3)
    n_features: Count = key("number of inputs")
    noise: NotNegative = key("standard deviation, in units of the noise-free target's", 0.0)
    seed: Seed = key("seed of its random numbers", 0)


class Teacher(_Drawn):
    kind: Literal["teacher"] = key("samples of a random shallow ReLU network")
    n_neurons: Count = key("neurons of the teacher")


class Smooth(_Drawn):
    kind: Literal["smooth"] = key("samples of a smooth function")
    function: Literal["sine", "bump", "saddle"] = key("which function")


class Diabetes(_Data):
    kind: Literal["diabetes"] = key("scikit-learn's diabetes data")


class _TwoClasses(_Data):
    standardize: Literal["features", "none"] = key("what is standardized; no labels", "features")


class Classes(_TwoClasses):
    kind: Literal["classes"] = key("two classes, of a random shallow ReLU network's values")
    n_samples: int = key("number of samples", ge=3)
    n_features: Count = key("number of inputs")
    n_neurons: Count = key("neurons of the network")
    noise: float = key("share of labels that are turned around", 0.0, ge=0, lt=0.5)
    seed: Seed = key("seed of its random numbers", 0)


class BreastCancer(_TwoClasses):
    kind: Literal["breast-cancer"] = key("scikit-learn's breast cancer data")
    features: Names | None = key("names of features; all 30 if left out", None)


class Iris(_TwoClasses):
    kind: Literal["iris"] = key("two of the three classes of scikit-learn's iris data")


class _Table(_Data):
    path: Text = key("path of a file, relative to the folder that the study is started from")
    target: Text = key("name of the column to be predicted")
    features: Names | None = key("names of columns; all but the target if left out", None)
    encode: Literal["none", "onehot"] = key("what becomes of columns of categories", "none")
    missing: Literal["refuse", "drop"] = key("what becomes of rows that lack a value", "refuse")


class Csv(_Table):
    kind: Literal["csv"] = key("a table of one's own, CSV")
    delimiter: str = key("one character", ",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = key("decimal point or comma", ".")
    encoding: Text = key("utf-8, cp1252, latin-1, utf-16 or another that Python knows", "utf-8")


class Parquet(_Table):
    kind: Literal["parquet"] = key("a table of one's own, Parquet")


class Own(_Data):
    kind: str = key(
        "teacher, smooth, diabetes, classes, breast-cancer, iris, csv or parquet, or a name under "
        "plugins.generators"
    )
    seed: Seed = key("seed of its random numbers", 0)
    options: dict[str, Any] = key("the arguments of the generator, name: value", {})

    @validated(mode="before")
    @classmethod
    def _known(cls, entry: Any, info: Any) -> Any:
        """Where the known kinds are given, others are refused, and nothing else is said of them."""
        kind = entry.get("kind") if isinstance(entry, dict) else None
        if info.context is not None and isinstance(kind, str) and kind not in info.context:
            raise PydanticCustomError("unknown_kind", "unknown kind")
        return entry


DATA = {
    kind.__name__: kind
    for kind in (Teacher, Smooth, Diabetes, Classes, BreastCancer, Iris, Csv, Parquet, Own)
}


def _kind(entry: Any) -> str:
    kind = entry.get("kind") if isinstance(entry, dict) else getattr(entry, "kind", None)
    wanted = kind.replace("-", "") if isinstance(kind, str) else kind
    return next((name for name in DATA if name.lower() == wanted), "Own")


Data = Annotated[
    Annotated[Teacher, Tag("Teacher")] | Annotated[Smooth, Tag("Smooth")]
    | Annotated[Diabetes, Tag("Diabetes")] | Annotated[Classes, Tag("Classes")]
    | Annotated[BreastCancer, Tag("BreastCancer")] | Annotated[Iris, Tag("Iris")]
    | Annotated[Csv, Tag("Csv")]
    | Annotated[Parquet, Tag("Parquet")] | Annotated[Own, Tag("Own")],
    Discriminator(_kind),
]  # fmt: skip


class Plugins(Section):
    generators: dict[Name, str] = key("import paths package.module:function of data sets", {})
    solvers: dict[Name, str] = key("import paths package.module:function of solvers", {})


class Training(Section):
    solver: str = key("SLSQP, L-BFGS-B, trust-constr, trf or a name under plugins.solvers", "SLSQP")
    max_iter: Count = key("iterations per start", 200)
    tol: Positive = key("1.0e-12 is usual; YAML reads 1e-12 without a point as text", 1e-12)


class LossKey(Section):
    name: Literal[
        "squared", "huber", "quantile", "logistic", "poisson", "absolute", "pinball", "hinge"
    ] = key("squared, huber, quantile, logistic, poisson, absolute, pinball or hinge", "squared")
    delta: Positive | None = key("huber: where it becomes linear; default 1", None)
    tau: Fraction | None = key("quantile, pinball: which one; default 0.5", None)
    width: Positive | None = key("quantile: up to where it is smoothed; default 0.1", None)

    @validated(mode="after")
    def _parameters(self) -> Self:
        own = {"huber": ("delta",), "quantile": ("tau", "width"), "pinball": ("tau",)}.get(
            self.name, ()
        )
        for name in ("delta", "tau", "width"):
            if getattr(self, name) is not None and name not in own:
                raise ValueError(f"{self.name} has no {name}; remove it")
        return self


class WeightDecayKey(Section):
    strength: NotNegative = key("factor of the sum of squares of the weights", 0.0)
    biases: bool = key("whether biases count", False)
    offset: bool = key("whether the offset counts, in the unrestricted space", False)


Loss = Annotated[
    LossKey,
    BeforeValidator(
        lambda entry: {"name": entry} if isinstance(entry, str) else entry,
        json_schema_input_type=str | LossKey,
    ),
]
WeightDecay = Annotated[
    WeightDecayKey,
    BeforeValidator(
        lambda entry: {"strength": entry} if type(entry) in (int, float) else entry,
        json_schema_input_type=NotNegative | WeightDecayKey,
    ),
]


class Descent(Section):
    max_iter: Count = key("steps of the active-set descent", 10000)


class Minima(Section):
    proof: Literal["distinct", "all", "none"] = key("what is proved in rationals too", "distinct")


class Probe(Section):
    max_minima: CountOrNone = key("minima of N*, per data set and number of neurons", 100)
    rigid_fraction: Fraction = key("radius of the ball, of min |u_i|/2", 0.98)


class Controls(Section):
    max_minima: CountOrNone = key("minima per data set and number of neurons", 10)
    n_steps: Count = key("better realizations per control", 8)


class Pairs(Section):
    max_pairs: CountOrNone = key("pairs of distinct minima of N*", 100)
    max_minima: CountOrNone = key("minima that other pairs are made from", 10)
    n_random: CountOrNone = key("random pairs", 20)
    scales: Scales = key("of constructed pairs", [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])


class Radius(Section):
    spaces: Spaces = key("whose minima", ["restricted"])
    max_minima: CountOrNone = key("minima per cell", 4)
    max_nodes: CountOrNone = key("convex programs per minimum", 150)
    ratio: float = key("upper over lower end that is narrow enough", 1.1, gt=1)
    n_starts: Count = key("descents per box of the search from above", 6)


class Realization(Section):
    spaces: Balanced = key("whose minima", ["restricted", "balanced"])
    max_minima: CountOrNone = key("minima per cell", 3)
    factor: Positive = key("searched up to this times min |u_i|", 3.0)


class Bracket(Section):
    spaces: Spaces = key("whose global minimum", [*get_args(Space)])
    max_nodes: CountOrNone = key("nodes per cell, a tenth of them for each further input", 50_000)


class Solvers(Section):
    solvers: Annotated[list[str], Different] = key(
        "from SLSQP, L-BFGS-B, trust-constr, trf and plugins.solvers", [*SOLVERS]
    )
    starts: Count = key("starts per solver", 60)
    slow_max_iter: Count = key("iterations of trust-constr", 50)


class Natural(Section):
    spaces: Degenerate = key("whose minima", ["balanced", "unrestricted"])
    max_minima: CountOrNone = key("minima per cell", 100)


class Converse(Section):
    n_draws: CountOrNone = key("draws per data set and number of neurons", 50)
    rigid_fraction: Fraction = key("radius of the ball, of min |u_i|/2", 0.98)


class Regularization(Section):
    neurons: Numbers = key("numbers of neurons", [2, 4])
    starts: Count = key("paired starts per data set and number of neurons", 60)
    strengths: Strengths = key("in units of the target's variance", [1e-2, 1e-1])
    angle: Positive = key("in degrees, within which directions are penalized", 15.0, lt=90)
    merging_angle: NotNegative = key("in degrees, within which neurons are merged", 5.0, lt=90)
    every: Count = key("iterations between merges", 50)
    solver: Smoothly = key("trf minimizes sums of squares only", "SLSQP")


class Problem(Section):
    neurons: Count = key("number of neurons")
    data: Data = key("a data set, as under datasets")


class Atlas(Section):
    problems: dict[Name, Problem] = key("small problems by name", {})
    starts: Count = key("starts per problem and solver", 200)
    max_supports: Count = key("least squares problems per atlas", 5_000_000)
    solvers: Names = key(
        "from descent and far descent (alone), SLSQP, L-BFGS-B, trf and plugins.solvers",
        ["SLSQP", "L-BFGS-B", "trf", "descent"],
    )


class Page(Section):
    docs: bool = key("whether the documentation is put beside the page", True)
    claims: bool = key("whether the page has published claims, tried", False)


class Study(Section):
    """Configuration of a study; see config.yaml."""

    study: Folder = key("letters, digits, -, _ and .; results go to results/<name>", "default")
    seed: Seed = key("seed of all random starts", 1)
    datasets: dict[Name, Data] = key("data sets by name", min_length=1)
    neurons: Numbers = key("numbers of neurons", [2, 4])
    spaces: Spaces = key("spaces that are trained over", [*get_args(Space)], min_length=1)
    starts: Count = key("random starts per cell", 200)
    block_size: Count = key("starts per job", 200)
    neurons_together: bool = key("whether a job does all numbers of neurons", True)
    margin: NotNegative = key("lower bound on N*, 0.001 is usual", 1e-3)
    loss: Loss = key("what is minimized: a name, or name and parameters", LossKey())
    weight_decay: WeightDecay = key("its strength, or what it counts too", WeightDecayKey())
    plugins: Plugins = key("functions of installed modules, by names of one's own", Plugins())
    training: Training = key("the training", Training())
    descent: Descent = key("the descent", Descent())
    minima: Minima = key("the distinct minima", Minima())
    probe: Probe = key("probes of balls", Probe())
    controls: Controls = key("the controls", Controls())
    pairs: Pairs = key("pairs of networks, within N* and outside", Pairs())
    radius: Radius = key("brackets of radii in parameter space", Radius())
    realization: Realization = key("brackets of radii in realization space", Realization())
    bracket: Bracket = key("brackets of the global minimum", Bracket())
    solvers: Solvers = key("the comparison of solvers", Solvers())
    natural: Natural = key("minima outside N* as training finds them", Natural())
    converse: Converse = key("the converse", Converse())
    regularization: Regularization = key("the paper's regularizers", Regularization())
    atlas: Atlas = key("atlases of small problems", Atlas())
    page: Page = key("the report's page", Page())

    @validated(mode="after")
    def _defaults(self) -> Self:
        """By default steps go over spaces that are trained, and leave out what the loss has not."""
        for step in (self.radius, self.realization, self.bracket, self.natural):
            if "spaces" not in step.model_fields_set:
                # Past the model, for which these remain keys that were left out.
                vars(step)["spaces"] = [space for space in step.spaces if space in self.spaces]
        for name, option, value, _ in self.left_out():
            if option not in (step := getattr(self, name)).model_fields_set:
                vars(step)[option] = value
        for asked in (self.solvers, self.atlas):
            if not self.plain and "solvers" not in asked.model_fields_set:
                vars(asked)["solvers"] = [name for name in asked.solvers if name != "trf"]
        return self

    @property
    def plain(self) -> bool:
        """Whether the squared loss alone is minimized."""
        return self.loss.name == "squared" and not self.weight_decay.strength

    def left_out(self) -> Iterator[tuple[str, str, Any, str]]:
        """What cannot be asked with this loss: section, key, its value without that, and why."""
        if not self.plain:
            loss = f"the {self.loss.name} loss"
            if self.weight_decay.strength:
                loss += " with weight decay"
            if self.weight_decay.strength or self.loss.name in ("logistic", "poisson"):
                yield "minima", "proof", "none", f"{loss} has no proof in rational arithmetic"
            yield "bracket", "max_nodes", 0, f"global minima are not bracketed for {loss}"
        if self.weight_decay.strength:
            price = "with weight decay a spare neuron has its price"
            yield "controls", "max_minima", 0, price
            yield "natural", "max_minima", 0, price

    def complete(self) -> dict[str, Any]:
        """The configuration with its defaults, as plain values."""
        return self.model_dump(exclude_none=True)


def config_schema() -> str:
    """The JSON schema of a configuration, as YAML."""
    import yaml  # type: ignore[import-untyped]

    version = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    head = "# Made by `python -m landscape.study.config` from the model in that file.\n"
    schema = version | Study.model_json_schema()
    return head + str(yaml.safe_dump(schema, sort_keys=False, width=100))


def starts_of_blocks(starts: int, block_size: int) -> list[tuple[int, int]]:
    """First index and end of every block."""
    return [(k, min(k + block_size, starts)) for k in range(0, starts, block_size)]


if __name__ == "__main__":
    SCHEMA.write_text(config_schema(), encoding="utf-8")
    print(f"wrote {SCHEMA}", file=sys.stderr)
