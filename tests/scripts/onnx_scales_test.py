"""Scales of ONNX models through the simulator, against numpy: along every axis, of every operand."""

import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
from onnx import TensorProto, helper

from onnx_models import SIM, Model, OnnxTest, dequantized


class OnnxScalesTest(OnnxTest):
    def test_scales_of_weights_along_every_axis(self):
        models = []
        x, square, wide = self.normal(3, 6), self.codes(6, 6), self.codes(6, 5)
        node = helper.make_node
        for name, w in [("square", square), ("wide", wide)]:
            for axis in (0, 1, -1, -2, None):
                scale = self.scales(w.shape[axis]) if axis is not None else np.float32(0.03)
                zero = self.random.integers(-9, 9, np.shape(scale)).astype(np.int8)
                attributes = {} if axis is None else {"axis": axis}
                value = dequantized(w, scale, axis or 0, zero)
                dq = node("DequantizeLinear", ["w", "s", "z"], ["wd"], **attributes)
                constants = {"w": w, "s": scale, "z": zero}
                models.append(
                    Model(f"matmul {name} {axis}", [dq, node("MatMul", ["x", "wd"], ["y"])],
                          {"x": x}, constants, x @ value)
                )  # fmt: skip
                models.append(
                    Model(f"gemm {name} {axis}", [dq, node("Gemm", ["x", "wd"], ["y"])],
                          {"x": x}, constants, x @ value)
                )  # fmt: skip
                models.append(
                    Model(f"gemm transA {name} {axis}",
                          [dq, node("Gemm", ["x", "wd"], ["y"], transA=1)],
                          {"x": x.T.copy()}, constants, x @ value)
                )  # fmt: skip
                flat = np.ascontiguousarray(w.T)  # n rows of k
                other = None if axis is None else (1 - axis if axis >= 0 else -3 - axis)
                attributes = {} if axis is None else {"axis": other}
                dq = node("DequantizeLinear", ["w", "s", "z"], ["wd"], **attributes)
                models.append(
                    Model(f"gemm transB {name} {axis}",
                          [dq, node("Gemm", ["x", "wd"], ["y"], transB=1)],
                          {"x": x}, {"w": flat, "s": scale, "z": zero}, x @ value)
                )  # fmt: skip
        self.check(models)

    def test_scales_of_convolutions_along_every_axis(self):
        models = []
        x, w = self.normal(1, 4, 5, 5), self.codes(4, 4, 3, 3)
        for axis in (0, 1, 2, 3, -1, -4):
            scale = self.scales(w.shape[axis])
            value = dequantized(w, scale, axis)
            y = np.zeros((1, 4, 3, 3))
            for f, r, c in np.ndindex(4, 3, 3):
                y[0, f, r, c] = (x[0, :, r : r + 3, c : c + 3] * value[f]).sum()
            nodes = [
                helper.make_node("DequantizeLinear", ["w", "s"], ["wd"], axis=axis),
                helper.make_node("Conv", ["x", "wd"], ["y"]),
            ]
            models.append(Model(f"conv {axis}", nodes, {"x": x}, {"w": w, "s": scale}, y))
        self.check(models)

    def test_scales_of_activations_along_every_axis(self):
        models = []
        x, w = self.codes(6, 6), self.codes(6, 6)
        for axis in (0, 1, -1, -2, None):
            for w_axis in (0, 1):
                scale = self.scales(6) if axis is not None else np.float32(0.02)
                xd = dequantized(x, scale, axis or 0)
                wd = dequantized(w, self.scales(6)[::-1], w_axis)
                attributes = {} if axis is None else {"axis": axis}
                nodes = [
                    helper.make_node("DequantizeLinear", ["x", "xs"], ["xd"], **attributes),
                    helper.make_node("DequantizeLinear", ["w", "ws"], ["wd"], axis=w_axis),
                    helper.make_node("MatMul", ["xd", "wd"], ["y"]),
                ]
                constants = {"w": w, "xs": scale, "ws": self.scales(6)[::-1].copy()}
                models.append(Model(f"{axis} by {w_axis}", nodes, {"x": x}, constants, xd @ wd))
        self.check(models)

    def test_integer_operators_with_a_value_for_each_channel(self):
        a, b = self.codes(3, 6), self.codes(6, 6)
        x, w = self.codes(1, 4, 5, 5), self.codes(4, 4, 3, 3)
        zeros, scale = self.random.integers(-9, 9, 6).astype(np.int8), self.scales(6)
        node = helper.make_node
        wide = lambda v: v.astype(np.int64)
        product = (wide(a) - 3) @ (wide(b) - zeros)
        sums = np.zeros((1, 4, 3, 3), np.int64)
        for f, r, c in np.ndindex(4, 3, 3):
            window = wide(x[0, :, r : r + 3, c : c + 3]) - 3
            sums[0, f, r, c] = (window * (wide(w[f]) - zeros[f])).sum()
        cast = node("Cast", ["i"], ["y"], to=TensorProto.FLOAT)
        dq = node("DequantizeLinear", ["q", "ys", "yz"], ["y"])
        linear = {"as": np.float32(0.1), "az": np.int8(3), "ys": np.float32(40), "yz": np.int8(-5)}

        def requantized(real):
            return (np.clip(np.rint(real / 40) - 5, -128, 127) + 5) * 40

        models = [
            Model("matmul", [node("MatMulInteger", ["a", "b", "az", "bz"], ["i"]), cast],
                  {"a": a}, {"b": b, "az": np.int8(3), "bz": zeros}, product),
            Model("conv", [node("ConvInteger", ["x", "w", "az", "wz"], ["i"]), cast],
                  {"x": x}, {"w": w, "az": np.int8(3), "wz": zeros[:4]}, sums),
            Model("linear matmul",
                  [node("QLinearMatMul", ["a", "as", "az", "b", "bs", "bz", "ys", "yz"], ["q"]), dq],
                  {"a": a}, {"b": b, "bs": scale, "bz": zeros, **linear},
                  requantized(product * 0.1 * scale.astype(np.float64))),
            Model("linear conv",
                  [node("QLinearConv", ["x", "as", "az", "w", "ws", "wz", "ys", "yz"], ["q"]), dq],
                  {"x": x}, {"w": w, "ws": scale[:4], "wz": zeros[:4], **linear},
                  requantized(sums * 0.1 * scale[:4].astype(np.float64)[:, None, None])),
        ]  # fmt: skip
        self.check(models)

    def test_scales_that_are_refused(self):
        codes, x = self.codes(4, 6), self.normal(3, 4)
        node = helper.make_node
        dq = lambda **attributes: [node("DequantizeLinear", ["w", "s"], ["d"], **attributes),
                                   node("MatMul", ["x", "d"], ["y"])]  # fmt: skip
        rows = [node("QLinearMatMul", ["a", "as", "z", "w", "s", "z", "s1", "z"], ["q"]),
                node("DequantizeLinear", ["q", "s1"], ["y"])]  # fmt: skip
        one, four = np.float32(1), np.ones(4, np.float32)
        cases = {
            "its scales do not fit its blocks": (dq(axis=0, block_size=2), 21, {"s": np.ones((3, 6), np.float32)}),
            "the scale has several values, which came with opset 13": (dq(), 10, {"s": four}),
            "4 scales meet an axis of 6": (dq(axis=1), 13, {"s": four}),
            "axis -3 is out of range: there are 2 axes": (dq(axis=-3), 13, {"s": four}),
            "the scale has 2 axes, expected one at most": (dq(), 13, {"s": np.ones((4, 6), np.float32)}),
            '"as": expected one value': (rows, 13, {"as": np.ones(3, np.float32), "s": one, "s1": one,
                                                    "z": np.int8(0), "a": self.codes(3, 4)}),
        }  # fmt: skip
        for message, (nodes, opset, constants) in cases.items():
            with self.subTest(message), tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory) / "m.onnx"
                model = Model("", nodes, {"x": x}, {"w": codes, **constants}, 0, opset)
                path.write_bytes(model.proto.SerializeToString())
                result = subprocess.run([SIM, "import", path], capture_output=True, text=True)
                self.assertEqual(result.returncode, 2)
                self.assertIn(message, result.stderr)

    def test_a_bias_with_a_scale_of_its_own(self):
        x, w = self.codes(3, 6), self.codes(4, 6)
        bias = self.random.integers(-4000, 4000, 4).astype(np.int32)
        models = []
        for name, scale in [("product", 0.5 * 0.25), ("another", 0.01)]:
            nodes = [
                helper.make_node("DequantizeLinear", ["x", "xs"], ["xd"]),
                helper.make_node("DequantizeLinear", ["w", "ws"], ["wd"]),
                helper.make_node("DequantizeLinear", ["b", "bs"], ["bd"]),
                helper.make_node("Gemm", ["xd", "wd", "bd"], ["y"], transB=1),
            ]
            constants = {"w": w, "b": bias, "xs": np.float32(0.5), "ws": np.float32(0.25),
                         "bs": np.float32(scale)}  # fmt: skip
            y = (x * 0.5) @ (w.T * 0.25) + bias * scale
            models.append(Model(name, nodes, {"x": x}, constants, y))
        self.check(models)


if __name__ == "__main__":
    unittest.main()
