"""Small ONNX models through the simulator, against numpy and formulas.

Windows of pools, constants in all their forms, and shapes that are computed from shapes.
"""

import math
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from onnx_models import (
    CASES,
    INT64_MAX,
    RUN,
    SIM,
    Model,
    OnnxTest,
    dequantized,
    floats,
    ints,
    pooled,
    run_file,
)


class OnnxModelTest(OnnxTest):
    def test_pools(self):
        models = []
        random = self.random
        for i in range(60):
            axes = 1 + i % 2
            kernel = [int(v) for v in random.integers(1, 4, axes)]
            dilations = [int(v) for v in random.integers(1, 3, axes)] if i % 3 == 0 else [1] * axes
            strides = [int(v) for v in random.integers(1, 5, axes)]
            pads = [int(random.integers(0, k // 2 + 1)) for k in kernel * 2]
            sizes = [int(v) for v in random.integers(5, 9, axes)]
            ceil, mean, count = int(i % 4 != 0), i % 5 < 3, int(i % 2)
            attributes = dict(kernel_shape=kernel, strides=strides, pads=pads, ceil_mode=ceil,
                              dilations=dilations)  # fmt: skip
            if mean:
                attributes["count_include_pad"] = count
            x = self.normal(1, 2, *sizes)
            node = helper.make_node("AveragePool" if mean else "MaxPool", ["x"], ["y"], **attributes)
            y = pooled(x, kernel, strides, pads, dilations, ceil, mean, count)
            models.append(Model(f"{node.op_type} {sizes} {attributes}", [node], {"x": x}, {}, y, 19))
        # SAME_*: as many windows as strides, the odd cell of padding behind or before.
        x = self.normal(1, 2, 6, 7)
        for mode in ("SAME_UPPER", "SAME_LOWER"):
            pads = []
            for size, kernel, stride in ((6, 3, 2), (7, 2, 3)):
                out = math.ceil(size / stride)
                total = max(0, (out - 1) * stride + kernel - size)
                less, more = total // 2, total - total // 2
                pads.append((less, more) if mode == "SAME_UPPER" else (more, less))
            for count in (0, 1):
                node = helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[3, 2],
                                        strides=[2, 3], auto_pad=mode, count_include_pad=count)  # fmt: skip
                y = pooled(x, (3, 2), (2, 3), [p[0] for p in pads] + [p[1] for p in pads], (1, 1),
                           False, True, count)  # fmt: skip
                models.append(Model(f"{mode} {count}", [node], {"x": x}, {}, y))
        # Integers, and floats that were integers.
        codes = self.codes(1, 2, 7, 6)
        window = dict(kernel_shape=[2, 2], strides=[3, 3], ceil_mode=1)
        y = pooled(codes, (2, 2), (3, 3), (0, 0, 0, 0), (1, 1), True, False, 0)
        nodes = [
            helper.make_node("MaxPool", ["x"], ["m"], **window),
            helper.make_node("DequantizeLinear", ["m", "s"], ["y"]),
        ]
        models.append(Model("codes", nodes, {"x": codes}, {"s": np.float32(0.5)}, y * 0.5))
        nodes = [
            helper.make_node("DequantizeLinear", ["x", "s"], ["d"]),
            helper.make_node("MaxPool", ["d"], ["y"], **window),
        ]
        models.append(Model("floats", nodes, {"x": codes}, {"s": np.float32(0.5)}, y * 0.5))
        self.check(models)

    def test_shapes_from_shapes(self):
        x, w = self.normal(2, 3, 4), self.normal(12, 5)
        y = x.reshape(2, 12) @ w
        node = helper.make_node
        reshape = [node("Reshape", ["x", "sh"], ["r"]), node("MatMul", ["r", "w"], ["y"])]
        spellings = {
            "gather": [
                node("Shape", ["x"], ["s"]),
                node("Gather", ["s", "i0"], ["n"]),
                node("Unsqueeze", ["n", "a0"], ["u"]),
                node("Concat", ["u", "minus"], ["sh"], axis=0),
            ],
            "slice": [
                node("Shape", ["x"], ["s"]),
                node("Slice", ["s", "a0", "a1"], ["u"]),
                node("Concat", ["u", "minus"], ["sh"], axis=-1),
            ],
            "arithmetic": [
                node("Shape", ["x"], ["s"]),
                node("Split", ["s"], ["p", "q", "t"]),
                node("Mul", ["q", "t"], ["qt"]),
                node("Cast", ["qt"], ["f"], to=TensorProto.FLOAT),
                node("Div", ["f", "half"], ["d"]),
                node("Floor", ["d"], ["fl"]),
                node("Cast", ["fl"], ["k"], to=TensorProto.INT64),
                node("Div", ["k", "a2"], ["e"]),
                node("Add", ["e", "a0"], ["g"]),
                node("Sub", ["g", "a0"], ["h"]),
                node("Concat", ["p", "h"], ["sh"], axis=0),
            ],
            "size": [
                node("Size", ["x"], ["z"]),
                node("Div", ["z", "i12"], ["n"]),
                node("Reshape", ["n", "a1"], ["u"]),
                node("Concat", ["u", "minus"], ["sh"], axis=0),
            ],
            "where": [
                node("Shape", ["x"], ["s"]),
                node("ReduceProd", ["s"], ["p"], keepdims=1),
                node("Equal", ["p", "a24"], ["is"]),
                node("Where", ["is", "want", "minus2"], ["sh"]),
            ],
            "constant of shape": [
                node("Shape", ["w"], ["s"]),
                node("Slice", ["s", "a0", "a1"], ["k"]),
                node("ConstantOfShape", ["a1"], ["one"],
                     value=numpy_helper.from_array(ints(2))),
                node("Concat", ["one", "k"], ["sh"], axis=0),
            ],
            "range": [
                node("Range", ["i0", "i24", "i12"], ["r2"]),
                node("Gather", ["r2", "a1"], ["k"]),
                node("Concat", ["minus", "k"], ["sh"], axis=0),
            ],
        }  # fmt: skip
        constants = {
            "w": w, "i0": np.int64(0), "i12": np.int64(12), "i24": np.int64(24), "a0": ints(0),
            "a1": ints(1), "a2": ints(2), "a24": ints(24), "minus": ints(-1), "half": floats(0.5),
            "want": ints(2, 12), "minus2": ints(-1, -1),
        }  # fmt: skip
        models = [
            Model(name, nodes + reshape, {"x": x}, constants, y)
            for name, nodes in spellings.items()
        ]
        row = self.normal(1, 4)
        nodes = [node("Shape", ["x"], ["s"]), node("Expand", ["row", "s"], ["e"])]
        models.append(
            Model("expand", nodes + [node("Add", ["x", "e"], ["y"])], {"x": x, "row": row}, {},
                  x + row)
        )  # fmt: skip
        nodes = [node("Expand", ["row", "to"], ["y"])]
        models.append(
            Model("expand data", nodes, {"row": row}, {"to": ints(2, 3, 1)},
                  np.broadcast_to(row, (2, 3, 4)))
        )  # fmt: skip
        self.check(models)

    def test_every_form_of_constant(self):
        x = self.normal(2, 8)
        node = helper.make_node
        sparse = helper.make_sparse_tensor(
            helper.make_tensor("v", TensorProto.INT64, [2], [4, 4]),
            helper.make_tensor("i", TensorProto.INT64, [2], [0, 1]),
            [2],
        )
        models = []
        for name, attributes in {
            "value": {"value": numpy_helper.from_array(ints(4, 4))},
            "value_ints": {"value_ints": [4, 4]},
            "sparse_value": {"sparse_value": sparse},
        }.items():
            nodes = [node("Constant", [], ["c"], **attributes), node("Reshape", ["x", "c"], ["y"])]
            models.append(Model(name, nodes, {"x": x}, {}, x.reshape(4, 4)))
        for name, attributes, value in [
            ("value_float", {"value_float": 2.5}, 2.5),
            ("value_floats", {"value_floats": [1.0, 2.0] * 4}, np.array([1.0, 2.0] * 4)),
        ]:
            nodes = [node("Constant", [], ["c"], **attributes), node("Mul", ["x", "c"], ["y"])]
            models.append(Model(name, nodes, {"x": x}, {}, x * value))
        nodes = [
            node("Constant", [], ["c"], value_int=1),
            node("Squeeze", ["x", "a"], ["q"]),
            node("Unsqueeze", ["q", "u"], ["r"]),
            node("Reshape", ["c", "one"], ["u"]),
            node("Relu", ["r"], ["y"]),
        ]
        order = [nodes[0], nodes[3], nodes[1], nodes[2], nodes[4]]
        models.append(
            Model("value_int", order, {"x": x[None]}, {"a": ints(0), "one": ints(1)},
                  np.maximum(x, 0)[:, None])
        )  # fmt: skip
        self.check(models)

    def test_stored_weights_behind_operators(self):
        x, w = self.normal(3, 4), self.normal(4, 5)
        node = helper.make_node
        product = node("MatMul", ["x", "v"], ["y"])
        half = w.astype(np.float16)
        forms = {
            "transpose": ([node("Transpose", ["w"], ["v"])], {"w": w.T.copy()}, w),
            "identity": ([node("Identity", ["w"], ["v"])], {"w": w}, w),
            "cast": ([node("Cast", ["w"], ["v"], to=TensorProto.FLOAT)], {"w": half}, half),
            "reshape": ([node("Reshape", ["w", "s"], ["v"])], {"w": w.ravel(), "s": ints(4, -1)}, w),
            "squeeze": ([node("Squeeze", ["w"], ["v"])], {"w": w[None, :, None]}, w),
            "unsqueeze": (
                [node("Unsqueeze", ["w", "a"], ["u"]), node("Squeeze", ["u", "a"], ["v"])],
                {"w": w, "a": ints(0)}, w),
            "mul": ([node("Mul", ["w", "f"], ["v"])], {"w": w, "f": floats(1, 2, 3, 4, 5)},
                    w * floats(1, 2, 3, 4, 5)),
            "add": ([node("Add", ["w", "f"], ["v"])], {"w": w, "f": np.float32(0.5)}, w + 0.5),
            "concat": ([node("Concat", ["a", "b"], ["v"], axis=0)], {"a": w[:1], "b": w[1:]}, w),
            "slice": (
                [node("Slice", ["w", "s", "e", "a", "t"], ["v"])],
                {"w": w[::-1].copy(), "s": ints(-1), "e": ints(-INT64_MAX), "a": ints(0),
                 "t": ints(-1)}, w),
            "gather": ([node("Gather", ["w", "i"], ["v"])], {"w": w, "i": ints(3, 2, -3, 0)},
                       w[[3, 2, 1, 0]]),
            "split": ([node("Split", ["w"], ["v", "rest"])], {"w": np.vstack([w, -w])}, w),
            "chain": (
                [node("Mul", ["w", "f"], ["m"]), node("Transpose", ["m"], ["t"]),
                 node("Sqrt", ["t"], ["v"])],
                {"w": np.abs(w.T), "f": np.float32(2)}, np.sqrt(np.abs(w) * 2)),
        }  # fmt: skip
        models = [
            Model(name, nodes + [product], {"x": x}, constants, x @ value.astype(np.float64))
            for name, (nodes, constants, value) in forms.items()
        ]
        self.check(models)

    def test_gemm_with_factors_and_stored_addends(self):
        x, w = self.normal(3, 4), self.normal(4, 5)
        models = []
        for shape in [(), (1,), (5,), (1, 5), (3, 1), (3, 5)]:
            for alpha, beta in [(1.0, 1.0), (0.5, 1.0), (1.0, 2.0), (2.0, 0.25), (1.0, 0.0)]:
                c = self.normal(*shape)
                node = helper.make_node("Gemm", ["x", "w", "c"], ["y"], alpha=alpha, beta=beta)
                models.append(
                    Model(f"{shape} {alpha} {beta}", [node], {"x": x}, {"w": w, "c": c},
                          alpha * (x @ w) + beta * c)
                )  # fmt: skip
        self.check(models)

    def test_outputs_that_nobody_reads(self):
        x, w = self.normal(1, 8), self.normal(8, 4)
        image = self.normal(1, 2, 4, 4)
        node = helper.make_node
        models = [
            Model("dropout", [node("Dropout", ["x"], ["d", "mask"]),
                              node("MatMul", ["d", "w"], ["y"])], {"x": x}, {"w": w}, x @ w, 12),
            Model("maxpool", [node("MaxPool", ["x"], ["y", "at"], kernel_shape=[4, 4])],
                  {"x": image}, {}, image.max(axis=(2, 3), keepdims=True)),
            Model("batch norm",
                  [node("BatchNormalization", ["x", "g", "b", "m", "v"],
                        ["y", "mean", "var", "saved_mean", "saved_var"], epsilon=1e-5)],
                  {"x": image}, {"g": floats(1, 2), "b": floats(3, 4), "m": floats(0.5, 1),
                                 "v": floats(1, 4)},
                  (image - floats(0.5, 1)[:, None, None])
                  / np.sqrt(floats(1, 4) + 1e-5)[:, None, None]
                  * floats(1, 2)[:, None, None] + floats(3, 4)[:, None, None], 9),
            Model("layer norm", [node("LayerNormalization", ["x", "g"], ["y", "mean", "deviation"])],
                  {"x": x}, {"g": np.ones(8, np.float32)},
                  (x - x.mean()) / np.sqrt(x.var() + 1e-5), 17),
        ]  # fmt: skip
        self.check(models)

    def test_newer_opsets(self):
        x = self.normal(2, 3, 4, 6)
        node = helper.make_node
        padded = np.pad(x, [(0, 0), (0, 0), (1, 2), (0, 0)])
        codes = self.codes(3, 4)
        models = [
            Model("mean 18", [node("ReduceMean", ["x", "a"], ["y"])], {"x": x}, {"a": ints(2, -1)},
                  x.mean(axis=(2, 3), keepdims=True), 18),
            Model("mean of nothing", [node("ReduceMean", ["x"], ["y"], noop_with_empty_axes=1)],
                  {"x": x}, {}, x, 18),
            Model("mean of all", [node("ReduceMean", ["x"], ["y"], keepdims=0)], {"x": x}, {},
                  x.mean(), 18),
            Model("split 18", [node("Split", ["x"], ["y", "rest"], axis=2, num_outputs=2)],
                  {"x": x}, {}, x[:, :, :2], 18),
            Model("uneven split", [node("Split", ["x"], ["a", "b", "y"], axis=3, num_outputs=3)],
                  {"x": x[..., :5].copy()}, {}, x[..., 4:5], 18),
            Model("pad 18", [node("Pad", ["x", "p", "", "a"], ["y"])], {"x": x},
                  {"p": ints(1, 2), "a": ints(-2)}, padded, 18),
            Model("reshape 14", [node("Reshape", ["x", "s"], ["y"], allowzero=1)], {"x": x},
                  {"s": ints(6, 24)}, x.reshape(6, 24), 19),
            Model("dq 21", [node("DequantizeLinear", ["x", "s"], ["y"], axis=0, block_size=0)],
                  {"x": codes}, {"s": self.scales(3)}, dequantized(codes, self.scales(3), 0), 21),
        ]  # fmt: skip
        self.check(models)

    def test_what_is_not_used_is_said(self):
        x = self.normal(2, 3)
        node = helper.make_node("Relu", ["x"], ["y"], name="r", consumed_inputs=[1])
        note = 'node "r": Relu has no attribute consumed_inputs; it is not used'
        self.check([Model("attribute", [node], {"x": x}, {}, np.maximum(x, 0), note=note)])

    def test_cases(self):
        square = np.arange(18, dtype=np.float32).reshape(3, 6) / 10
        import onnx

        stored = onnx.load(CASES / "dq_square_axis0.onnx").graph.initializer
        weights, scale = [numpy_helper.to_array(t).astype(np.float64) for t in stored]
        image = self.normal(1, 1, 7, 6)
        box, view = self.normal(2, 3, 4, 6), self.normal(1, 2, 2, 2)
        tensor = lambda name, i: numpy_helper.to_array(
            [t for t in onnx.load(CASES / name).graph.initializer if t.name == i][0]
        )
        axes = tuple(tensor("reducemean18.onnx", "a"))
        row = self.normal(1, 8)
        cases = {
            "dq_square_axis0.onnx": (square, square @ (weights * scale[:, None])),
            "maxpool_ceil_outside.onnx": (
                image, pooled(image, (2, 2), (3, 3), (0, 0, 0, 0), (1, 1), True, False, 0)),
            "constant_value_ints.onnx": (self.normal(2, 8), None),
            "dropout_mask.onnx": (row, row @ tensor("dropout_mask.onnx", "w")),
            "reducemean18.onnx": (box, box.mean(axis=axes, keepdims=True)),
            "view_size0.onnx": (view, view.reshape(1, 8) @ tensor("view_size0.onnx", "w")),
        }  # fmt: skip
        for name, (x, y) in cases.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as directory:
                folder = pathlib.Path(directory)
                (folder / "run.yaml").write_text(RUN)
                y = x.reshape(4, 4) if y is None else y
                self.assertIsNone(run_file(CASES / name, folder, {"x": x}, y))
        self.assertEqual(cases["maxpool_ceil_outside.onnx"][1].shape, (1, 1, 3, 2))
        refused = subprocess.run([SIM, "import", CASES / "conv_rank.onnx"], capture_output=True, text=True)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("(Conv-17): expected an image of 3 axes or more, got 2", refused.stderr)


if __name__ == "__main__":
    unittest.main()
