"""The one verdict type: every check of a mathematical statement ends in one of three words."""

import enum

__all__ = ["Verdict"]


class Verdict(enum.StrEnum):
    """Outcome of a check.

    ``undecided`` is a result of its own: it is counted, and never folded into ``holds``.
    """

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
