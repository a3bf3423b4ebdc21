"""scripts/same_results.py: equal programs are found equal, and whatever differs is found."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIM = Path(os.environ["BITJOULE_SIM"])
sys.path[:0] = [str(ROOT / "scripts")]

from same_results import without_version  # noqa: E402


def compared(old, new, runs=20):
    return subprocess.run([sys.executable, ROOT / "scripts/same_results.py", old, new, "--runs", str(runs)],
                          capture_output=True, text=True, check=False)  # fmt: skip


class SameResults(unittest.TestCase):
    def changed(self, what):
        """A program that does the same, and then changes its results by a line of shell."""
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        program = Path(holder.name, "sim")
        program.write_text(f'#!/bin/bash\n"{SIM}" "$@"; code=$?\n{what}\nexit $code\n', encoding="utf-8")
        program.chmod(0o755)
        return program

    def test_a_program_is_as_itself(self):
        done = compared(SIM, SIM)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("same_results: 20 of 20 are equal\n", done.stdout)
        self.assertRegex(done.stdout, r"1[0-9] x sim run: exit code 0\n")  # of 19: most can run
        self.assertIn("1 x sim sweep: exit code 0\n", done.stdout)

    def test_another_version_is_no_difference(self):
        done = compared(SIM, self.changed(
            r"""sed -i 's/"version": "[^"]*"/"version": "9.9"/; s/"config_hash": "./&0/' out/*.json 2>/dev/null
            for file in out/points/*.json; do  # a hash also names a file
              old=$(basename "$file" .json); [ "$old" = '*' ] && break
              sed -i "s/$old/f$old/" out/results.json out/results.csv; mv "$file" "out/points/f$old.json"
            done"""))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_one_digit_is_a_difference(self):
        for what, told in [
            (r"""sed -i 's/"cycles": 1/"cycles": 2/' out/result.json 2>/dev/null""", '"cycles": 1'),
            ("echo >> out/layers.csv", "layers.csv"),
            ("touch out/more.csv", "more.csv"),
            ("echo more", "standard output"),
            ("((code == 0)) && code=3", "exit code"),
        ]:
            with self.subTest(what):
                done = compared(SIM, self.changed(what), 12)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(told, done.stdout)

    def test_hashes_of_sweeps_are_left_out(self):
        self.assertEqual(without_version("results.csv", "a,hash,b\n1,77,2\n"),
                         without_version("results.csv", "a,hash,b\n1,78,2\n"))  # fmt: skip
        self.assertNotEqual(without_version("results.csv", "a,hash,b\n1,77,2\n"),
                            without_version("results.csv", "a,hash,b\n1,77,3\n"))  # fmt: skip


if __name__ == "__main__":
    unittest.main()
