"""encode, decode and quantize: bit for bit against numpy written from the formats' definitions
(docs/formats.md names the sources), and for every format against the program."""

import json
import pickle
import struct
import tempfile
import unittest
from pathlib import Path

import numpy as np

import bitjoule
from program import ROOT, sim

RNG = np.random.default_rng(12)
NORMAL = RNG.normal(size=(6, 512)).astype(np.float32)
# Zeros, subnormals, the largest values, halves between codes.
EDGES = np.array(
    [0, -0.0, 1, -1, 0.5, 1.5, 2.5, 6, 5, 448, 449, 464, 480, 57344, 65504, 65519, 65520, 1e-8, 2**-14,
     2**-24, 2**-25, 1.0009765625, 3.14159265, -2.71828, 1e30, -1e-30, 240, 28, 7.5, 0.0625, 0.125, 1e9],
    np.float32,
)  # fmt: skip


#: docs/formats.md: who holds NaN, who infinities.
NANS = {"fp32", "tf32", "bf16", "fp16", "fp8_e4m3", "fp8_e5m2"}
INFINITIES = {"fp32", "tf32", "bf16", "fp16"}


def float_table(exponent_bits, mantissa_bits, specials):
    """(value of every code without sign) by the rule of small floats; specials are left out."""
    bias = (1 << (exponent_bits - 1)) - 1
    values = []
    for code in range(1 << (exponent_bits + mantissa_bits)):
        exponent, mantissa = code >> mantissa_bits, code & ((1 << mantissa_bits) - 1)
        if exponent == 0:
            values.append(mantissa * 2.0 ** (1 - bias - mantissa_bits))
        else:
            values.append((1 + mantissa * 2.0**-mantissa_bits) * 2.0 ** (exponent - bias))
    return np.array(values[: len(values) - specials])


def nearest_codes(x, table):
    """The code of the nearest magnitude, ties to even codes; above the largest, the largest."""
    magnitude = np.abs(x.astype(np.float64))
    above = np.clip(np.searchsorted(table, magnitude), 1, len(table) - 1)
    low, high = table[above - 1], table[above]
    down = (magnitude - low < high - magnitude) | (
        (magnitude - low == high - magnitude) & ((above - 1) % 2 == 0)
    )
    return np.where(down, above - 1, above)


def int_codes(x, scale, zero, low, high):
    q = np.rint((x / scale).astype(np.float32)) + zero
    return np.clip(q, low, high).astype(np.int64)


def pack(codes, bits):
    """Codes from the least significant bit of each byte upwards, a row at a time."""
    rows = []
    for row in np.atleast_2d(codes):
        flags = ((row[:, None] >> np.arange(bits)) & 1).astype(np.uint8).reshape(-1)
        rows.append(np.packbits(flags, bitorder="little"))
    return np.concatenate(rows)


