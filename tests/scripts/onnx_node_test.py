"""The ONNX project's own backend node tests, run through the simulator.

Every test whose operators the importer knows is generated with its inputs and expected outputs and
run with values on. Floats must agree within the tolerances of ONNX's own backend runner, integers
exactly.
"""

import concurrent.futures
import contextlib
import io
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import warnings

import numpy as np

# onnx 1.12 still says np.float and so on, which numpy 1.24 has no more.
for name, python_type in (("float", float), ("int", int), ("bool", bool), ("object", object)):
    if name not in np.__dict__:
        setattr(np, name, python_type)

import onnx
import onnx.numpy_helper
from onnx.backend.test.case.node import collect_testcases

SIM = os.environ["BITJOULE_SIM"]
RTOL, ATOL = 1e-3, 1e-7  # onnx.backend.test.runner
LEAST = 800  # tests that must run

RUN = """
accelerator: accelerators/edge-16x16.yaml
dram: {model: ideal, bandwidth: 12.8 GB/s}
layer: {gemm: {m: 1, n: 1, k: 1}}
precision: {weights: fp32, activations: fp32, mac: fp32}
verify: full
"""

# Pattern of names: why such a test does not run.
EXCLUDED = {
    "test_identity_(opt|sequence)|test_if_(opt|seq)|test_loop1[36]_seq(_none)?": "optional and sequence types are no tensors",
    "test_sequence_(insert_at_.*|map_.*_expanded)": "sequences that enter or leave the network",
    "test_gridsample_bicubic": "cubic between the places of a grid",
    "test_(cast|castlike)_(.*_to_STRING|STRING_to_.*)(_expanded)?": "strings are no numbers",
    "test_(cast|castlike)_(.*_to_BFLOAT16|BFLOAT16_to_.*)(_expanded)?": "numpy has no bfloat16: the test data are uint16",
    "test_batchnorm_.*_training_mode": "training",
    "test_training_dropout.*": "training",
    "test_scan_sum": "Scan as until opset 8",
    "test_(constantofshape_int_shape_zero|tri[lu]_zero)": "tensors without elements",
    "test_(slice_start_out_of_bounds|split_zero_size_splits|reshape_allowzero_reordered)": "tensors without elements",
}


# Of the operators that are computed from constants and shapes alone, those that always are.
COMPUTED = {"Constant", "ConstantOfShape", "Range", "Shape", "Size"}


def supported_operators():
    listing = subprocess.run([SIM, "list", "onnx_operators"], check=True, capture_output=True, text=True)
    rows = [line.split(maxsplit=1) for line in listing.stdout.splitlines() if line.split()]
    return {row[0] for row in rows if len(row) == 1 or row[0] in COMPUTED}


def supported_cases():
    operators = supported_operators()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    return [
        case
        for case in cases
        if case.model is not None
        and all(
            node.domain in ("", "ai.onnx") and node.op_type in operators
            for node in case.model.graph.node
        )
    ]


def reason_of(name):
    return next((why for pattern, why in EXCLUDED.items() if re.fullmatch(pattern, name)), None)


def run_case(case, folder, run_file):
    """None, or what is wrong."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    inputs, expected = case.data_sets[0]
    command = [SIM, "run", run_file, "--quiet", "--network", folder / "model.onnx"]
    command += ["--save-outputs", "-o", folder / "out"]
    for value, info in zip(inputs, case.model.graph.input):
        path = folder / f"{len(command)}.pb"
        path.write_bytes(onnx.numpy_helper.from_array(value, info.name).SerializeToString())
        command += ["--input", f"{info.name}={path}"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        return f"exit {result.returncode}: {result.stderr.strip()}"
    return compare(case, expected, folder / "out" / "outputs")


def compare(case, expected, folder):
    for want, info in zip(expected, case.model.graph.output):
        want = np.asarray(want)
        got = np.load(folder / (re.sub(r"[^A-Za-z0-9._-]", "_", info.name) + ".npy"))
        if got.shape != want.shape:
            return f"{info.name}: shape {got.shape}, expected {want.shape}"
        try:
            if want.dtype.kind in "iub":
                np.testing.assert_equal(got.dtype, want.dtype)
                np.testing.assert_array_equal(got, want)
            else:
                np.testing.assert_allclose(got, want.astype(np.float64), rtol=RTOL, atol=ATOL)
        except AssertionError as error:
            return f"{info.name}: {' '.join(str(error).split())[:300]}"
    return None


class OnnxNodeTest(unittest.TestCase):
    def test_every_supported_node_test(self):
        cases = supported_cases()
        chosen = [case for case in cases if reason_of(case.name) is None]
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            run_file = directory / "run.yaml"
            run_file.write_text(RUN)
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                wrong = list(
                    pool.map(
                        lambda i: run_case(chosen[i], directory / f"{i}_{chosen[i].name}", run_file),
                        range(len(chosen)),  # some names are there twice
                    )
                )
        for case, problem in zip(chosen, wrong):
            with self.subTest(case.name):
                self.assertIsNone(problem)
        print(f"{len(chosen)} of ONNX's node tests ran, {len(cases) - len(chosen)} are excluded")
        self.assertGreaterEqual(len(chosen), LEAST)

    def test_no_exclusion_is_stale(self):
        names = [case.name for case in supported_cases()]
        for pattern in EXCLUDED:
            with self.subTest(pattern):
                self.assertTrue(any(re.fullmatch(pattern, name) for name in names))


if __name__ == "__main__":
    unittest.main()
