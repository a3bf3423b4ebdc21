"""TensorFlow Lite models that are written here: values by hand, and what is refused, with which words."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import numpy as np

from tflite_models import (
    CUSTOM,
    RELU,
    RESHAPE,
    RESIZE_BILINEAR,
    SLICE,
    STRIDED_SLICE,
    STRIDED_SLICE_OPTIONS,
    SVDF,
    Model,
    Table,
    file_of,
    small_conv,
)

SIM = os.environ["BITJOULE_SIM"]
DATA = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "tflite"

RUN = """
accelerator: accelerators/edge-16x16.yaml
dram: {model: ideal, bandwidth: 12.8 GB/s}
layer: {gemm: {m: 1, n: 1, k: 1}}
precision: {weights: int8, activations: int8}
verify: full
"""


class TfliteModelTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        (self.folder / "run.yaml").write_text(RUN)

    def sim(self, *words, code=0):
        done = subprocess.run([SIM, *map(str, words)], capture_output=True, text=True, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout + done.stderr

    def refused(self, data, *said, words=()):
        (self.folder / "m.tflite").write_bytes(data)
        text = self.sim("import", "m.tflite", "-o", "m.yaml", *words, code=2)
        for part in said:
            self.assertIn(part, text)

    def test_a_convolution_by_hand(self):
        model, inputs, outputs = small_conv()
        (self.folder / "m.tflite").write_bytes(model.bytes(inputs, outputs))
        x = np.random.default_rng(5).integers(-128, 128, (1, 4, 4, 1)).astype(np.int8)
        np.save(self.folder / "x.npy", x)
        self.sim("run", "run.yaml", "--network", "m.tflite", "--input", "x=x.npy", "--save-outputs", "-q",
                 "-o", "out")  # fmt: skip
        got = np.load(self.folder / "out" / "outputs" / "y.npy")
        padded = np.zeros((6, 6), np.int64)
        padded[1:5, 1:5] = x[0, :, :, 0].astype(np.int64) + 3
        weights = np.arange(-9, 9).reshape(2, 9)
        for filter_, (scale, bias) in enumerate(((0.5, 7), (0.25, -9))):
            # Factors 1/8 and 1/16: shifts alone. The doubling high multiplication by 1/2 rounds
            # halves up, the shift by 2 or 3 bits behind it half away from zero.
            shift = {0.5: 2, 0.25: 3}[scale]
            for row in range(4):
                for column in range(4):
                    window = padded[row : row + 3, column : column + 3].reshape(9)
                    half = (int(window @ weights[filter_]) + bias + 1) >> 1
                    magnitude = (abs(half) + (1 << (shift - 1))) >> shift
                    code = (magnitude if half > 0 else -magnitude) + 5
                    self.assertEqual(got[0, row, column, filter_], min(max(code, 5), 127))

    def test_slices_as_numpy_takes_them(self):
        def ints(values):
            return np.array(values, np.int32)

        x = np.arange(2 * 5 * 6, dtype=np.int8).reshape(2, 5, 6)
        cases = [
            (STRIDED_SLICE, ([0, 1, -4], [2, 5, 6], [1, 2, 3]), (0, 0, 0), x[0:2, 1:5:2, -4:6:3]),
            (STRIDED_SLICE, ([1, 3, 2], [9, -1, 1], [1, 1, 1]), (2, 4, 0), x[1:9, :-1, 2:]),
            (STRIDED_SLICE, ([-1, 2], [0, 4], [1, 1]), (0, 0, 1), x[-1, 2:4]),
            (SLICE, ([0, 2, 1], [1, -1, 4]), None, x[0:1, 2:, 1:5]),
        ]
        for i, (code, operands, masks, expected) in enumerate(cases):
            model = Model()
            inputs = [model.tensor("x", x.shape, scales=(1,), zeros=(0,))]
            inputs += [model.tensor(f"c{j}", (len(v),), "int32", ints(v)) for j, v in enumerate(operands)]
            y = model.tensor("y", expected.shape, scales=(1,), zeros=(0,))
            begin, end, shrink = masks or (0, 0, 0)
            options = Table(s0=("i", begin), s1=("i", end), s4=("i", shrink)) if masks else None
            model.add(code, inputs, [y], STRIDED_SLICE_OPTIONS if masks else 0, options)
            (self.folder / "m.tflite").write_bytes(model.bytes(inputs[:1], [y]))
            np.save(self.folder / "x.npy", x)
            self.sim("run", "run.yaml", "--network", "m.tflite", "--input", "x=x.npy", "--save-outputs", "-q",
                     "-o", f"out{i}")  # fmt: skip
            got = np.load(self.folder / f"out{i}" / "outputs" / "y.npy")
            np.testing.assert_array_equal(got, expected)
        model = Model()
        x = model.tensor("x", (1, 4), scales=(1,), zeros=(0,))
        operands = [model.tensor(f"c{j}", (2,), "int32", ints(v)) for j, v in enumerate(([0, 3], [1, 0], [1, -1]))]
        y = model.tensor("y", (1, 3), scales=(1,), zeros=(0,))
        model.add(STRIDED_SLICE, [x, *operands], [y], STRIDED_SLICE_OPTIONS, Table())
        self.refused(model.bytes([x], [y]), 'node "y" (STRIDED_SLICE): strides: -1 is not supported')

    def test_every_unsupported_operator_is_told_at_once(self):
        model = Model()
        x = model.tensor("x", (1, 4), scales=(1,), zeros=(0,))
        before = x
        for i, (code, custom) in enumerate(((SVDF, None), (RESIZE_BILINEAR, None), (RELU, None),
                                            (SVDF, None), (CUSTOM, "Detect"), (200, None))):  # fmt: skip
            after = model.tensor(f"t{i}", (1, 4), scales=(1,), zeros=(0,))
            model.add(code, [before], [after], custom=custom)
            before = after
        data = model.bytes([x], [before])
        self.refused(data, 'm.tflite: operators that are not supported (TensorFlow Lite): 2 x SVDF (first: node '
                           '"t0"), 1 x RESIZE_BILINEAR (node "t1"), 1 x CUSTOM Detect (node "t4"), 1 x BUILTIN '
                           '200 (node "t5"); --skip-unknown leaves them out')  # fmt: skip
        said = self.sim("import", "m.tflite", "-o", "m.yaml", "--skip-unknown")
        self.assertIn('left out: 2 x SVDF (first: node "t0")', said)
        self.assertIn("name: t1, ", (self.folder / "m.yaml").read_text().replace('"', ""))

    def test_what_does_not_fit_is_refused(self):
        model, inputs, outputs = small_conv()
        good = model.bytes(inputs, outputs)
        self.refused(b"", "m.tflite: no TensorFlow Lite model: its bytes 4 to 7 are not TFL3")
        self.refused(good[:4] + b"TFL2" + good[8:], "bytes 4 to 7 are not TFL3")
        self.refused(good[:60], "m.tflite: the flatbuffer is damaged")
        self.refused(b"\xff\xff\xff\xff" + good[4:], "m.tflite: the flatbuffer is damaged")
        self.refused(model.bytes(inputs, outputs, version=4), "schema version 4: expected 3")
        self.refused(file_of(Table(s0=("I", 3))), "m.tflite: no graph")
        self.refused(model.bytes([99], outputs), "input 0: expected one of 4 tensors, got 99")
        self.refused(model.bytes([], outputs), 'node "y" (CONV_2D): reads "x" before it is produced')
        self.refused(model.bytes(inputs, [1]), 'output "w" is never produced')
        self.refused(good, "the sizes of a TensorFlow Lite model are fixed", words=("--batch", 2))
        self.refused(small_conv((0.5, 0.0))[0].bytes(inputs, outputs), 'node "y" (CONV_2D): "w": expected '
                     "positive scales, got 0")  # fmt: skip
        self.refused(small_conv((0.5, 0.5, 0.5))[0].bytes(inputs, outputs), 'node "y" (CONV_2D): "w": 3 scales '
                     "along axis 0 are not those of 2 output channels")  # fmt: skip
        self.refused(small_conv(bias=(1, 2, 3))[0].bytes(inputs, outputs), 'tensor "b": the shape needs 8 bytes, '
                     "the file has 12")  # fmt: skip

    def test_mixtures_are_refused_by_name(self):
        model, inputs, outputs = small_conv(hybrid=True)
        self.refused(model.bytes(inputs, outputs), 'node "y" (CONV_2D): a hybrid layer, with activations of fp32 '
                     '("x") and weights of int8 ("w"), is not supported')  # fmt: skip
        said = self.sim("import", DATA / "models" / "kws_dscnn_fp32.tflite", "-o", "m.yaml", code=2)
        self.assertIn("a hybrid layer", said)
        wide = Model()
        x = wide.tensor("x", (1, 4), "int16", scales=(1,), zeros=(0,))
        y = wide.tensor("y", (1, 4), "int16", scales=(1,), zeros=(0,))
        wide.add(RELU, [x], [y])
        self.refused(wide.bytes([x], [y]), 'node "y" (RELU): "x" is int16: supported are tensors of int8')

    def test_the_manual_lists_the_operators(self):
        manual = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "networks.md").read_text()
        for front, name in (("TensorFlow Lite", "tflite_operators"), ("ONNX", "onnx_operators")):
            if name == "onnx_operators" and subprocess.run([SIM, "list", name], capture_output=True).returncode:
                continue  # built without ONNX
            lines = [line.split() for line in self.sim("list", name).splitlines()]
            rows = [words[0] for words in lines if words and "constants" not in words]
            listed = re.search(rf"\n\*{front}:\* (.*?)\n\n", manual, re.DOTALL).group(1)
            self.assertEqual(sorted(re.findall(r"`(\w+)`", listed)), sorted(rows), front)

    def test_names_are_made_unique(self):
        model = Model()
        tensors = [model.tensor(name, (1, 4), scales=(1,), zeros=(0,)) for name in ("a", "a", "", "a.scale")]
        for before, after in zip(tensors, tensors[1:]):
            model.add(RESHAPE, [before], [after])
        (self.folder / "m.tflite").write_bytes(model.bytes(tensors[:1], tensors[-1:]))
        self.sim("import", "m.tflite", "-o", "m.yaml")
        text = (self.folder / "m.yaml").read_text().replace('"', "")
        for name in ("name: a.1", "name: tensor2", "name: a.scale.3"):
            self.assertIn(name, text)


if __name__ == "__main__":
    unittest.main()
