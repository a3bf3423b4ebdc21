"""Whole networks with values on, against the same networks written in numpy."""

import json
import math
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import yaml
from onnx import TensorProto, helper, numpy_helper, save

SIM = os.environ["BITJOULE_SIM"]

FP32 = {"weights": "fp32", "activations": "fp32", "mac": "fp32"}
INT8 = {"weights": {"format": "int8", "granularity": "per_channel"}, "activations": "int8", "mac": "int8"}


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class NetworkTest(unittest.TestCase):
    MAPPING = {}

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name)
        self.random = np.random.default_rng(20)

    def normal(self, *shape, deviation=1.0):
        return (self.random.standard_normal(shape) * deviation).astype(np.float32)

    def write(self, name, array):
        np.save(self.folder / name, array)
        return name

    def run_sim(self, run, *arguments, outputs=True, code=0):
        """result.json and the outputs by name."""
        run = {
            "accelerator": "accelerators/edge-16x16.yaml",
            "dram": {"model": "ideal", "bandwidth": "12.8 GB/s"},
            "verify": "full",
            "mapping": self.MAPPING,
            **run,
        }
        (self.folder / "run.yaml").write_text(yaml.safe_dump(run))
        out = tempfile.mkdtemp(dir=self.folder)
        command = [SIM, "run", "run.yaml", "--quiet", "-o", out, *arguments]
        if outputs:
            command.append("--save-outputs")
        result = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(result.returncode, code, result.stderr)
        saved = {p.stem: np.load(p) for p in (pathlib.Path(out) / "outputs").glob("*.npy")}
        report = json.loads((pathlib.Path(out) / "result.json").read_text())
        return report, saved


