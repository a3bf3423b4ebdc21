"""The program, as the tests of the Python package compare with it."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIM = os.environ["BITJOULE_SIM"]


def sim(*arguments, cwd=None):
    """What a command line of the program does: returncode, stdout, stderr."""
    return subprocess.run(
        [SIM, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd
    )


def program_result(config, values, *options, cwd=None):
    """result.json of `sim run`, as Python's values."""
    sets = [word for path, value in values.items() for word in ("--set", f"{path}={value}")]
    done = sim("run", config, "--json", "--quiet", *sets, *options, cwd=cwd)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def program_error(*arguments, cwd=None):
    """The text of the program's error, a line per problem."""
    done = sim(*arguments, cwd=cwd)
    assert done.returncode != 0, done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return "\n".join(line[len("error: ") :] for line in lines)
