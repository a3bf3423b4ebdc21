"""Number formats: arrays to stored bytes and back, bit-exact."""

from __future__ import annotations

import typing
from collections import abc
from typing import TYPE_CHECKING, Any, Union, cast

import numpy as np
from numpy.typing import ArrayLike

from . import _native
from ._given import given, reals
from ._results import Record
from .errors import InputError

if TYPE_CHECKING:
    from ._described import Error as _Error
    from ._described import Open as _Open

__all__ = ["Format", "Quantized", "decode", "encode", "formats", "quantize"]

#: A format's name, or a dict as of ``precision.weights``: ``{"format": "int4", "granularity":
#: "per_group", "group_size": 64, "symmetric": False, "scale": "fp16", "zero_point": "packed"}``.
FormatLike = Union[str, "abc.Mapping[str, Any]", Record]


class Format(typing.NamedTuple):
    """A row of ``sim list formats``."""

    name: str
    bits: int  #: of one element's code
    summary: str
    has_values: bool  #: false: sizes and costs are known, the table of its values is not


class Quantized(typing.NamedTuple):
    """What a format makes of an array."""

    data: np.ndarray  #: uint8, (bytes,): as the machine stores them, scales included
    values: np.ndarray  #: float32 in the array's shape: what the bytes stand for
    format: _Open  #: all choices, as of ``precision.weights``
    bits_per_element: float  #: everything included
    error: _Error  #: sqnr_db (None: exact), max_abs, mean_abs, cosine, against the array

    def __repr__(self) -> str:
        sqnr = self.error.sqnr_db
        told = "exact" if sqnr is None else f"SQNR {sqnr:.2f} dB"
        return (
            f"<bitjoule.Quantized {self.format.format} {self.values.shape}: "
            f"{self.bits_per_element:.4g} bits per element, {told}>"
        )


def formats() -> list[Format]:
    """All formats, in the order of ``docs/formats.md``."""
    return [Format(*row) for row in _native.formats()]


def _format(format: FormatLike, options: dict[str, Any]) -> _native.Given:
    if isinstance(format, str):
        format = {"format": format}
    elif isinstance(format, Record):
        format = format.to_dict()
    elif not isinstance(format, abc.Mapping):
        raise InputError(f"format: expected a name or a dict, got {type(format).__name__}")
    return given({**format, **options}, "format")


def encode(array: ArrayLike, format: FormatLike, **options: Any) -> np.ndarray:
    """The bytes of an array (..., k) in a format: uint8, (bytes,).

    A row is everything along the last dimension, along which blocks and groups of a scale run.
    Values are taken as float32. ``options`` are further keys of the format: ``granularity``
    ("per_tensor", "per_channel", "per_group", "per_block", "per_token", "dynamic_tensor",
     "per_input_channel"),
    ``group_size``, ``symmetric``, ``scale``, ``zero_point``. Raises InputError for unknown names and
    shapes without whole blocks, and for NaN and infinities unless the format is a plain float that
    has them (docs/formats.md).
    """
    return _native.encode(reals("array", array), _format(format, options))


def decode(
    data: ArrayLike, shape: tuple[int, ...] | int, format: FormatLike, **options: Any
) -> np.ndarray:
    """The values of :func:`encode`'s bytes: float32 of ``shape``. Raises InputError where ``data``
    are no bytes, or not as many as ``shape`` takes."""
    array = np.frombuffer(data, np.uint8) if isinstance(data, (bytes, bytearray)) else data
    array = np.asarray(array)
    if array.dtype != np.uint8 or array.ndim != 1:
        raise InputError(
            f"data: expected uint8 of one dimension, got {array.dtype} of {array.ndim}"
        )
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(not isinstance(n, (int, np.integer)) or n < 1 for n in sizes):
        raise InputError(f"shape: expected positive integers, got {shape!r}")
    return _native.decode(array, [int(n) for n in sizes], _format(format, options))


def quantize(array: ArrayLike, format: FormatLike, **options: Any) -> Quantized:
    """An array in a format: its bytes, the values that they stand for, and the error of these.
    Arguments and what it raises as of :func:`encode`. As ``sim quantize``, but for ``granularity``,
    which is that of a run file: per tensor unless said."""
    data, values, chosen, bits, error = _native.quantize(
        reals("array", array), _format(format, options)
    )
    return Quantized(
        data, values, cast("_Open", Record(chosen)), bits, cast("_Error", Record(error))
    )
