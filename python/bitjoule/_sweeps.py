"""Sweeps: one run and the axes along which it varies, point by point."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import signal
import time
import warnings
from collections import abc
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _native
from ._given import Config, Settings, given, settings
from ._fields import frame
from ._results import Kept, Result, Told
from .errors import Error, InputError, SettingWarning

if TYPE_CHECKING:
    import pandas as _pandas

__all__ = ["Point", "Sweep", "sweep"]

#: {path: values}; a tuple of paths varies them together, each value a tuple as long.
Axes = Union["abc.Mapping[str, abc.Sequence[Any]]", "abc.Mapping[tuple[str, ...], abc.Sequence[Any]]",
             "abc.Mapping[Union[str, tuple[str, ...]], abc.Sequence[Any]]"]  # fmt: skip
#: (what it tells, "") or (None, why not)
_Answer = tuple[Optional[Told], str]


@dataclasses.dataclass(frozen=True)
class Point:
    """A point of a sweep, and what came of it.

    ``index``: its place in the plan, whose last axis varies fastest. ``labels``: what the point has
    of each axis, by the axis's path (``Sweep.columns``), as texts as in results.csv: ``{"layer.gemm.m":
    "8"}``, of a file its name. ``hash``: names its result: equal hashes, equal results. ``status``:
    "done" or "failed", and then ``message`` says why; ``result`` is None.
    """

    index: int
    labels: dict[str, str]
    hash: str
    status: str
    message: str = ""
    result: Optional[Result] = dataclasses.field(default=None, repr=False)

    @property
    def metrics(self) -> dict[str, Any]:
        """Numbers and texts of the result by dotted path in ``result.json``, but for those of its
        layers and of its configuration; empty where the point is not done."""
        return {} if self.result is None else self.result._metrics


def _axes(axes: Axes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for path, values in axes.items():
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            raise InputError(f"axes: {path}: expected a list of values, got {values!r}")
        if isinstance(path, str):
            rows.append({"path": path, "values": list(values)})
            continue
        together = [tuple(value) for value in values]
        if any(len(value) != len(path) for value in together):
            raise InputError(f"axes: {path}: expected {len(path)} values in each tuple")
        rows.append(
            {"zip": [{"path": p, "values": [v[i] for v in together]} for i, p in enumerate(path)]}
        )
    return rows


def _answer(runs: _native.Sweep, index: int) -> _Answer:
    try:
        return runs.run(index), ""
    except Error as error:
        return None, str(error)
    except MemoryError:
        return None, "out of memory"


class Sweep:
    """The points of a sweep. Iterating runs them, and yields each as soon as it is there; what has
    been run is kept in ``points`` and is not run again by a further loop, also after Ctrl-C.

    With ``jobs=0`` points run here, one after the other. What a point raises makes it a failed
    point, and the others go on; what ends the process, ends the sweep. With ``jobs`` processes a
    point that crashes, is killed or takes longer than ``timeout`` seconds is a failed point too,
    and no other is lost: its process is replaced.
    """

    def __init__(self, runs: _native.Sweep, jobs: int, timeout: float | None):
        self._runs, self._jobs, self._timeout = runs, jobs, timeout
        self._same: dict[str, list[int]] = {}
        for index in range(len(runs)):
            self._same.setdefault(runs.hash(index), []).append(index)
        self._known: set[str] = set()
        self.points: list[Point] = []  #: in the order in which they came

    @property
    def name(self) -> str:
        """Of the sweep file; "sweep" of a dict without one."""
        return self._runs.name

    @property
    def columns(self) -> list[str]:
        """What varies: the keys of ``Point.labels``."""
        return self._runs.columns

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return f"<bitjoule.Sweep {self.name}: {len(self.points)} of {len(self)} points>"

    def __iter__(self) -> abc.Iterator[Point]:
        yield from list(self.points)
        todo = [rows[0] for hash, rows in self._same.items() if hash not in self._known]
        answers = self._in_processes(todo) if self._jobs else self._here(todo)
        for index, answer in answers:
            new = [self._point(i, answer) for i in self._same[self._runs.hash(index)]]
            self._known.add(new[0].hash)
            self.points.extend(new)
            yield from new

    def run(self) -> Sweep:
        """Runs what has not been run; returns the sweep."""
        for _ in self:
            pass
        return self

    def to_dataframe(self) -> _pandas.DataFrame:
        """Runs what has not been run. A row per point (pandas), as in results.csv: ``point`` (its
        labels), what varies, ``status``, metrics by dotted path in result.json, ``hash``,
        ``message``. Columns of numbers are numbers; units and meanings of metrics are in its
        ``attrs``. Raises ImportError without pandas."""
        table = frame(self._rows(), "")
        import pandas

        for column in self.columns:
            numbers = pandas.to_numeric(table[column], errors="coerce")
            if not numbers.isna().any():
                table[column] = numbers
        return table

    def _rows(self) -> list[dict[str, Any]]:
        self.run()
        metrics = dict.fromkeys(itertools.chain.from_iterable(p.metrics for p in self.points))
        return [
            {
                "point": ", ".join(point.labels.values()),
                **point.labels,
                "status": point.status,
                **{name: point.metrics.get(name) for name in metrics},
                "hash": point.hash,
                "message": point.message,
            }
            for point in sorted(self.points, key=lambda point: point.index)
        ]

    def _point(self, index: int, answer: _Answer) -> Point:
        told, message = answer
        labels = dict(zip(self.columns, self._runs.labels(index)))
        return Point(
            index,
            labels,
            self._runs.hash(index),
            "failed" if told is None else "done",
            message,
            None if told is None else Result(told),
        )

    def _here(self, todo: list[int]) -> abc.Iterator[tuple[int, _Answer]]:
        for index in todo:
            yield index, _answer(self._runs, index)

    def _in_processes(self, todo: list[int]) -> abc.Iterator[tuple[int, _Answer]]:
        waiting = iter(todo)
        workers = [_Worker(self._runs) for _ in range(min(self._jobs, len(todo)))]
        try:
            for worker in workers:
                worker.give(next(waiting, None))
            while busy := [w for w in workers if w.index is not None]:
                left = [w.seconds_left(self._timeout) for w in busy]
                seconds = min((s for s in left if s is not None), default=None)
                ready = wait([w.connection for w in busy], seconds)
                for worker in busy:
                    answer: _Answer | None = None
                    if worker.connection in ready:
                        answer = worker.answer()
                    elif (left_now := worker.seconds_left(self._timeout)) is not None:
                        if left_now <= 0:
                            answer = None, f"took longer than {self._timeout:g} s"
                    index = worker.index
                    if answer is None or index is None:
                        continue
                    if answer[0] is None and not worker.is_well():
                        worker.end()
                        workers[workers.index(worker)] = worker = _Worker(self._runs)
                    worker.give(next(waiting, None))
                    yield index, answer
        finally:
            for worker in workers:
                worker.end()


class _Worker:
    """A process that runs one point after the other."""

    _open: set[Connection] = set()  # of this process: a worker closes those of its siblings

    def __init__(self, runs: _native.Sweep):
        self.index: int | None = None
        self._begin = 0.0
        self._is_well = True
        context = multiprocessing.get_context("fork")
        self.connection, theirs = context.Pipe()
        _Worker._open.add(self.connection)
        self._process = context.Process(target=self._work, args=(runs, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @staticmethod
    def _work(runs: _native.Sweep, connection: Connection) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
        for other in _Worker._open:
            other.close()
        try:
            while (index := connection.recv()) is not None:
                told, message = _answer(runs, index)
                connection.send((None if told is None else Kept(told), message))
        except (EOFError, OSError):
            pass  # the parent is gone

    def give(self, index: int | None) -> None:
        self.index, self._begin = index, time.monotonic()
        if index is not None:
            self.connection.send(index)

    def seconds_left(self, timeout: float | None) -> float | None:
        if timeout is None:
            return None
        left = max(0.0, self._begin + timeout - time.monotonic())
        self._is_well = left > 0
        return left

    def is_well(self) -> bool:
        """Whether it can go on with another point."""
        return self._is_well

    def answer(self) -> _Answer:
        try:
            self._is_well = True
            return self.connection.recv()
        except (EOFError, OSError):
            self._is_well = False
            self._process.join()
            code = self._process.exitcode or 0
            if code < 0:
                why = f"killed by signal {-code} ({signal.strsignal(-code)})"
            else:
                why = f"ended with exit code {code}"
            return None, why

    def end(self) -> None:
        _Worker._open.discard(self.connection)
        self.connection.close()
        self._process.kill()
        self._process.join()


def sweep(
    config: Config,
    axes: Axes | None = None,
    *,
    set: Settings | None = None,
    jobs: int = 0,
    timeout: float | None = None,
    max_points: int = 100_000,
) -> Sweep:
    """The points of a sweep, checked before any of them runs.

    ``config``: a sweep file's name, or the same as a dict; with ``axes`` a run file's name, or a
    dict of a run. ``axes``: values by dotted path: ``{"precision.weights.format": ["int8",
    "q4_0"], "layer.gemm.m": [1, 8]}``; the product of all, the last varies fastest. ``set``: values
    by dotted path of the run. ``jobs``: processes, 0: none beside this one. ``timeout``: seconds
    for a point, with ``jobs`` only. ``max_points``: larger products are refused.

    Raises InputError that names axis and value of what cannot run. Warns (SettingWarning) of
    settings without effect. What failed while it ran is told by its point.
    """
    if axes is not None:
        if not isinstance(axes, abc.Mapping):
            raise InputError(f"axes: expected a dict of values by path, got {type(axes).__name__}")
        base = config if isinstance(config, abc.Mapping) else str(config)
        config = {"name": "sweep", "base": base, "axes": _axes(axes)}
    if not isinstance(jobs, int) or jobs < 0:
        raise InputError(f"jobs: expected a number of processes, got {jobs!r}")
    if timeout is not None and (jobs == 0 or not timeout > 0):
        raise InputError("timeout: expected seconds above 0, and jobs: a process can be ended")
    runs = _native.Sweep(given(config, "sweep"), settings(set), max_points)
    for note in runs.notes:
        warnings.warn(note, SettingWarning, stacklevel=2)
    return Sweep(runs, jobs, timeout)
