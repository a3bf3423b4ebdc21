"""Layers on operands with scales of blocks (MX, nvfp4), against numpy that knows formats and sums from their standards alone."""

import json
import unittest

import numpy as np
from simulator import Simulator

F32 = np.float32
# Exponent bits, mantissa bits, bias, largest number of OCP's elements.
ELEMENTS = {"fp4_e2m1": (2, 1, 1, 6), "fp6_e2m3": (2, 3, 1, 7.5), "fp6_e3m2": (3, 2, 3, 28), "fp8_e4m3": (4, 3, 7, 448),
            "fp8_e5m2": (5, 2, 15, 57344)}  # fmt: skip
FORMATS = {"mxfp4": "fp4_e2m1", "mxfp6_e2m3": "fp6_e2m3", "mxfp6_e3m2": "fp6_e3m2", "mxfp8_e4m3": "fp8_e4m3",
           "mxfp8_e5m2": "fp8_e5m2", "nvfp4": "fp4_e2m1"}  # fmt: skip


def rounded(x, element):
    """To the nearest number of an element, ties to even, saturating."""
    _, mantissa, bias, most = ELEMENTS[element]
    exponents = np.maximum(np.floor(np.log2(np.maximum(np.abs(x), 1e-300))), 1 - bias)
    step = np.exp2(exponents - mantissa)
    return np.clip(np.round(x / step) * step, -most, most)


def encoded(x, name):
    """Elements, a scale for each block of a row, and one for the tensor: what they stand for is their product."""
    element = FORMATS[name]
    most = ELEMENTS[element][3]
    size = 16 if name == "nvfp4" else 32
    blocks = x.astype(np.float64).reshape(x.shape[0], -1, size)
    largest = np.abs(blocks).max(axis=2)
    if name == "nvfp4":
        whole = F32(largest.max()) / F32(6 * 448)
        scales = rounded((largest.astype(F32) / (F32(6) * whole)).astype(np.float64), "fp8_e4m3")
        codes = rounded((blocks.astype(F32) / (scales.astype(F32) * whole)[..., None]).astype(np.float64), element)
        return codes, scales, whole
    scales = np.exp2(np.floor(np.log2(largest)) - np.floor(np.log2(most)))
    return rounded(blocks / scales[..., None], element), scales, F32(1)


def product(a, b):
    """fp32, one rounding for each operation: products of a block, in the order of k, the sum times both scales, and those
    sums in the order of k."""
    (x, xs, xt), (w, ws, wt) = a, b
    y = np.zeros((x.shape[0], w.shape[0]), F32)
    for block in range(x.shape[1]):
        part = np.zeros_like(y)
        for i in range(x.shape[2]):
            part += np.outer(x[:, block, i], w[:, block, i]).astype(F32)
        y += (part.astype(np.float64) * np.outer(xs[:, block], ws[:, block])).astype(F32)
    return y * F32(xt * wt) if xt != 1 or wt != 1 else y


class BlockValues(Simulator):
    SEED = 31

    def save(self, name, value):
        np.save(self.folder / f"{name}.npy", value.astype(F32))
        return {"file": f"{name}.npy"}

    def run_layers(self, x, weights, precision):
        layers = [{"name": f"l{i}", "inputs": [f"l{i - 1}" if i else "x"], "gemm": {"m": x.shape[0], "n": w.shape[0], "k": w.shape[1]},
                   "tensors": {"weights": self.save(f"w{i}", w)}} for i, w in enumerate(weights)]  # fmt: skip
        network = {"name": "n", "inputs": [{"name": "x", "shape": list(x.shape), **self.save("x", x)}], "layers": layers}
        self.write("n.yaml", network)
        machine = {"base": "accelerators/edge-16x16.yaml", "array": {"dataflow": "os"}}
        self.write("run.yaml", {"accelerator": machine, "network": "n.yaml", "precision": precision})
        self.sim("run", "run.yaml", "-o", "out", "--values", "on", "--save-outputs")
        (output,) = (self.folder / "out" / "outputs").glob("*.npy")
        return np.load(output)

    def test_blocks_made_between_layers(self):
        """What a layer yields as fp32 becomes blocks by a pass of the vector unit, before the layer that reads it."""
        x, w, v = (self.random.standard_normal(shape) for shape in [(5, 64), (96, 64), (7, 96)])
        for name in ["mxfp8_e4m3", "mxfp8_e5m2", "mxfp4", "nvfp4"]:
            with self.subTest(name):
                got = self.run_layers(x, [w, v], {"activations": name, "weights": name, "output": "fp32", "mac": "auto"})
                between = product(encoded(F32(x), name), encoded(F32(w), name))
                expected = product(encoded(between, name), encoded(F32(v), name))
                # The scale of nvfp4's tensor is found again in what its codes stand for.
                np.testing.assert_allclose(got.reshape(expected.shape), expected, 1e-6 if name == "nvfp4" else 0)
                layers = json.loads((self.folder / "out" / "result.json").read_text())["layers"]
                self.assertEqual([row["name"] for row in layers], ["l0", "l0.quantize", "l1"])
                moved = layers[1]["dram"]["per_tensor"]
                codes = 5 * 96 * (1 if "fp8" in name else 0.5)
                scales = 5 * 96 / (16 if name == "nvfp4" else 32)
                self.assertEqual(moved["inputs"]["read_bytes"], 5 * 96 * 4)
                self.assertEqual(moved["outputs"]["write_bytes"], codes)
                self.assertEqual(moved["scales"]["write_bytes"], scales)

    def test_products_of_elements(self):
        x, w = self.random.standard_normal((5, 128)), self.random.standard_normal((7, 128))
        for a, b in [("mxfp4", "mxfp4"), ("nvfp4", "nvfp4"), ("mxfp8_e4m3", "mxfp8_e4m3"), ("mxfp8_e5m2", "mxfp8_e5m2"),
                     ("mxfp8_e4m3", "mxfp4"), ("mxfp6_e2m3", "mxfp6_e2m3"), ("mxfp6_e3m2", "mxfp4")]:  # fmt: skip
            with self.subTest(activations=a, weights=b):
                got = self.run_layers(x, [w], {"activations": a, "weights": b, "output": "fp32", "mac": "auto"})
                expected = product(encoded(F32(x), a), encoded(F32(w), b))
                np.testing.assert_array_equal(got.reshape(expected.shape), expected)


if __name__ == "__main__":
    unittest.main()
