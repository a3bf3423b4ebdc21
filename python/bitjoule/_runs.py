"""Runs: one machine, one workload, one result."""

from __future__ import annotations

import warnings
from typing import Any

from . import _native
from ._given import Arrays, Config, Settings, arrays, given, settings
from ._results import Result
from .errors import SettingWarning, VerificationError

__all__ = ["Machine", "run"]


def _result(answer: tuple[Any, ...]) -> Result:
    told, outputs, notes, failure = answer
    result = Result(told, outputs, notes)
    for note in notes:
        warnings.warn(note, SettingWarning, stacklevel=3)
    if failure:
        error = VerificationError(failure)
        error.result = result
        raise error
    return result


def run(
    config: Config,
    set: Settings | None = None,
    *,
    inputs: Arrays | None = None,
    weights: Arrays | None = None,
    bias: Arrays | None = None,
    outputs: bool = False,
    unshared: bool = False,
) -> Result:
    """Runs a layer or a network through a machine.

    ``config``: a run file (looked up in the working directory, then among the shipped ones:
    ``"runs/quickstart.yaml"``), or the same as a dict. Relative names of files in a dict are looked
    up like that too.
    ``set``: values by dotted path, as ``sim run --set``: ``{"precision.weights.format": "q4_0"}``.
    ``inputs``, ``weights``, ``bias``: arrays of numbers in place of generated ones. Of a layer one
    array each: inputs (m, k), or NHWC; weights (n, k), or (filters, kh, kw, channels / groups);
    bias (n,). Of a network dicts: inputs by the name of the input, weights and bias by that of the
    layer. They are read where they lie (in C order; others are copied once), and quantized as the
    run's formats say. Do not change them during the run.
    ``outputs``: keep ``Result.outputs`` of a layer. Of a network, outputs and arrays turn values
    on.
    ``unshared``: simulate every layer of a network, also those equal to another.

    The interpreter's lock is released; runs of several threads take turns. Ctrl-C stops a run of
    the main thread.

    Raises InputError for what is wrong with configuration, files and arrays, VerificationError
    (with ``result``) where outputs differ from the oracle's, InternalError where the model
    contradicts itself. Warns (SettingWarning) of settings without effect.
    """
    return _result(
        _native.run(
            given(config),
            settings(set),
            arrays("inputs", inputs),
            arrays("weights", weights),
            arrays("bias", bias),
            bool(outputs),
            bool(unshared),
        )
    )


class Machine:
    """One machine for many runs: the configuration is read once, the machine built once.

    ``config`` and ``set`` as of :func:`run`; what every run brings may be missing. Any number of
    machines may exist; they run one after the other. Every run starts from an idle machine at cycle
    0, so that the order of runs changes nothing. After an error or Ctrl-C a machine can go on.
    """

    def __init__(self, config: Config, set: Settings | None = None):
        self._machine = _native.Machine(given(config), settings(set))

    def run(
        self,
        layer: Config | None = None,
        *,
        network: Config | None = None,
        set: Settings | None = None,
        inputs: Arrays | None = None,
        weights: Arrays | None = None,
        bias: Arrays | None = None,
        outputs: bool = False,
        unshared: bool = False,
    ) -> Result:
        """Runs ``layer`` or ``network`` (a file's name, or a dict such as ``{"gemm": {"m": 1, "n":
        64, "k": 64}}``); without them, the workload of the configuration. ``set`` may change
        formats, mapping, prices and options, for this run alone. All else, and what it raises, as of
        :func:`run`; also InputError where ``set`` means another accelerator, DRAM or fidelity."""
        workload: dict[str, Any] = {}
        if layer is not None:
            workload["layer"] = layer
        if network is not None:
            workload["network"] = network
        return _result(
            self._machine.run(
                settings({**workload, **(set or {})}),
                arrays("inputs", inputs),
                arrays("weights", weights),
                arrays("bias", bias),
                bool(outputs),
                bool(unshared),
            )
        )
