"""Results: the tree of result.json with attributes, tables and texts."""

from __future__ import annotations

import copy
import html
import typing
from collections import abc
from typing import TYPE_CHECKING, Any

import numpy as np

from ._fields import Field, describe, frame

if TYPE_CHECKING:
    import pandas as _pandas

    from ._described import Described as _Described

__all__ = ["Record", "Result"]


class Told(typing.Protocol):
    """What can be told of a run, made when it is asked for."""

    def document(self) -> dict[str, Any]: ...
    def metrics(self) -> dict[str, Any]: ...
    def kinds(self) -> list[dict[str, Any]]: ...
    def text(self) -> str: ...


class Kept:
    """The same, all of it made: for other processes."""

    def __init__(self, told: Told):
        self._document, self._metrics = told.document(), told.metrics()
        self._kinds, self._text = told.kinds(), told.text()

    def document(self) -> dict[str, Any]:
        return self._document

    def metrics(self) -> dict[str, Any]:
        return self._metrics

    def kinds(self) -> list[dict[str, Any]]:
        return self._kinds

    def text(self) -> str:
        return self._text


def _wrapped(value: Any) -> Any:
    if isinstance(value, dict):
        return Record(value)
    if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        return [_wrapped(item) for item in value]
    return value


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Numbers and texts by dotted path; lists are left out."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        elif not isinstance(value, list):
            flat[prefix + key] = value
    return flat


