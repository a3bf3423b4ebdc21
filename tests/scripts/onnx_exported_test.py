"""ONNX as exporters write it: attention of ONNX and com.microsoft, graphs whose sizes are open and computed
from their inputs' shapes, branches, functions, nodes out of order, and large files, against numpy."""

import math
import pathlib
import resource
import subprocess
import tempfile
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from onnx_models import SIM, Model, OnnxTest, floats, ints

MS = "com.microsoft"
node = helper.make_node


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def heads_of(x, n):
    """[batch, heads, rows, depth] of [batch, rows, heads * depth]."""
    return x.reshape(*x.shape[:2], n, -1).transpose(0, 2, 1, 3).astype(np.float64)


def rows_of(x):
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def attended(q, k, v, hidden=None, added=0, causal=False, scale=None, softcap=0):
    """By the definition; `hidden`: True where a column is not seen."""
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, 1), np.repeat(v, group, 1)
    s = q @ k.swapaxes(-1, -2) * (scale or 1 / math.sqrt(q.shape[-1]))
    if softcap:
        s = softcap * np.tanh(s / softcap)
    s = s + added
    if causal:
        rows, columns = s.shape[-2:]
        later = np.arange(columns)[None] > np.arange(rows)[:, None] + columns - rows
        s = np.where(later, -np.inf, s)
    if hidden is not None:
        s = np.where(hidden, -np.inf, s)
    return softmax(s) @ v


