"""One network on its data: is it a local minimum, how near is one, how degenerate, how steep.

The verdict is that of `landscape.certify_minimum` on the network's own numbers. The nearest minimum
is the nearest at which active-set descent ends, from the network and from where solvers lead from
it. Neurons are balanced first by powers of two, which changes no value, so that the descent moves
products and not scales; along directions that no sample sees the minimum is then moved back towards
the network. Its distance is that to all parametrizations of the minimum's function (Theorem 16).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from landscape.data import write_text
from landscape.descent import descend
from landscape.effective import EffectiveProblem, State
from landscape.errors import NUMERICAL_ERRORS, require_extra
from landscape.lipschitz import LipschitzConstant, lipschitz_constant
from landscape.losses import (
    Loss,
    SquaredLoss,
    WeightDecay,
    get_loss,
    get_weight_decay,
    objective_name,
)
from landscape.minima import Certificate, certify_minimum
from landscape.networks import Network, NetworkError, as_network
from landscape.objective import check_data, mean_loss
from landscape.parametrization import Parametrization, max_norms
from landscape.probe import (
    Natural,
    Probe,
    examine_minimum,
    probe_realization,
    reduce_width,
    rigidity_radius,
)
from landscape.seminorm import Seminorm, sobolev_seminorm
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace
from landscape.stability import degeneracies, distance_to_fibre, parameter_distance
from landscape.streams import stream
from landscape.training import train
from landscape.trees import MergeTree, TreeBudget, TreeTooLarge, merge_tree
from landscape.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from landscape.seminorm._record import Array

__all__ = ["Analysis", "Gap", "Lifted", "analyse"]

#: Neurons up to which the distance to all parametrizations of the minimum is computed.
MAX_FIBRE_NEURONS = 12
#: The nearest minimum is the nearest of those that descent reaches from the network, and from where
#: these solvers end from there: descent takes large steps, these take small ones.
SOLVERS_NEARBY = ("L-BFGS-B", "trf")
#: Products of samples, inputs and neurons up to which many further starts are tried.
SMALL = 20_000
#: By which shares further starts are off the network.
SIZES_NEARBY = (1e-3, 1e-2, 0.1)
#: How much lower the loss of the transposed weights is where a layout is taken for a mistake.
TRANSPOSED = 0.25


@dataclass(frozen=True, eq=False)
class Gap:
    """From a network to the nearest of the certified minima at which descents from it end.

    Attributes
    ----------
    parametrization : Parametrization or None
        The minimum, in the space; None where none was reached, and then numbers are nan.
    network : Network or None
        The same in the network's layout.
    certificate : Certificate or None
    loss : float
        Loss at the network minus that at the minimum.
    parameters : float
        Distance in max-norm to the nearest parametrization of the minimum's function, modulo all
        symmetries where the network has at most 12 neurons, else modulo permutations and balanced.
    values : float
        Largest difference of the two functions on the samples.
    precision : float
        Largest difference in units of what rounding each parameter once to the network's own
        precision can change: at most 1 where the network is at the minimum up to its precision.
    outcome, reason : str
        How the descent ended.
    losses : tuple of float
        Along it.
    """

    parametrization: Parametrization | None
    network: Network | None
    certificate: Certificate | None
    loss: float
    parameters: float
    values: float
    precision: float
    outcome: str
    reason: str
    losses: tuple[float, ...]

    @property
    def at_minimum(self) -> bool:
        """Whether the network is at the minimum, up to its own precision."""
        return self.precision <= 1


@dataclass(frozen=True, eq=False)
class Lifted:
    """The network as a member of N* (Lemma A.4), and what Proposition 1.2 says at a minimum there.

    Attributes
    ----------
    parametrization : Parametrization
        Of the same function on ``(x, 1, -1)``, with one more neuron.
    certificate : Certificate
        Of it, in N*.
    gap : Gap
        To the minimum of N* at which descent from it ends.
    radius : float
        Of Proposition 1.2 with the sharp constant, r^2 / 8: within this distance in the W^{1,inf}
        seminorm no function of N* has a smaller loss. nan without a minimum.
    probe : Probe or None
        The ball of rescalings around the minimum, decided.
    """

    parametrization: Parametrization
    certificate: Certificate
    gap: Gap
    radius: float
    probe: Probe | None


@dataclass(frozen=True, eq=False)
class Analysis:
    """What is known about a network on its data; `print` it, or look at it in a notebook.

    Attributes
    ----------
    network : Network
    space : Space
        In which it is judged; N with an offset has the network's own parameters.
    features, target : arrays of shapes (n, d) and (n,)
    objective : str
        What the verdict is about: the mean squared error, or another loss, with its weight decay.
    loss, r2 : float
        Its value; and what share of the target's variance the squared error is, from 1, nan for
        other losses.
    certificate : Certificate
        Of the network itself: `certify_minimum` reproduces it.
    direction : dict or None
        Changes of ``weights``, ``biases``, ``output_weights`` and ``offset``, the largest of them
        1, along which the loss falls with ``slope``. None if there is none, if it is one of
        neurons whose output weight is 0, or on N* and N', whose elements have another layout.
    gap : Gap
        To the nearest minimum of the space that descent finds.
    degeneracies : dict
        See `landscape.stability.degeneracies`; and ``closest`` and ``opposite``, the pairs of
        neurons with the smallest and the largest angle, in degrees; ``silent``, the neurons
        that are inactive on all samples; ``spare``, how many the function can do without.
    implication : Natural, Probe or None
        The implication of Proposition 1.2 at the minimum.
    lifted : Lifted or None
        None where it met the limits of floats.
    seminorm : Seminorm
        Over the inputs (x, 1) of the space: as if the constant input could move.
    lipschitz : dict of float to LipschitzConstant
        Of the function of x, by the norm of the inputs: 1, 2 and inf.
    tree, valley : MergeTree, int or None
        Of the loss, for small data, and the number of the valley in it where the network lies.
    notes : tuple of str
        What was left out, and why.
    """

    network: Network
    space: Space
    features: Array
    target: Array
    loss: float
    r2: float
    certificate: Certificate
    direction: dict[str, Any] | None
    gap: Gap
    degeneracies: dict[str, Any]
    implication: Natural | Probe | None
    lifted: Lifted | None
    seminorm: Seminorm
    lipschitz: dict[float, LipschitzConstant]
    tree: MergeTree | None = None
    valley: int | None = None
    notes: tuple[str, ...] = field(default=())
    objective: str = "mean squared error"

    @property
    def verdict(self) -> Verdict:
        """Whether the network is a local minimum: ``holds``, ``violated`` or ``undecided``."""
        return self.certificate.verdict

    @property
    def reason(self) -> str:
        """Why."""
        return self.certificate.reason

    # --- the page -------------------------------------------------------------------------------

    @cached_property
    def sections(self) -> dict[str, dict[str, str]]:
        """What the page says: sentences by what they are about, by section."""
        net, gap, own = self.network, self.gap, self.certificate
        titles = {
            Verdict.HOLDS: "a certified local minimum",
            Verdict.VIOLATED: "no local minimum",
            Verdict.UNDECIDED: "undecided",
        }
        found = {
            "network": f"{net.n_inputs} inputs, {net.n_neurons} neurons, {net.dtype}",
            "data": f"{len(self.target)} samples",
            "loss": f"{self.loss:.6g} ({self.objective})"
            + ("" if np.isnan(self.r2) else f", R² {self.r2:.4f}"),
        }
        verdict = {
            "verdict": f"{titles[own.verdict]} of the {self.space.name} space",
            "": own.reason,
        }
        if own.is_minimum:
            verdict["radius"] = f"{own.radius:.3g}: within it no parameters have a smaller loss"
        if self.direction is not None:
            verdict["descent"] = f"slope {self.direction['slope']:.3g} along `direction`"
        pages = {"Network": found, "Local minimum": verdict, "Nearest minimum": _say_gap(gap, net)}
        pages["Degeneracies"] = self._say_degeneracies()
        if self.implication is not None:
            pages["Proposition 1.2"] = {
                "at the minimum": f"{self.implication.verdict.value}: {self.implication.reason}"
            }
        if (lifted := self.lifted) is not None:
            found = {"verdict": f"{titles[lifted.certificate.verdict]} of N*"}
            if not lifted.certificate.is_minimum:
                found |= _say_gap(lifted.gap, net)
            if lifted.probe is not None:
                found["realizations"] = (
                    f"no function of N* within {lifted.radius:.3g} has a smaller loss "
                    f"(Proposition 1.2); within {lifted.probe.radius:.3g}: "
                    f"{lifted.probe.verdict.value}"
                )
            pages["In N* (Lemma A.4)"] = found
        steep = {f"norm {p:g}": _bracket(constant) for p, constant in self.lipschitz.items()}
        steep["seminorm"] = f"{_bracket(self.seminorm)} over the inputs (x, 1), another number"
        pages["Lipschitz constants"] = steep
        if self.tree is not None and self.valley is not None:
            birth, death = self.tree.pairs[self.valley]
            pages["Valley"] = {
                "valley": f"number {self.valley} of {len(self.tree)}, by their least losses",
                "least loss": f"{birth:.6g}",
                "barrier": "none lower" if np.isinf(death) else f"{death:.6g} to a lower one",
            }
        if self.notes:
            pages["Notes"] = {str(k): note for k, note in enumerate(self.notes, 1)}
        return pages

    def _say_degeneracies(self) -> dict[str, str]:
        known = self.degeneracies
        found = {
            "C.1": f"unbalanced by {known['imbalance_max']:.3g} at most, 0 is balanced, 1 the most"
        }
        for key, name in (("closest", "C.2"), ("opposite", "C.3")):
            if known[key]:
                i, j, angle = known[key][0]
                found[name] = f"neurons {i} and {j} at {angle:.3g} degrees, the {_EXTREME[key]}"
        if not np.isnan(known["flip_gap"]):
            found["flips"] = f"gap {known['flip_gap']:.3g} of the largest product (Lemma A.3)"
        silent = ", ".join(map(str, known["silent"])) or "none"
        return found | {"silent": silent, "spare": str(known["spare"])}

    def __str__(self) -> str:
        lines = []
        for title, entries in self.sections.items():
            lines += ["", title]
            lines += [f"  {name:15} {text}" for name, text in entries.items()]
        return "\n".join(lines[1:])

    def __repr__(self) -> str:
        return (
            f"Analysis({self.verdict.value!r}, loss={self.loss:.6g}, to the nearest minimum "
            f"{self.gap.loss:.3g})"
        )

    def _repr_html_(self) -> str:
        return "".join(
            f"<h3>{escape(title)}</h3><table>"
            + "".join(
                f"<tr><th style='text-align:left'>{escape(name)}</th>"
                f"<td style='text-align:left'>{escape(text)}</td></tr>"
                for name, text in entries.items()
            )
            + "</table>"
            for title, entries in self.sections.items()
        )

    def to_html(self, path: str | Path) -> None:
        """Write the page, with its figure, as one HTML file that loads nothing from elsewhere."""
        image = io.StringIO()
        self.plot().savefig(image, format="svg", metadata={"Date": None})
        svg = image.getvalue()
        write_text(
            path,
            "<!doctype html><html lang='en'><meta charset='utf-8'>"
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
            f"<title>{escape(repr(self))}</title><style>body{{font:16px/1.5 system-ui;"
            "max-width:60rem;margin:2rem auto;padding:0 1rem}th{padding-right:1.5rem}"
            "svg{max-width:100%;height:auto}</style><h1>A network and its landscape</h1>"
            f"{self._repr_html_()}{svg[svg.index('<svg') :]}</html>",
        )

    def to_dict(self) -> dict[str, Any]:
        """Numbers and words as JSON has them."""
        gap, own = self.gap, self.certificate
        nearest = {
            name: getattr(gap, name)
            for name in ("loss", "parameters", "values", "precision", "outcome", "at_minimum")
        }
        steep = {
            f"{p:g}": {"value": one.value, "upper": one.upper, "exact": one.exact}
            for p, one in self.lipschitz.items()
        }
        found = {
            "n_samples": len(self.target),
            "n_inputs": self.network.n_inputs,
            "n_neurons": self.network.n_neurons,
            "dtype": self.network.dtype,
            "space": self.space.name,
            "objective": self.objective,
            "loss": self.loss,
            "r2": self.r2,
            "verdict": own.verdict.value,
            "reason": own.reason,
            "radius": own.radius,
            "slope": own.slope,
            "direction": self.direction,
            "nearest_minimum": nearest,
            "degeneracies": self.degeneracies,
            "implication": None if self.implication is None else self.implication.verdict.value,
            "lifted": None if self.lifted is None else self.lifted.certificate.verdict.value,
            "seminorm": {"value": self.seminorm.value, "exact": self.seminorm.exact},
            "lipschitz": steep,
            "valley": self.valley,
            "notes": list(self.notes),
        }
        plain: dict[str, Any] = to_json(found)
        return plain

    def plot(self) -> Figure:
        """Draw fit, kinks and data (one or two inputs), angles of pairs, losses of the descent."""
        require_extra("paper", "matplotlib", "pandas")
        from matplotlib.figure import Figure

        from landscape.estimator import RealizationDisplay

        shown = self.network.n_inputs <= 2
        figure = Figure(figsize=(4.2 * (2 + shown), 3.4), layout="constrained")
        axes = figure.subplots(1, 2 + shown)
        if shown:
            RealizationDisplay.from_estimator(self.network, self.features, self.target, ax=axes[0])
        angles = pair_angles(self.network)
        axes[-2].hist(angles[:, 2], bins=np.arange(0, 181, 10), color="#0173b2")
        axes[-2].set(xlabel="angle of two neurons (degrees)", ylabel="pairs", xlim=(0, 180))
        losses = np.array([self.loss, *self.gap.losses])
        excess = losses - losses.min()
        axes[-1].plot(excess, color="#0173b2", marker=".", markersize=4)
        axes[-1].set(xlabel="step of the descent", ylabel="loss above its end")
        if excess.any():
            axes[-1].set_yscale("log", nonpositive="mask")
        return figure


_EXTREME = {"closest": "closest directions", "opposite": "most opposite ones"}


def _say_gap(gap: Gap, net: Network) -> dict[str, str]:
    if gap.parametrization is None:
        return {"descent": f"ended as {gap.outcome}: {gap.reason}"}
    near = f"at it up to its own precision ({net.dtype})"
    return {
        "loss": f"{gap.loss:.3g} lower",
        "parameters": f"{gap.parameters:.3g} away, modulo symmetries",
        "values": f"{gap.values:.3g} away at most, on the samples",
        "precision": near if gap.at_minimum else f"{gap.precision:.3g} times that of {net.dtype}",
    }


def _bracket(record: LipschitzConstant | Seminorm) -> str:
    if record.exact:
        return f"{record.value:.6g}"
    return f"between {record.lower:.6g} and {record.upper:.6g}"


def to_json(value: Any) -> Any:
    """What JSON can hold: arrays as lists, and None for numbers that are not finite."""
    if isinstance(value, dict):
        return {str(key): to_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [to_json(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def pair_angles(network: Network) -> Array:
    """Rows (i, j, angle in degrees) of all pairs of neurons, of ``(a_i, b_i)``, by angle."""
    rows = np.column_stack([network.weights, network.biases])
    _, exponents = np.frexp(np.abs(rows).max(axis=1, initial=0.0))
    rows = np.ldexp(rows, -exponents[:, None])
    norms = np.linalg.norm(rows, axis=1)
    used = np.flatnonzero(norms > 0)
    units = rows[used] / norms[used, None]
    i, j = np.triu_indices(len(used), 1)
    # Accurate for small angles and for those near 180 degrees, where the cosine is not.
    apart, together = (np.linalg.norm(units[i] + s * units[j], axis=1) for s in (-1, 1))
    angles = np.degrees(2 * np.arctan2(apart, together))
    order = np.argsort(angles, kind="stable")
    return np.column_stack([used[i], used[j], angles])[order]


def analyse(
    network: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: str | Space = "unrestricted",
    loss: str | Loss | None = None,
    weight_decay: float | WeightDecay | None = None,
    node_limit: int = 20_000,
    nearby: int | None = None,
    valleys: bool = True,
    progress: Callable[[str], None] = lambda line: None,
) -> Analysis:
    """Analyse a network on data: verdict, nearest minimum, degeneracies, Lipschitz constants.

    Parameters
    ----------
    network : Network, or what `landscape.networks.as_network` takes
    X : array_like of shape (n, d)
        In the network's own units; a DataFrame in the order of the estimator's features.
    y : array_like of shape (n,) or (n, 1)
    space : {"unrestricted", "balanced", "restricted"} or Space
        N is that of the network's own numbers. In N' and N* it is rewritten by Lemma A.4.
    loss : str or Loss, optional
        Of `landscape.losses`. The squared one if not given; the logistic one for a classifier.
    weight_decay : float or WeightDecay, optional
        See `landscape.certify_minimum`. What a scikit-learn estimator minimizes says
        `landscape.networks.own_objective`.
    node_limit : int
        Limit of each search for a seminorm or Lipschitz constant.
    nearby : int, optional
        Further starts, around the network, from which the nearest minimum is sought: by default 24
        for small data and networks (n d m up to 20,000), else 6.
    valleys : bool
        Whether to make the merge tree of small data, which can take some seconds.
    progress : callable
        Receives lines of text.

    Returns
    -------
    analysis : Analysis

    Raises
    ------
    ValueError
        For data that do not fit, or weights that look transposed.

    Examples
    --------
    >>> from landscape import Network, analyse
    >>> network = Network([[1.0]], [0.0], [1.0], 0.0)
    >>> found = analyse(network, [[-1.0], [1.0], [2.0]], [0.0, 1.0, 2.5])
    >>> found.verdict, found.lipschitz[2].value, round(found.gap.loss, 6)
    (<Verdict.VIOLATED: 'violated'>, 1.0, 0.083333)
    """
    net = as_network(network, space if isinstance(space, Space) else None)
    names: Any = getattr(network, "feature_names_in_", None)
    table: Any = X
    if names is not None and hasattr(X, "columns"):
        table = table[list(names)]
    if not net.n_neurons:
        raise NetworkError("network: expected at least one neuron, got a constant")
    classes = getattr(network, "classes_", None)
    if classes is not None:
        loss, y = "logistic" if loss is None else loss, _labels(y, classes)
    form = _Form(loss, weight_decay)
    features, target = _data(net, table, y, form.plain)
    where = net.space(space) if isinstance(space, str) else space
    theta, inputs = net.to_parametrization(where), where.embed(features)
    value = form.at(net, theta, features, target, where)
    variance = float(np.var(target)) if not form.loss else 0.0
    certificate = certify_minimum(theta, inputs, target, space=where, **form.options)
    progress(f"{certificate.verdict.value}: {certificate.reason}; descend to a minimum")
    if nearby is None:
        nearby = 24 if features.size * net.n_neurons <= SMALL else 6
    gap = _gap(net, certificate, features, target, where, nearby, form=form)
    progress(f"{gap.outcome}; Proposition 1.2, and N*")
    notes: list[str] = []
    minimum = gap.parametrization
    implication: Natural | Probe | None = None
    if not form.plain:
        notes.append("Proposition 1.2, N* and the valley are left out: of the squared loss only")
    elif minimum is not None:
        try:
            if isinstance(where, RestrictedSpace):
                implication = _rigid(minimum, inputs, target, where)
            else:
                implication = examine_minimum(minimum, inputs, target, space=where)
        except NUMERICAL_ERRORS as error:
            notes.append(f"Proposition 1.2 at the minimum: {type(error).__name__}: {error}")
    lifted = None
    try:
        own = isinstance(where, UnrestrictedSpace)
        if form.plain:
            lifted = _lifted(net, features, target, gap.network if own else None)
    except NUMERICAL_ERRORS as error:
        notes.append(f"N*: {type(error).__name__}: {error}")
    tree, valley = None, None
    progress("valleys, seminorm and Lipschitz constants")
    if valleys and form.plain:
        try:
            budget = TreeBudget(max_cells=2_000, max_facets=300_000)
            tree = merge_tree(features, target, space=where, budget=budget)
            valley = tree.locate(theta)
        except TreeTooLarge as error:
            notes.append(f"no merge tree: {error}")
    return Analysis(
        net,
        where,
        features,
        target,
        value,
        1.0 - value / variance if variance > 0 else float("nan"),
        certificate,
        _direction(net, certificate, where),
        gap,
        _degeneracies(net, theta, inputs, where),
        implication,
        lifted,
        sobolev_seminorm(theta, node_limit=node_limit),
        {p: lipschitz_constant(net, norm=p, node_limit=node_limit) for p in (1.0, 2.0, np.inf)},
        tree,
        valley,
        tuple(notes),
        form.name,
    )


@dataclass(frozen=True)
class _Form:
    """What is minimized, where it is not the mean squared error."""

    loss: str | Loss | None
    weight_decay: float | WeightDecay | None

    def __post_init__(self) -> None:
        loss = get_loss(self.loss)
        vars(self).update(
            loss=None if isinstance(loss, SquaredLoss) else loss,
            weight_decay=get_weight_decay(self.weight_decay),
        )

    @property
    def plain(self) -> bool:
        """Whether it is the mean squared error."""
        return not self.loss and not self.weight_decay

    @property
    def options(self) -> dict[str, Any]:
        """As `certify_minimum`, `descend` and `train` take it."""
        return {"loss": self.loss, "weight_decay": self.weight_decay}

    @property
    def name(self) -> str:
        """In words."""
        if self.plain:
            return "mean squared error"
        return objective_name(get_loss(self.loss), get_weight_decay(self.weight_decay))

    def at(self, net: Network, theta: Parametrization, X: Array, y: Array, space: Space) -> float:
        """The loss of a network, or of what it is in the space."""
        if self.plain:
            return float(np.mean((net.predict(X) - y) ** 2))
        return mean_loss(theta, space.embed(X), y, space=space, **self.options)


def _labels(y: Any, classes: Any) -> Array:
    """Labels of two classes as 0 and 1, or a NetworkError."""
    labels = np.asarray(y)
    wrong = labels[~np.isin(labels, classes)]
    if wrong.size:
        raise NetworkError(f"y: expected labels of {list(classes)}, got {wrong.flat[0]!r}")
    return np.asarray(labels == classes[1], dtype=float)


def _data(net: Network, X: Any, y: Any, plain: bool) -> tuple[Array, Array]:
    """Features (n, d) and target (n,) that fit the network, or a ValueError that says why not."""
    features, target = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if features.ndim == 2 and features.shape[1] != net.n_inputs:
        hint = "; are its weights transposed?" if features.shape[1] == net.n_neurons else ""
        raise NetworkError(
            f"X: expected {net.n_inputs} columns, as the network has inputs, got "
            f"{features.shape[1]}{hint}"
        )
    features, target = check_data(features, target, net.n_inputs)
    if plain and not net.source and net.n_inputs == net.n_neurons > 1:
        one, other = (
            float(np.mean((each.predict(features) - target) ** 2))
            for each in (net, replace(net, weights=net.weights.T))
        )
        if one > np.var(target) and other < TRANSPOSED * one:
            raise NetworkError(
                f"weights: transposed they have the loss {other:.3g}, as they are {one:.3g}: rows "
                "are neurons; if that is meant, say where the network comes from: "
                "Network(..., source='...')"
            )
    return features, target


def _gap(
    net: Network,
    own: Certificate,
    X: Array,
    y: Array,
    space: Space,
    nearby: int,
    start: Network | None = None,
    *,
    form: _Form = _Form(None, None),
) -> Gap:
    """Descend from the network and from around it, or from a start; the nearest end."""
    inputs, theta = space.embed(X), net.to_parametrization(space)
    if own.is_minimum:
        same = 0.0, 0.0, 0.0, 0.0
        return Gap(theta, net, own, *same, "minimum", own.reason, ())
    gaps = [
        _descended(net, one, theta, inputs, X, y, space, form)
        for one in ([start] if start else [net, *_solved(net, X, y, nearby, form)])
    ]
    rounding = 1e-12 * (float(np.mean(y**2)) if form.plain else abs(own.loss))
    # A minimum before none, one that is no higher than the network before others, then the nearest.
    reached = [gap for gap in gaps if gap.parametrization is not None]
    return min(reached, key=lambda gap: (gap.loss < -rounding, gap.parameters), default=gaps[0])


def _solved(net: Network, X: Array, y: Array, nearby: int, form: _Form) -> list[Network]:
    """Where solvers that go small steps end, in units of standardized features and target.

    From the network, and from this many points around it. Other losses have units of their own.
    """
    mean, scale, unit = np.zeros(X.shape[1]), np.ones(X.shape[1]), 1.0
    solvers: tuple[str, ...] = SOLVERS_NEARBY[:1]
    if form.plain:
        mean, scale, unit = X.mean(axis=0), X.std(axis=0), float(np.std(y)) or 1.0
        scale, solvers = np.where(scale > 0, scale, 1.0), SOLVERS_NEARBY
    own = net.rescaled(mean, scale, 0.0, unit).balanced()
    space, found = net.space(), []
    theta, inputs = own.to_parametrization(), space.embed((X - mean) / scale)
    rng, runs = stream(0, "analysis", "nearby"), [(theta, solver) for solver in solvers]
    for k in range(nearby):
        # Each entry by a share of the neuron's size; the frozen offset neuron stays.
        size = SIZES_NEARBY[k % len(SIZES_NEARBY)]
        a, c = theta.weights.copy(), theta.output_weights.copy()
        a[:-1] += size * max_norms(a[:-1])[:, None] * rng.standard_normal(a[:-1].shape)
        c *= 1 + size * rng.standard_normal(c.shape)
        runs.append((Parametrization(a, c), SOLVERS_NEARBY[0]))
    for begin, solver in runs:
        fit = train(begin, inputs, y / unit, space=space, solver=solver, **form.options)
        end = fit.parametrization
        one = Network.from_parametrization(end, space)
        found.append(one.rescaled(-mean / scale, 1 / scale, 0.0, 1 / unit))
    return found


def _descended(
    net: Network,
    start: Network,
    theta: Parametrization,
    inputs: Array,
    X: Array,
    y: Array,
    space: Space,
    form: _Form,
) -> Gap:
    """Descend from a start, balanced; measure how far the end is from the network."""
    nothing = (float("nan"),) * 4
    try:
        begin = start.balanced().to_parametrization(space)
        end = descend(begin, inputs, y, space=space, **form.options)
    except NUMERICAL_ERRORS as error:
        reason = f"{type(error).__name__}: {error}"
        return Gap(None, None, None, *nothing, "failed", reason, ())
    outcome = end.outcome.name.lower().replace("_", " ")
    if end.certificate is None or not end.certificate.is_minimum:
        return Gap(None, None, None, *nothing, outcome, end.reason, end.losses)
    minimum, own = end.parametrization, end.certificate
    if not form.weight_decay:  # it leaves nothing that no sample sees
        minimum, own = _pulled(minimum, own, start, inputs, y, space, form)
    near = Network.from_parametrization(minimum, space)
    apart = np.abs(net.predict(X) - near.predict(X))
    sizes = net.eps * net.terms(X)
    ratio = float(np.max(np.where(apart > 0, apart / np.where(sizes > 0, sizes, 1e-300), 0.0)))
    before = form.at(net, theta, X, y, space)
    if form.weight_decay:  # of all parametrizations of a function it is the least of some only
        far = parameter_distance(theta, minimum, space=space)
    else:
        far = parameter_distance(net.balanced().to_parametrization(space), minimum, space=space)
    if net.n_neurons <= MAX_FIBRE_NEURONS and not form.weight_decay:
        far = _fibre(theta, minimum, space, far)
    distances = before - end.loss, far, float(apart.max()), ratio
    return Gap(minimum, near, own, *distances, outcome, end.reason, end.losses)


def _pulled(
    minimum: Parametrization,
    certificate: Certificate,
    start: Network,
    inputs: Array,
    y: Array,
    space: Space,
    form: _Form,
) -> tuple[Parametrization, Certificate]:
    """The minimum moved towards where the descent began, along what no sample on its face sees.

    Values and pre-activations of samples on kinks stay, by least squares; what rounding or another
    cell makes of that counts only if it is certified again.
    """
    goal = EffectiveProblem.build(start.balanced().to_parametrization(space), inputs, y, space)
    problem = EffectiveProblem.build(minimum, inputs, y, space)
    if problem.bounded or not np.array_equal(goal.signs, problem.signs):
        return minimum, certificate
    state, target = problem.state(), goal.state()
    z = problem.preactivations(state)
    kinks = problem.kink_pairs(state, z)
    active = (z > 0) & ~kinks
    X, (m, d) = problem.X, state.u.shape
    seen = (active * problem.signs)[:, :, None] * X[:, None, :]
    column = np.zeros(len(X)) if problem.column is None else problem.column
    rows = np.column_stack([seen.reshape(len(X), m * d), column])
    sample, neuron = np.nonzero(kinks)
    fixed = np.zeros((len(sample), m, d))
    fixed[np.arange(len(sample)), neuron] = X[sample]
    rows = np.vstack([rows, np.column_stack([fixed.reshape(-1, m * d), np.zeros(len(sample))])])
    scales = np.append(np.tile(np.maximum(np.abs(X).max(axis=0), 1e-300), m), 1.0)
    move = np.append((target.u - state.u).ravel(), target.e - state.e) * scales
    rows = rows / scales
    move -= np.linalg.lstsq(rows, rows @ move, rcond=1e-10)[0]
    move /= scales
    for share in (1.0, 0.5, 0.25):
        u = state.u + share * move[:-1].reshape(m, d)
        moved = problem.parametrization(State(u, state.e + share * float(move[-1])))
        if any(violation.condition != "C.2" for violation in space.violations(moved)):
            continue
        again = certify_minimum(moved, inputs, y, space=space, **form.options)
        if again.is_minimum and again.loss <= certificate.loss * (1 + 1e-9):
            return moved, again
    return minimum, certificate


def _fibre(theta: Parametrization, minimum: Parametrization, space: Space, far: float) -> float:
    """Distance to the parametrizations of the minimum's function; ``far`` where none is found."""
    try:
        found = distance_to_fibre(theta, minimum, space=space)
    except NUMERICAL_ERRORS:
        return far
    return found.upper if np.isfinite(found.upper) else far


