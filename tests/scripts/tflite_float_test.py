"""TensorFlow Lite models of real numbers, layer by layer within 100 dB of the same in float64."""

import pathlib
import tempfile
import unittest

import numpy as np
import yaml

from tflite_golden_test import DATA, Network
from tflite_reader import TfliteFile

ADD, POOL, CONV, DEPTHWISE, DENSE, RESHAPE, SOFTMAX = 0, 1, 3, 4, 9, 22, 25
RUN = """
accelerator: accelerators/edge-16x16.yaml
dram: {model: ideal, bandwidth: 12.8 GB/s}
layer: {gemm: {m: 1, n: 1, k: 1}}
precision: {weights: fp32, activations: fp32, mac: fp32}
"""


def real(tensor):
    """Stored numbers, dequantized where they are codes (one scale) of a hybrid model."""
    values = tensor.data.astype(np.float64)
    return values if tensor.data.dtype.kind == "f" else (values - tensor.zero) * float(tensor.scale)


def windows(x, kernel, option, out, fill):
    """[images, rows, columns, kernel rows, kernel columns, channels] by padding and strides."""
    strides = (option(2, "i"), option(1, "i"))
    pads = [(0, 0)]
    for axis in (0, 1):
        more = max((out[1 + axis] - 1) * strides[axis] + kernel[axis] - x.shape[1 + axis], 0)
        pads.append((more // 2, more - more // 2))
    x = np.pad(x, [*pads, (0, 0)], constant_values=fill)
    seen = np.lib.stride_tricks.sliding_window_view(x, kernel, (1, 2))
    return np.moveaxis(seen[:, :: strides[0], :: strides[1]], 3, 5)


def computed(code, x, t, inputs, option, out):
    """The activation lies where the operator's options have it."""
    activation = {ADD: 0, CONV: 3, DEPTHWISE: 4, DENSE: 0, POOL: 5}.get(code)
    if code == CONV:
        w = real(t[inputs[1]])
        y = np.einsum("bijuvc,fuvc->bijf", windows(x[0], w.shape[1:3], option, out, 0), w)
    elif code == DEPTHWISE:
        w = real(t[inputs[1]])[0]
        y = np.einsum("bijuvc,uvc->bijc", windows(x[0], w.shape[:2], option, out, 0), w)
    elif code == DENSE:
        w = real(t[inputs[1]])
        y = x[0].reshape(-1, w.shape[1]) @ w.T
    elif code == POOL:
        kernel = (option(4, "i"), option(3, "i"))
        y = np.nanmean(windows(x[0], kernel, option, out, np.nan), axis=(3, 4))
    elif code == ADD:
        y = x[0] + x[1]
    elif code == SOFTMAX:
        powers = np.exp(x[0] - x[0].max(-1, keepdims=True))
        y = powers / powers.sum(-1, keepdims=True)
    else:
        assert code == RESHAPE, code
        y = x[0]
    if code in (CONV, DEPTHWISE, DENSE) and len(inputs) > 2 and inputs[2] >= 0:
        y = y + real(t[inputs[2]])
    kind = option(activation, "b") if activation is not None else 0
    return np.clip(y, 0, {1: np.inf, 3: 6}[kind]).reshape(out) if kind else y.reshape(out)


class TfliteFloatTest(unittest.TestCase):
    def test_every_layer_is_within_100_db(self):
        for name in ("ad01", "ic01_resnet8", "vww_96", "kws_dscnn"):
            path = DATA / "models" / f"{name}_fp32.tflite"
            model = TfliteFile(path)
            stored = TfliteFile(DATA / "models" / f"{name}_int8.tflite")
            codes = np.load(DATA / "golden" / f"{name}_input.npy")[0]
            entry = stored.tensors[stored.inputs[0]]
            x = ((codes.astype(np.float64) - entry.zero) * float(entry.scale)).astype(np.float32)
            t = model.tensors
            values = {int(model.inputs[0]): x.astype(np.float64).reshape(t[model.inputs[0]].shape)}
            with tempfile.TemporaryDirectory() as folder:
                network = Network(path, pathlib.Path(folder) / name, layers=True)
                (network.folder / "run.yaml").write_text(RUN)
                layers = yaml.safe_load(network.file.read_text())["layers"]
                results = network.run("real", [x.reshape(t[model.inputs[0]].shape)])
            # Of reals an activation behind a sum is a layer of its own.
            got = [y for y, layer in zip(results, layers) if ".before_" not in layer["name"]]
            self.assertEqual(len(got), len(model.operators), name)
            for i, (code, inputs, outputs, option) in enumerate(model.operators):
                operands = [values[int(k)] for k in inputs if int(k) in values]
                shape = tuple(t[outputs[0]].shape)
                y = values[int(outputs[0])] = computed(code, operands, t, inputs, option, shape)
                noise = np.sum((got[i].reshape(shape).astype(np.float64) - y) ** 2)
                self.assertLessEqual(noise, 1e-10 * np.sum(y**2), f"{name}: layer {i}")


if __name__ == "__main__":
    unittest.main()
