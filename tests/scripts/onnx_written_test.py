"""ONNX operators that are written as others before they are built (norms, recurrent layers, transposed
convolutions, fused and quantized operators of com.microsoft), against numpy."""

import math
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
from onnx import helper

from onnx_models import SIM, Model, OnnxTest, dequantized, floats, ints

MS = "com.microsoft"
node = helper.make_node


def logistic(x):
    return 1 / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def quantized(x, scale, zero, dtype=np.uint8):
    info = np.iinfo(dtype)
    return np.clip(np.rint(x / scale) + zero, info.min, info.max)


class WrittenTest(OnnxTest):
    def test_norms(self):
        x, gamma, beta = self.normal(2, 6, 3, 4), self.normal(6), self.normal(6)
        wide = x.astype(np.float64)

        def normed(v, axes, epsilon):
            return (v - v.mean(axes, keepdims=True)) / np.sqrt(v.var(axes, keepdims=True) + epsilon)

        def channels(v):
            return v * gamma.reshape(6, 1, 1) + beta.reshape(6, 1, 1)

        constants = {"g": gamma, "b": beta}
        groups = normed(wide.reshape(2, 3, -1), 2, 1e-3).reshape(wide.shape)
        rows, scale, bias = self.normal(3, 8), self.normal(8), self.normal(8)
        skip = self.normal(3, 8)
        total = (rows + skip + bias).astype(np.float64)
        root = np.sqrt((rows.astype(np.float64) ** 2).mean(-1, keepdims=True) + 1e-4)
        skip_root = np.sqrt(((rows + skip).astype(np.float64) ** 2).mean(-1, keepdims=True) + 1e-5)
        self.check([
            Model("instance", [node("InstanceNormalization", ["x", "g", "b"], ["y"], epsilon=1e-3)], {"x": x},
                  constants, channels(normed(wide, (2, 3), 1e-3))),
            Model("instance of sequences", [node("InstanceNormalization", ["x", "g", "b"], ["y"])],
                  {"x": x[:, :, 0]}, constants,
                  normed(wide[:, :, 0], 2, 1e-5) * gamma[:, None] + beta[:, None]),
            Model("group", [node("GroupNormalization", ["x", "g", "b"], ["y"], epsilon=1e-3, num_groups=3)],
                  {"x": x}, constants, channels(groups), opset=21),
            Model("rms", [node("RMSNormalization", ["x", "g"], ["y"], epsilon=1e-4)], {"x": rows}, {"g": scale},
                  rows / root * scale, opset=23),
            Model("simplified", [node("SimplifiedLayerNormalization", ["x", "g"], ["y"], epsilon=1e-4)],
                  {"x": rows}, {"g": scale}, rows / root * scale),
            Model("skip", [node("SkipLayerNormalization", ["x", "s", "g", "c", "b"], ["y"], domain=MS,
                                epsilon=1e-5)], {"x": rows, "s": skip}, {"g": scale, "c": bias[::-1].copy(), "b": bias},
                  normed(total, 1, 1e-5) * scale + bias[::-1]),
            Model("skip, and its sum", [node("SkipSimplifiedLayerNormalization", ["x", "s", "g"],
                                             ["n", "", "", "t"], domain=MS, epsilon=1e-5),
                                        node("Add", ["n", "t"], ["y"])], {"x": rows, "s": skip}, {"g": scale},
                  (rows + skip) / skip_root * scale + rows + skip),
        ])  # fmt: skip

    def test_norms_over_several_axes(self):
        x = self.normal(2, 5, 3, 4)
        wide = x.astype(np.float64)

        def normed(axes):
            return (wide - wide.mean(axes, keepdims=True)) / np.sqrt(wide.var(axes, keepdims=True) + 1e-3)

        def model(name, axis, operands, data):
            y = normed(tuple(range(axis % 4, 4))) * operands[0] + (operands[1] if len(operands) > 1 else 0)
            given = dict(zip("gb", operands))
            norm = node("LayerNormalization", ["x", *given], ["y"], axis=axis, epsilon=1e-3)
            return Model(name, [norm], {"x": x, **(given if data else {})}, {} if data else given, y, opset=17)

        rows = ((-3, (5, 3, 4), (5, 3, 4)), (2, (1, 3, 4), (3, 4)), (-1, (2, 1, 1, 4), (5, 1, 1)), (-2, (4,)))
        self.check([
            model(f"{axis} {shapes} {data}", axis, [self.normal(*shape) for shape in shapes], data)
            for axis, *shapes in rows for data in (False, True)
        ])  # fmt: skip

    def test_products_of_integers(self):
        a, b = self.random.integers(-50, 50, (2, 3, 4)).astype(np.int32), self.random.integers(-50, 50, (4, 5)).astype(np.int32)
        c = self.random.integers(-50, 50, 5).astype(np.int32)
        self.check([
            Model("matmul", [node("MatMul", ["a", "b"], ["y"])], {"a": a, "b": b}, {}, a @ b),
            Model("matmul with constants", [node("MatMul", ["a", "b"], ["y"])], {"a": a}, {"b": b}, a @ b),
            Model("gemm", [node("Gemm", ["a", "b", "c"], ["y"], transB=1)], {"a": a[0], "c": c[:3]}, {"b": a[1]},
                  a[0] @ a[1].T + c[:3]),
        ])  # fmt: skip

    def test_remainders(self):
        a = np.array([[5.5, -5.5, 7, -7, 0, 1e7, 0.3]], np.float32)
        b = np.array([[3], [-3], [0.1], [-2.75]], np.float32)
        whole, by = self.random.integers(-60, 60, (4, 6)), np.array([7, -7, 5, -5, 3, 1])
        for dtype in (np.int32, np.int64):
            self.check([
                Model(f"{dtype} {fmod}", [node("Mod", ["a", "b"], ["y"], fmod=fmod)],
                      {"a": whole.astype(dtype)}, {"b": by.astype(dtype)},
                      (np.fmod if fmod else np.mod)(whole, by).astype(dtype))
                for fmod in (0, 1)
            ])  # fmt: skip
        self.check([Model("reals", [node("Mod", ["a", "b"], ["y"], fmod=1)], {"a": a}, {"b": b}, np.fmod(a, b))])

    def test_activations_and_reductions(self):
        x, bias = self.normal(3, 5), self.normal(5)
        wide = x.astype(np.float64)
        biased = wide + bias
        exps = np.exp(wide - wide.max(1, keepdims=True))
        inner = math.sqrt(2 / math.pi) * (biased + 0.044715 * biased**3)
        rows = [
            ("Softsign", "", ["x"], {}, wide / (1 + abs(wide))),
            ("Gelu", MS, ["x"], {}, gelu(wide)),
            ("BiasGelu", MS, ["x", "b"], {}, gelu(biased)),
            ("FastGelu", MS, ["x", "b"], {}, 0.5 * biased * (1 + np.tanh(inner))),
            ("QuickGelu", MS, ["x"], {"alpha": 1.5}, wide * logistic(1.5 * wide)),
            ("LogSoftmax", "", ["x"], {"axis": 1}, np.log(exps / exps.sum(1, keepdims=True))),
            ("ReduceL1", "", ["x"], {"axes": [1]}, abs(wide).sum(1, keepdims=True)),
            ("ReduceL2", "", ["x"], {"axes": [0], "keepdims": 0}, np.sqrt((wide**2).sum(0))),
            ("ReduceSumSquare", "", ["x"], {"axes": [-1]}, (wide**2).sum(1, keepdims=True)),
        ]
        self.check([
            Model(op, [node(op, inputs, ["y"], domain=domain, **attributes)], {"x": x},
                  {"b": bias} if "b" in inputs else {}, expected)
            for op, domain, inputs, attributes, expected in rows
        ])  # fmt: skip

    def test_reductions_of_more_than_buffers_hold(self):
        x = self.normal(2, 3, 64, 64)
        wide = x.astype(np.float64)
        self.check([
            Model("mean of all", [node("ReduceMean", ["x"], ["y"], keepdims=0)], {"x": x[0]}, {}, wide[0].mean()),
            Model("mean", [node("ReduceMean", ["x"], ["y"], axes=[1, 2, 3])], {"x": x}, {}, wide.mean((1, 2, 3), keepdims=True)),
            Model("most", [node("ReduceMax", ["x"], ["y"], axes=[1, 2, 3])], {"x": x}, {}, wide.max((1, 2, 3), keepdims=True)),
        ])  # fmt: skip

    def test_fused_products(self):
        a, b = self.normal(2, 4, 3), self.normal(4, 5)
        image, kernel, bias, more = self.normal(1, 2, 5, 5), self.normal(3, 2, 3, 3), self.normal(3), self.normal(1, 3, 3, 3)
        conv = np.zeros((1, 3, 3, 3))
        for f, r, c in np.ndindex(3, 3, 3):
            conv[0, f, r, c] = (image[0, :, r : r + 3, c : c + 3] * kernel[f]).sum() + bias[f]
        flat, w, c = self.normal(2, 4), self.normal(3, 4), self.normal(3)
        self.check([
            Model("matmul", [node("FusedMatMul", ["a", "b"], ["y"], domain=MS, transA=1, alpha=0.5)], {"a": a},
                  {"b": b}, 0.5 * np.swapaxes(a, 1, 2) @ b),
            Model("conv", [node("FusedConv", ["x", "k", "b", "z"], ["y"], domain=MS, activation="Relu")],
                  {"x": image, "z": more}, {"k": kernel, "b": bias}, np.maximum(conv + more, 0)),
            Model("conv and slope", [node("FusedConv", ["x", "k", "b"], ["y"], domain=MS, activation="LeakyRelu",
                                          activation_params=[0.25])],
                  {"x": image}, {"k": kernel, "b": bias}, np.where(conv < 0, 0.25 * conv, conv)),
            Model("gemm", [node("FusedGemm", ["a", "w", "c"], ["y"], domain=MS, transB=1, activation="Tanh")],
                  {"a": flat}, {"w": w, "c": c}, np.tanh(flat @ w.T + c)),
        ])  # fmt: skip

    def test_einsum(self):
        q, k, w = self.normal(2, 3, 4, 5), self.normal(2, 3, 6, 5), self.normal(4, 5, 7)
        rows = [
            ("bhqd,bhkd->bhqk", {"a": q, "b": k}, {}),
            ("bhqd,bhkd->bkqh", {"a": q, "b": k}, {}),
            ("bhqd, qde -> bhe", {"a": q}, {"b": w}),
            ("bhqd,qde->ebh", {"a": q}, {"b": w}),
            ("bhqd->qdbh", {"a": q}, {}),
            ("bhqd->hd", {"a": q}, {}),
            ("bhqd,qde->he", {"a": q}, {"b": w}),
        ]
        self.check([
            Model(equation, [node("Einsum", ["a", "b"][: len(data) + len(constants)], ["y"], equation=equation)], data,
                  constants, np.einsum(equation.replace(" ", ""), *data.values(), *constants.values()))
            for equation, data, constants in rows
        ])  # fmt: skip

    def test_products_of_codes(self):
        models = []
        x = self.normal(3, 40)
        for bits in (2, 4, 8):
            n, k, block = 5, 40, 32
            blocks, per_byte = 2, 8 // bits
            codes = self.random.integers(0, 2**bits, (n, blocks * block)).astype(np.uint8)
            packed = np.zeros((n, blocks * block // per_byte), np.uint8)
            for i in range(per_byte):
                packed |= codes[:, i::per_byte] << (bits * i)
            scales = self.normal(n, blocks)
            zeros = self.random.integers(0, 2**bits, (n, blocks)).astype(np.uint8)
            row = np.zeros((n, -(-blocks // per_byte)), np.uint8)
            for i in range(blocks):
                row[:, i // per_byte] |= zeros[:, i] << (bits * (i % per_byte))
            for packs in (False, True):
                zero = zeros if packs else np.full((n, blocks), 2 ** (bits - 1))
                real = (codes.astype(float) - zero.repeat(block, 1)) * scales.repeat(block, 1)
                inputs = ["x", "w", "s", "z"] if packs else ["x", "w", "s"]
                constants = {"w": packed.reshape(n, blocks, -1), "s": scales, "z": row}
                build = [node("MatMulNBits", inputs, ["y"], domain=MS, K=k, N=n, bits=bits, block_size=block)]
                models.append(Model(f"{bits} bits {packs}", build, {"x": x}, {c: constants[c] for c in inputs[1:]},
                                    x @ real[:, :k].T))  # fmt: skip
        a = self.normal(1, 6)
        w = self.codes(6, 4)
        bias = self.normal(4)
        low, high = min(0, float(a.min())), max(0, float(a.max()))
        scale = np.float32((high - low) / 255)
        zero = np.clip(np.rint(-low / scale), 0, 255)
        codes = np.clip(np.rint(a / scale) + zero, 0, 255)
        expected = (codes - zero) @ w.astype(float) * float(scale) * 0.02 + bias
        build = [node("DynamicQuantizeMatMul", ["a", "w", "s", "", "b"], ["y"], domain=MS)]
        models.append(Model("dynamic", build, {"a": a}, {"w": w, "s": np.float32(0.02), "b": bias}, expected))
        x8 = self.random.integers(0, 256, (3, 6)).astype(np.uint8)
        constants = {"w": w, "sa": np.float32(0.5), "sb": np.float32(0.25), "z": np.uint8(9), "b": bias}
        build = [node("MatMulIntegerToFloat", ["x", "w", "sa", "sb", "z", "", "b"], ["y"], domain=MS)]
        expected = (x8.astype(float) - 9) @ w.astype(float) * 0.125 + bias
        models.append(Model("integers", build, {"x": x8}, constants, expected))
        self.check(models)

    def test_constants_of_masks(self):
        x = self.normal(2, 3, 3)
        ones = np.ones((3, 3), np.float32)
        counted = np.cumsum(np.arange(9.0).reshape(3, 3), 1).astype(np.float32)
        self.check([
            Model("triangle", [node("Trilu", ["o", "k"], ["m"], upper=0), node("Mul", ["x", "m"], ["y"])], {"x": x},
                  {"o": ones, "k": np.int64(-1)}, x * np.tril(ones, -1)),
            Model("sums", [node("CumSum", ["c", "a"], ["m"]), node("Add", ["x", "m"], ["y"])], {"x": x},
                  {"c": np.arange(9, dtype=np.float32).reshape(3, 3), "a": np.int64(1)}, x + counted),
        ])  # fmt: skip

    def test_quantized_operators(self):
        a = self.random.integers(0, 256, (2, 3, 4, 4)).astype(np.uint8)
        b = self.random.integers(0, 256, (2, 3, 4, 4)).astype(np.uint8)
        sa, za, sb, zb = np.float32(0.02), np.uint8(120), np.float32(0.03), np.uint8(7)
        sy, zy = np.float32(0.0531), np.uint8(99)
        x, w = dequantized(a, sa, 0, za), dequantized(b, sb, 0, zb)
        constants = {"sa": sa, "za": za, "sb": sb, "zb": zb, "sy": sy, "zy": zy}
        one, two = ["a", "sa", "za"], ["a", "sa", "za", "b", "sb", "zb"]
        exps = np.exp(x - x.max(-1, keepdims=True))
        rows = [
            ("QLinearAdd", [*two, "sy", "zy"], {}, x + w),
            ("QLinearMul", [*two, "sy", "zy"], {}, x * w),
            ("QLinearSigmoid", [*one, "sy", "zy"], {}, logistic(x)),
            ("QLinearLeakyRelu", [*one, "sy", "zy"], {"alpha": 0.1}, np.where(x < 0, 0.1 * x, x)),
            ("QLinearGlobalAveragePool", [*one, "sy", "zy"], {}, x.mean((2, 3), keepdims=True)),
            ("QLinearAveragePool", [*one, "sy", "zy"], {"kernel_shape": [2, 2], "strides": [2, 2]},
             x.reshape(2, 3, 2, 2, 2, 2).mean((3, 5))),
            ("QLinearSoftmax", [*one, "sy", "zy"], {"axis": -1}, exps / exps.sum(-1, keepdims=True)),
            ("QLinearConcat", ["sy", "zy", *two], {"axis": 1}, np.concatenate([x, w], 1)),
        ]  # fmt: skip
        self.check([
            Model(op, [node(op, inputs, ["y"], domain=MS, **attributes)],
                  {"a": a, **({"b": b} if "b" in inputs else {})},
                  {k: v for k, v in constants.items() if k in inputs}, quantized(expected, sy, int(zy)))
            for op, inputs, attributes, expected in rows
        ])  # fmt: skip

    def test_transposed_convolutions(self):
        models = []
        for groups, stride, dilation, pads, extra in ((1, 2, 1, (0, 0), 0), (2, 3, 1, (1, 0), 1), (1, 2, 2, (2, 1), 0)):
            x, w, bias = self.normal(1, 4, 5), self.normal(4, 3, 3), self.normal(3 * groups)
            whole = np.zeros((1, 3 * groups, 4 * stride + 2 * dilation + 1 + extra))
            for g, i, o, t, k in np.ndindex(groups, 4 // groups, 3, 5, 3):
                c = g * (4 // groups) + i
                whole[0, g * 3 + o, t * stride + k * dilation] += float(x[0, c, t]) * float(w[c, o, k])
            expected = whole[:, :, pads[0] : whole.shape[2] - pads[1]] + bias.reshape(-1, 1)
            attributes = {"strides": [stride], "dilations": [dilation], "pads": pads, "group": groups,
                          "output_padding": [extra]}  # fmt: skip
            name = f"groups {groups} stride {stride} dilation {dilation}"
            models.append(Model(name, [node("ConvTranspose", ["x", "w", "b"], ["y"], **attributes)], {"x": x},
                                {"w": w, "b": bias}, expected))  # fmt: skip
            image = [node("ConvTranspose", ["x", "w", "b"], ["y"], strides=[1, stride], group=groups,
                          dilations=[1, dilation], pads=[0, pads[0], 0, pads[1]], output_padding=[0, extra])]  # fmt: skip
            models.append(Model(name + " of an image", image, {"x": x[:, :, None]}, {"w": w[:, :, None], "b": bias},
                                expected[:, :, None]))  # fmt: skip
        self.check(models)

    def gates(self, count, inputs, hidden, directions):
        w, r = self.normal(directions, count * hidden, inputs), self.normal(directions, count * hidden, hidden)
        return {"w": 0.5 * w, "r": 0.5 * r, "b": self.normal(directions, 2 * count * hidden)}

    def test_recurrent_layers(self):
        steps, batch, inputs, hidden = 3, 2, 4, 3
        x = self.normal(steps, batch, inputs)
        models = []

        def lstm(w, r, b, sequence, h, c):
            states = []
            for row in sequence:
                g = row @ w.T + h @ r.T + b[: 4 * hidden] + b[4 * hidden :]
                i, o, f, n = np.split(g, 4, 1)
                c = logistic(f) * c + logistic(i) * np.tanh(n)
                h = logistic(o) * np.tanh(c)
                states.append(h)
            return states, h, c

        def gru(w, r, b, sequence, h, before):
            states = []
            for row in sequence:
                zi, ri, ni = np.split(row @ w.T + b[: 3 * hidden], 3, 1)
                zh, rh, nh = np.split(h @ r.T + b[3 * hidden :], 3, 1)
                z, reset = logistic(zi + zh), logistic(ri + rh)
                if not before:
                    nh = (reset * h) @ r[2 * hidden :].T + b[5 * hidden :]
                    reset = 1
                n = np.tanh(ni + reset * nh)
                h = (1 - z) * n + z * h
                states.append(h)
            return states, h

        for given in (False, True):
            constants = self.gates(4, inputs, hidden, 2)
            h0, c0 = (self.normal(2, batch, hidden) if given else np.zeros((2, batch, hidden)) for _ in range(2))
            ahead, last, _ = lstm(*(v[0] for v in constants.values()), x, h0[0], c0[0])
            back, _, cell = lstm(*(v[1] for v in constants.values()), x[::-1], h0[1], c0[1])
            operands = ["x", "w", "r", "b", "", "h0", "c0"]
            states = {"h0": h0.astype(np.float32), "c0": c0.astype(np.float32)}
            data, stored = (states, {}) if given else ({}, states)  # zeros as exporters store them
            both = np.stack([np.stack(ahead), np.stack(back[::-1])], 1)
            build = [node("LSTM", operands, ["y"], hidden_size=hidden, direction="bidirectional")]
            models.append(Model(f"lstm {given}", build, {"x": x, **data}, {**constants, **stored}, both))
            build = [node("LSTM", operands, ["", "", "y"], hidden_size=hidden, direction="bidirectional")]
            expected = np.stack([lstm(*(v[0] for v in constants.values()), x, h0[0], c0[0])[2], cell])
            models.append(Model(f"lstm cells {given}", build, {"x": x, **data}, {**constants, **stored}, expected))
            for before in (0, 1):
                constants = self.gates(3, inputs, hidden, 1)
                states, last = gru(*(v[0] for v in constants.values()), x[::-1], h0[0], before)
                operands = ["x", "w", "r", "b", "", "h0"] if given else ["x", "w", "r", "b"]
                first = {"h0": h0[:1].astype(np.float32)} if given else {}
                build = [node("GRU", operands, ["y"], hidden_size=hidden, direction="reverse",
                              linear_before_reset=before)]  # fmt: skip
                models.append(Model(f"gru {given} {before}", build, {"x": x, **first}, constants,
                                    np.stack(states[::-1])[:, None]))  # fmt: skip
        self.check(models)

    def test_resize_and_where(self):
        x = self.normal(1, 2, 3, 4)
        doubled = x.repeat(2, 2).repeat(2, 3)
        mask = self.random.integers(0, 2, (3, 4)).astype(bool)
        self.check([
            Model("upsample", [node("Upsample", ["x", "s"], ["y"])], {"x": x}, {"s": floats(1, 1, 2, 2)}, doubled,
                  opset=9),
            Model("resize", [node("Resize", ["x", "", "", "n"], ["y"], mode="nearest",
                                  coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
                  {"x": x}, {"n": ints(1, 2, 6, 8)}, doubled),
            Model("where", [node("Less", ["x", "t"], ["c"]), node("Where", ["c", "t", "x"], ["y"])], {"x": x},
                  {"t": np.float32(0.25)}, np.maximum(x, 0.25)),
            Model("mask", [node("Where", ["m", "x", "t"], ["y"])], {"x": x, "m": mask}, {"t": np.float32(-9)},
                  np.where(mask, x, np.float32(-9))),
            Model("tile", [node("Tile", ["x", "n"], ["y"])], {"x": x}, {"n": ints(2, 1, 3, 1)},
                  np.tile(x, (2, 1, 3, 1))),
        ])  # fmt: skip

    def test_what_does_not_fit_is_refused(self):
        x = self.normal(3, 2, 4)
        constants = self.gates(4, 4, 3, 1)
        peephole = {"p": self.normal(1, 9), "l": np.array([3, 2], np.int32)}
        rows = [
            ("its activation Affine is not supported",
             node("LSTM", ["x", "w", "r", "b"], ["y"], hidden_size=3, activations=["Affine", "Tanh", "Tanh"])),
            ("sequence_lens of less than all steps are not supported",
             node("LSTM", ["x", "w", "r", "b", "l", "", "", "p"], ["y"], hidden_size=3)),
            ('direction "sideways" is unknown',
             node("LSTM", ["x", "w", "r", "b"], ["y"], hidden_size=3, direction="sideways")),
        ]  # fmt: skip
        for said, build in rows:
            model = Model("m", [build], {"x": x}, {**constants, **peephole}, np.zeros(1))
            with self.subTest(said):
                with tempfile.TemporaryDirectory() as directory:
                    problem = model.run(pathlib.Path(directory) / "m")
                self.assertIn(said, problem)

    def test_transforms_of_signals(self):
        x, c = self.normal(2, 20, 3, 1), self.normal(2, 3, 12, 2)
        signal, window = self.normal(2, 64), abs(self.normal(16))
        spectrum = np.fft.fft(x[..., 0].astype(float), 24, axis=1)
        back = np.fft.ifft(c[..., 0] + 1j * c[..., 1].astype(float), axis=-1)
        frames = np.stack([np.fft.rfft(signal[:, i : i + 16].astype(float) * window) for i in range(0, 49, 8)], 1)
        parts = lambda z: np.stack([z.real, z.imag], -1)
        self.check([
            Model("padded", [node("DFT", ["x", "n", "a"], ["y"])], {"x": x}, {"n": ints(24), "a": ints(1)},
                  parts(spectrum), opset=20),
            Model("one side", [node("DFT", ["x", "n"], ["y"], axis=1, onesided=1)], {"x": x}, {"n": ints(24)},
                  parts(spectrum[:, :13]), opset=17),
            Model("back", [node("DFT", ["x"], ["y"], inverse=1)], {"x": c}, {}, parts(back), opset=20),
            Model("frames", [node("STFT", ["x", "s", "w"], ["y"])], {"x": signal}, {"s": ints(8), "w": window},
                  parts(frames), opset=17),
        ])  # fmt: skip

    def test_sequences_are_lists_of_names(self):
        x, z = self.normal(2, 6), self.normal(2, 2)
        halves = [node("SplitToSequence", ["x", "two"], ["s"], axis=1), node("SequenceAt", ["s", "last"], ["l"]),
                  node("SequenceInsert", ["s", "z", "last"], ["t"]), node("SequenceErase", ["t", "first"], ["u"]),
                  node("ConcatFromSequence", ["u"], ["c"], axis=1), node("Concat", ["c", "l"], ["y"], axis=1)]  # fmt: skip
        stacked = [node("SequenceEmpty", [], ["e"]), node("SequenceInsert", ["e", "z"], ["f"]),
                   node("SequenceConstruct", ["z", "z", "z"], ["g"]), node("SequenceLength", ["g"], ["n"]),
                   node("ConcatFromSequence", ["f"], ["h"], axis=0, new_axis=1), node("Cast", ["n"], ["r"], to=1),
                   node("Add", ["h", "r"], ["y"])]  # fmt: skip
        self.check([
            Model("parts", halves, {"x": x, "z": z}, {"two": np.array(2), "last": np.array(-1), "first": np.array(0)},
                  np.concatenate([x[:, 2:4], z, x[:, 4:], x[:, 4:]], 1)),
            Model("lists", stacked, {"z": z}, {}, z[None] + 3),
        ])  # fmt: skip

    def test_bits_of_integers(self):
        for dtype, low, high in ((np.int32, -(2**23) + 1, 2**23), (np.uint8, 0, 256)):
            a, b = (self.random.integers(low, high, s).astype(dtype) for s in ((3, 4), (4,)))
            by = self.random.integers(0, 4, 4).astype(dtype)
            small = a if dtype == np.uint8 else a // 16
            functions = {"BitwiseAnd": a & b, "BitwiseOr": a | b, "BitwiseXor": a ^ b}
            self.check([
                *(Model(op, [node(op, ["a", "b"], ["y"])], {"a": a, "b": b}, {}, y, opset=18)
                  for op, y in functions.items()),
                Model("not", [node("BitwiseNot", ["a"], ["y"])], {"a": a}, {}, ~a, opset=18),
                Model("left", [node("BitShift", ["a", "n"], ["y"], direction="LEFT")], {"a": small, "n": by}, {},
                      small << by, opset=18),
                Model("right", [node("BitShift", ["a", "n"], ["y"], direction="RIGHT")], {"a": a, "n": by}, {}, a >> by,
                      opset=18),
            ])  # fmt: skip

    def test_arcs_and_places(self):
        x = self.random.uniform(-1, 1, (3, 5)).astype(np.float32)
        mask = self.random.integers(0, 2, (3, 5))
        self.check([
            *(Model(op, [node(op, ["x"], ["y"])], {"x": x}, {}, function(x.astype(float)))
              for op, function in (("Atan", np.arctan), ("Asin", np.arcsin), ("Acos", np.arccos))),
            Model("chosen", [node("NonZero", ["m"], ["n"]), node("Transpose", ["n"], ["i"]),
                             node("GatherND", ["x", "i"], ["y"])], {"x": x}, {"m": mask}, x[mask != 0]),
        ])  # fmt: skip

    def test_largest_of_all_types(self):
        """Each place once, whatever the values are: the types' ends, infinities, equal ones."""
        models = []
        for dtype in map(np.dtype, ("int8", "int16", "int32", "int64", "uint8", "uint16", "float16", "float32")):
            if dtype.kind == "f":
                ends = -np.inf, np.inf, np.finfo(dtype).min, np.finfo(dtype).max
            else:
                most = 2**24 - 1
                ends = max(np.iinfo(dtype).min, -most), min(np.iinfo(dtype).max, most), 3, 4
            low, high = np.array(ends[:2], dtype)
            x = np.array([[low] * 4 + [5, low], [high] * 5 + [5], [7, *ends, 2], [5, 1, 4, 4, 3, 1]], dtype)
            for largest in (0, 1):
                wide = x.astype(np.float64)
                order = np.argsort(-wide if largest else wide, -1, kind="stable")[:, :4]
                name, picked = f"{dtype} {largest}", [node("TopK", ["x", "k"], ["v", "i"], largest=largest)]
                values, places = node("Identity", ["v"], ["y"]), node("Identity", ["i"], ["y"])
                models += [Model(f"{name} places", [*picked, places], {"x": x}, {"k": ints(4)}, order),
                           Model(name, [*picked, values], {"x": x}, {"k": ints(4)}, np.take_along_axis(x, order, -1))]  # fmt: skip
        self.check(models)

    def test_one_hot_of_stored_values(self):
        """The values are as they are stored: 1e-8 is not lost beside 1."""
        x = np.array([[1, -1, 3], [0, 2, 9]])
        hit = (np.where(x < 0, x + 4, x)[..., None] == np.arange(4)).astype(np.float32)
        y = np.where(hit, np.float32(1), np.float32(1e-8)) * np.float32(1e8)
        self.check([
            Model("values", [node("OneHot", ["x", "d", "v"], ["o"]), node("Mul", ["o", "m"], ["y"])], {"x": x},
                  {"d": ints(4), "v": floats(1e-8, 1), "m": np.float32(1e8)}, y),
            Model("integers", [node("OneHot", ["x", "d", "v"], ["y"])], {"x": x}, {"d": ints(4), "v": ints(-2, 7)},
                  np.where(hit, 7, -2)),
        ])  # fmt: skip

    def test_all_nodes_that_are_refused_are_told(self):
        """Those that read a result of theirs (b) are not judged."""
        x, index = self.normal(2, 3), np.array([0], np.int64)
        nodes = [
            node("Slice", ["x", "i", "i"], ["a"], name="first"), node("Expand", ["a", "i"], ["b"]),
            node("Dropout", ["x", "", "t"], ["c"], name="second"), node("Relu", ["x"], ["d"]),
            node("Add", ["b", "c"], ["s"]), node("Add", ["s", "d"], ["y"]),
        ]  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            data = {"x": x, "i": index, "t": np.array(True)}
            model = Model("refused", nodes, data, {}, x)
            path = pathlib.Path(folder) / "m.onnx"
            path.write_bytes(model.proto.SerializeToString())
            done = subprocess.run([SIM, "import", path, "-o", path.with_suffix(".yaml")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("m.onnx: 2 nodes are refused (--skip-unknown leaves none of them out):", done.stderr)
        for name in ("first", "second"):
            self.assertIn(f'  node "{name}"', done.stderr)
        self.assertNotIn("Expand", done.stderr)

    def test_indices_beyond_their_axis_are_refused(self):
        """Each component is looked at, not only the place in the flat table."""
        x, u = self.normal(4, 6), self.normal(2)
        gather, scatter = node("GatherND", ["x", "i"], ["y"]), node("ScatterND", ["x", "i", "u"], ["y"])
        for i, what in ((np.array([[1, 2], [0, 6]]), 6), (np.array([[1, 2], [1, -7]]), 6),
                        (np.array([[3, 0], [-5, 5]]), 4)):  # fmt: skip
            for step, given in ((gather, {}), (scatter, {"u": u})):
                for inputs, constants, said in (({"x": x, "i": i}, given, "is outside of 0..23"),
                                                ({"x": x}, {**given, "i": i}, f"of an axis of {what}")):  # fmt: skip
                    with tempfile.TemporaryDirectory() as folder:
                        model = Model("refused", [step], inputs, constants, u)
                        self.assertIn(said, model.run(pathlib.Path(folder) / "m"))
        i = np.array([[1, 2], [-4, -1]])
        written = x.copy()
        written[i[:, 0], i[:, 1]] = u
        self.check([Model("read", [gather], {"x": x, "i": i}, {}, x[i[:, 0], i[:, 1]]),
                    Model("written", [scatter], {"x": x, "i": i}, {"u": u}, written)])  # fmt: skip

    def test_counts_beyond_memory_are_refused(self):
        split = [node("ConstantOfShape", ["s"], ["c"]), node("SplitToSequence", ["c"], ["q"]),
                 node("SequenceAt", ["q", "z"], ["e"]), node("Add", ["x", "e"], ["y"])]  # fmt: skip
        x = self.normal(1, 20000)
        for nodes, constants, said in ((split, {"s": ints(2**40), "z": np.array(0)}, f"{2**40} parts"),
                                       ([node("TopK", ["x", "k"], ["y", "i"])], {"k": ints(1024)},
                                        "the 1024 largest of 20000")):  # fmt: skip
            with tempfile.TemporaryDirectory() as folder:
                self.assertIn(said, Model("refused", nodes, {"x": x}, constants, x).run(pathlib.Path(folder) / "m"))


if __name__ == "__main__":
    unittest.main()
