"""All that is known about one network on its data, as a page, a figure, and numbers."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape.analysis._case import Array
from landscape.analysis._degeneracies import pair_angles
from landscape.analysis._gap import Gap
from landscape.data import write_text
from landscape.errors import require_extra
from landscape.lipschitz import LipschitzConstant
from landscape.minima import Certificate
from landscape.networks import Network
from landscape.parametrization import Parametrization
from landscape.probe import Natural, Probe
from landscape.seminorm import Seminorm
from landscape.spaces import Space
from landscape.trees import MergeTree
from landscape.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
