"""Layers on operands with scales of blocks (MX, nvfp4), against numpy that knows formats and sums from their standards alone."""

import json
import unittest

import numpy as np
from simulator import Simulator, safetensors_bytes

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

    def test_channels_of_a_pixel_share_scales_in_depthwise_layers(self):
        x = (self.random.standard_normal((4, 4, 64)) * np.exp2(self.random.integers(-6, 7, (4, 4, 64)))).astype(F32)
        self.write("n.yaml", {
            "name": "n", "inputs": [{"name": "x", "shape": [4, 4, 64], **self.save("x", x)}],
            "layers": [{"name": "same", "inputs": ["x"],
                        "conv2d": {"height": 4, "width": 4, "channels": 64, "filters": 64, "kernel": 1, "groups": 64},
                        "tensors": {"weights": self.save("w", np.ones((64, 1)))}}]})  # fmt: skip
        for name in ("mxfp4", "mxfp8_e4m3"):
            with self.subTest(name):
                self.write("run.yaml", {
                    "accelerator": "accelerators/edge-16x16.yaml", "network": "n.yaml",
                    "precision": {"weights": "fp32", "activations": "fp32", "output": name}})  # fmt: skip
                self.sim("run", "run.yaml", "-o", "out", "--values", "on", "--save-outputs")
                (output,) = (self.folder / "out" / "outputs").glob("*.npy")
                codes, scales, _ = encoded(x.reshape(16, 64), name)
                expected = (codes * scales[..., None]).reshape(-1)
                np.testing.assert_array_equal(np.load(output).reshape(-1), expected)

    def test_products_of_elements(self):
        x, w = self.random.standard_normal((5, 128)), self.random.standard_normal((7, 128))
        for a, b in [("mxfp4", "mxfp4"), ("nvfp4", "nvfp4"), ("mxfp8_e4m3", "mxfp8_e4m3"), ("mxfp8_e5m2", "mxfp8_e5m2"),
                     ("mxfp8_e4m3", "mxfp4"), ("mxfp6_e2m3", "mxfp6_e2m3"), ("mxfp6_e3m2", "mxfp4")]:  # fmt: skip
            with self.subTest(activations=a, weights=b):
                got = self.run_layers(x, [w], {"activations": a, "weights": b, "output": "fp32", "mac": "auto"})
                expected = product(encoded(F32(x), a), encoded(F32(w), b))
                np.testing.assert_array_equal(got.reshape(expected.shape), expected)

    def test_two_levels_of_scales(self):
        """W4A8 as QServe has it: 4-bit codes become int8 by integers of their group, and those meet int8 activations in one sum
        along all of k, which the scales of both rows multiply."""
        x, w = self.random.standard_normal((5, 300)).astype(F32), self.random.standard_normal((7, 300)).astype(F32)
        w[3] = 0
        w[4, 128:] = np.abs(w[4, 128:]) + 1  # a group without negative numbers
        groups = [slice(0, 128), slice(128, 256), slice(256, 300)]
        largest = np.abs(w).max(axis=1)
        scales = np.where(largest > 0, largest / F32(119), F32(1)).astype(np.float16).astype(F32)
        whole = np.clip(np.rint(w / scales[:, None]), -119, 119)
        integers = np.zeros(w.shape, np.int64)
        for part in groups:
            low, high = np.minimum(whole[:, part].min(1), 0), np.maximum(whole[:, part].max(1), 0)
            factor = np.maximum(np.rint((high - low) / 15), 1)[:, None]
            zero = np.rint(-low[:, None] / factor)
            codes = np.clip(np.rint(whole[:, part] / factor) + zero, 0, 15)
            integers[:, part] = codes * factor - zero * factor
        self.assertTrue(np.all(np.abs(integers) <= 127))
        step = np.abs(x).max(axis=1) * F32(1 / 127)
        tokens = np.rint(x * (F32(1) / step)[:, None]).astype(np.int64)
        sums = (tokens @ integers.T).astype(F32)
        int8 = {"format": "int8", "granularity": "per_token"}
        got = self.run_layers(x, [w], {"activations": int8, "weights": "qoq4", "output": "fp32", "mac": "int8"})
        np.testing.assert_array_equal(got.reshape(sums.shape), sums * scales * step[:, None])
        result = json.loads((self.folder / "out" / "result.json").read_text())
        layer = result["layers"][-1]
        moved = layer["dram"]["per_tensor"]
        self.assertEqual(moved["weights"]["read_bytes"], 7 * 150)
        parts = -(-300 // layer["mapping"]["tile"]["k"])  # each tile brings its rows' scales
        self.assertEqual(moved["scales"]["read_bytes"], 7 * (3 * 2 + parts * 2) + 5 * 4)
        # The same numbers dequantized: each product and sum in fp32.
        fp32 = self.run_layers(x, [w], {"activations": "fp32", "weights": "qoq4", "output": "fp32", "mac": "fp32"})
        expected = x.astype(np.float64) @ (integers * scales[:, None].astype(np.float64)).T
        np.testing.assert_allclose(fp32.reshape(expected.shape), expected, 1e-4, 1e-4)

    def test_qserve_directory(self):
        """Tiles as QServe's kernel takes them, with two levels and with one scale and zero-point for each output."""
        n, k = 64, 256
        q = self.random.integers(0, 16, (n, k))
        # [32 x 32 tiles][r, kq, kh, c, ki]: output 16 h + 8 c + r, input 16 kh + 4 kq + ki; h is the half of the byte.
        tiles = q.reshape(n // 32, 2, 2, 8, k // 32, 2, 4, 4).transpose(0, 4, 3, 6, 5, 2, 7, 1)
        packed = (tiles[..., 0] | tiles[..., 1] << 4).astype(np.uint8)
        row = (self.random.integers(1, 255, n) / 4096).astype(np.float16)
        factor, zero = self.random.integers(1, 9, (n, 2)), self.random.integers(0, 16, (n, 2))
        offset = np.maximum(-zero * factor, -128)

        def by_group(a):
            return a.T.reshape(2, n // 32, 4, 8).transpose(0, 1, 3, 2).astype(np.int8)

        szeros = (zero[:, 0] * row.astype(F32)).astype(np.float16)
        files = {"two": ({"s1_scales": row, "s2_scales": by_group(factor), "s2_zeros": by_group(offset)},
                         (q.reshape(n, 2, 128) * factor[..., None] + offset[..., None]).reshape(n, k) * row[:, None].astype(F32)),
                 "one": ({"s1_scales": row, "s1_szeros": szeros}, q * row[:, None].astype(F32) - szeros[:, None].astype(F32))}
        identity = np.eye(k, dtype=F32)
        for name, (beside, expected) in files.items():
            with self.subTest(name):
                folder = self.folder / name
                folder.mkdir()
                (folder / "config.json").write_text("{}")
                shapes = {"qweight": (n, k // 2), "s1_scales": (n,), "s1_szeros": (n,), "s2_scales": (2, n), "s2_zeros": (2, n)}
                tensors = {f"m.{part}": ("F16" if part.startswith("s1") else "I8", shapes[part], a.tobytes())
                           for part, a in {"qweight": packed, **beside}.items()}
                (folder / "model.safetensors").write_bytes(safetensors_bytes(tensors))
                format = {"format": "qoq4", "granularity": "per_group", "group_size": 128} if name == "two" else {
                    "format": "uint4", "granularity": "per_channel", "symmetric": False, "scale": "fp16", "zero_point": "offset_fp16"}
                layer = {"name": "l", "inputs": ["x"], "gemm": {"m": k, "n": n, "k": k},
                         "tensors": {"weights": {"file": name, "tensor": "m.weight"}}}
                self.write("n.yaml", {"name": "n", "inputs": [{"name": "x", "shape": [k, k], **self.save("x", identity)}],
                                      "layers": [layer]})
                self.write("run.yaml", {"accelerator": "accelerators/edge-16x16.yaml", "network": "n.yaml",
                                        "precision": {"activations": "fp32", "weights": format, "output": "fp32", "mac": "fp32"}})
                self.sim("run", "run.yaml", "-o", "out", "--values", "on", "--save-outputs")
                (output,) = (self.folder / "out" / "outputs").glob("*.npy")
                np.testing.assert_array_equal(np.load(output).reshape(k, n).T, expected)

    def test_scales_of_two_levels_are_of_weights_alone(self):
        layers = [{"name": "l", "gemm": {"m": 4, "n": 256, "k": 256}},
                  {"name": "norm", "vector": {"op": "rmsnorm", "rows": 4, "cols": 256}, "precision": {"output": "qoq4"}}]
        self.write("n.yaml", {"name": "n", "inputs": [{"name": "x", "shape": [4, 256]}], "layers": layers})
        self.write("run.yaml", {"accelerator": "accelerators/edge-16x16.yaml", "network": "n.yaml",
                                "precision": {"activations": "int8", "weights": "int8"}})
        for values in ("on", "off"):
            error = self.sim("run", "run.yaml", "--values", values, code=2).stderr
            self.assertIn('layer "norm": ', error)
            self.assertIn("qoq4 is a format of weights", error)


if __name__ == "__main__":
    unittest.main()
