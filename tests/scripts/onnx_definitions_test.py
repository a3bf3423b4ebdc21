"""ONNX operators that are written as nodes of others, against their definitions in numpy: loops, places of
maxima, long sums, filters that widen as an image shrinks, norms by groups, losses."""

import itertools
import math
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from onnx_models import RUN, SIM, Model, OnnxTest, floats, ints, pooled

node = helper.make_node


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def resized(x, out, place, scale, kernel, radius, antialias, excludes=False):
    """Along the last axis, by the sum over every element of a kernel at its distance."""
    narrow = min(1, scale) if antialias else 1
    y = np.zeros((*x.shape[:-1], out))
    reach = math.ceil(radius / narrow) + 1
    for o in range(out):
        p = place(o)
        around = range(math.floor(p) - reach, math.ceil(p) + reach + 1)
        around = [i for i in around if not excludes or 0 <= i < x.shape[-1]]
        weights = np.array([kernel((i - p) * narrow) for i in around])
        for i, weight in zip(around, weights / weights.sum()):
            y[..., o] += weight * x[..., min(max(i, 0), x.shape[-1] - 1)]
    return y


def triangle(d):
    return max(0.0, 1 - abs(d))


def cubic(d, a=-0.75):
    d = abs(d)
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0


class LoopTest(OnnxTest):
    def loop_body(self, weights):
        """h = tanh(h * w + turn), and h * h of every turn."""
        nodes = [
            node("Identity", ["go_in"], ["go_out"]),
            node("Cast", ["turn"], ["real"], to=TensorProto.FLOAT),
            node("Transpose", ["w"], ["turned"], perm=[1, 0]),
            node("MatMul", ["h_in", "turned"], ["product"]),
            node("Add", ["product", "real"], ["sum"]),
            node("Tanh", ["sum"], ["h_out"]),
            node("Mul", ["h_out", "h_out"], ["square"]),
        ]
        return helper.make_graph(
            nodes, "body",
            [value("turn", TensorProto.INT64, []), value("go_in", TensorProto.BOOL, []),
             value("h_in", TensorProto.FLOAT, [2, 3])],
            [value("go_out", TensorProto.BOOL, []), value("h_out", TensorProto.FLOAT, [2, 3]),
             value("square", TensorProto.FLOAT, [2, 3])],
            [numpy_helper.from_array(weights, "w")],
        )  # fmt: skip

    def test_a_loop_with_a_known_number_of_turns(self):
        x, w = self.normal(2, 3), self.normal(3, 3)
        h, squares = x.astype(np.float64), []
        for turn in range(4):
            h = np.tanh(h @ w.T + turn)
            squares.append(h * h)
        body = self.loop_body(w)
        constants = {"count": np.array(4, np.int64), "go": np.array(True)}
        self.check([
            Model("state", [node("Loop", ["count", "go", "x"], ["y", "all"], body=body)], {"x": x}, constants, h),
            Model("scan", [node("Loop", ["count", "", "x"], ["h", "y"], body=body)], {"x": x}, constants, squares),
        ])  # fmt: skip

    def test_a_scan(self):
        x, start, w = self.normal(5, 2, 3), self.normal(2, 3), self.normal(3)
        body = helper.make_graph(
            [node("Mul", ["s_in", "w"], ["scaled"]), node("Add", ["scaled", "part"], ["s_out"]),
             node("Neg", ["s_out"], ["negated"])], "body",
            [value("s_in", TensorProto.FLOAT, [2, 3]), value("part", TensorProto.FLOAT, [2, 3])],
            [value("s_out", TensorProto.FLOAT, [2, 3]), value("negated", TensorProto.FLOAT, [2, 3])],
            [numpy_helper.from_array(w, "w")],
        )  # fmt: skip
        for backward in (0, 1):
            state, all_ = start.astype(np.float64), []
            for part in x[::-1] if backward else x:
                state = state * w + part
                all_.append(-state)
            options = {"num_scan_inputs": 1, "body": body, "scan_input_directions": [backward]}
            self.check([
                Model("state", [node("Scan", ["s", "x"], ["y", "all"], **options)], {"s": start, "x": x}, {}, state),
                Model("all", [node("Scan", ["s", "x"], ["t", "y"], **options, scan_output_axes=[1])],
                      {"s": start, "x": x}, {}, np.stack(all_, 1)),
            ])  # fmt: skip


