#!/usr/bin/python3
"""Draws the figures of a run, of a sweep, or of several runs side by side: see --help."""

import sys
from pathlib import Path

# The figures of the package, without its compiled part.
sys.path.append(str(Path(__file__).resolve().parents[1] / "python" / "bitjoule"))

from plotting.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
