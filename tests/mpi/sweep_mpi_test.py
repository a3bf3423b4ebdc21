"""`mpirun sim sweep --mpi` on two local ranks gives what one process gives, and fails as it does."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SIM = os.environ["BITJOULE_SIM"]
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2"]
# 16-bit products leave the accumulators: that point fails.
SWEEP = """
name: ranks
base: quickstart.yaml
set: {layer: {gemm: {m: 1, n: 8, k: 4096}}}
axes:
  - zip:
      - {path: precision.weights.format, values: [int8, int4, int16]}
      - {path: precision.activations, values: [int8, int4, int16]}
      - {path: precision.mac, values: [int8, int4, int16]}
  - {path: layer.gemm.n, values: [8, 16, 24]}
"""


class MpiTest(unittest.TestCase):
    def test_two_ranks_equal_one_process(self):
        with tempfile.TemporaryDirectory() as holder:
            folder = Path(holder)
            (folder / "sweep.yaml").write_text(SWEEP)
            sweep = [SIM, "sweep", str(folder / "sweep.yaml"), "--quiet", "-j", "1", "-o"]
            alone = subprocess.run([*sweep, str(folder / "alone")], check=False)
            ranks = subprocess.run([*MPIRUN, *sweep, str(folder / "ranks"), "--mpi"], check=False)
            self.assertEqual((alone.returncode, ranks.returncode), (1, 1))
            files = sorted(p.relative_to(folder / "alone") for p in folder.glob("alone/**/*.*"))
            files = [file for file in files if file.suffix != ".layer"]  # kept for other sweeps
            self.assertEqual(len(files), 9 + 2)
            for file in files:
                self.assertEqual(
                    (folder / "alone" / file).read_bytes(), (folder / "ranks" / file).read_bytes()
                )

    def test_a_bad_file_ends_all_ranks(self):
        done = subprocess.run(
            [*MPIRUN, SIM, "sweep", "no-such-sweep.yaml", "--mpi", "-o", "unused"],
            check=False,
            capture_output=True,
            timeout=60,
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"no such file", done.stderr)


if __name__ == "__main__":
    unittest.main()
