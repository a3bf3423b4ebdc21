"""Operators of codes by TensorFlow Lite's built-in kernels and by XNNPACK, against both arithmetics
written down in numpy; and by the reference kernels where these have a rule of their own."""

import math
import pathlib
import tempfile
import unittest

import numpy as np

from tflite_golden_test import BUILTIN, REFERENCE, SINGLE, XNNPACK, RUN, sim
from tflite_models import Model, Table

f4 = np.float32
SHAPE = (1, 5, 6, 8)
CODES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}


def multiplier(real):
    mantissa, exponent = math.frexp(float(real))
    m0 = math.floor(mantissa * 2**31 + 0.5)
    return (m0 // 2, exponent + 1) if m0 == 2**31 else (m0, exponent)


def times(x, real, single=False):
    """x times a factor, rounded twice or once."""
    m0, exponent = real if isinstance(real, tuple) else multiplier(real)
    x = np.asarray(x, np.int64)
    if single:
        return (x * m0 + (1 << (30 - exponent))) >> (31 - exponent)
    product = (x << max(exponent, 0)) * m0
    high = np.where(product >= 0, (product + 2**30) >> 31, -((-product + 2**30 - 1) >> 31))
    right = max(-exponent, 0)
    rest = high & ((1 << right) - 1)
    return (high >> right) + (rest > ((1 << right) - 1 >> 1) + (high < 0))


def inverse_root(x):
    """1 / sqrt(x) as the kernels' Newton steps of 32 bits yield it: a multiplier and its exponent."""
    if x <= 1:
        return (1 << 31) - 1, 0

    def high(a, b):
        return (a * b + (1 << 30)) >> 31

    right = 11
    while x >= 1 << 29:
        x, right = x // 4, right + 1
    pairs = (32 - x.bit_length() - 1) // 2 - 1
    x, right = x << 2 * pairs, right - pairs
    half, y = ((x >> 1) + 1) >> 1, 1 << 28
    for _ in range(5):
        cube = high(high(y, y), y) << 6
        y = (high(3 << 27, y) - high(half, cube)) << 3
    y = high(y, 1518500250)
    return (y << max(0, -right)), -max(0, right)


def away(x):
    return np.where(x >= 0, np.floor(x + 0.5), np.ceil(x - 0.5)).astype(np.int64)


class Scaled:
    """What codes stand for; of an operand its own tensor."""

    def __init__(self, dtype, scale, zero=0, shape=SHAPE):
        self.dtype, self.scale, self.zero, self.shape = dtype, f4(scale), zero, shape

    def place(self, model, name, data=None):
        return model.tensor(name, self.shape, self.dtype, data, (self.scale,), (self.zero,))

    def clamp(self, x):
        return np.clip(x, *CODES[self.dtype])


def mean(mode, x, a, y, axes, keeps):
    count = int(np.prod([x.shape[axis] for axis in axes]))
    sums = x.astype(np.int64).sum(axis=axes)
    is_image = axes == (1, 2)
    if mode == XNNPACK and axes in ((1, 2), (2,)) and a.dtype != "int16":
        factor = a.scale / f4(y.scale * f4(count))
        return y.clamp(np.rint(f4(sums - count * a.zero) * factor) + y.zero)
    if is_image and keeps and a.dtype != "int16":
        bias = y.zero - away(f4(a.zero) * a.scale / y.scale)
        return y.clamp(times(sums, f4(a.scale / (f4(count) * y.scale))) + bias)
    if (a.scale, a.zero) == (y.scale, y.zero):
        return np.trunc(sums / count)
    scale = f4(a.scale / y.scale)
    return y.clamp(away(f4(f4(sums) / f4(count)) * scale + f4(-a.zero) * scale) + y.zero)


def sum_of(x, a, y, axes):
    count = int(np.prod([x.shape[axis] for axis in axes]))
    sums = x.astype(np.int64).sum(axis=axes)
    if (a.scale, a.zero) == (y.scale, y.zero):
        return sums.astype(y.dtype)
    scale = f4(a.scale / y.scale)
    return (away(f4(sums) * scale + f4(f4(-a.zero) * scale) * f4(count)) + y.zero).astype(y.dtype)


def table_16(function, low, high):
    step, whole = (high - low) / 512, lambda x: float(away(np.float64(x)))
    entries = []
    for i in range(512):
        x = low + i * step
        own = whole(function(x) * 32768)
        between = whole((function(x + step) * 32768 + own) / 2)
        entries.append(own - whole((between - whole(function(x + step / 2) * 32768)) / 2))
    entries.append(whole(function(high) * 32768))
    return np.clip(entries, -32768, 32767).astype(np.int64)


EXP, INVERSE = table_16(math.exp, -10.0, 0.0), table_16(lambda x: 1 / (1 + x), 0.0, 1.0)


def look_up(x, table):
    x = np.clip(x, -32768, 32767)
    at = 256 + (x >> 7)
    return table[at] + (((table[at + 1] - table[at]) * (x & 127) + 64) >> 7)


def softmax_16(x, a, beta):
    x = x.astype(np.int64)
    steps = times(x - x.max(-1, keepdims=True), float(a.scale) * float(f4(beta)) / (10 / 65535))
    powers = look_up(steps + 32767, EXP)
    total = powers.sum(-1, keepdims=True)
    zeros = np.array([32 - int(t).bit_length() for t in total.reshape(-1)]).reshape(total.shape)
    share = look_up((((total << (zeros - 1)) + 2**13) >> 14) - 2**15 - 2**16, INVERSE)
    shift = 31 - zeros
    return np.clip((powers * share + (1 << (shift - 1))) >> shift, 0, 32767)


def tabulated(x, a, y, curve, round_):
    steps = f4(curve(f4(a.scale * f4(x.astype(np.int64) - a.zero)))) * f4(f4(1) / y.scale)
    return y.clamp(round_(steps) + y.zero)


class TfliteModesTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        (self.folder / "run.yaml").write_text(RUN)
        self.random = np.random.default_rng(4)

    def codes(self, scaled):
        low, high = CODES[scaled.dtype]
        return self.random.integers(low, high + 1, scaled.shape).astype(scaled.dtype)

    def run_model(self, model, inputs, output, values, mode):
        path = self.folder / "m.tflite"
        path.write_bytes(model.bytes(inputs, [output]))
        given = []
        for place, value in zip(inputs, values):
            np.save(self.folder / f"{place}.npy", value)
            given += ["--input", f"{model.names[place]}={self.folder / f'{place}.npy'}"]
        sim("run", self.folder / "run.yaml", "--network", path, *given, "--save-outputs", "-q", "--set",
            f"precision.requantize={mode}", "-o", self.folder / "out")  # fmt: skip
        return np.load(self.folder / "out" / "outputs" / f"{model.names[output]}.npy")

    def one(self, code, operands, y, options_type=0, options=None, modes=(BUILTIN, XNNPACK), constants=()):
        """Yields (mode, operands' codes, result)."""
        model = Model()
        inputs = [a.place(model, f"x{i}") for i, a in enumerate(operands)]
        settings = [model.tensor(f"c{i}", c.shape, str(c.dtype), c) for i, c in enumerate(constants)]
        output = y.place(model, "y")
        model.add(code, inputs + settings, [output], options_type, options)
        values = [self.codes(a) for a in operands]
        for mode in modes:
            yield mode, values, self.run_model(model, inputs, output, values, mode)

    def same(self, got, expected, what):
        wrong = np.count_nonzero(got.reshape(-1) != np.asarray(expected).reshape(-1))
        self.assertEqual(wrong, 0, f"{what}: {wrong} of {got.size} values differ")

    def test_means_and_sums(self):
        cases = [((1, 2), True, 0.02), ((1, 2), False, 0.02), ((1, 2), True, 0.05), ((3,), False, 0.02),
                 ((3,), False, 0.05), ((1,), True, 0.02), ((2,), True, 0.02), ((2,), False, 0.05)]  # fmt: skip
        for dtype, zero in (("int8", -5), ("uint8", 99), ("int16", 0)):
            for axes, keeps, scale in cases:
                shape = tuple(1 if i in axes else n for i, n in enumerate(SHAPE) if keeps or i not in axes)
                a, y = Scaled(dtype, 0.05, zero), Scaled(dtype, scale, zero if scale == 0.05 else zero // 2, shape)
                for code in (40, 74):
                    if code == 74 and (dtype == "int16" or keeps):
                        continue
                    for mode, (x,), got in self.one(code, [a], y, 27, Table(s0=("B", int(keeps))),
                                                    constants=[np.array(axes, np.int32)]):  # fmt: skip
                        expected = mean(mode, x, a, y, axes, keeps) if code == 40 else sum_of(x, a, y, axes)
                        self.same(got, expected, f"{code} {dtype} {axes} {keeps} {scale} {mode}")

    def test_differences_and_slopes_form_their_factors_in_fp64(self):
        a, b, y = Scaled("int8", 0.05, -5), Scaled("int8", 0.085, 3), Scaled("int8", 0.115, 4)
        for mode, (p, q), got in self.one(41, [a, b], y, 28, Table(), (BUILTIN,)):
            twice = 2 * max(float(a.scale), float(b.scale))
            first = times((p.astype(np.int64) - a.zero) << 20, float(a.scale) / twice)
            second = times((q.astype(np.int64) - b.zero) << 20, float(b.scale) / twice)
            total = times(first - second, twice / (2**20 * float(y.scale)))
            self.same(got, y.clamp(total + y.zero), mode)
        alpha, y = 0.13, Scaled("int8", 0.065, -20)
        for mode, (x,), got in self.one(98, [a], y, 75, Table(s0=("f", alpha)), (BUILTIN,)):
            d = x.astype(np.int64) - a.zero
            up, down = float(a.scale) / float(y.scale), float(a.scale) * float(f4(alpha)) / float(y.scale)
            self.same(got, y.clamp(np.where(d >= 0, times(d, up), times(d, down)) + y.zero), mode)

    def test_clamps_rescale_but_in_the_reference_kernels(self):
        a, y = Scaled("int8", 0.05, -5), Scaled("int8", 0.065, -20)
        for mode, (x,), got in self.one(21, [a], y, modes=(REFERENCE, BUILTIN, XNNPACK)):
            six = lambda scaled: scaled.zero + int(away(f4(6) / scaled.scale))
            if mode == REFERENCE:
                expected = np.clip(x, a.zero, min(six(a), 127))
            else:
                moved = times(x.astype(np.int64) - a.zero, f4(a.scale / y.scale)) + y.zero
                expected = np.clip(moved, y.zero, min(six(y), 127))
            self.same(got, expected, mode)

    def test_codes_of_another_type_are_not_the_delegates(self):
        a, y = Scaled("int8", 0.05, -5), Scaled("uint8", 0.0685, 120)
        for mode, (x,), got in self.one(114, [a], y, 89, Table()):
            moved = times(x.astype(np.int64) - a.zero, float(a.scale) / float(y.scale))
            self.same(got, y.clamp(moved + y.zero), mode)

    def test_curves_by_tables(self):
        erf = np.vectorize(math.erf)
        curves = {111: lambda x: np.where(x < 0, np.expm1(x), x),
                  150: lambda x: f4(0.5) * x * (1 + f4(erf(x * f4(math.sqrt(0.5)))))}  # fmt: skip
        a, y = Scaled("int8", 0.06, -5), Scaled("int8", 0.04, 10)
        for code, curve in curves.items():
            for mode, (x,), got in self.one(code, [a], y, 116 if code == 150 else 0, Table() if code == 150 else None):
                round_ = np.rint if (code, mode) == (111, XNNPACK) else away
                self.same(got, tabulated(x, a, y, curve, round_), f"{code} {mode}")
        y = Scaled("int8", 1 / 256, -128)
        for mode, (x,), got in self.one(14, [a], y, modes=(BUILTIN,)):
            self.same(got, tabulated(x, a, y, lambda v: f4(1) / (f4(1) + np.exp(-v)), away), mode)

    def test_blocks_of_pixels_as_images(self):
        a, images = Scaled("int8", 0.05, -5, (2, 3, 4, 3)), Scaled("int8", 0.05, -5, (8, 2, 2, 3))
        block, edges = np.array([2, 2], np.int32), np.array([[1, 0], [0, 0]], np.int32)
        for mode, (x,), got in self.one(38, [a], images, modes=(REFERENCE,), constants=[block, edges]):
            whole = np.pad(x, ((0, 0), (1, 0), (0, 0), (0, 0)), constant_values=-5)
            parts = [whole[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
            self.same(got, np.concatenate(parts), mode)
        for mode, (x,), got in self.one(37, [images], a, modes=(REFERENCE,), constants=[block, edges]):
            whole = np.zeros((2, 4, 4, 3), np.int8)
            for k, part in enumerate(np.split(x, 4)):
                whole[:, k // 2 :: 2, k % 2 :: 2] = part
            self.same(got, whole[:, 1:], mode)

    def test_inverse_roots(self):
        """Within what their fixed point loses: two units of the last place of the result's own rounding."""
        a, y = Scaled("int8", 0.05, -128, (40, 8)), Scaled("int8", 0.025, -128, (40, 8))
        modes = (REFERENCE, SINGLE, BUILTIN, XNNPACK)
        for mode, (x,), got in self.one(76, [a], y, modes=modes):
            d = x.astype(np.int64) + 128
            real = np.where(d == 0, np.inf, 1 / np.sqrt(np.maximum(d, 1) * float(a.scale)))
            self.assertLessEqual(abs(got - y.clamp(away(real / y.scale) + y.zero)).max(), 0, mode)
        a, y = Scaled("int8", 0.05, -5, (40, 8)), Scaled("int8", 1 / 128, 0, (40, 8))
        for mode, (x,), got in self.one(11, [a], y, modes=modes):
            d = x.astype(np.float64) - a.zero
            exact = 128 * d / np.sqrt((d * d).sum(-1, keepdims=True))
            sure = abs(abs(exact - np.round(exact)) - 0.5) > 0.002  # of a fixed point of 28 bits
            self.same(got[sure], y.clamp(away(exact))[sure], mode)
        # Of uint8 the kernel's integers: 128 times a distance that the root's shift then rounds away.
        a, y = Scaled("uint8", 0.05, 117, (200, 9)), Scaled("uint8", 1 / 128, 128, (200, 9))
        for mode, (x,), got in self.one(11, [a], y, modes=(REFERENCE,)):
            d = x.astype(np.int64) - a.zero
            rows = [times(128 * row, inverse_root(int((row * row).sum()))) for row in d]
            self.same(got, y.clamp(np.array(rows) + 128), mode)

    def test_codes_of_other_scales_side_by_side(self):
        """Of uint8, as the kernels bring them to one scale in fp32; exponentials by tables."""
        a, b, y = Scaled("uint8", 0.05, 9), Scaled("uint8", 0.085, 130), Scaled("uint8", 0.05, 9, (1, 5, 6, 16))
        for mode, (p, q), got in self.one(2, [a, b], y, 10, Table(s0=("i", 3)), (REFERENCE, BUILTIN)):
            ratio = f4(b.scale * f4(f4(1) / y.scale))
            moved = away(f4(f4(q) * ratio + f4(f4(-b.zero) * ratio))) + y.zero
            self.same(got, np.concatenate([p, y.clamp(moved)], 3), mode)
        for mode, (p, q), got in self.one(2, [a, b], y, 10, Table(s0=("i", 3)), ("onnx_half_even",)):
            moved = np.rint((q.astype(float) - b.zero) * 1.7) + y.zero
            sure = (q.astype(int) - b.zero) % 5 != 0  # else 1.7 times it may end in a half
            self.same(got[..., :8], p, mode)
            self.same(got[..., 8:][sure], y.clamp(moved)[sure], mode)
        a, y = Scaled("int8", 0.02, 30), Scaled("int8", 0.05, -128)
        for mode, (x,), got in self.one(47, [a], y, modes=(REFERENCE, XNNPACK)):
            self.same(got, tabulated(x, a, y, np.exp, away), mode)

    def test_softmax_of_16_bits(self):
        a, y = Scaled("int16", 0.0003, 0, (6, 11)), Scaled("int16", 1 / 32768, 0, (6, 11))
        for mode, (x,), got in self.one(25, [a], y, 9, Table(s0=("f", 0.7)), (REFERENCE, BUILTIN, XNNPACK)):
            self.same(got, softmax_16(x, a, 0.7), mode)

    def test_depthwise_layers_of_uint8(self):
        """The delegate takes them as those of int8; the built-in kernels round twice."""
        a, y = Scaled("uint8", 0.05, 9, (1, 7, 6, 8)), Scaled("uint8", 0.115, 120, (1, 7, 6, 8))
        weights, scale, zero = self.random.integers(0, 256, (1, 3, 3, 8)).astype(np.uint8), f4(0.021), 140
        model = Model()
        x = a.place(model, "x")
        stored = model.tensor("w", weights.shape, "uint8", weights, (scale,), [zero])
        output = y.place(model, "y")
        model.add(4, [x, stored], [output], 2, Table(s1=("i", 1), s2=("i", 1), s3=("i", 1)))
        codes = self.codes(a)
        around = np.pad(codes.astype(np.int64) - a.zero, ((0, 0), (1, 1), (1, 1), (0, 0)))
        taps = weights[0].astype(np.int64) - zero
        sums = sum(around[:, i:i + 7, j:j + 6] * taps[i, j] for i in range(3) for j in range(3))
        product = f4(a.scale * scale)
        expected = {XNNPACK: np.rint(f4(sums) * f4(product / y.scale)),
                    BUILTIN: times(sums, float(product) / float(y.scale))}  # fmt: skip
        self.assertTrue((expected[XNNPACK] != expected[BUILTIN]).any())
        for mode, distances in expected.items():
            self.same(self.run_model(model, [x], output, [codes], mode), y.clamp(distances + y.zero), mode)

    def test_products_of_layers(self):
        """Dense layers, transposed convolutions and products of two activations: who rounds how often."""
        a, w, y = Scaled("int8", 0.05, -5, (64, 16)), Scaled("int8", 0.004, 0, (9, 16)), Scaled("int8", 0.05, 3, (64, 9))
        weights = self.random.integers(-127, 128, (9, 16)).astype(np.int8)
        scales = np.linspace(0.003, 0.009, 9, dtype=np.float32)
        for several in (False, True):
            model = Model()
            x = a.place(model, "x")
            own = scales if several else (w.scale,)
            stored = model.tensor("w", weights.shape, "int8", weights, own, [0] * len(own))
            output = y.place(model, "y")
            model.add(9, [x, stored], [output], 8, Table())
            codes = self.codes(a)
            sums = (codes.astype(np.int64) - a.zero) @ weights.T.astype(np.int64)
            for mode in (BUILTIN, XNNPACK):
                got = self.run_model(model, [x], output, [codes], mode)
                columns = []
                for i in range(9):
                    scale = scales[i] if several else w.scale
                    factor = f4(a.scale * scale)
                    if mode == XNNPACK and not several:
                        columns.append(np.rint(f4(sums[:, i]) * f4(factor / y.scale)))
                    else:
                        exact = float(a.scale) * float(scale) if several else float(factor)
                        columns.append(times(sums[:, i], exact / float(y.scale), single=True))
                self.same(got, y.clamp(np.stack(columns, 1) + y.zero), f"{several} {mode}")
        b = Scaled("int8", 0.035, 4, (16, 9))
        for mode, (p, q), got in self.one(126, [a, b], Scaled("int8", 0.1, 3, (64, 9)), 101, Table()):
            sums = (p.astype(np.int64) - a.zero) @ (q.astype(np.int64) - b.zero)
            code = times(sums, float(f4(a.scale * b.scale)) / float(f4(0.1)), single=True) + 3
            self.same(got, np.clip(code, -128, 127), mode)


if __name__ == "__main__":
    unittest.main()