class LlamaTest(NetworkTest):
    """A Llama with grouped queries: prompt, then greedy decoding with the cache appended to."""

    HIDDEN, LAYERS, HEADS, KV_HEADS, FFN, VOCABULARY = 16, 2, 4, 2, 24, 40
    EPSILON, THETA = 1e-5, 10000.0
    TILES = []

    def make_weights(self):
        h, kv = self.HIDDEN, self.HIDDEN // self.HEADS * self.KV_HEADS
        self.weights = {"embed.table": self.normal(self.VOCABULARY, h)}
        for i in range(self.LAYERS):
            for name, rows, cols in [
                ("q", h, h), ("k", kv, h), ("v", kv, h), ("o", h, h),
                ("gate", self.FFN, h), ("up", self.FFN, h), ("down", h, self.FFN),
            ]:  # fmt: skip
                self.weights[f"blk.{i}.{name}.weights"] = self.normal(
                    rows, cols, deviation=cols**-0.5
                )
            for name in ("attn_norm", "ffn_norm"):
                self.weights[f"blk.{i}.{name}.gamma"] = 1 + self.normal(h, deviation=0.1)
        self.weights["norm.gamma"] = 1 + self.normal(h, deviation=0.1)
        self.weights["head.weights"] = self.normal(self.VOCABULARY, h)

    def norm(self, x, name):
        mean = np.mean(x * x, axis=-1, keepdims=True)
        return x / np.sqrt(mean + self.EPSILON) * self.weights[name + ".gamma"]

    def rotate(self, x):
        """x: tokens x heads x channels, neighbours in pairs."""
        pairs = np.arange(x.shape[-1] // 2)
        turn = np.arange(x.shape[0])[:, None, None] * self.THETA ** (-2 * pairs / x.shape[-1])
        a, b = x[..., 0::2], x[..., 1::2]
        y = np.empty_like(x)
        y[..., 0::2] = a * np.cos(turn) - b * np.sin(turn)
        y[..., 1::2] = b * np.cos(turn) + a * np.sin(turn)
        return y

    def cached(self, x):
        """Rows of heads as the cache returns them."""
        return x

    def logits(self, tokens):
        """Of the token behind each of `tokens`, without any cache, in float64."""
        w = {name: value.astype(np.float64) for name, value in self.weights.items()}
        x = w["embed.table"][tokens]
        n, d = len(tokens), self.HIDDEN // self.HEADS
        for i in range(self.LAYERS):
            b = f"blk.{i}."
            a = self.norm(x, b + "attn_norm")
            q = self.rotate((a @ w[b + "q.weights"].T).reshape(n, self.HEADS, d))
            k = self.cached(self.rotate((a @ w[b + "k.weights"].T).reshape(n, self.KV_HEADS, d)))
            v = self.cached((a @ w[b + "v.weights"].T).reshape(n, self.KV_HEADS, d))
            share = self.HEADS // self.KV_HEADS
            scores = np.einsum("thd,shd->hts", q, np.repeat(k, share, axis=1)) / math.sqrt(d)
            scores[:, np.triu(np.ones((n, n), dtype=bool), 1)] = -np.inf
            mixed = np.einsum("hts,shd->thd", softmax(scores), np.repeat(v, share, axis=1))
            x = x + mixed.reshape(n, self.HIDDEN) @ w[b + "o.weights"].T
            f = self.norm(x, b + "ffn_norm")
            gate = f @ w[b + "gate.weights"].T
            x = x + (gate / (1 + np.exp(-gate)) * (f @ w[b + "up.weights"].T)) @ w[b + "down.weights"].T
        return self.norm(x, "norm") @ w["head.weights"].T

    def network(self):
        overrides = []
        for name, value in self.weights.items():
            layer, role = name.rsplit(".", 1)
            overrides.append(
                {"layers": [layer], "tensors": {role: {"file": self.write(name + ".npy", value)}}}
            )
        overrides += self.TILES
        network = {
            "name": "small",
            "base": "base/llama.yaml",
            "unroll": True,
            "parameters": {
                "hidden": self.HIDDEN, "layers": self.LAYERS, "heads": self.HEADS,
                "kv_heads": self.KV_HEADS, "ffn": self.FFN, "vocab": self.VOCABULARY,
                "prompt": 4, "context": 4, "interleaved_rope": 1,
            },  # fmt: skip
            "overrides": overrides,
        }
        (self.folder / "small.yaml").write_text(yaml.safe_dump(network))
        return "small.yaml"

    def test_prefill_and_decode(self):
        self.make_weights()
        # As many tokens as channels of a head: the cache must not confuse the two.
        for prompt in (4, 6):
            tokens = list(self.random.integers(0, self.VOCABULARY, prompt))
            self.write("tokens.npy", np.array([tokens], dtype=np.int32))
            run = {
                "network": self.network(),
                "generate": {"prompt": prompt, "tokens": 4},
                "precision": FP32,
            }
            report, outputs = self.run_sim(run, "--input", "tokens=tokens.npy")
            for _ in range(3):
                tokens.append(int(np.argmax(self.logits(tokens)[-1])))
            expected = self.logits(tokens)[-1:]
            np.testing.assert_allclose(outputs["head"], expected, rtol=1e-4, atol=1e-5)
            values = report["network"]["values"]
            self.assertEqual((values["wrong"], values["overflows"]), (0, 0))
            self.assertEqual(values["checked"], values["computed"])
            self.assertGreater(values["outputs"][0]["error"]["sqnr_db"], 100)

    def test_values_change_nothing_else(self):
        self.make_weights()
        run = {"network": self.network(), "generate": {"prompt": 6, "tokens": 3}, "precision": INT8}
        on, _ = self.run_sim({**run, "values": True})
        off, _ = self.run_sim(run, outputs=False)
        self.assertEqual(on["network"]["values"]["wrong"], 0)
        self.assertNotIn("values", off["network"])
        for key in ("cycles", "stalls", "counts", "energy", "macs", "sram", "dram"):
            self.assertEqual(on[key], off[key], key)

    def test_a_cache_of_narrow_integers(self):
        self.make_weights()
        run = {"network": self.network(), "generate": {"prompt": 6, "tokens": 3}, "precision": FP32}
        exact, _ = self.run_sim({**run, "values": True})
        network = yaml.safe_load((self.folder / "small.yaml").read_text())
        error = {}
        for cache in ("int8", "int4"):
            (self.folder / "small.yaml").write_text(yaml.safe_dump({**network, "kv_cache": cache}))
            report, _ = self.run_sim({**run, "values": True})
            self.assertEqual(report["network"]["values"]["wrong"], 0)
            error[cache] = report["network"]["values"]["outputs"][0]["error"]["sqnr_db"]
        self.assertLess(error["int8"], exact["network"]["values"]["outputs"][0]["error"]["sqnr_db"])
        self.assertLess(error["int4"], error["int8"])


def blocks(x, codes):
    """Blocks of 32 numbers, each replaced by what `codes` of it stand for, in fp32."""
    x = x.astype(np.float32)
    return codes(x.reshape(-1, 32)).reshape(x.shape)


def fp16(x):
    return x.astype(np.float16).astype(np.float32)


def inverse(scale):
    return np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)


