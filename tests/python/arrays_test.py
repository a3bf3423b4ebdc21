"""Arrays of numpy as operands, and outputs as arrays: against numpy's own arithmetic."""

import gc
import tempfile
import unittest
import weakref
from pathlib import Path

import numpy as np

import bitjoule
from program import program_result

EXACT = {"weights": "fp32", "activations": "fp32"}


def gemm(m, n, k, precision=None, **more):
    return {
        "accelerator": "edge-16x16.yaml",
        "layer": {"gemm": {"m": m, "n": n, "k": k}, **more},
        "precision": precision or EXACT,
        "verify": "full",
    }


def small(shape, seed=1):
    """Integers as floats: their sums are exact in fp32, in any order."""
    return np.random.default_rng(seed).integers(-8, 8, shape).astype(np.float32)


class ArraysTest(unittest.TestCase):
    def test_a_product_is_numpys(self):
        x, w, b = small((3, 40)), small((24, 40), 2), small(24, 3)
        result = bitjoule.run(gemm(3, 24, 40), inputs=x, weights=w, bias=b, outputs=True)
        self.assertTrue((result.outputs == x @ w.T + b).all())
        self.assertEqual((result.outputs.dtype, result.outputs.shape), (np.float32, (3, 24)))
        self.assertTrue(result.verified)
        self.assertEqual(result.layers[0].operands.weights.file, "array:weights")

    def test_every_layout_and_type_is_read(self):
        x, w = small((3, 40)), small((24, 40), 2)
        expected = x @ w.T
        wide = np.zeros((6, 80), np.float32)
        wide[::2, ::2] = x
        for name, given in {
            "fortran": np.asfortranarray(x),
            "strided": wide[::2, ::2],
            "reversed": x[::-1][::-1],
            "big": x.astype(">f4"),
            "double": x.astype(np.float64),
            "half": x.astype(np.float16),
            "int8": x.astype(np.int8),
            "int64": x.astype(np.int64),
            "list": x.tolist(),
        }.items():
            with self.subTest(name):
                result = bitjoule.run(gemm(3, 24, 40), inputs=given, weights=w, outputs=True)
                self.assertTrue((result.outputs == expected).all())
        frozen = x.copy()
        frozen.flags.writeable = False
        self.assertEqual(bitjoule.run(gemm(3, 24, 40), inputs=frozen, weights=w).verified, True)

    def test_a_convolution_is_numpys(self):
        x, w = small((1, 6, 5, 4)), small((8, 3, 3, 4), 2)
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        expected = np.zeros((1, 6, 5, 8), np.float32)
        for i in range(3):
            for j in range(3):
                expected += padded[:, i : i + 6, j : j + 5] @ w[:, i, j].T
        conv = {"height": 6, "width": 5, "channels": 4, "filters": 8, "kernel": 3, "padding": 1}
        config = {**gemm(1, 1, 1), "layer": {"conv2d": conv}}
        result = bitjoule.run(config, inputs=x, weights=w, outputs=True)
        self.assertTrue((result.outputs == expected).all())

    def test_integer_codes(self):
        """Scales 1: the codes are the integers themselves, and so is the sum's."""
        x, w = small((2, 32)), small((16, 32), 2)
        x[0, 0], w[0, 0] = 127, 127  # the largest of 8 bits: scales are 1
        precision = {"weights": "int8", "activations": "int8", "output": "fp32"}
        result = bitjoule.run(gemm(2, 16, 32, precision), inputs=x, weights=w, outputs=True)
        self.assertTrue((result.outputs == x @ w.T).all())
        self.assertIsNone(result.output_codes)
        quantized = bitjoule.run(
            gemm(2, 16, 32, {**precision, "output": "int8"}), inputs=x, weights=w, outputs=True
        )
        codes, scale = quantized.output_codes, quantized.output_scale
        self.assertEqual((codes.dtype, codes.shape), (np.int32, (2, 16)))
        values = np.float32(scale) * (codes - quantized.output_zero_point).astype(np.float32)
        self.assertTrue((values == quantized.outputs).all())

    def test_arrays_are_as_files(self):
        x, w = small((3, 64)), np.random.default_rng(5).normal(size=(32, 64)).astype(np.float32)
        precision = {"weights": "q4_0", "activations": "fp16"}
        from_arrays = bitjoule.run(gemm(3, 32, 64, precision), inputs=x, weights=w).to_dict()
        with tempfile.TemporaryDirectory() as directory:
            np.save(Path(directory, "x.npy"), x)
            np.save(Path(directory, "w.npy"), w)
            files = {"inputs": {"file": f"{directory}/x.npy"}, "weights": {"file": f"{directory}/w.npy"}}
            from_files = bitjoule.run(gemm(3, 32, 64, precision, **files)).to_dict()
        for key in ("config", "config_hash", "layers"):
            del from_arrays[key], from_files[key]
        self.assertEqual(from_arrays, from_files)

    def test_the_hash_is_of_the_contents(self):
        x = small((3, 40))
        hash_of = lambda x: bitjoule.run(gemm(3, 24, 40), inputs=x).config_hash  # noqa: E731
        self.assertEqual(hash_of(x), hash_of(x.copy()))
        self.assertNotEqual(hash_of(x), hash_of(x + 1))

    def test_arrays_are_not_kept(self):
        class Array(np.ndarray):
            pass

        x = small((3, 40)).view(Array)
        result = bitjoule.run(gemm(3, 24, 40), inputs=x, outputs=True)
        outputs = result.outputs
        gone = weakref.ref(x)
        del x
        gc.collect()
        self.assertIsNone(gone())
        del result
        gc.collect()
        self.assertEqual(float(outputs.sum()), float(outputs.sum()))

    def test_a_network(self):
        network = {
            "inputs": [{"name": "x", "shape": [2, 32]}],
            "layers": [
                {"name": "one", "gemm": {"m": 2, "n": 24, "k": 32}, "activation": "relu", "inputs": ["x"]},
                {"name": "two", "gemm": {"m": 2, "n": 16, "k": 24}},
            ],
        }
        config = {"accelerator": "edge-16x16.yaml", "network": network, "precision": EXACT}
        x, a, b = small((2, 32)), small((24, 32), 2), small((16, 24), 3)
        result = bitjoule.run(config, inputs={"x": x}, weights={"one": a, "two": b})
        self.assertTrue((result.outputs["two"] == np.maximum(x @ a.T, 0) @ b.T).all())
        self.assertIsNone(bitjoule.run(config).layers[0].error)  # values are on where arrays are given
        for arrays, message in [
            ({"inputs": x}, "inputs: of a network: expected a dict of arrays by the name of the input"),
            ({"inputs": {"y": x}}, 'inputs: no input "y": expected x'),
            ({"weights": {"on": a}}, 'weights: no layer "on": expected one of one, two, did you'),
            ({"bias": {"one": small(24)}}, 'bias: layer "one" adds none'),
            ({"inputs": {"x": x[:1]}}, "array:inputs.x"),
        ]:
            with self.subTest(message), self.assertRaisesRegex(bitjoule.InputError, message):
                bitjoule.run(config, **arrays)
        del network["layers"][0]["inputs"]
        with self.assertRaisesRegex(bitjoule.InputError, 'inputs: no layer reads "x"'):
            bitjoule.run(config, inputs={"x": x})

    def refused(self, message, error=bitjoule.InputError, precision=None, **arrays):
        with self.subTest(message), self.assertRaisesRegex(error, message):
            bitjoule.run(gemm(3, 24, 40, precision), **arrays)

    def test_what_is_no_operand_is_refused(self):
        x = small((3, 40))
        self.refused("layer.inputs: array:inputs: .*3 x 40.*got 40 x 3", inputs=x.T)
        self.refused("layer.weights: array:weights", weights=small((24, 41)))
        self.refused("layer.inputs", inputs=np.float32(1))
        self.refused("layer.inputs", inputs=np.zeros((0, 40), np.float32))
        self.refused("inputs: expected an array of numbers, got dtype complex", inputs=x * 1j)
        self.refused("inputs: expected an array of numbers, got dtype object", inputs=[[None]])
        self.refused("inputs: expected an array of numbers, got dtype <U", inputs="abc")
        self.refused("inputs: expected an array of numbers", inputs=[[1, 2], [3]])
        self.refused("expected one array, got a dict", inputs={"x": x})
        self.refused("inputs: expected names as texts, got 1", inputs={1: x})
        bad = x.copy()
        bad[0, 3] = np.nan
        self.refused(
            "element 3 is nan, which int8 cannot hold",
            precision={"weights": "int8", "activations": "int8"},
            inputs=bad,
        )
        with self.assertRaisesRegex(bitjoule.InputError, "values are off"):
            bitjoule.run({**gemm(3, 24, 40), "values": False}, inputs=x)
        with self.assertRaisesRegex(bitjoule.InputError, "values are off"):
            bitjoule.run({**gemm(3, 24, 40), "values": False}, outputs=True)

    def test_saved_outputs_are_the_programs(self):
        with tempfile.TemporaryDirectory() as directory:
            program_result("runs/article-c.yaml", {}, "--save-outputs", "-o", directory)
            saved = np.load(Path(directory, "outputs.npy"))
            codes = np.load(Path(directory, "output_codes.npy"))
        result = bitjoule.run("runs/article-c.yaml", outputs=True)
        self.assertTrue((result.outputs == saved).all())
        self.assertTrue((result.output_codes == codes).all())


if __name__ == "__main__":
    unittest.main()
