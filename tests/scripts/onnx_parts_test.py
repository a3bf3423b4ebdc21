"""What exporters leave in ONNX graphs where a size or a number might have been another one: parts without
elements, numbers that follow from inputs, tables that are too wide, scales of blocks of data. Against numpy."""

import unittest

import numpy as np
from onnx import TensorProto, helper

from onnx_models import Model, OnnxTest, floats, ints

node = helper.make_node


class PartsTest(OnnxTest):
    def test_parts_without_elements(self):
        x, none = self.normal(2, 6), np.zeros((2, 0), np.float32)
        split = node("Split", ["x", "sizes"], ["a", "b", "c"], axis=1)
        self.check([
            Model("between others", [split, node("Concat", ["c", "b", "a"], ["y"], axis=1)], {"x": x},
                  {"sizes": ints(2, 0, 4)}, np.concatenate([x[:, 2:], x[:, :2]], 1)),
            Model("in front", [split, node("Concat", ["a", "b"], ["d"], axis=1),
                               node("Concat", ["d", "c"], ["y"], axis=-1)], {"x": x},
                  {"sizes": ints(0, 6, 0)}, x),
            Model("a slice of none", [node("Slice", ["x", "two", "two", "one"], ["a"]),
                                      node("Concat", ["a", "x"], ["y"], axis=1)], {"x": x},
                  {"one": ints(1), "two": ints(2)}, x),
            Model("an input of none", [node("Concat", ["past", "x"], ["y"], axis=1)],
                  {"past": none, "x": x}, {}, x),
            Model("sizes of none", [node("Concat", ["past", "x"], ["all"], axis=1),
                                    node("Shape", ["past"], ["sizes"]),
                                    node("Cast", ["sizes"], ["real"], to=TensorProto.FLOAT),
                                    node("Mul", ["all", "real"], ["y"])],
                  {"past": none, "x": x[:, :2]}, {}, x[:, :2] * floats(2, 0)),
        ])  # fmt: skip

    def test_numbers_from_inputs(self):
        x, size = self.normal(6, 5), ints(4, 8)
        # As CenterCropPad's function pads: by as much as the wanted size has more.
        padded = [
            node("Shape", ["x"], ["own"]),
            node("Max", ["own", "size"], ["most"]),
            node("Sub", ["most", "own"], ["more"]),
            node("Div", ["more", "two"], ["before"]),
            node("Sub", ["more", "before"], ["after"]),
            node("Concat", ["before", "after"], ["pads"], axis=0),
            node("Pad", ["x", "pads"], ["y"]),
        ]
        rows = [node("Squeeze", ["n"], ["end"]), node("Range", ["zero", "end", "one"], ["places"]),
                node("Gather", ["x", "places"], ["y"])]  # fmt: skip
        self.check([
            Model("pads", padded, {"x": x, "size": size}, {"two": ints(2)}, np.pad(x, ((0, 0), (1, 2)))),
            Model("a range", rows, {"x": x, "n": ints(3)},
                  {"zero": np.array(0), "one": np.array(1)}, x[:3]),
        ])  # fmt: skip

    def test_constants_like_data(self):
        x = self.normal(3, 4)
        like = [node("Constant", [], ["half"], value_float=0.5), node("Relu", ["x"], ["data"]),
                node("CastLike", ["half", "data"], ["limit"]), node("Less", ["limit", "data"], ["over"]),
                node("Where", ["over", "data", "limit"], ["y"])]  # fmt: skip
        self.check([Model("a limit", like, {"x": x}, {}, np.maximum(x, 0.5), opset=15)])

    def test_rotations_of_a_part(self):
        batch, heads, rows, depth, part = 2, 3, 4, 8, 4
        x = self.normal(batch, heads, rows, depth)
        cos, sin = self.normal(10, depth // 2), self.normal(10, depth // 2)
        places = np.arange(batch * rows, dtype=np.int64).reshape(batch, rows)
        c, s = (t[places][:, None, :, :part // 2] for t in (cos, sin))
        first, second = x[..., :2], x[..., 2:4]
        expected = np.concatenate([first * c - second * s, first * s + second * c, x[..., part:]], -1)
        self.check([
            Model("of whole heads' tables",
                  [node("RotaryEmbedding", ["x", "cos", "sin", "places"], ["y"], rotary_embedding_dim=part)],
                  {"x": x, "places": places}, {"cos": cos, "sin": sin}, expected, opset=23),
        ])  # fmt: skip

    def test_blocks_of_data(self):
        codes = self.random.integers(-128, 128, (3, 5)).astype(np.int8)
        scales = np.abs(self.normal(3, 3)) + np.float32(0.1)
        zeros = self.random.integers(-9, 9, (3, 3)).astype(np.int8)
        s, z = (np.repeat(t, 2, 1)[:, :5] for t in (scales, zeros))
        x = 40 * self.normal(3, 5)
        y = np.clip(np.rint(x / s) + z, -128, 127).astype(np.int8)
        blocks = {"axis": 1, "block_size": 2}
        quantized = Model("to codes", [node("QuantizeLinear", ["x", "s", "z"], ["y"], **blocks)], {"x": x},
                          {"s": scales, "z": zeros}, y, opset=21)  # fmt: skip
        quantized.proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT8
        self.check([
            quantized,
            Model("of codes", [node("DequantizeLinear", ["x", "s", "z"], ["y"], **blocks)], {"x": codes},
                  {"s": scales, "z": zeros}, (codes.astype(np.float32) - z) * s, opset=21),
            Model("of rows", [node("DequantizeLinear", ["x", "s"], ["y"], axis=0, block_size=3)],
                  {"x": codes}, {"s": scales[:1].repeat(2, 1)[:, :5]},
                  codes * scales[:1].repeat(2, 1)[:, :5], opset=21),
        ])  # fmt: skip

    def test_floats_of_8_bits(self):
        """Rounded to the nearest, of two the even one; beyond the largest is the largest."""
        x = np.concatenate([40 * self.normal(40), floats(1e4, -1e4, 448, 464, 17, 19, 2**-10, -3 * 2**-10)])
        scale = np.float32(0.5)

        def rounded(v, mantissa, lowest, most):
            step = 2.0 ** (np.maximum(np.floor(np.log2(np.abs(v))), lowest) - mantissa)
            return np.clip(np.rint(v / step) * step, -most, most)

        # TensorProto has these types since onnx 1.13.
        e4m3, e5m2 = rounded(x, 3, -6, 448), rounded(x, 2, -14, 57344)
        models = [
            Model(f"to {kind}", [node("Cast", ["x"], ["z"], to=kind), node("Cast", ["z"], ["y"], to=1)],
                  {"x": x}, {}, expected, opset=19)
            for kind, expected in ((17, e4m3), (19, e5m2))
        ]  # fmt: skip
        codes = [node("QuantizeLinear", ["x", "s"], ["q"], output_dtype=17),
                 node("DequantizeLinear", ["q", "s"], ["y"])]  # fmt: skip
        models.append(Model("codes and back", codes, {"x": x}, {"s": scale},
                            rounded(x / scale, 3, -6, 448) * scale, opset=21))  # fmt: skip
        self.check(models)

    def test_grids_and_blocks(self):
        theta = self.normal(2, 2, 3)
        rows, columns = (2 * np.arange(4) + 1) / 4 - 1, (2 * np.arange(5) + 1) / 5 - 1
        places = np.stack([*np.meshgrid(columns, rows), np.ones((4, 5))], -1)
        corner = np.stack([*np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 4)), np.ones((4, 5))], -1)
        size = {"size": ints(2, 3, 4, 5)}
        # Two channels of blocks of 2 x 3 on an image of 5 x 7, with padding in front, strides and dilation.
        block, strides, pads, dilations = (2, 3), (2, 1), (1, 0, 0, 2), (1, 2)
        counts = (5 + 1 - 2) // 2 + 1, (7 + 2 - 5) // 1 + 1
        x = self.normal(1, 2 * 6, counts[0] * counts[1])
        image = np.zeros((1, 2, 5 + 1, 7 + 2))
        for k, (i, j) in enumerate(np.ndindex(*block)):
            for n, (a, b) in enumerate(np.ndindex(*counts)):
                image[0, :, a * 2 + i, b + j * 2] += x[0].reshape(2, 6, -1)[:, k, n]
        self.check([
            Model("a grid", [node("AffineGrid", ["x", "size"], ["y"])], {"x": theta}, size,
                  np.einsum("hwk,njk->nhwj", places, theta), opset=20),
            Model("to the corners", [node("AffineGrid", ["x", "size"], ["y"], align_corners=1)],
                  {"x": theta}, size, np.einsum("hwk,njk->nhwj", corner, theta), opset=20),
            Model("blocks", [node("Col2Im", ["x", "image", "block"], ["y"], strides=strides, pads=pads,
                                  dilations=dilations)], {"x": x},
                  {"image": ints(5, 7), "block": ints(*block)}, image[:, :, 1:, :7], opset=18),
        ])  # fmt: skip


if __name__ == "__main__":
    unittest.main()