def q8_0(x):
    d = np.abs(x).max(axis=1, keepdims=True) / np.float32(127)
    scaled = x * inverse(d)
    return np.trunc(scaled + np.copysign(np.float32(0.5), scaled)) * fp16(d)


def symmetric(x, bits):
    """q4_0 and q5_0: the number of the largest magnitude becomes the lowest code."""
    half = np.float32(2 ** (bits - 1))
    extreme = np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1)
    d = extreme / -half
    return (np.minimum(np.floor(x * inverse(d) + (half + np.float32(0.5))), 2 * half - 1) - half) * fp16(d)


def with_minimum(x, bits):
    """q4_1 and q5_1."""
    least = x.min(axis=1, keepdims=True)
    d = (x.max(axis=1, keepdims=True) - least) / np.float32(2**bits - 1)
    codes = np.minimum(np.floor((x - least) * inverse(d) + np.float32(0.5)), 2**bits - 1)
    return codes.astype(np.float32) * fp16(d) + fp16(least)


def per_token(x, largest):
    scale = np.abs(x).max(axis=1, keepdims=True) * (np.float32(1) / np.float32(largest))
    return np.rint(x * (np.float32(1) / scale)) * scale


class CacheTest(LlamaTest):
    """Keys and values quantized when they are appended, heads of 32 numbers."""

    HIDDEN, LAYERS, HEADS, KV_HEADS, FFN, VOCABULARY = 128, 2, 4, 2, 48, 40
    FORMATS = {
        "q8_0": q8_0,
        "q4_0": lambda x: symmetric(x, 4),
        "q4_1": lambda x: with_minimum(x, 4),
        "q5_0": lambda x: symmetric(x, 5),
        "q5_1": lambda x: with_minimum(x, 5),
        "int8": lambda x: per_token(x, 127),
        "int4": lambda x: per_token(x, 7),
    }

    def cached(self, x):
        return blocks(x, self.codes).astype(np.float64)

    def test_prefill_and_decode(self):
        self.make_weights()
        network = yaml.safe_load((self.folder / self.network()).read_text())
        prompt = list(self.random.integers(0, self.VOCABULARY, 5))
        self.write("tokens.npy", np.array([prompt], dtype=np.int32))
        for name, self.codes in self.FORMATS.items():
            with self.subTest(name):
                scaled = {"format": name, "granularity": "per_token"}
                network["kv_cache"] = scaled if name.startswith("int") else name
                (self.folder / "small.yaml").write_text(yaml.safe_dump(network))
                run = {
                    "network": "small.yaml",
                    "generate": {"prompt": 5, "tokens": 3},
                    "precision": FP32,
                }
                report, outputs = self.run_sim(run, "--input", "tokens=tokens.npy")
                tokens = list(prompt)
                for _ in range(2):
                    tokens.append(int(np.argmax(self.logits(tokens)[-1])))
                expected = self.logits(tokens)[-1:]
                np.testing.assert_allclose(outputs["head"], expected, rtol=1e-4, atol=1e-4)
                self.assertEqual(report["network"]["values"]["wrong"], 0)

    test_values_change_nothing_else = None
    test_a_cache_of_narrow_integers = None


