"""bitjoule: what each bit costs, in cycles, bytes and joules.

A cycle-accurate, bit-exact simulator of MAC-array neural-network accelerators::

    import bitjoule

    result = bitjoule.run("runs/quickstart.yaml", set={"precision.weights": "q4_0"})
    result.cycles, result.energy.total_pj, result.layers[0].bound
    result.to_dataframe("energy")

The numbers are those of the program ``sim``, to the bit; ``docs/python.md`` has a page of examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _native
from ._fields import Field, fields
from ._formats import Format, Quantized, decode, encode, formats, quantize
from ._results import Record, Result
from ._runs import Machine, run
from ._sweeps import Point, Sweep, sweep
from .errors import Error, InputError, InternalError, SettingWarning, VerificationError

if TYPE_CHECKING:
    from . import plot as plot

__all__ = [
    "Error",
    "Field",
    "Format",
    "InputError",
    "InternalError",
    "Machine",
    "Point",
    "Quantized",
    "Record",
    "Result",
    "SettingWarning",
    "Sweep",
    "VerificationError",
    "configs_dir",
    "decode",
    "encode",
    "fields",
    "formats",
    "plot",
    "quantize",
    "run",
    "sweep",
]

__version__ = _native.version()


def configs_dir() -> str:
    """The directory of the shipped configurations: ``$BITJOULE_CONFIGS``, or beside the package,
    below the prefix that it is installed in, or in the sources that it was built from."""
    return _native.configs_dir()


def __getattr__(name: str) -> Any:
    if name == "plot":  # on demand: it needs matplotlib, which takes long to load
        import importlib

        return importlib.import_module(".plot", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), "plot"})
