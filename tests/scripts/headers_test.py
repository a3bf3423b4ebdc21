"""Every public header of the library compiles alone, and needs no third party's beyond its layer's."""

import concurrent.futures
import os
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = os.environ.get("CXX", "c++")


def problem(header):
    """Empty, or what the compiler says of a file that has this include alone."""
    source = f'#include "{header}"\n'
    command = [COMPILER, "-std=c++17", "-fsyntax-only", "-I", ROOT / "models", "-x", "c++", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True).stderr


class Headers(unittest.TestCase):
    def test_each_compiles_alone(self):
        models = ROOT / "models"
        headers = sorted(path.relative_to(models).as_posix() for path in models.rglob("*.h"))
        self.assertGreater(len(headers), 100)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            problems = dict(zip(headers, pool.map(problem, headers)))
        for header, text in problems.items():
            with self.subTest(header):
                self.assertEqual(text, "")


if __name__ == "__main__":
    unittest.main()
