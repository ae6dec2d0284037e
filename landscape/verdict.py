"""In which words checks and searches end: of one network, of a published statement, of a search."""

import enum

__all__ = ["Judgement", "Outcome", "Verdict"]


class Verdict(enum.StrEnum):
    """Whether a mathematical statement holds of a network.

    ``undecided`` is a result of its own: it is counted, and never folded into ``holds``.
    """

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


class Judgement(enum.StrEnum):
    """What became of a published statement.

    ``UNDECIDED``: what was computed does not settle it. ``FAILED`` says nothing about the source:
    neither the statement nor its correction came out, so something here is wrong.
    """

    CONFIRMED = "confirmed"
    CORRECTED = "confirmed with correction"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    FAILED = "failed"


class Outcome(enum.Enum):
    """How a search ended; each kind of search lists its own, and the value is a sentence."""

    @property
    def sentence(self) -> str:
        """What the outcome means, for the user."""
        return str(self.value)