class Record:
    """A part of a result: its keys are attributes, and items for keys that are no Python names.

    ``Result.describe`` says what each key means and its unit, which also ends its name (``time_s``,
    ``total_pj``, ``read_bytes``). A change of the values that are handed out changes no result.
    """

    _values: dict[str, Any]

    def __init__(self, values: dict[str, Any]):
        self.__dict__["_values"] = values

    if not TYPE_CHECKING:  # which keys there are, _described says

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):  # Python asks for more than there is, also of one half made
                raise AttributeError(name)
            try:
                return _wrapped(self._values[name])
            except KeyError:
                raise AttributeError(f"no {name!r}; there are {', '.join(self._values)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("results do not change")

    def __getitem__(self, key: str) -> Any:
        return _wrapped(self._values[key])

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> abc.Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._values == other._values

    __hash__ = None  # type: ignore[assignment]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._values]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._values)})"

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def keys(self) -> abc.KeysView[str]:
        """The names of the parts."""
        return self._values.keys()

    def items(self) -> abc.Iterator[tuple[str, Any]]:
        """(name, part) of each."""
        return ((key, _wrapped(value)) for key, value in self._values.items())

    def get(self, key: str, default: Any = None) -> Any:
        """The part of that name, or ``default``."""
        return _wrapped(self._values[key]) if key in self._values else default

    def to_dict(self) -> dict[str, Any]:
        """A copy as dicts, lists, numbers and texts."""
        return copy.deepcopy(self._values)


if not TYPE_CHECKING:
    _Described = Record


class Result(_Described):
    """What a run yields: ``result.json`` as attributes, and beside them arrays, tables, texts.

    ``cycles`` (of the core's clock), ``time_s``, ``bound`` (what holds the run up), ``stalls``,
    ``dram``, ``sram``, ``roofline``, ``energy`` (``total_pj``, ``components``), ``error`` (against
    float64), ``layers``, each with most of the same, ``config`` (which reads back as a run) and more:
    ``describe`` tells of all that are below, ``bitjoule.fields`` lists them, and type checkers and
    editors know them.
    """

    _told: Told
    _outputs: np.ndarray | dict[str, np.ndarray] | None
    _codes: np.ndarray | None
    _scale: float | None
    _zero_point: int | None
    _notes: list[str]

    def __init__(self, told: Told, outputs: Any = None, notes: list[str] | None = None):
        codes, scale, zero_point = None, None, None
        if isinstance(outputs, tuple):
            outputs, codes, scale, zero_point = outputs
        self.__dict__.update(
            _told=told,
            _outputs=outputs,
            _codes=codes,
            _scale=scale,
            _zero_point=zero_point,
            _notes=list(notes or []),
        )

    # Made when it is asked for first.

    @property
    def _values(self) -> dict[str, Any]:  # type: ignore[override]
        if "_document" not in self.__dict__:
            self.__dict__["_document"] = self._told.document()
        return self.__dict__["_document"]

    @property
    def _metrics(self) -> dict[str, Any]:
        if "_flat" not in self.__dict__:
            self.__dict__["_flat"] = self._told.metrics()
        return self.__dict__["_flat"]

    @property
    def outputs(self) -> np.ndarray | dict[str, np.ndarray] | None:
        """Of a layer, the output tensor where ``run(outputs=True)`` kept it: float32, NHWC of a
        convolution, (m, n) or (batch, m, n) of a product. Of a network with values, its outputs by
        name. Else None."""
        return self._outputs

    @property
    def output_codes(self) -> np.ndarray | None:
        """Of a layer whose output format is an integer, with ``run(outputs=True)``: int32 codes in
        the shape of ``outputs``; value = ``output_scale`` * (code - ``output_zero_point``)."""
        return self._codes

    @property
    def output_scale(self) -> float | None:
        """See ``output_codes``."""
        return self._scale

    @property
    def output_zero_point(self) -> int | None:
        """See ``output_codes``."""
        return self._zero_point

    @property
    def notes(self) -> list[str]:
        """What was set and has no effect, a line each."""
        return list(self._notes)

    def to_dataframe(self, table: str = "layers") -> _pandas.DataFrame:
        """A table (pandas): ``"layers"``, a row each, columns by dotted path in ``result.json``;
        ``"kinds"``, layers of one kind summed with their repeats: cycles, seconds, picojoules, DRAM
        bytes, MACs; ``"energy"``, picojoules and share by component. Its ``attrs["units"]`` and
        ``attrs["meanings"]`` are those of its columns. Raises ValueError for another name and
        ImportError without pandas."""
        if table == "layers":
            return frame([_flat(layer) for layer in self._values["layers"]], "layers[].")
        if table == "kinds":
            return frame([_flat(kind) for kind in self._told.kinds()], "network.kinds[].")
        if table == "energy":
            energy = frame(
                [
                    {"component": name, "energy_pj": pj, "share": share}
                    for name, pj, share in self._energy()
                ]
            )
            unit = describe("energy.total_pj").unit
            energy.attrs["units"] = {"energy_pj": "MAC" if self._in_macs() else unit}
            return energy
        raise ValueError(f'expected "layers", "kinds" or "energy", got {table!r}')

    @staticmethod
    def describe(path: str) -> Field:
        """Unit and meaning of a value by its path: ``"energy.total_pj"``, ``"layers[0].bound"``.

        Raises InputError, with the nearest path, where no result has such a value; see
        ``bitjoule.fields`` for all of them."""
        return describe(path)

    def _energy(self) -> list[tuple[str, float, float]]:
        """(component, picojoules, share)"""
        total = self._values["energy"]["total_pj"]
        return [
            (name, pj, pj / total if total else 0.0)
            for name, pj in self._values["energy"]["components"].items()
        ]

    def _in_macs(self) -> bool:
        """Whether picojoules stand for ratios of a MAC."""
        return self._values["energy"].get("unit") == "MAC"

    def __repr__(self) -> str:
        v = self._values
        pj = v["energy"]["total_pj"]
        energy = f"{pj:.4g} MAC" if self._in_macs() else f"{pj * 1e-12:.4g} J"
        return (
            f"<bitjoule.Result {v['name']}: {v['cycles']} cycles, {v['time_s']:.4g} s, "
            f"{energy}, bound by {v['bound']}>"
        )

    def __str__(self) -> str:
        """What ``sim run`` prints."""
        return self._told.text().rstrip("\n")

    def _repr_html_(self) -> str:
        v = self._values
        cell = lambda text: html.escape(str(text))  # noqa: E731
        unit = "million MAC" if self._in_macs() else "µJ"
        energy = lambda pj: f"{pj * 1e-6:,.4g} {unit}"  # noqa: E731
        moved = v["dram"]["read_bytes"] + v["dram"]["write_bytes"]
        error = v.get("error") or {}
        rows = [
            ("cycles", f"{v['cycles']:,}"),
            ("time", f"{v['time_s'] * 1e3:,.4g} ms"),
            ("bound by", v["bound"]),
            ("utilization", f"{v['utilization'] * 100:.3g} %"),
            ("DRAM traffic", f"{moved:,} bytes"),
            ("energy", energy(v["energy"]["total_pj"])),
            *(
                (f"&nbsp;&nbsp;{cell(name)}", f"{energy(pj)} ({share * 100:.1f} %)")
                for name, pj, share in self._energy()
                if pj
            ),
        ]
        if error.get("sqnr_db") is not None:
            rows.append(("SQNR", f"{error['sqnr_db']:.2f} dB"))
        body = "".join(
            f"<tr><th style='text-align:left'>{name}</th><td>{cell(value)}</td></tr>"
            for name, value in rows
        )
        return f"<table><caption>{cell(v['name'])}</caption>{body}</table>"

    def __getstate__(self) -> dict[str, Any]:
        told = self._told if isinstance(self._told, Kept) else Kept(self._told)
        state = {**self.__dict__, "_told": told}
        for made in ("_document", "_flat"):
            state.pop(made, None)
        return state

    def __copy__(self) -> Result:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Result:
        return self  # it does not change
