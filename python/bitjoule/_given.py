"""What callers give, as the compiled part takes it."""

from __future__ import annotations

import json
import os
from collections import abc
from typing import Any, Union

import numpy as np
from numpy.typing import ArrayLike

from . import _native
from ._results import Record
from .errors import InputError

#: A file's name, or what such a file says as a dict.
Config = Union[str, "os.PathLike[str]", "abc.Mapping[str, Any]", Record]
#: Values by dotted path, as the program's --set: texts are YAML, everything else stands for itself.
Settings = abc.Mapping[str, Any]
#: One array, or arrays by the name of a network's input or layer.
Arrays = Union[ArrayLike, abc.Mapping[str, ArrayLike]]


def _plain(value: Any) -> Any:
    """What json cannot write by itself."""
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, abc.Mapping):
        return dict(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"got {type(value).__name__}")


def _text(what: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{what}: expected a text in UTF-8: {error}") from None
    return value


def _json(what: str, value: Any) -> str:
    try:
        text = json.dumps(value, default=_plain, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{what}: expected dicts, lists, texts, numbers, bools and None: {error}"
        ) from None
    return _text(what, text)


def _path(what: str, value: str | os.PathLike[str]) -> str:
    path = os.fspath(value)
    if not isinstance(path, str):
        raise InputError(f"{what}: expected a file's name, got {path!r}")
    if "\0" in path:
        raise InputError(f"{what}: expected a file's name, got {path!r}")
    return _text(what, path)


def given(config: Config, name: str = "config") -> _native.Given:
    """`name` is what errors call a dict."""
    if isinstance(config, (str, os.PathLike)):
        return _native.Given(_path(name, config), True, name)
    if not isinstance(config, (abc.Mapping, Record)):
        raise InputError(f"{name}: expected a file's name or a dict, got {type(config).__name__}")
    return _native.Given(_json(name, config), False, name)


def settings(values: Settings | None) -> list[tuple[str, str]]:
    if values is None:
        return []
    if not isinstance(values, abc.Mapping):
        raise InputError(f"set: expected a dict of values by path, got {type(values).__name__}")
    pairs = []
    for path, value in values.items():
        if not isinstance(path, str):
            raise InputError(f"set: expected a dotted path as a text, got {path!r}")
        if isinstance(value, os.PathLike):
            value = _path(f"--set {path}", value)
        text = _text(f"--set {path}", value) if isinstance(value, str) else _json(f"--set {path}", value)
        pairs.append((_text("set", path), text))
    return pairs


def _array(what: str, value: ArrayLike) -> np.ndarray:
    """In C order and little-endian: itself, where it is."""
    try:
        array = np.asarray(value)
    except ValueError as error:  # lists of unequal lengths
        raise InputError(f"{what}: expected an array of numbers: {error}") from None
    if array.dtype.kind not in "bfiu":
        raise InputError(f"{what}: expected an array of numbers, got dtype {array.dtype}")
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def arrays(what: str, value: Arrays | None) -> dict[str, np.ndarray]:
    if value is None:
        return {}
    if not isinstance(value, abc.Mapping):
        return {"": _array(what, value)}
    for name in value:
        if not isinstance(name, str) or not name:
            raise InputError(f"{what}: expected names as texts, got {name!r}")
    return {name: _array(f"{what}[{name!r}]", item) for name, item in value.items()}


def reals(what: str, value: ArrayLike) -> np.ndarray:
    """As 32-bit floats in C order; 64-bit ones are rounded to nearest."""
    array = _array(what, value)
    if array.size == 0:
        raise InputError(f"{what}: the array has no elements")
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)