class FusedTest(LlamaTest):
    """Attention by tiles of three queries and three keys, as one layer."""

    MAPPING = {"attention": "fused"}
    TILES = [{"layers": ["*.pv"], "mapping": {"tile": {"m": 3, "n": 3}}}]


    def test_variants_are_as_three_layers(self):
        """Caps, sinks, slopes, windows, shared and latent keys: by tiles as in one piece."""
        small = {"hidden": 32, "layers": 1, "heads": 4, "kv_heads": 2, "ffn": 32, "vocab": 32,
                 "context": 20, "prompt": 9}  # fmt: skip
        latent = {"kv_lora": 16, "nope_dim": 8, "rope_dim": 4, "value_dim": 8, "rotated": 4}
        for variant in (
            {"score_cap": 2, "window": 7},
            {"sinks": 1, "kv_heads": 1},
            {"alibi": 8, "rotary": 0, "kv_heads": 4},
            latent,
        ):
            for phase in ("prefill", "decode"):
                with self.subTest(variant=variant, phase=phase):
                    network = {"name": "small", "base": "base/llama.yaml", "unroll": True,
                               "parameters": {**small, **variant}, "overrides": self.TILES}  # fmt: skip
                    (self.folder / "small.yaml").write_text(yaml.safe_dump(network))
                    run = {"network": "small.yaml", "phase": phase, "precision": FP32}
                    fused, by_tiles = self.run_sim(run)
                    _, at_once = self.run_sim({**run, "mapping": {"attention": "unfused"}})
                    np.testing.assert_allclose(
                        by_tiles["head"], at_once["head"], rtol=1e-4, atol=1e-4
                    )
                    self.assertEqual(fused["network"]["values"]["wrong"], 0)
                    names = [layer["name"] for layer in fused["layers"]]
                    self.assertFalse([n for n in names if n.endswith((".qk", ".softmax"))])


class FusedCacheTest(CacheTest):
    MAPPING = FusedTest.MAPPING
    TILES = FusedTest.TILES


class ShippedTest(NetworkTest):
    """Networks of configs/networks with seeded weights."""

    def test_run_end_to_end(self):
        for network, least_db in [
            ("mlperf-tiny-ic.yaml", 20),
            ("mlperf-tiny-ad.yaml", 20),
            ("mlperf-tiny-kws.yaml", 15),
            ("stories260k.yaml", 10),
        ]:
            with self.subTest(network):
                report, outputs = self.run_sim(
                    {"network": network, "precision": INT8, "values": True, "verify": "sample"}
                )
                values = report["network"]["values"]
                self.assertEqual((values["wrong"], values["overflows"]), (0, 0))
                self.assertGreater(values["checked"], 0)
                self.assertEqual(len(outputs), 1)
                self.assertGreater(values["outputs"][0]["error"]["sqnr_db"], least_db)
                off, _ = self.run_sim({"network": network, "precision": INT8}, outputs=False)
                self.assertEqual(report["cycles"], off["cycles"])
                self.assertEqual(report["counts"], off["counts"])

    def test_fp32_is_close_to_float64(self):
        report, _ = self.run_sim({"network": "mlperf-tiny-ic.yaml", "precision": FP32, "values": True,
                                  "verify": "sample"})  # fmt: skip
        self.assertGreater(report["network"]["values"]["outputs"][0]["error"]["sqnr_db"], 100)

    def test_both_fidelities_compute_the_same(self):
        run = {"network": "stories260k.yaml", "precision": INT8}
        shape = ["--set", "network.parameters.context=8", "--set", "network.parameters.layers=1"]
        fast, fast_outputs = self.run_sim(run, *shape)
        pe, pe_outputs = self.run_sim(run, *shape, "--fidelity", "pe")
        np.testing.assert_array_equal(fast_outputs["head"], pe_outputs["head"])
        for key in ("cycles", "stalls", "counts"):
            self.assertEqual(fast[key], pe[key], key)


