"""What the fields of results mean: units and meanings, described where the results are made."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from . import _native
from .errors import InputError

if TYPE_CHECKING:
    import pandas as _pandas

__all__ = ["Field", "describe", "fields"]


@dataclass(frozen=True)
class Field:
    """A field of ``result.json``, as ``docs/result.md`` has it."""

    path: str  #: dotted; "*" is any name, "[]" each element of a list
    unit: str  #: "pJ", "core cycles", "B"; "" where it has none
    over_layers: str  #: of a run, from its layers: "sum", "highest", "derived"; "": by itself
    meaning: str

    def __str__(self) -> str:
        unit = f" [{self.unit}]" if self.unit else ""
        return f"{self.path}{unit}: {self.meaning}"


def find(path: str) -> Field | None:
    """The field of a value, or None where results have no such value."""
    row = _native.field(re.sub(r"\[\d+\]", "[]", path))
    return None if row is None else Field(*row)


def describe(path: str) -> Field:
    """Unit and meaning of a value by its path in ``result.json``.

    ``"energy.total_pj"``, ``"dram.per_tensor.weights.read_bytes"``, ``"layers[0].bound"``: the
    columns of tables are such paths. Raises InputError, with the nearest path, where no result has
    such a value.
    """
    field = find(path)
    if field is None:
        raise InputError(_native.field_refusal(path))
    return field


def fields() -> _pandas.DataFrame:
    """Every field that results can have (pandas): path, unit, over_layers, meaning, a row each, in
    the order of ``result.json``. Raises ImportError without pandas."""
    return frame([asdict(Field(*row)) for row in _native.fields()])


def frame(rows: list[dict[str, Any]], prefix: str | None = None) -> _pandas.DataFrame:
    """A table (pandas). With ``prefix``, which with a column's name is the path of its values,
    units and meanings by column are in its ``attrs``. Raises ImportError without pandas."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("tables need pandas (python3-pandas)") from error
    table = pandas.DataFrame(rows)
    if prefix is not None:
        known = {name: find(prefix + name) for name in table.columns}
        table.attrs["units"] = {name: f.unit for name, f in known.items() if f and f.unit}
        table.attrs["meanings"] = {name: f.meaning for name, f in known.items() if f}
    return table
