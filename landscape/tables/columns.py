"""What describes a table: columns with type, unit and meaning, and a key."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CELL", "MINIMUM", "MSE", "PARAMETERS", "SEMINORM", "VERDICT", "Column", "Table"]

#: Types for pandas. What is missing is NaN for a number and empty for a text.
TYPES = {"text": "str", "number": "float64", "integer": "int64"}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
    type : {"text", "number", "integer"}
    meaning : str
    unit : str
        Empty for pure numbers, counts and text.
    """

    name: str
    type: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes
    ----------
    name : str
    title : str
        What one row is.
    columns : tuple of Column
    key : tuple of str
        Columns that identify a row; rows are sorted by them.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    @property
    def dtypes(self) -> dict[str, str]:
        """Types of the columns for pandas."""
        return {column.name: TYPES[column.type] for column in self.columns}


MSE = "mean squared error of the target as stored (standardized: units of its variance)"
SEMINORM = "W^{1,inf} seminorm (17), per unit of the embedded inputs"
PARAMETERS = "max-norm of parameters"

#: Columns that identify a cell of the study.
CELL = (
    Column("dataset", "text", "Name of the data set in the config."),
    Column(
        "space",
        "text",
        "Space of parametrizations: restricted (N*), balanced (N'), "
        "unrestricted (networks with biases).",
    ),
    Column(
        "neurons",
        "integer",
        "Neurons m of the network with biases, P_(d,m,1); N* and N' have m + 1.",
    ),
)
MINIMUM = Column("minimum", "integer", "Number of the distinct certified minimum within its cell.")
VERDICT = "holds, violated or undecided."