class OnnxTest(NetworkTest):
    """Whole models with initialisers of their own."""

    def save(self, nodes, inputs, outputs, constants, opset=17):
        graph = helper.make_graph(
            nodes,
            "test",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
            [helper.make_tensor_value_info(n, t, None) for n, t in outputs],
            [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        save(model, self.folder / "model.onnx")

    def run_model(self, *arguments, **keywords):
        run = {"layer": {"gemm": {"m": 1, "n": 1, "k": 1}}, "precision": FP32}
        return self.run_sim(run, "--network", "model.onnx", *arguments, **keywords)

    def test_mlp(self):
        sizes = [12, 20, 7, 5]
        nodes, constants, names = [], {}, "x"
        x = self.normal(3, sizes[0])
        y = x.astype(np.float64)
        for i, (k, n) in enumerate(zip(sizes, sizes[1:])):
            w, b = self.normal(n, k), self.normal(n)
            constants |= {f"w{i}": w, f"b{i}": b}
            nodes.append(helper.make_node("Gemm", [names, f"w{i}", f"b{i}"], [f"g{i}"], transB=1))
            nodes.append(helper.make_node("Sigmoid" if i == 2 else "Relu", [f"g{i}"], [f"r{i}"]))
            names = f"r{i}"
            y = y @ w.T.astype(np.float64) + b
            y = 1 / (1 + np.exp(-y)) if i == 2 else np.maximum(y, 0)
        self.save(nodes, [("x", x.shape)], [(names, TensorProto.FLOAT)], constants)
        self.write("x.npy", x)
        report, outputs = self.run_model("--input", "x=x.npy")
        np.testing.assert_allclose(outputs[names], y, rtol=1e-4)
        self.assertEqual(report["network"]["values"]["wrong"], 0)

    def test_transformer_block(self):
        batch, tokens, heads, d = 2, 5, 2, 4
        hidden = heads * d
        x = self.normal(batch, tokens, hidden)
        constants = {
            "g1": 1 + self.normal(hidden, deviation=0.1), "c1": self.normal(hidden),
            "g2": 1 + self.normal(hidden, deviation=0.1), "c2": self.normal(hidden),
            "split": np.array([batch, tokens, heads, d]), "merge": np.array([batch, tokens, hidden]),
            "scale": np.float32(d**-0.5), "half": np.float32(0.5), "one": np.float32(1),
            "root": np.float32(math.sqrt(0.5)),
            "w1": self.normal(hidden, 12), "d1": self.normal(12), "w2": self.normal(12, hidden),
        }  # fmt: skip
        for name in "qkvo":
            constants["w" + name] = self.normal(hidden, hidden, deviation=hidden**-0.5)
        node = helper.make_node
        nodes = [node("LayerNormalization", ["x", "g1", "c1"], ["n1"], axis=-1)]
        for name in "qkv":
            nodes.append(node("MatMul", ["n1", "w" + name], [name]))
            nodes.append(node("Reshape", [name, "split"], [name + "4"]))
            order = [0, 2, 3, 1] if name == "k" else [0, 2, 1, 3]
            nodes.append(node("Transpose", [name + "4"], [name + "h"], perm=order))
        nodes += [
            node("MatMul", ["qh", "kh"], ["qk"]),
            node("Mul", ["qk", "scale"], ["scaled"]),
            node("Softmax", ["scaled"], ["p"], axis=-1),
            node("MatMul", ["p", "vh"], ["pv"]),
            node("Transpose", ["pv"], ["pvt"], perm=[0, 2, 1, 3]),
            node("Reshape", ["pvt", "merge"], ["mixed"]),
            node("MatMul", ["mixed", "wo"], ["o"]),
            node("Add", ["x", "o"], ["a"]),
            node("LayerNormalization", ["a", "g2", "c2"], ["n2"], axis=-1),
            node("MatMul", ["n2", "w1"], ["up"]),
            node("Add", ["up", "d1"], ["u"]),
            node("Mul", ["u", "root"], ["ur"]),
            node("Erf", ["ur"], ["e"]),
            node("Add", ["e", "one"], ["e1"]),
            node("Mul", ["u", "e1"], ["ue"]),
            node("Mul", ["ue", "half"], ["act"]),
            node("MatMul", ["act", "w2"], ["down"]),
            node("Add", ["a", "down"], ["y"]),
        ]
        self.save(nodes, [("x", x.shape)], [("y", TensorProto.FLOAT)], constants)
        self.write("x.npy", x)
        _, outputs = self.run_model("--input", "x=x.npy")
        c = {n: np.asarray(v, dtype=np.float64) for n, v in constants.items()}

        def norm(v, g, b):
            v = v - v.mean(-1, keepdims=True)
            return v / np.sqrt((v * v).mean(-1, keepdims=True) + 1e-5) * c[g] + c[b]

        n1 = norm(x.astype(np.float64), "g1", "c1")
        q, k, v = [(n1 @ c["w" + n]).reshape(batch, tokens, heads, d) for n in "qkv"]
        p = softmax(np.einsum("bthd,bshd->bhts", q, k) * d**-0.5)
        a = x + np.einsum("bhts,bshd->bthd", p, v).reshape(x.shape) @ c["wo"]
        u = norm(a, "g2", "c2") @ c["w1"] + c["d1"]
        act = 0.5 * u * (1 + np.vectorize(math.erf)(u * math.sqrt(0.5)))
        np.testing.assert_allclose(outputs["y"], a + act @ c["w2"], rtol=1e-4, atol=1e-5)

    def test_quantized_cnn(self):
        """QuantizeLinear and DequantizeLinear around everything, as exporters write int8 models."""
        x = self.normal(1, 3, 8, 8)
        w0 = self.random.integers(-127, 128, (6, 3, 3, 3)).astype(np.int8)
        w1 = self.random.integers(-127, 128, (4, 6, 1, 1)).astype(np.int8)
        s = {"x": 0.03, "y0": 0.05, "y1": 0.04}
        z = {"x": 120, "y0": 0, "y1": 130}
        sw0 = self.random.uniform(0.001, 0.004, 6).astype(np.float32)
        sw1 = np.float32(0.003)
        b0 = self.random.integers(-3000, 3000, 6).astype(np.int32)
        constants = {"w0": w0, "w1": w1, "sw0": sw0, "sw1": sw1, "b0": b0}
        constants |= {"s" + n: np.float32(v) for n, v in s.items()}
        constants |= {"z" + n: np.uint8(v) for n, v in z.items()}
        constants |= {"zw0": np.zeros(6, np.int8), "zw1": np.int8(0)}
        constants["sb0"] = (np.float32(s["x"]) * sw0).astype(np.float32)
        node = helper.make_node
        nodes = [
            node("QuantizeLinear", ["x", "sx", "zx"], ["qx"]),
            node("DequantizeLinear", ["qx", "sx", "zx"], ["dx"]),
            node("DequantizeLinear", ["w0", "sw0", "zw0"], ["dw0"], axis=0),
            node("DequantizeLinear", ["b0", "sb0"], ["db0"], axis=0),
            node("Conv", ["dx", "dw0", "db0"], ["c0"], pads=[1, 1, 1, 1]),
            node("Relu", ["c0"], ["r0"]),
            node("QuantizeLinear", ["r0", "sy0", "zy0"], ["q0"]),
            node("DequantizeLinear", ["q0", "sy0", "zy0"], ["d0"]),
            node("MaxPool", ["d0"], ["p0"], kernel_shape=[2, 2], strides=[2, 2]),
            node("QuantizeLinear", ["p0", "sy0", "zy0"], ["qp"]),
            node("DequantizeLinear", ["qp", "sy0", "zy0"], ["dp"]),
            node("DequantizeLinear", ["w1", "sw1", "zw1"], ["dw1"]),
            node("Conv", ["dp", "dw1"], ["c1"]),
            node("QuantizeLinear", ["c1", "sy1", "zy1"], ["q1"]),
            node("DequantizeLinear", ["q1", "sy1", "zy1"], ["y"]),
        ]
        self.save(nodes, [("x", x.shape)],
                  [("q0", TensorProto.UINT8), ("q1", TensorProto.UINT8), ("y", TensorProto.FLOAT)],
                  constants)  # fmt: skip
        self.write("x.npy", x)
        report, outputs = self.run_model("--input", "x=x.npy")

        def quantize(v, scale, zero):
            return np.clip(np.rint(v / np.float32(scale)) + zero, 0, 255).astype(np.int64)

        def convolve(codes, zero, w, pad):
            padded = np.pad(codes - zero, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
            kh = w.shape[2]
            windows = np.lib.stride_tricks.sliding_window_view(padded, (kh, kh), axis=(2, 3))
            return np.einsum("bchwij,fcij->bfhw", windows, w.astype(np.int64))

        def requantize(sums, multiplier, zero):
            return np.clip(np.rint(sums * multiplier) + zero, 0, 255).astype(np.uint8)

        f64 = lambda v: np.float64(np.float32(v))
        qx = quantize(x, s["x"], z["x"])
        sums = convolve(qx, z["x"], w0, 1) + b0[None, :, None, None]
        m0 = (f64(s["x"]) * sw0.astype(np.float64) / f64(s["y0"]))[None, :, None, None]
        q0 = requantize(np.maximum(sums, 0), m0, z["y0"])
        np.testing.assert_array_equal(outputs["q0"], q0)
        pooled = q0.reshape(1, 6, 4, 2, 4, 2).max(axis=(3, 5)).astype(np.int64)
        sums = convolve(pooled, z["y0"], w1, 0)
        q1 = requantize(sums, f64(s["y0"]) * f64(sw1) / f64(s["y1"]), z["y1"])
        np.testing.assert_array_equal(outputs["q1"], q1)
        np.testing.assert_array_equal(
            outputs["y"], (q1.astype(np.float32) - z["y1"]) * np.float32(s["y1"])
        )
        macs = [layer for layer in report["layers"] if "mac" in layer]
        self.assertEqual([layer["mac"] for layer in macs], ["int8", "int8"])
        self.assertEqual(report["network"]["values"]["wrong"], 0)

    def test_external_data(self):
        w = self.normal(4, 6)
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
        self.save(nodes, [("x", (2, 4))], [("y", TensorProto.FLOAT)], {"w": w})
        import onnx

        model = onnx.load(self.folder / "model.onnx")
        save(model, str(self.folder / "model.onnx"), save_as_external_data=True, location="w.bin",
             size_threshold=0)  # fmt: skip
        x = self.normal(2, 4)
        self.write("x.npy", x)
        _, outputs = self.run_model("--input", "x=x.npy")
        np.testing.assert_allclose(outputs["y"], x @ w, rtol=1e-5, atol=1e-6)
        (self.folder / "w.bin").write_bytes(b"short")
        self.refused("w.bin")

    def refused(self, *messages, arguments=("--input", "x=x.npy")):
        out = self.folder / "refused"
        result = subprocess.run(
            [SIM, "run", "run.yaml", "--quiet", "--network", "model.onnx", "-o", out, *arguments],
            cwd=self.folder, capture_output=True, text=True,
        )  # fmt: skip
        self.assertEqual(result.returncode, 2, result.stderr)
        for message in messages:
            self.assertIn(message, result.stderr)
        self.assertFalse(out.exists())

    def test_refuses(self):
        nodes = [helper.make_node("Relu", ["x"], ["y"])]
        self.save(nodes, [("x", (2, 4))], [("y", TensorProto.FLOAT)], {})
        self.write("x.npy", self.normal(2, 4))
        self.run_model("--input", "x=x.npy")
        self.write("wide.npy", self.normal(2, 5))
        self.refused('input "x"', "wide.npy", "2 x 4", "2 x 5", arguments=("--input", "x=wide.npy"))
        self.write("whole.npy", np.arange(8).reshape(2, 4))
        self.refused('input "x"', "fp32", "int64", arguments=("--input", "x=whole.npy"))
        self.refused("none.npy", arguments=("--input", "x=none.npy"))
        self.refused('"z"', "x", arguments=("--input", "z=x.npy"))
        self.refused("given twice", arguments=("--input", "x=x.npy", "--input", "x=x.npy"))
        self.refused("NAME=FILE", arguments=("--input", "x"))
        self.refused("values are off", arguments=("--input", "x=x.npy", "--values", "off"))
        nodes = [helper.make_node("Relu", ["b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
        self.save(nodes, [("x", (2, 4))], [("b", TensorProto.FLOAT)], {})
        self.refused("cycle")
        nodes = [helper.make_node("Unique", ["x"], ["s"], name="wave"), helper.make_node("Relu", ["s"], ["y"])]
        self.save(nodes, [("x", (2, 4))], [("y", TensorProto.FLOAT)], {})
        self.refused("Unique", "wave", "--skip-unknown")
        # What is left out becomes an input.
        report, outputs = self.run_model("--skip-unknown")
        self.assertEqual(outputs["y"].shape, (2, 4))


if __name__ == "__main__":
    unittest.main()