class PlaceTest(OnnxTest):
    def test_places_of_maxima_and_back(self):
        x = self.normal(2, 3, 5, 6)
        kernel, strides, pads = (3, 2), (2, 2), (1, 0, 1, 0)
        largest = pooled(x, kernel, strides, pads, (1, 1), False, False, False)
        options = {"kernel_shape": kernel, "strides": strides, "pads": pads}
        flat = x.reshape(-1)
        where = np.array([np.nonzero(flat == m)[0][0] for m in largest.astype(np.float32).reshape(-1)])
        where = where.reshape(largest.shape)
        columns = np.array([i * 30 + p % 6 * 5 + p // 6 for i, p in ((w // 30, w % 30) for w in where.reshape(-1))])
        back = np.zeros(x.size)
        back[where.reshape(-1)] = largest.reshape(-1)
        self.check([
            Model("maxima", [node("MaxPool", ["x"], ["y", "at"], **options)], {"x": x}, {}, largest),
            Model("places", [node("MaxPool", ["x"], ["t", "y"], **options)], {"x": x}, {}, where),
            Model("by columns", [node("MaxPool", ["x"], ["t", "y"], **options, storage_order=1)], {"x": x}, {},
                  columns.reshape(where.shape)),
            Model("back", [node("MaxPool", ["x"], ["t", "at"], **options),
                           node("MaxUnpool", ["t", "at", "s"], ["y"], **options)], {"x": x},
                  {"s": ints(2, 3, 5, 6)}, back.reshape(x.shape)),
        ])  # fmt: skip

    def test_sequences_backwards_middles_and_windows(self):
        x, lengths = self.normal(4, 3, 2), ints(1, 4, 2)
        turned = x.copy()
        for i, n in enumerate(lengths):
            turned[:n, i] = x[:n, i][::-1]
        image = self.normal(1, 7, 4)
        framed = np.zeros((1, 4, 9), np.float32)
        framed[:, :, 2:6] = image[:, 1:5]
        periodic = 0.5 - 0.5 * np.cos(2 * math.pi * np.arange(8) / 8)
        self.check([
            Model("backwards", [node("ReverseSequence", ["x", "n"], ["y"])], {"x": x}, {"n": lengths}, turned),
            Model("middle", [node("CenterCropPad", ["x", "s"], ["y"], axes=[1, -1])], {"x": image},
                  {"s": ints(4, 9)}, framed, opset=18),
            Model("window", [node("HannWindow", ["n"], ["w"]), node("Add", ["x", "w"], ["y"])],
                  {"x": np.zeros(8, np.float32)}, {"n": np.array(8, np.int64)}, periodic, opset=17),
        ])  # fmt: skip

    def test_places_that_a_condition_or_numbers_name(self):
        x, chosen = self.normal(3, 4), np.array([True, False, True])
        found = np.array([[0, 3], [5, 0]], np.int64)
        self.check([
            Model("rows", [node("Compress", ["x", "c"], ["y"], axis=0)], {"x": x, "c": chosen}, {}, x[[0, 2]]),
            Model("elements", [node("Compress", ["x", "c"], ["y"])], {"x": x}, {"c": chosen}, x.reshape(-1)[[0, 2]]),
            Model("not zero", [node("NonZero", ["x"], ["y"])], {"x": found}, {}, np.stack(np.nonzero(found))),
        ])  # fmt: skip

    def test_results_that_nothing_computes(self):
        x, c = self.normal(2, 3), self.normal(4, 2, 3)
        self.check([
            Model("an operand", [node("Identity", ["x"], ["y"])], {"x": x}, {}, x),
            Model("a constant", [node("Relu", ["x"], ["z"]), node("Neg", ["c"], ["y"])], {"x": x}, {"c": c}, -c),
            Model("axes without elements", [node("ReduceSum", ["x", "a"], ["y"])],
                  {"x": x, "a": np.zeros(0, np.int64)}, {}, x.sum(keepdims=True)),
        ])  # fmt: skip

    def test_names_that_no_file_may_have(self):
        x, name = self.normal(2, 3), "n" * 300
        graph = Model("", [node("Neg", ["x"], [name])], {"x": x}, {}, -x).proto
        graph.graph.output[0].name = name
        with tempfile.TemporaryDirectory() as directory:
            folder = pathlib.Path(directory)
            (folder / "long.onnx").write_bytes(graph.SerializeToString())
            np.save(folder / "x.npy", x)
            (folder / "run.yaml").write_text(RUN)
            command = [SIM, "run", folder / "run.yaml", "--network", folder / "long.onnx", "--save-outputs"]
            command += ["--input", f"x={folder / 'x.npy'}", "-o", folder / "out"]
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            (file,) = (folder / "out" / "outputs").iterdir()
            self.assertTrue(file.name.startswith("n" * 200 + "_"))
            np.testing.assert_array_equal(np.load(file), -x)

    def test_long_sums(self):
        x = self.random.uniform(-1, 1, (1, 1030)).astype(np.float32)
        sums = x.astype(np.float64).cumsum(1)
        back = x.astype(np.float64)[:, ::-1].cumsum(1)[:, ::-1] - x
        axis = {"a": np.array(1, np.int64)}
        self.check([
            Model("sums", [node("CumSum", ["x", "a"], ["y"])], {"x": x}, axis, sums),
            Model("from behind, without itself", [node("CumSum", ["x", "a"], ["y"], reverse=1, exclusive=1)],
                  {"x": x}, axis, back),
        ])  # fmt: skip


class EinsumTest(OnnxTest):
    def test_every_form(self):
        equations = {
            "ii->i": [(4, 4)], "ii": [(4, 4)], "...ii->...i": [(3, 4, 4)], "iijj->ij": [(2, 2, 3, 3)],
            "iii->i": [(3, 3, 3)], "...qhd,...khd->...hqk": [(2, 3, 2, 4), (2, 5, 2, 4)], "...j->...": [(2, 3, 4)],
            "i...k,k...j->i...j": [(2, 5, 3), (3, 5, 4)], "...ik,kj...->ij...": [(2, 3, 4), (4, 3, 2)],
            "bac,cd,def->ebc": [(2, 3, 4), (4, 5), (5, 2, 3)], "ik,jkl,il->ij": [(2, 3), (4, 3, 5), (2, 5)],
            "ij,jk,kl": [(2, 3), (3, 4), (4, 2)], "bij,bjk->bik": [(1, 2, 3), (4, 3, 2)],
        }  # fmt: skip
        models = []
        for equation, shapes in equations.items():
            operands = {f"x{i}": np.asarray(self.normal(*shape), np.float32) for i, shape in enumerate(shapes)}
            expected = np.einsum(equation, *(x.astype(np.float64) for x in operands.values()))
            models.append(Model(equation, [node("Einsum", list(operands), ["y"], equation=equation)], operands, {},
                                expected))  # fmt: skip
        self.check(models)


class ResampleTest(OnnxTest):
    def test_images_that_shrink(self):
        x = self.normal(1, 2, 9, 8)
        half = lambda scale: lambda o: (o + 0.5) / scale - 0.5
        models = []
        for mode, kernel, radius in (("linear", triangle, 1), ("cubic", cubic, 2)):
            for excludes in (0, 1):
                y = resized(x, 4, half(0.5), 0.5, kernel, radius, True, excludes)
                y = resized(y.swapaxes(2, 3), 3, half(3 / 9), 3 / 9, kernel, radius, True, excludes).swapaxes(2, 3)
                models.append(Model(f"{mode} {excludes}", [node("Resize", ["x", "", "", "s"], ["y"], mode=mode,
                                                                antialias=1, exclude_outside=excludes)],
                                    {"x": x}, {"s": ints(1, 2, 3, 4)}, y, opset=18))  # fmt: skip
        self.check(models)

    def test_some_axes_and_their_ratio(self):
        x = self.normal(1, 2, 4, 6)
        scale = min(7 / 4, 8 / 6)
        place = lambda o: (o + 0.5) / scale - 0.5
        larger = resized(x, 8, place, scale, triangle, 1, False)
        larger = resized(larger.swapaxes(2, 3), 5, place, scale, triangle, 1, False).swapaxes(2, 3)
        one = resized(x.swapaxes(2, 3), 8, lambda o: (o + 0.5) / 2 - 0.5, 2, triangle, 1, False).swapaxes(2, 3)
        start, end = 0.25, 0.9
        cut = lambda o: start * 5 + o * (end - start) * 5 / 4
        part = resized(x, 5, cut, 1, triangle, 1, False)
        self.check([
            Model("ratio", [node("Resize", ["x", "", "", "s"], ["y"], mode="linear", axes=[2, 3],
                                 keep_aspect_ratio_policy="not_larger")], {"x": x}, {"s": ints(7, 8)}, larger, 18),
            Model("one axis", [node("Resize", ["x", "", "s"], ["y"], mode="linear", axes=[-2])], {"x": x},
                  {"s": floats(2)}, one, 18),
            Model("a part", [node("Resize", ["x", "r", "", "s"], ["y"], mode="linear", axes=[3],
                                  coordinate_transformation_mode="tf_crop_and_resize")], {"x": x},
                  {"r": floats(start, end), "s": ints(5)}, part, 18),
        ])  # fmt: skip


class NormTest(OnnxTest):
    def test_norms_of_several_axes_and_of_groups(self):
        x, scale = self.normal(2, 3, 4, 5), self.normal(4, 5)
        rms = np.sqrt((x.astype(np.float64) ** 2).mean((2, 3), keepdims=True) + 1e-5)
        channels, gamma, beta = self.normal(2, 6, 3, 2), self.normal(3), self.normal(3)
        groups = channels.astype(np.float64).reshape(2, 3, -1)
        normal = (groups - groups.mean(-1, keepdims=True)) / np.sqrt(groups.var(-1, keepdims=True) + 1e-5)
        by_group = (normal * gamma[:, None] + beta[:, None]).reshape(channels.shape)
        large = self.normal(3, 4, 5) * 60
        logs = large - np.log(np.exp(large.astype(np.float64) - large.max(1, keepdims=True)).sum(1, keepdims=True))
        logs -= large.max(1, keepdims=True)
        box = np.zeros((1, 2, 4, 5))
        padded = np.abs(np.pad(self.normal(1, 2, 5, 6), ((0, 0), (0, 0), (1, 0), (0, 0))))
        for i, j in itertools.product(range(4), range(5)):
            box[:, :, i, j] = (padded[:, :, i : i + 3, j : j + 2].astype(np.float64) ** 3).sum((2, 3)) ** (1 / 3)
        self.check([
            Model("rms", [node("RMSNormalization", ["x", "s"], ["y"], axis=2)], {"x": x}, {"s": scale}, x / rms * scale,
                  opset=23),
            Model("groups", [node("GroupNormalization", ["x", "g", "b"], ["y"], num_groups=3)], {"x": channels},
                  {"g": gamma, "b": beta}, by_group, opset=18),
            Model("logarithms", [node("LogSoftmax", ["x"], ["y"], axis=1)], {"x": large}, {}, logs),
            Model("windows", [node("LpPool", ["x"], ["y"], p=3, kernel_shape=[3, 2], pads=[1, 0, 0, 0])],
                  {"x": padded[:, :, 1:].astype(np.float32)}, {}, box, opset=18),
        ])  # fmt: skip

    def test_vectors_without_a_length(self):
        x = self.normal(3, 4, 2)
        x[1] = 0
        x[0, :, 1] = 0
        models = []
        for p, norm in ((1, np.abs(x).sum(1, keepdims=True)), (2, np.sqrt((x * x).sum(1, keepdims=True)))):
            y = np.divide(x, norm, out=np.zeros_like(x), where=norm != 0)
            models.append(Model(str(p), [node("LpNormalization", ["x"], ["y"], axis=1, p=p)], {"x": x}, {}, y))
        self.check(models)

    def test_losses(self):
        x, weights = self.normal(4, 3, 5), floats(0.5, 2, 1)
        target = self.random.integers(0, 3, (4, 5)).astype(np.int64)
        logs = x - np.log(np.exp(x.astype(np.float64)).sum(1, keepdims=True))
        chosen = -np.take_along_axis(logs, target[:, None], 1)[:, 0]
        counts = np.where(target == 1, 0, weights[target])
        loss = "SoftmaxCrossEntropyLoss"
        self.check([
            Model("none", [node(loss, ["x", "t"], ["y"], reduction="none")], {"x": x}, {"t": target}, chosen),
            Model("mean", [node(loss, ["x", "t", "w"], ["y"], ignore_index=1)], {"x": x},
                  {"t": target, "w": weights}, (chosen * counts).sum() / counts.sum()),
            Model("sum", [node("NegativeLogLikelihoodLoss", ["x", "t", "w"], ["y"], reduction="sum")], {"x": x},
                  {"t": target, "w": weights}, -(np.take_along_axis(x, target[:, None], 1)[:, 0]
                                                 * weights[target]).sum()),
        ])  # fmt: skip


def attended(q, k, v, seen, bias=0):
    """Scores that are not seen are minus infinity; a query that sees nothing yields zeros. Also the scores
    and shares."""
    scores = q.astype(np.float64) @ k.swapaxes(2, 3) / math.sqrt(q.shape[-1]) + bias
    scores = np.where(seen, scores, -np.inf)
    most = scores.max(-1, keepdims=True)
    powers = np.exp(scores - np.where(np.isinf(most), 0, most))
    total = powers.sum(-1, keepdims=True)
    shares = np.divide(powers, total, out=np.zeros_like(powers), where=total > 0)
    return shares @ v, scores, shares


class SightTest(OnnxTest):
    """What a query of ONNX's own Attention sees."""

    def setUp(self):
        super().setUp()
        self.q, self.k, self.v = self.normal(2, 2, 4, 3), self.normal(2, 2, 6, 3), self.normal(2, 2, 6, 5)
        self.data = {"q": self.q, "k": self.k, "v": self.v}
        self.ahead = np.arange(6) - np.arange(4)[:, None]

    def model(self, name, expected, operands=(), results=("y",), data=None, constants=None, **options):
        attention = node("Attention", ["q", "k", "v", *operands], list(results), **options)
        return Model(name, [attention], {**self.data, **(data or {})}, constants or {}, expected, opset=23)

    def test_windows(self):
        models = []
        for causal, left, right in ((1, -1, -1), (1, 2, -1), (0, 1, 2), (0, 0, -1), (1, 0, 3)):
            seen = (left < 0) | (-self.ahead <= left)
            seen &= ((right < 0) | (self.ahead <= right)) & (not causal or self.ahead <= 0)
            models.append(self.model(f"{causal} {left} {right}", attended(*self.data.values(), seen)[0],
                                     is_causal=causal, left_window_size=left, right_window_size=right))  # fmt: skip
        past = {"pk": self.k[:, :, :2], "pv": self.v[:, :, :2]}
        fresh = {"k": self.k[:, :, 2:], "v": self.v[:, :, 2:]}
        ahead = self.ahead - 2
        seen = (ahead <= 0) & (ahead >= -1)
        models.append(self.model("past", attended(*self.data.values(), seen)[0], ("", "pk", "pv"), ("y", "a", "b"),
                                 {**past, **fresh}, is_causal=1, left_window_size=1))  # fmt: skip
        self.check(models)

    def test_queries_that_see_nothing(self):
        kept = self.random.integers(0, 2, (2, 1, 4, 6)).astype(bool)
        kept[0, 0, 1] = False
        bias = np.where(kept, self.normal(2, 1, 4, 6), -np.inf).astype(np.float32)
        triangle = np.where(self.ahead <= 0, 0, -np.inf)
        models = []
        for name, mask, seen, added, causal in (
            ("bools", kept, kept, 0, 0), ("bools, causal", kept, kept & (self.ahead <= 0), 0, 1),
            ("reals", bias, True, bias, 0), ("reals, causal", bias, True, bias + triangle, 1),
        ):  # fmt: skip
            y, _, shares = attended(*self.data.values(), seen, added)
            models.append(self.model(name, y, ["m"], data={"m": mask}, is_causal=causal))
            models.append(self.model(f"{name}, constant", y, ["m"], constants={"m": mask}, is_causal=causal))
            models.append(self.model(f"{name}, shares", shares, ["m"], ("t", "", "", "y"), {"m": mask},
                                     is_causal=causal, qk_matmul_output_mode=3))  # fmt: skip
        self.check(models)

    def test_masks_of_fewer_columns(self):
        seen = np.arange(6) < 4
        kept, bias = self.random.integers(0, 2, (4, 4)).astype(bool), self.normal(2, 1, 4, 4)
        padded, added = np.pad(kept, ((0, 0), (0, 2))), np.pad(bias, ((0, 0), (0, 0), (0, 0), (0, 2)))
        self.check([
            self.model("bools", attended(*self.data.values(), padded)[0], ["m"], data={"m": kept}),
            self.model("reals", attended(*self.data.values(), seen, added)[0], ["m"], data={"m": bias}),
        ])  # fmt: skip

    def test_masked_scores(self):
        bias = self.normal(4, 6)
        scores = attended(*self.data.values(), self.ahead <= 0, bias)[1]
        self.check([self.model("scores", scores, ["m"], ("t", "", "", "y"), {"m": bias}, is_causal=1,
                               qk_matmul_output_mode=2)])  # fmt: skip

    def test_lengths(self):
        lengths = ints(6, 3)
        place = self.ahead - (lengths[:, None, None, None] - 4)
        filled = np.arange(6) < lengths[:, None, None, None]
        operands, data = ["", "", "", "n"], {"n": lengths}
        causal, near = filled & (place <= 0), filled & (place <= 0) & (place >= -1)
        self.check([
            self.model("all", attended(*self.data.values(), filled)[0], operands, data=data),
            self.model("causal", attended(*self.data.values(), causal)[0], operands, data=data, is_causal=1),
            self.model("window", attended(*self.data.values(), near)[0], operands, data=data, is_causal=1,
                       left_window_size=1),
        ])  # fmt: skip


class IntegerTest(OnnxTest):
    def test_reductions_keep_them(self):
        bools, numbers = self.random.integers(0, 2, (3, 4)).astype(bool), self.codes(3, 4).astype(np.int32)
        cases = [("ReduceMax", bools, bools.any(1), TensorProto.BOOL), ("ReduceMin", bools, bools.all(1), TensorProto.BOOL),
                 ("ReduceMax", numbers, numbers.max(1), TensorProto.INT32),
                 ("ReduceSum", numbers, numbers.sum(1, dtype=np.int32), TensorProto.INT32)]  # fmt: skip
        for op, x, expected, kind in cases:
            one = Model(op, [node(op, ["x", "a"], ["y"], keepdims=0)], {"x": x}, {"a": ints(1)}, expected, opset=20)
            one.proto.graph.output[0].type.tensor_type.elem_type = kind
            with self.subTest(f"{op} {x.dtype}"), tempfile.TemporaryDirectory() as directory:
                folder = pathlib.Path(directory) / "m"
                self.assertIsNone(one.run(folder))
                self.assertEqual(np.load(folder / "out" / "outputs" / "y.npy").dtype, expected.dtype)

    def test_what_floats_do_not_hold_is_refused(self):
        x = np.array([[2**24, 3]], np.int32)
        for op, other, is_refused in (("Add", 1, True), ("Sub", 1, False), ("Mul", 2, True)):
            y = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}[op](x, other)
            one = Model(op, [node(op, ["x", "c"], ["y"])], {"x": x}, {"c": np.array(other, np.int32)}, y)
            with self.subTest(op), tempfile.TemporaryDirectory() as directory:
                problem = one.run(pathlib.Path(directory) / "m")
                if is_refused:
                    self.assertIn("is beyond 2^24", problem or "")
                else:
                    self.assertIsNone(problem)


class AttributeTest(OnnxTest):
    def test_what_is_not_known_is_refused(self):
        x = self.normal(1, 1, 4, 4)
        attention = ["x", "x", "x"]
        cases = [
            ("Relu", ["x"], {"colour": 3}, "attribute colour is not known"),
            ("Attention", attention, {"colour": 3}, "attribute colour is not known"),
            ("Attention", attention, {"left_window_size": -2}, "expected -1 or more, got -2"),
            ("LSTM", ["x", "x", "x"], {"hidden": 3}, "attribute hidden is not known"),
            ("com.microsoft.FastGelu", ["x"], {"way": 1}, "attribute way is not known"),
            ("com.microsoft.GroupQueryAttention", attention, {"qk_output": 1}, "only 0 is supported, got 1"),
            ("com.microsoft.GroupQueryAttention", attention, {"k_quant_type": "PER_TENSOR"},
             "only NONE is supported, got PER_TENSOR"),
            ("ThresholdedRelu", ["x"], {"alpha": 1}, "attribute alpha: expected a float"),
        ]  # fmt: skip
        for name, operands, options, message in cases:
            domain, _, op = name.rpartition(".")
            one = Model(name, [node(op, operands, ["y"], domain=domain, **options)], {"x": x}, {}, x, opset=23)
            with self.subTest(name), tempfile.TemporaryDirectory() as directory:
                self.assertIn(message, one.run(pathlib.Path(directory) / "m") or "")


if __name__ == "__main__":
    unittest.main()
