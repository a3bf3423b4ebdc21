"""Reads result.json and results.csv; whatever is wrong with them becomes one InputError."""

import csv
import json
import math
import unicodedata
from pathlib import Path

RUN_VERSION, DRAM_VERSION = 2, 1  # `schema_version` of what `sim run` and `sim dram` write


class InputError(Exception):
    """The input cannot be plotted; the message names the file and the place in it."""


class Node:
    """A place in a JSON document; reading a missing or mistyped value names file and path."""

    def __init__(self, file, value, path=""):
        self.file, self.value, self.path = file, value, path

    def _fail(self, expected):
        found = "nothing" if self.value is None else json.dumps(self.value)[:40]
        raise InputError(
            f"{self.file}: {self.path or 'document'}: expected {expected}, got {found}"
        )

    def at(self, dotted):
        """The node at a dotted path below this one; its value is None where the path ends early."""
        node = self
        for key in dotted.split("."):
            inner = node.value.get(key) if isinstance(node.value, dict) else None
            node = Node(self.file, inner, f"{node.path}.{key}" if node.path else key)
        return node

    def has(self, dotted):
        return self.at(dotted).value is not None

    def number(self):
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            self._fail("a number")
        return self.value

    def text(self):
        if not isinstance(self.value, str):
            self._fail("a string")
        return printable(self.value)

    def numbers(self):
        """An object of numbers, as {name: value} in the file's order."""
        if not isinstance(self.value, dict):
            self._fail("an object of numbers")
        return {
            key: Node(self.file, v, f"{self.path}.{key}").number() for key, v in self.value.items()
        }

    def number_list(self):
        return [item.number() for item in self.items()]

    def items(self):
        """The elements of a list, or of an object, as nodes."""
        if isinstance(self.value, list):
            return [Node(self.file, v, f"{self.path}[{i}]") for i, v in enumerate(self.value)]
        if isinstance(self.value, dict):
            return [Node(self.file, v, f"{self.path}.{key}") for key, v in self.value.items()]
        return self._fail("a list")


def _refuse_constant(token):
    raise ValueError(f"{token} is not a JSON number")


def load_result(directory):
    """The root node of DIR/result.json."""
    file = Path(directory) / "result.json"
    require_file(file)
    try:
        document = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not valid JSON: {error}") from error
    return checked_result(Node(file, document))


def checked_result(root):
    """The root node of a result, if its layout is one that can be drawn."""
    version = root.at("schema_version").number()
    expected = DRAM_VERSION if root.has("latency") else RUN_VERSION
    if version != expected:
        raise InputError(f"{root.file}: schema_version: expected {expected}, got {version}")
    return root


def require_file(file):
    """Reading a pipe or a device might never end."""
    if file.exists() and not file.is_file():
        raise InputError(f"{file}: is not a regular file")


def printable(text):
    """Control characters, which no font has and no SVG file may hold, made visible."""
    is_control = lambda c: unicodedata.category(c) == "Cc" and c != "\n"
    return "".join(f"\\x{ord(c):02x}" if is_control(c) else c for c in text)


def cell_text(cell):
    """A text as it was before the apostrophe that keeps spreadsheets from running it."""
    is_guarded = cell[:1] == "'" and cell[1:2] in tuple("=+-@\t\r")
    return printable(cell[1:] if is_guarded else cell)


class Sweep:
    """results.csv: columns up to `status` say which point a row is (the first its name, the others
    the swept paths), those after it are metrics named by their dotted path in result.json."""

    def __init__(self, file, name, columns, rows, question="", baseline=None):
        """`rows`: {column: text}; `file` is what errors name; `baseline`: {path: [labels]}."""
        self.file, self.name = file, name
        self.question, self.baseline = question, baseline or {}
        if "status" not in columns or columns.index("status") < 1:
            raise InputError(
                f"{self.file}: expected the columns point, swept paths, status, metrics"
            )
        split = columns.index("status")
        self.point_column, self.axes = columns[0], columns[1:split]
        self.metrics = columns[split + 1 :]
        self.rows = [row for row in rows if row["status"] == "done"]
        self.left_out = len(rows) - len(self.rows)
        if not self.rows:
            raise InputError(f"{self.file}: no point is done")
        self.axes = [a for a in self.axes if len({row[a] for row in self.rows}) > 1] or self.axes[
            :1
        ]

    @classmethod
    def load(cls, directory):
        """DIR/results.csv."""
        file = Path(directory) / "results.csv"
        require_file(file)
        try:
            with open(file, newline="", encoding="utf-8") as stream:
                reader = csv.DictReader(stream)
                rows = [
                    {key: cell_text(v) if isinstance(v, str) else v for key, v in row.items()}
                    for row in reader
                ]
                columns = reader.fieldnames or []
        except (OSError, csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{file}: {error}") from error
        return cls(file, *cls._said(Path(directory), columns, rows))

    @staticmethod
    def _said(directory, columns, rows):
        """(name, columns, rows, question, baseline) with what results.json beside the table says of
        the sweep; without one its name is the directory's."""
        try:
            file = directory / "results.json"
            require_file(file)
            said = json.loads(file.read_text(encoding="utf-8"))
            name = printable(str(said["name"]))
            question, baseline = said.get("question", ""), said.get("baseline", {})
        except (OSError, ValueError, KeyError, TypeError):
            return directory.resolve().name, columns, rows
        return name, columns, rows, printable(str(question)), baseline

    def baseline_of(self, row):
        """The row with the baseline's labels, else equal to this one; None without one."""
        if not self.baseline:
            return None
        for other in self.rows:
            if all(other.get(path) in labels for path, labels in self.baseline.items()) and all(
                other[axis] == row[axis] for axis in self.axes if axis not in self.baseline
            ):
                return other
        return None

    def has(self, metric):
        return metric in self.metrics and any(row[metric] for row in self.rows)

    def number(self, row, metric):
        """A metric of a row; NaN where the cell is empty (the metric does not apply there)."""
        text = row[metric]
        try:
            return float(text) if text else math.nan
        except (TypeError, ValueError):
            line = self.rows.index(row) + 2
            raise InputError(
                f"{self.file}: row {line}: {metric}: expected a number, got {text!r}"
            ) from None

    def parts(self, row, group):
        """{part: number} of a row for {part: column}; a part that does not apply there is zero."""
        numbers = {name: self.number(row, column) for name, column in group.items()}
        return {name: 0.0 if math.isnan(value) else value for name, value in numbers.items()}

    def group(self, prefix, suffix=""):
        """{name: column} of the metrics called prefix + name + suffix."""
        return {
            column[len(prefix) : len(column) - len(suffix)]: column
            for column in self.metrics
            if column.startswith(prefix) and column.endswith(suffix)
        }