def _direction(net: Network, certificate: Certificate, space: Space) -> dict[str, Any] | None:
    """The certificate's direction of descent as changes of the network's own parameters."""
    direction = certificate.direction
    if direction is None or not (isinstance(space, UnrestrictedSpace) and space.offset):
        return None
    rows, sizes = direction[:-1], np.abs(net.output_weights)[:, None]
    if (rows[sizes[:, 0] == 0] != 0).any():
        return None
    changes = np.divide(rows, sizes, out=np.zeros_like(rows), where=sizes > 0)
    offset = float(direction[-1, -1])
    scale = max(float(np.abs(changes).max(initial=0.0)), abs(offset))
    changes = changes / scale
    return {
        "weights": changes[:, :-1],
        "biases": changes[:, -1],
        "output_weights": np.zeros(net.n_neurons),
        "offset": offset / scale,
        "slope": certificate.slope / scale,
    }


def _degeneracies(
    net: Network, theta: Parametrization, inputs: Array, space: Space
) -> dict[str, Any]:
    known: dict[str, Any] = dict(degeneracies(theta, space=space))
    angles = [(int(i), int(j), float(angle)) for i, j, angle in pair_angles(net)]
    known |= {"closest": angles[:5], "opposite": angles[:-6:-1]}
    hidden = Network.from_parametrization(theta, space)
    z = inputs[:, : net.n_inputs] @ hidden.weights.T + hidden.biases
    known["silent"] = np.flatnonzero(~(z > 0).any(axis=0)).tolist()
    known["spare"] = reduce_width(theta, space=space).n_spare
    return known


def _rigid(theta: Parametrization, inputs: Array, y: Array, space: RestrictedSpace) -> Probe | None:
    """The ball of rescalings around a minimum of N*."""
    radius = rigidity_radius(theta) * (1 - 1e-9)
    return probe_realization(theta, inputs, y, radius=radius, space=space) if radius > 0 else None


def _lifted(net: Network, X: Array, y: Array, nearest: Network | None) -> Lifted:
    """In N*; descent goes on from the nearest minimum of the space, where there is one."""
    space = net.space("restricted")
    assert isinstance(space, RestrictedSpace)
    theta, inputs = net.balanced().to_parametrization(space), space.embed(X)
    certificate = certify_minimum(theta, inputs, y, space=space)
    gap = _gap(net, certificate, X, y, space, 0, nearest)
    radius, probe = float("nan"), None
    if gap.parametrization is not None and gap.certificate is not None:
        radius = gap.certificate.radius**2 / 8
        probe = _rigid(gap.parametrization, inputs, y, space)
    return Lifted(theta, certificate, gap, radius, probe)
