"""Small ONNX models to run through the simulator, and what they must yield."""

import concurrent.futures
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

SIM = os.environ["BITJOULE_SIM"]
CASES = pathlib.Path(__file__).resolve().parents[3] / "shared" / "cases" / "onnx"

RUN = """
accelerator: accelerators/edge-16x16.yaml
dram: {model: ideal, bandwidth: 12.8 GB/s}
layer: {gemm: {m: 1, n: 1, k: 1}}
precision: {weights: fp32, activations: fp32, mac: fp32}
verify: full
"""

INT64_MAX = 2**63 - 1


def ints(*values):
    return np.array(values, np.int64)


def floats(*values):
    return np.array(values, np.float32)


class Model:
    """Nodes over inputs and constants, and what they must yield."""

    def __init__(self, name, nodes, inputs, constants, expected, opset=13, note=None):
        self.name, self.note = name, note
        self.inputs = inputs
        self.expected = np.asarray(expected)
        graph = helper.make_graph(
            nodes,
            "g",
            [
                helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
                if hasattr(helper, "np_dtype_to_tensor_dtype")
                else helper.make_tensor_value_info(
                    n, numpy_helper.mapping.NP_TYPE_TO_TENSOR_TYPE[v.dtype], v.shape
                )
                for n, v in inputs.items()
            ],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
        )
        self.proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])

    def run(self, folder):
        """None, or what is wrong."""
        folder.mkdir()
        (folder / "model.onnx").write_bytes(self.proto.SerializeToString())
        (folder / "run.yaml").write_text(RUN)
        return run_file(folder / "model.onnx", folder, self.inputs, self.expected, self.note)


def run_file(path, folder, inputs, expected, note=None):
    command = [SIM, "run", folder / "run.yaml", "--network", path, "--save-outputs"]
    command += ["-o", folder / "out"]
    for name, value in inputs.items():
        np.save(folder / f"{name}.npy", value)
        command += ["--input", f"{name}={folder / name}.npy"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        return f"exit {result.returncode}: {result.stderr.strip()}"
    if note is not None and note not in result.stderr:
        return f"no note {note!r}: {result.stderr}"
    got = np.load(folder / "out" / "outputs" / "y.npy")
    if got.shape != expected.shape:
        return f"shape {got.shape}, expected {expected.shape}"
    if expected.dtype.kind in "iu" and not np.array_equal(got, expected):
        return f"{np.count_nonzero(got != expected)} of {got.size} integers differ"
    if not np.allclose(got, expected, rtol=1e-4, atol=1e-5):
        return f"off by {np.abs(got - expected).max()}"
    return None


def dequantized(codes, scale, axis, zero=None):
    """ONNX's DequantizeLinear."""
    shape = [1] * codes.ndim
    if np.ndim(scale):
        shape[axis] = -1
    values = codes.astype(np.float64)
    if zero is not None:
        values -= np.reshape(zero.astype(np.float64), shape if np.ndim(zero) else [])
    return values * np.reshape(np.asarray(scale, np.float64), shape if np.ndim(scale) else [])


def pooled(x, kernel, strides, pads, dilations, ceil, mean, count_padding):
    """PyTorch's pools, by their definition: x [batch, channels, sizes...]."""
    axes = len(kernel)
    sizes = x.shape[2:]
    out = []
    for i in range(axes):
        reach = dilations[i] * (kernel[i] - 1) + 1
        room = sizes[i] + pads[i] + pads[axes + i] - reach
        n = (-(-room // strides[i]) if ceil else room // strides[i]) + 1
        if ceil and (n - 1) * strides[i] >= sizes[i] + pads[i]:
            n -= 1  # begins behind image and leading padding
        out.append(n)
    y = np.zeros(x.shape[:2] + tuple(out))
    for place in np.ndindex(*out):
        inside, padded = [], 0
        for cell in np.ndindex(*kernel):
            at = [place[i] * strides[i] + cell[i] * dilations[i] - pads[i] for i in range(axes)]
            padded += all(-pads[i] <= at[i] < sizes[i] + pads[axes + i] for i in range(axes))
            if all(0 <= at[i] < sizes[i] for i in range(axes)):
                inside.append(x[(slice(None), slice(None), *at)].astype(np.float64))
        if mean:
            y[(slice(None), slice(None), *place)] = sum(inside) / (
                padded if count_padding else len(inside)
            )
        else:
            y[(slice(None), slice(None), *place)] = np.max(inside, axis=0)
    return y


class OnnxTest(unittest.TestCase):
    def setUp(self):
        self.random = np.random.default_rng(5)

    def normal(self, *shape):
        return self.random.standard_normal(shape).astype(np.float32)

    def codes(self, *shape):
        return self.random.integers(-100, 100, shape).astype(np.int8)

    def scales(self, n):
        return (0.01 * 1.3 ** np.arange(n)).astype(np.float32)  # no two alike

    def check(self, models):
        with tempfile.TemporaryDirectory() as directory:
            folders = [pathlib.Path(directory) / str(i) for i in range(len(models))]
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                wrong = list(pool.map(Model.run, models, folders))
        for model, problem in zip(models, wrong):
            with self.subTest(model.name):
                self.assertIsNone(problem)
