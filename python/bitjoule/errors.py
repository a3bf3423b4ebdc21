"""What bitjoule raises. The texts, with file, line and column, are those of the program.

Where something stands: in a file as ``run.yaml:3:7: path``, in a dict as ``config: path``, in ``set``
as ``--set path``, which is the program's name for it, also what ``Machine.run`` takes as ``layer`` or
``network``; of an argument that is of another type its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._results import Result as _Result

__all__ = ["Error", "InputError", "InternalError", "SettingWarning", "VerificationError"]


class Error(Exception):
    """Of every kind; one of the three below."""

    @property
    def problems(self) -> list[str]:
        """One text for each thing that is wrong: everything that a configuration has is told at once."""
        return str(self).splitlines()


class InputError(Error, ValueError):
    """A configuration, a file or an array that is not as it must be."""


class VerificationError(Error):
    """Outputs that differ from the oracle's, or sums that left their accumulators."""

    #: What was computed all the same, where a run came to its end; else None.
    result: _Result | None = None


class InternalError(Error, RuntimeError):
    """The simulator contradicts itself: please report it."""


class SettingWarning(UserWarning):
    """Something that was set has no effect in a run."""
