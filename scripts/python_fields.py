#!/usr/bin/env python3
"""Writes python/bitjoule/_described.py: the parts of results with their types, units and meanings.

Usage: PYTHONPATH=build/release/python scripts/python_fields.py

They are what the simulator says of itself: types of results that between them have every part,
units and meanings of bitjoule.fields().
"""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path
from typing import Any

from bitjoule import _native

TARGET = Path(__file__).resolve().parents[1] / "python/bitjoule/_described.py"
HEAD = '''"""The parts of results by their keys: what type checkers and editors know of a ``Result``.

Written by scripts/python_fields.py from what the simulator says of itself; not to be edited. Nothing
here is made at run time, where every part is a ``Record``.
"""

from __future__ import annotations

import builtins
import typing
from typing import Any

from ._results import Record

Part = typing.TypeVar("Part")


class Named(Record, typing.Generic[Part]):
    """Parts of one kind by names of the run: causes, tensors, components."""

    def __getattr__(self, name: str) -> Part:
        raise NotImplementedError

    def __getitem__(self, key: str) -> Part:
        raise NotImplementedError


class Open(Record):
    """Parts that depend on the run: those of its configuration."""

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError
'''
OPEN = {"config", "network.parameters"}  # no fixed parts


def lookup(path: str) -> tuple[str, str]:
    """(unit, meaning); ("", "") where it has none of its own."""
    row = _native.field(path)
    return ("", "") if row is None else (row[1], row[3])


class Shape:
    """What stood at a path in any of the examples."""

    def __init__(self) -> None:
        self.leaves: set[str] = set()
        self.parts: dict[str, Shape] = {}  # in the order of result.json
        self.element: Shape | None = None

    def add(self, value: Any) -> None:
        if isinstance(value, dict):
            before: list[str] = []
            for key, part in value.items():
                if key not in self.parts:  # behind the one that it follows here
                    order = list(self.parts)
                    at = order.index(before[-1]) + 1 if before else 0
                    order.insert(at, key)
                    shapes = {**self.parts, key: Shape()}
                    self.parts = {name: shapes[name] for name in order}
                self.parts[key].add(part)
                before.append(key)
        elif isinstance(value, list):
            self.element = self.element or Shape()
            for item in value:
                self.element.add(item)
        else:
            self.leaves.add(type(value).__name__)


class Writer:
    def __init__(self, maps: set[str]) -> None:
        self.maps = maps
        self.classes: list[str] = []
        self.names: dict[str, str] = {}  # of the classes by what is in them

    def type_of(self, shape: Shape, path: str, name: str) -> str:
        """The type of what stands at a path; writes the classes that it needs first."""
        kinds = []
        if path in OPEN:
            kinds.append("Open")
        elif shape.parts and path in self.maps:
            part = Shape()
            for each in shape.parts.values():
                merge(part, each)
            kinds.append(f"Named[{self.type_of(part, path + '.*', name)}]")
        elif shape.parts:
            kinds.append(self.write(shape, path, name))
        if shape.element is not None:
            of = self.type_of(shape.element, path + "[]", singular(name)) or "Any"
            kinds.append(f"list[{of}]")
        leaves = shape.leaves - {"NoneType"}
        if "float" in leaves:
            leaves.discard("int")
        kinds += sorted(leaves)
        if "NoneType" in shape.leaves:
            kinds.append("None")
        return " | ".join(kinds)

    def write(self, shape: Shape, path: str, name: str) -> str:
        lines = []
        for key, part in shape.parts.items():
            below = f"{path}.{key}" if path else key
            known = key.isidentifier() and not keyword.iskeyword(key)
            kind = self.type_of(part, below, (name if path else "") + camel(key))
            if not known or not kind:
                continue
            unit, meaning = lookup(below)
            comment = f"[{unit}] {meaning}" if unit else meaning
            if comment:
                lines += [f"    #: {line}" for line in wrapped(comment, 92)]
            for hidden in {"int", "float", "str", "bool", "list"} & set(shape.parts):
                kind = re.sub(rf"\b{hidden}\b", f"builtins.{hidden}", kind)  # the name of a part
            lines.append(f"    {key}: {kind}")
        body = "".join(line + "\n" for line in lines)
        if body in self.names:  # of a layer as of a run
            return self.names[body]
        self.names[body] = name
        unit, meaning = lookup(path) if path else ("", "")
        text = f"``{path}``" + (f": {meaning}" if meaning else "") if path else "A run."
        doc = wrapped(f'"""{text}"""', 96)
        self.classes.append(
            f"class {name}(Record):\n" + "".join(f"    {line}\n" for line in doc) + "\n"
            + body
        )
        return name


def merge(into: Shape, other: Shape) -> None:
    into.leaves |= other.leaves
    for key, part in other.parts.items():
        merge(into.parts.setdefault(key, Shape()), part)
    if other.element is not None:
        into.element = into.element or Shape()
        merge(into.element, other.element)


def fill(layer: Shape, run: Shape) -> None:
    """What the examples' layers have nothing of is as the run's part of that name."""
    for key, part in layer.parts.items():
        if key in run.parts:
            if part.leaves <= {"NoneType"} and not part.parts and part.element is None:
                merge(part, run.parts[key])
            fill(part, run.parts[key])


def camel(key: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in key.split("_"))


def singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and not name.endswith("ses") else name + "Item"


def wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines


def text() -> str:
    """The module."""
    maps = {row[0][:-2] for row in _native.fields() if row[0].endswith(".*")}
    maps |= {row[0].split(".*")[0] for row in _native.fields() if ".*" in row[0]}
    maps |= {f"layers[].{path}" for path in maps}
    shape = Shape()
    for document in _native.example_documents():
        shape.add(document)
    layers = shape.parts["layers"].element
    if layers is not None:
        fill(layers, shape)
    writer = Writer(maps)
    writer.write(shape, "", "Described")
    return HEAD + "\n\n" + "\n\n".join(writer.classes)


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    TARGET.write_text(text(), encoding="utf-8")
    print(f"wrote {TARGET}")