class FormatsTest(unittest.TestCase):
    def same_bytes(self, got, expected):
        self.assertEqual(got.dtype, np.uint8)
        self.assertEqual(bytes(got), bytes(expected))

    def test_nan_and_infinities_are_held_or_refused(self):
        """Never changed in silence, in any format; the documentation's table says who holds them."""
        text = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
        table = text[text.index("| format | holds NaN"):].split("\n\n")[0]
        said = {name.strip(): (nan.strip() == "yes", infinity.strip() == "yes")
                for names, nan, infinity in (row.strip("|").split("|") for row in table.split("\n")[2:])
                for name in names.split(",")}  # fmt: skip
        for row in bitjoule.formats():
            if not row.has_values:
                continue
            holds = (row.name in NANS, row.name in INFINITIES)
            self.assertEqual(said.get(row.name, said["all others"]), holds, row.name)
            for value, is_held in [(np.nan, holds[0]), (np.inf, holds[1]), (-np.inf, holds[1])]:
                with self.subTest(format=row.name, value=value):
                    array = np.ones((2, 256), np.float32)
                    array[1, 3] = value
                    if is_held:
                        data = bitjoule.encode(array, row.name)
                        back = bitjoule.decode(data, array.shape, row.name)
                        np.testing.assert_array_equal(back, array)
                        continue
                    for call in (bitjoule.encode, bitjoule.quantize):
                        with self.assertRaisesRegex(
                            bitjoule.InputError,
                            f"^array: element 259 is {value}, which {row.name} cannot hold$"):
                            call(array, row.name)

    def test_floats_of_numpy(self):
        for x in (NORMAL, EDGES):
            with np.errstate(over="ignore"):
                self.same_bytes(bitjoule.encode(x, "fp32"), x.tobytes())
                self.same_bytes(bitjoule.encode(x, "fp16"), x.astype(np.float16).tobytes())
            bits = x.view(np.uint32).astype(np.uint64)
            rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
            self.same_bytes(bitjoule.encode(x, "bf16"), rounded.astype("<u2").tobytes())

    def test_small_floats(self):
        for name, exponent, mantissa, specials in [
            ("fp8_e4m3", 4, 3, 1),
            ("fp8_e5m2", 5, 2, 4),
            ("fp6_e3m2", 3, 2, 0),
            ("fp6_e2m3", 2, 3, 0),
            ("fp4_e2m1", 2, 1, 0),
        ]:
            table = float_table(exponent, mantissa, specials)
            for x in (NORMAL, EDGES):
                with self.subTest(name):
                    sign = np.signbit(x).astype(np.int64) << (exponent + mantissa)
                    codes = nearest_codes(x, table) | sign
                    bits = 1 + exponent + mantissa
                    self.same_bytes(bitjoule.encode(x, name), pack(codes, bits))
                    values = table[codes & ((1 << (bits - 1)) - 1)] * np.where(np.signbit(x), -1, 1)
                    decoded = bitjoule.decode(bitjoule.encode(x, name), x.shape, name)
                    self.assertTrue((decoded == values.astype(np.float32)).all())

    def test_symmetric_integers(self):
        """scale = max |x| / largest code; codes round half to even, without the lowest."""
        for bits in (8, 4, 2):
            largest = 2 ** (bits - 1) - 1
            for granularity, groups in [
                ("per_tensor", NORMAL.reshape(1, -1)),
                ("per_channel", NORMAL),
                ("per_group", NORMAL.reshape(-1, 64)),
            ]:
                with self.subTest(bits=bits, granularity=granularity):
                    scales = (np.abs(groups).max(axis=1) / np.float32(largest)).astype(np.float32)
                    codes = int_codes(groups, scales[:, None], 0, -largest, largest)
                    made = bitjoule.quantize(
                        NORMAL, f"int{bits}", granularity=granularity, group_size=64
                    )
                    packed = pack((codes & (2**bits - 1)).reshape(NORMAL.shape), bits)
                    self.same_bytes(made.data, packed.tobytes() + scales.astype("<f4").tobytes())
                    values = (scales[:, None] * codes.astype(np.float32)).reshape(NORMAL.shape)
                    self.assertTrue((made.values == values).all())
                    stored = bits + 32 * len(groups) / NORMAL.size
                    self.assertAlmostEqual(made.bits_per_element, stored)

    def test_ggml_blocks(self):
        """ggml-quants.c: q8_0 is d = max |x| / 127 in fp16, round half away from zero; q4_0 has d =
        (the x of largest magnitude) / -8, low nibbles first the first half."""
        blocks = NORMAL.reshape(-1, 32)
        q8, q4 = b"", b""
        for x in blocks:
            d = np.float32(np.abs(x).max() / np.float32(127))
            scaled = x * np.float32(np.float32(1) / d)
            q = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8)
            q8 += np.float16(d).tobytes() + q.tobytes()
            d = np.float32(x[np.abs(x).argmax()] / np.float32(-8))
            scaled = x * np.float32(np.float32(1) / d) + np.float32(8.5)
            q = np.minimum(15, scaled.astype(np.int8)).astype(np.uint8)
            q4 += np.float16(d).tobytes() + (q[:16] | q[16:] << 4).tobytes()
        self.same_bytes(bitjoule.encode(NORMAL, "q8_0"), q8)
        self.same_bytes(bitjoule.encode(NORMAL, "q4_0"), q4)

    def test_mx_blocks(self):
        """OCP MX 1.0: a power of two per 32, 2^(floor(log2 max |x|) - 2) for fp4."""
        blocks = NORMAL.reshape(-1, 32)
        exponents = np.floor(np.log2(np.abs(blocks).max(axis=1))).astype(int) - 2
        table = float_table(2, 1, 0)
        scaled = blocks / 2.0 ** exponents[:, None]
        codes = nearest_codes(scaled, table) | np.signbit(scaled).astype(np.int64) << 3
        expected = pack(codes.reshape(NORMAL.shape), 4).tobytes() + (exponents + 127).astype(
            np.uint8
        ).tobytes()
        self.same_bytes(bitjoule.encode(NORMAL, "mxfp4"), expected)

    def test_every_format_is_the_programs(self):
        with tempfile.TemporaryDirectory() as directory:
            array, table, decoded = (Path(directory, n) for n in ("x.npy", "t.json", "d.npy"))
            np.save(array, NORMAL)
            for format in bitjoule.formats():
                if not format.has_values:
                    self.assertIn(format.name[:2], ("iq",))
                    with self.assertRaisesRegex(bitjoule.InputError, "values: off"):
                        bitjoule.encode(NORMAL, format.name)
                    continue
                with self.subTest(format.name):
                    done = sim("quantize", array, "--format", format.name, "--granularity",
                               "per_tensor", "-o", table, "--decoded", decoded)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    figures = json.loads(table.read_text(encoding="utf-8"))["formats"][0]
                    made = bitjoule.quantize(NORMAL, format.name)
                    self.assertTrue((made.values == np.load(decoded)).all())
                    self.assertEqual(made.error.to_dict(), figures["error"])
                    self.assertEqual(made.format.to_dict(), figures["format"])
                    self.assertEqual(len(made.data), figures["bytes"])
                    self.assertEqual(made.bits_per_element, figures["bits_per_element"])
                    self.same_bytes(bitjoule.encode(NORMAL, format.name), made.data)
                    again = bitjoule.decode(made.data, NORMAL.shape, made.format)
                    self.assertTrue((again == made.values).all())
        names = [format.name for format in bitjoule.formats()]
        listed = sim("list", "formats").stdout
        self.assertGreater(len(names), 25)
        self.assertTrue(all(name in listed for name in names))

    def test_shapes(self):
        made = bitjoule.quantize(NORMAL.reshape(2, 3, 512), "int8", granularity="per_channel")
        self.assertEqual(made.values.shape, (2, 3, 512))
        flat = bitjoule.encode(NORMAL, "int8", granularity="per_channel")
        self.same_bytes(made.data, flat)
        one = bitjoule.encode(np.float32(1.5), "fp16")
        self.same_bytes(one, struct.pack("<e", 1.5))
        self.assertEqual(bitjoule.decode(one, (), "fp16").shape, ())
        self.assertEqual(bitjoule.decode(bytes(flat), NORMAL.shape, "int8",
                                         granularity="per_channel").shape, NORMAL.shape)
        self.same_bytes(bitjoule.encode(NORMAL.T, "fp32"), NORMAL.T.tobytes())
        self.same_bytes(bitjoule.encode(NORMAL.astype(">f8"), "fp32"), NORMAL.tobytes())
        copy = pickle.loads(pickle.dumps(made))
        self.assertTrue((copy.values == made.values).all())
        self.assertRegex(repr(made), r"<bitjoule.Quantized int8 \(2, 3, 512\): 8.06\d* bits")


if __name__ == "__main__":
    unittest.main()