def turned(x, cos, sin, interleaved=False):
    """Rotary embedding of the leading 2 * cos.shape[-1] elements of the last axis."""
    n = 2 * cos.shape[-1]
    part, rest = x[..., :n], x[..., n:]
    a, b = (part[..., ::2], part[..., 1::2]) if interleaved else (part[..., : n // 2], part[..., n // 2 :])
    real, imaginary = a * cos - b * sin, a * sin + b * cos
    if interleaved:
        y = np.stack([real, imaginary], -1).reshape(part.shape)
    else:
        y = np.concatenate([real, imaginary], -1)
    return np.concatenate([y, rest], -1)


class AttentionTest(OnnxTest):
    def test_joined_projections(self):
        x, w, b = self.normal(2, 5, 6), self.normal(6, 24), self.normal(24)
        projected = x.astype(np.float64) @ w + b
        q, k, v = (heads_of(part, 2) for part in np.split(projected, 3, -1))
        mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
        past = self.normal(2, 2, 2, 3, 4)
        long_k, long_v = np.concatenate([past[0], k], 2), np.concatenate([past[1], v], 2)
        attention = ["x", "w", "b"]
        self.check([
            Model("mask", [node("Attention", [*attention, "m"], ["y"], domain=MS, num_heads=2)],
                  {"x": x, "m": mask}, {"w": w, "b": b}, rows_of(attended(q, k, v, (mask == 0)[:, None, None]))),
            Model("lengths", [node("Attention", [*attention, "m"], ["y"], domain=MS, num_heads=2)],
                  {"x": x, "m": mask.sum(1).astype(np.int32)}, {"w": w, "b": b},
                  rows_of(attended(q, k, v, (mask == 0)[:, None, None]))),
            Model("causal, with a past", [node("Attention", [*attention, "", "p"], ["y", "now"], domain=MS,
                                               num_heads=2, unidirectional=1)],
                  {"x": x, "p": past}, {"w": w, "b": b}, rows_of(attended(q, long_k, long_v, causal=True))),
            Model("what is kept", [node("Attention", [*attention, "", "p"], ["t", "y"], domain=MS, num_heads=2)],
                  {"x": x, "p": past}, {"w": w, "b": b}, np.stack([long_k, long_v])),
        ])  # fmt: skip

    def test_what_masks_add(self):
        """com.microsoft's masks are added to the scores: a row that sees no column keeps its shares."""
        x, w, b = self.normal(2, 5, 6), self.normal(6, 24), self.normal(24)
        q, k, v = (heads_of(part, 2) for part in np.split(x.astype(np.float64) @ w + b, 3, -1))
        places, bias = np.arange(5), self.normal(1, 2, 5, 5)
        lengths, bounds = np.array([0, 3], np.int32), np.array([4, 5, 1, 2], np.int32)
        beyond = (places >= lengths[:, None])[:, None, None]
        outside = ((places >= bounds[:2, None]) | (places < bounds[2:, None]))[:, None, None]
        alike = {"domain": MS, "num_heads": 2}

        def models(op, data, constants, operands):
            for name, mask, added in (
                ("lengths", lengths, -2.5 * beyond), ("ends and starts", bounds, -2.5 * outside),
                ("columns", 1 - beyond[:, 0, 0], -2.5 * beyond), ("a dummy", np.ones((2, 1)), 0),
            ):  # fmt: skip
                yield Model(f"{op}, {name}", [node(op, operands, ["y"], mask_filter_value=-2.5, **alike)],
                            {**data, "m": mask.astype(np.int32), "a": bias}, constants,
                            rows_of(attended(q, k, v, added=added + bias)))  # fmt: skip

        flat = {name: rows_of(part).astype(np.float32) for name, part in zip("qkv", (q, k, v))}
        self.check([
            *models("Attention", {"x": x}, {"w": w, "b": b}, ["x", "w", "b", "m", "", "a"]),
            *models("MultiHeadAttention", flat, {}, ["q", "k", "v", "", "m", "a"]),
        ])  # fmt: skip

    def test_codes(self):
        x = self.random.integers(0, 255, (1, 4, 6)).astype(np.uint8)
        w = self.codes(6, 24)
        b, scale, scales = self.normal(24), floats(0.02), self.scales(24)
        projected = (x.astype(np.int64) - 120) @ w.astype(np.int64) * (np.float64(scale[0]) * scales) + b
        q, k, v = (heads_of(part, 2) for part in np.split(projected, 3, -1))
        constants = {"w": w, "b": b, "s": scale.reshape(()), "t": scales, "z": np.array(120, np.uint8)}
        self.check([
            Model("q", [node("QAttention", ["x", "w", "b", "s", "t", "", "z"], ["y"], domain=MS, num_heads=2,
                             unidirectional=1)], {"x": x}, constants, rows_of(attended(q, k, v, causal=True))),
        ])  # fmt: skip

    def test_apart(self):
        q, k, v, bias = self.normal(2, 3, 8), self.normal(2, 5, 8), self.normal(2, 5, 12), self.normal(28)
        added = self.normal(1, 2, 3, 5)
        packed = self.normal(2, 4, 2, 3, 4)
        flat = [heads_of(packed[:, :, :, i].reshape(2, 4, 8), 2) for i in range(3)]
        self.check([
            Model("with biases", [node("MultiHeadAttention", ["q", "k", "v", "b", "", "a"], ["y"], domain=MS,
                                       num_heads=2, scale=0.3)],
                  {"q": q, "k": k, "v": v, "a": added}, {"b": bias},
                  rows_of(attended(heads_of(q + bias[:8], 2), heads_of(k + bias[8:16], 2),
                                   heads_of(v + bias[16:], 2), added=added, scale=0.3))),
            Model("packed", [node("MultiHeadAttention", ["q"], ["y"], domain=MS, num_heads=2)], {"q": packed}, {},
                  rows_of(attended(*flat))),
        ])  # fmt: skip

    def test_groups_of_queries(self):
        past, rows, total = 3, 2, 5
        q, k, v = self.normal(1, rows, 16), self.normal(1, rows, 8), self.normal(1, rows, 8)
        old_k, old_v = self.normal(1, 2, past, 4), self.normal(1, 2, past, 4)
        angles = np.arange(8)[:, None] * np.array([1.0, 0.3])
        cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        at = slice(past, total)
        q4, k4 = turned(heads_of(q, 4), cos[at], sin[at]), turned(heads_of(k, 2), cos[at], sin[at])
        all_k, all_v = np.concatenate([old_k, k4], 2), np.concatenate([old_v, heads_of(v, 2)], 2)
        lengths = {"l": np.array([total - 1], np.int32)}
        operands = ["q", "k", "v", "pk", "pv", "l", "t", "c", "s"]
        data = {"q": q, "k": k, "v": v, "pk": old_k, "pv": old_v, **lengths}
        constants = {"t": np.array(total, np.int32), "c": cos, "s": sin}
        alike = {"domain": MS, "num_heads": 4, "kv_num_heads": 2, "do_rotary": 1}
        seen = np.arange(total)[None] > np.arange(rows)[:, None] + past - 2  # a window of 2
        self.check([
            Model("a token after others", [node("GroupQueryAttention", operands, ["y", "nk", "nv"], **alike)], data,
                  constants, rows_of(attended(q4, all_k, all_v, causal=True))),
            Model("a window", [node("GroupQueryAttention", operands, ["y"], local_window_size=2, **alike)], data,
                  constants, rows_of(attended(q4, all_k, all_v, ~seen, causal=True))),
            Model("the keys kept", [node("GroupQueryAttention", operands, ["o", "y"], **alike)], data, constants,
                  all_k),
        ])  # fmt: skip

    def test_opset_23(self):
        q, k, v = self.normal(2, 4, 3, 6), self.normal(2, 2, 5, 6), self.normal(2, 2, 5, 7)
        wide = [part.astype(np.float64) for part in (q, k, v)]
        past = [self.normal(2, 2, 2, 6), self.normal(2, 2, 2, 7)]
        longer = [np.concatenate(pair, 2) for pair in zip(past, (k[:, :, :3], v[:, :, :3]))]
        mask = self.random.random((3, 5)) < 0.7
        mask[:, 0] = True
        q3, k3, v3 = (rows_of(part).astype(np.float32) for part in (q, k, v))
        self.check([
            Model("groups", [node("Attention", ["q", "k", "v"], ["y"], softcap=2.0)], {"q": q, "k": k, "v": v}, {},
                  attended(*wide, softcap=2), opset=23),
            Model("bools", [node("Attention", ["q", "k", "v", "m"], ["y"])], {"q": q, "k": k, "v": v, "m": mask}, {},
                  attended(*wide, ~mask), opset=23),
            Model("integers", [node("Attention", ["q", "k", "v", "m"], ["y"])],
                  {"q": q, "k": k, "v": v, "m": (3 * mask - 1).astype(np.int32)}, {},
                  attended(*wide, added=3 * mask - 1), opset=23),
            Model("three axes", [node("Attention", ["q", "k", "v"], ["y"], q_num_heads=4, kv_num_heads=2, scale=0.2)],
                  {"q": q3, "k": k3, "v": v3}, {}, rows_of(attended(*wide, scale=0.2)), opset=23),
            Model("causal, with a past", [node("Attention", ["q", "k", "v", "", "pk", "pv"], ["y", "a", "b"],
                                               is_causal=1)],
                  {"q": q, "k": k[:, :, :3], "v": v[:, :, :3], "pk": past[0], "pv": past[1]}, {},
                  attended(wide[0], *longer, causal=True), opset=23),
        ])  # fmt: skip

    def test_rotary_embedding(self):
        x, flat = self.normal(2, 3, 4, 8), self.normal(2, 4, 24)
        angles = np.arange(10)[:, None] * np.array([1.0, 0.4, 0.1, 0.02])
        cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        ids = np.array([[0, 1, 2, 3], [5, 6, 7, 9]])
        by_row = [t[ids][:, None] for t in (cos, sin)]
        three = heads_of(flat, 3)
        self.check([
            Model("halves", [node("RotaryEmbedding", ["x", "c", "s", "i"], ["y"])], {"x": x, "i": ids},
                  {"c": cos, "s": sin}, turned(x, *by_row), opset=23),
            Model("pairs", [node("RotaryEmbedding", ["x", "c", "s", "i"], ["y"], interleaved=1, num_heads=3)],
                  {"x": flat, "i": ids}, {"c": cos, "s": sin}, rows_of(turned(three, *by_row, True)), opset=23),
            Model("a part", [node("RotaryEmbedding", ["x", "i", "c", "s"], ["y"], domain=MS, rotary_embedding_dim=4,
                                  num_heads=3)], {"x": flat, "i": ids}, {"c": cos[:, :2], "s": sin[:, :2]},
                  rows_of(turned(three, *(t[..., :2] for t in by_row)))),
            Model("from a place on", [node("RotaryEmbedding", ["x", "i", "c", "s"], ["y"], domain=MS)],
                  {"x": x, "i": ints(3)}, {"c": cos, "s": sin}, turned(x, cos[3:7], sin[3:7])),
        ])  # fmt: skip

    def test_embedding(self):
        ids, segments = np.array([[1, 4, 2]], np.int32), np.array([[0, 1, 1]], np.int32)
        words, places, kinds, gamma, beta = (self.normal(*s) for s in ((6, 8), (5, 8), (2, 8), (8,), (8,)))
        total = (words[ids] + places[:3] + kinds[segments]).astype(np.float64)
        normed = (total - total.mean(-1, keepdims=True)) / np.sqrt(total.var(-1, keepdims=True) + 1e-6)
        self.check([
            Model("words", [node("EmbedLayerNormalization", ["i", "k", "w", "p", "t", "g", "b"], ["y", "m"],
                                 domain=MS, epsilon=1e-6)], {"i": ids, "k": segments},
                  {"w": words, "p": places, "t": kinds, "g": gamma, "b": beta}, normed * gamma + beta),
        ])  # fmt: skip


def model_of(nodes, inputs, shape, constants, opset=13):
    """A file whose inputs have open sizes."""
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(v, n) for n, v in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


class ExportedTest(OnnxTest):
    def test_positions_and_masks_of_open_sizes(self):
        """GPT-2's: places by Range of a shape, a stored triangle cut to the sizes, keys with a cache."""
        rows, past = 3, 2
        table, places, w = self.normal(9, 8), self.normal(16, 8), self.normal(8, 24)
        triangle = np.tril(np.ones((1, 1, 16, 16), bool))
        nodes = [
            node("Shape", ["ids"], ["s"]), node("Gather", ["s", "one"], ["rows"]),
            node("Shape", ["past"], ["ps"]), node("Gather", ["ps", "three"], ["before"]),
            node("Add", ["rows", "before"], ["all"]), node("Range", ["before", "all", "one"], ["range"]),
            node("Unsqueeze", ["range", "axis0"], ["position_ids"]),
            node("Gather", ["table", "ids"], ["words"]), node("Gather", ["places", "position_ids"], ["where"]),
            node("Add", ["words", "where"], ["h"]), node("MatMul", ["h", "w"], ["qkv"]),
            node("Split", ["qkv", "sizes"], ["q", "k", "v"], axis=2),
            *[n for p in "qkv" for n in (
                node("Shape", [p], [f"{p}s"]), node("Slice", [f"{p}s", "from0", "to2"], [f"{p}lead"]),
                node("Concat", [f"{p}lead", "two_heads"], [f"{p}shape"], axis=0),
                node("Reshape", [p, f"{p}shape"], [f"{p}4"]),
                node("Transpose", [f"{p}4"], [f"{p}h"], perm=[0, 2, 1, 3]))],
            node("Gather", ["past", "zero"], ["pk"], axis=0), node("Gather", ["past", "one"], ["pv"], axis=0),
            node("Concat", ["pk", "kh"], ["ka"], axis=2), node("Concat", ["pv", "vh"], ["va"], axis=2),
            node("Transpose", ["ka"], ["kt"], perm=[0, 1, 3, 2]), node("MatMul", ["qh", "kt"], ["scores"]),
            node("Div", ["scores", "root"], ["scaled"]),
            node("Unsqueeze", ["before", "axis0"], ["before1"]), node("Unsqueeze", ["all", "axis0"], ["all1"]),
            node("Slice", ["triangle", "before1", "all1", "two"], ["cut"]),
            node("Slice", ["cut", "from0", "all1", "three1"], ["mask"]),
            node("Where", ["mask", "scaled", "least"], ["masked"]), node("Softmax", ["masked"], ["p"], axis=-1),
            node("MatMul", ["p", "va"], ["o"]), node("Transpose", ["o"], ["ot"], perm=[0, 2, 1, 3]),
            node("Reshape", ["ot", "flat"], ["y"]),
        ]  # fmt: skip
        constants = {
            "one": np.array(1), "zero": np.array(0), "three": np.array(3), "axis0": ints(0), "two": ints(2),
            "three1": ints(3), "from0": ints(0), "to2": ints(2), "two_heads": ints(2, 4), "sizes": ints(8, 8, 8),
            "flat": ints(0, 0, -1), "root": np.array(2, np.float32), "least": np.array(-1e4, np.float32),
            "table": table, "places": places, "w": w, "triangle": triangle,
        }  # fmt: skip
        inputs = {
            "ids": (TensorProto.INT64, ["batch", "rows"]),
            "past": (TensorProto.FLOAT, [2, "batch", 2, "past", 4]),
        }
        ids, cache = np.array([[1, 7, 3]]), self.normal(2, 1, 2, past, 4)
        h = (table[ids] + places[past : past + rows]).astype(np.float64)
        q, k, v = (heads_of(p, 2) for p in np.split(h @ w, 3, -1))
        expected = attended(q, np.concatenate([cache[0], k], 2), np.concatenate([cache[1], v], 2), causal=True)
        model = Model("gpt2", [node("Relu", ["ids"], ["y"])], {"ids": ids, "past": cache}, {}, rows_of(expected))
        model.proto = model_of(nodes, inputs, ["batch", "rows", 8], constants)
        self.check([model])

    def test_a_token_for_each_image(self):
        """ViT's: a stored token expanded to the batch, put before the patches."""
        token, image = self.normal(1, 1, 4), self.normal(2, 3, 4)
        nodes = [
            node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["b"]), node("Unsqueeze", ["b", "axis"], ["b1"]),
            node("Concat", ["b1", "rest"], ["to"], axis=0), node("Expand", ["token", "to"], ["tokens"]),
            node("Concat", ["tokens", "x"], ["y"], axis=1),
        ]  # fmt: skip
        constants = {"zero": np.array(0), "axis": ints(0), "rest": ints(1, 4), "token": token}
        expected = np.concatenate([np.repeat(token, 2, 0), image], 1)
        model = Model("vit", [node("Relu", ["x"], ["y"])], {"x": image}, {}, expected)
        model.proto = model_of(nodes, {"x": (TensorProto.FLOAT, [None, 3, 4])}, None, constants)
        self.check([model])

    def test_a_shifted_window_and_a_detector_head(self):
        """Swin's roll by slices, and a YOLO head: resized features joined, split and decoded."""
        x = self.normal(1, 4, 4, 6)
        small, big = self.normal(1, 2, 3, 3), self.normal(1, 2, 6, 6)
        up = small.repeat(2, 2).repeat(2, 3)
        logistic = 1 / (1 + np.exp(-np.concatenate([up, big], 1).astype(np.float64)))
        grid = np.stack(np.meshgrid(np.arange(6), np.arange(6)), 0)[None].astype(np.float32)
        boxes = np.concatenate([(logistic[:, :2] * 2 + grid) * 8, (logistic[:, 2:] * 2) ** 2], 1)
        rolled = np.roll(x, (-2, -2), (1, 2))
        self.check([
            Model("roll", [node("Slice", ["x", "from", "end", "down"], ["a"]),
                           node("Slice", ["x", "zero", "from", "down"], ["b"]),
                           node("Concat", ["a", "b"], ["c"], axis=1),
                           node("Slice", ["c", "from", "end", "across"], ["d"]),
                           node("Slice", ["c", "zero", "from", "across"], ["e"]),
                           node("Concat", ["d", "e"], ["y"], axis=2)], {"x": x},
                  {"from": ints(2), "end": ints(2**63 - 1), "zero": ints(0), "down": ints(1), "across": ints(2)},
                  rolled),
            Model("head", [node("Resize", ["s", "", "scales"], ["up"], mode="nearest", nearest_mode="floor",
                                coordinate_transformation_mode="asymmetric"),
                           node("Concat", ["up", "b"], ["all"], axis=1), node("Sigmoid", ["all"], ["l"]),
                           node("Split", ["l", "halves"], ["xy", "wh"], axis=1),
                           node("Mul", ["xy", "two"], ["xy2"]), node("Add", ["xy2", "grid"], ["xyg"]),
                           node("Mul", ["xyg", "stride"], ["centre"]), node("Mul", ["wh", "two"], ["wh2"]),
                           node("Pow", ["wh2", "two"], ["size"]), node("Concat", ["centre", "size"], ["y"], axis=1)],
                  {"s": small, "b": big}, {"scales": floats(1, 1, 2, 2), "halves": ints(2, 2), "grid": grid,
                                           "two": np.array(2, np.float32), "stride": np.array(8, np.float32)}, boxes),
        ])  # fmt: skip

    def test_branches_functions_and_order(self):
        x = self.normal(2, 3)
        then = helper.make_graph([node("Mul", ["x", "k"], ["t"])], "then", [],
                                 [helper.make_tensor_value_info("t", TensorProto.FLOAT, None)],
                                 [numpy_helper.from_array(floats(3), "k")])  # fmt: skip
        other = helper.make_graph([node("Neg", ["x"], ["n"])], "else", [],
                                  [helper.make_tensor_value_info("n", TensorProto.FLOAT, None)])  # fmt: skip
        called = Model("function", [node("Twice", ["x"], ["a"], domain="own"), node("Twice", ["a"], ["y"], domain="own")],
                       {"x": x}, {}, 4 * x + 3 * 5)  # fmt: skip
        called.proto.opset_import.append(helper.make_opsetid("own", 1))
        called.proto.functions.append(
            helper.make_function("own", "Twice", ["v"], ["r"],
                                 [node("Constant", [], ["five"], value_float=5.0), node("Add", ["v", "v"], ["d"]),
                                  node("Add", ["d", "five"], ["r"])], [helper.make_opsetid("", 13)])
        )  # fmt: skip
        self.check([
            Model("a branch by a shape", [node("Shape", ["x"], ["s"]), node("Size", ["s"], ["n"]),
                                          node("Equal", ["n", "two"], ["c"]),
                                          node("If", ["c"], ["y"], then_branch=then, else_branch=other)],
                  {"x": x}, {"two": np.array(2)}, 3 * x),
            Model("order", [node("Neg", ["b"], ["y"]), node("Exp", ["a"], ["b"]), node("Abs", ["x"], ["a"])], {"x": x},
                  {}, -np.exp(abs(x))),
            called,
        ])  # fmt: skip

    def test_quantized_blocks(self):
        """int4 weights, two a byte, with a scale for each 4 of a column; onnx 1.12 has no name for the type."""
        x, scales = self.normal(2, 8), np.abs(self.normal(2, 3)) + 0.1
        codes = self.random.integers(-8, 8, (8, 3))
        flat = (codes.ravel() & 15).astype(np.uint8)
        weights = codes * np.repeat(scales, 4, 0)
        model = Model("int4", [node("DequantizeLinear", ["q", "s"], ["w"], axis=0, block_size=4),
                               node("MatMul", ["x", "w"], ["y"])], {"x": x}, {"s": scales.astype(np.float32)},
                      x @ weights, opset=21)  # fmt: skip
        model.proto.graph.initializer.append(
            TensorProto(name="q", data_type=22, dims=[8, 3], raw_data=bytes(flat[::2] | flat[1::2] << 4))
        )
        self.check([model])

    def test_a_large_file_is_imported_in_a_second(self):
        """200 MB of weights, which nothing converts."""
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "large.onnx"
            nodes, constants = [], []
            for i in range(50):
                data = np.random.default_rng(i).bytes(4 << 20)
                constants.append(TensorProto(name=f"w{i}", data_type=1, dims=[1024, 1024], raw_data=data))
                nodes.append(node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]))
            ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1024]) for n in ("x0", "x50")]
            graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
            path.write_bytes(helper.make_model(graph).SerializeToString())
            command = [SIM, "import", path, "-o", path.with_suffix(".yaml")]

            def seconds():
                usage = resource.getrusage(resource.RUSAGE_CHILDREN)
                return usage.ru_utime + usage.ru_stime

            before = seconds()
            subprocess.run(command, check=True)
            took = seconds() - before  # of the processor: others may use the machine
            print(f"{path.stat().st_size / 1e6:.0f} MB imported in {took:.2f} s of the processor")
            self.assertLess(took, 1)


if __name__ == "__main__":
    unittest.main()
