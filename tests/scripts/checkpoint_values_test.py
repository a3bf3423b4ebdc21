"""Values of language models from their files: a trained model with golden logits, Gemma in both forms
against numpy in float64, and embedding tables exactly as they are stored."""

import json
import math
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

import numpy as np
import yaml

from simulator import safetensors_bytes

SIM = os.environ["BITJOULE_SIM"]
LLAMA = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data" / "llama"

FP32 = {"weights": "fp32", "activations": "fp32", "mac": "fp32"}
GGML = {"f32": 0, "q8_0": 8, "q4_k": 12, "q6_k": 14}


def sqnr_db(expected, got):
    expected = expected.astype(np.float64)
    noise = np.sum((expected - got.astype(np.float64)) ** 2)
    return math.inf if noise == 0 else 10 * math.log10(np.sum(expected**2) / noise)


def gguf_bytes(metadata, tensors):
    """metadata: name -> text, int or float; tensors: name -> (ggml type, shape in C order, bytes)."""

    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()

    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        out += text(key)
        if isinstance(value, str):
            out += struct.pack("<I", 8) + text(value)
        elif isinstance(value, int):
            out += struct.pack("<II", 4, value)
        else:
            out += struct.pack("<If", 6, value)
    data = b""
    for name, (kind, shape, raw) in tensors.items():
        out += text(name) + struct.pack("<I", len(shape))
        out += b"".join(struct.pack("<Q", size) for size in reversed(shape))
        out += struct.pack("<IQ", GGML[kind], len(data))
        data += raw + b"\0" * (-len(raw) % 32)
    return out + b"\0" * (-len(out) % 32) + data


class CheckpointTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name)
        self.random = np.random.default_rng(31)

    def simulate(self, run, *arguments, code=0):
        """Standard error and result, outputs by name."""
        run = {
            "accelerator": "accelerators/edge-16x16.yaml",
            "dram": {"model": "ideal", "bandwidth": "12.8 GB/s"},
            **run,
        }
        (self.folder / "run.yaml").write_text(yaml.safe_dump(run))
        out = tempfile.mkdtemp(dir=self.folder)
        result = subprocess.run(
            [SIM, "run", "run.yaml", "--quiet", "-o", out, *arguments],
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertEqual(result.returncode, code, result.stderr)
        if code != 0:
            return result.stderr, None, None
        saved = {p.stem: np.load(p) for p in (pathlib.Path(out) / "outputs").glob("*.npy")}
        return result.stderr, json.loads((pathlib.Path(out) / "result.json").read_text()), saved


class TrainedModelTest(CheckpointTest):
    """stories260K: golden logits of a float64 model for the first 64 tokens of a text. The prompt is
    said by --size; the phase by the run file, which --network keeps."""

    def logits(self, network, *arguments):
        tokens = np.load(LLAMA / "tokens-stories.npy")[:1, :64]
        np.save(self.folder / "tokens.npy", tokens.astype(np.int32))
        run = {"network": "networks/llama2-7b.yaml", "phase": "prefill", "precision": FP32}
        return self.simulate(
            run, "--network", str(network), "--size", "prompt=64", "--input", "tokens=tokens.npy",
            "--save-outputs", *arguments,
        )  # fmt: skip

    def test_weights_beside_config_json_are_read(self):
        stderr, _, saved = self.logits(LLAMA / "hf" / "config.json")
        golden = np.load(LLAMA / "golden-logits-64.npy")
        self.assertEqual(stderr, "")
        self.assertGreater(sqnr_db(golden, saved["head"]), 125)
        np.testing.assert_array_equal(golden.argmax(axis=1), saved["head"].argmax(axis=1))

    def test_stored_blocks_and_their_embedding_tables(self):
        for kind in ("q8_0", "q4_0", "mxfp4-pure"):
            with self.subTest(kind):
                stderr, _, saved = self.logits(LLAMA / f"stories260K-{kind}.gguf")
                golden = np.load(LLAMA / f"golden-logits-64-{kind}.npy")
                self.assertGreater(sqnr_db(golden, saved["head"]), 125)
                # The run's own format of weights is said to have no effect.
                self.assertIn("note: precision.weights: no effect", stderr)


class GemmaTest(CheckpointTest):
    """The embedding times sqrt(hidden), norms that add 1 to what is stored, GELU by tanh, a head
    that is the embedding's table, heads wider than hidden / heads."""

    HIDDEN, LAYERS, HEADS, KV_HEADS, WIDTH, FFN, VOCABULARY = 24, 2, 2, 1, 256, 40, 48
    EPSILON, TOKENS = 1e-6, 5

    def make_weights(self):
        h, q, kv = self.HIDDEN, self.HEADS * self.WIDTH, self.KV_HEADS * self.WIDTH

        def normal(*shape, deviation=1.0):
            return (self.random.standard_normal(shape) * deviation).astype(np.float32)

        self.weights = {"embed": normal(self.VOCABULARY, h, deviation=h**-0.5), "norm": normal(h, deviation=0.1)}
        for i in range(self.LAYERS):
            for name, rows, cols in [
                ("q", q, h), ("k", kv, h), ("v", kv, h), ("o", h, q),
                ("gate", self.FFN, h), ("up", self.FFN, h), ("down", h, self.FFN),
            ]:  # fmt: skip
                self.weights[f"{i}.{name}"] = normal(rows, cols, deviation=cols**-0.5)
            for name in ("attn_norm", "ffn_norm"):
                self.weights[f"{i}.{name}"] = normal(h, deviation=0.1)

    def logits(self, tokens):
        w = {name: value.astype(np.float64) for name, value in self.weights.items()}
        n, d = len(tokens), self.WIDTH

        def norm(x, weight):
            return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.EPSILON) * (1 + weight)

        def rotate(x):  # tokens x heads x d, halves
            turn = np.arange(n)[:, None, None] * 10000.0 ** (-2 * np.arange(d // 2) / d)
            a, b = x[..., : d // 2], x[..., d // 2 :]
            return np.concatenate([a * np.cos(turn) - b * np.sin(turn), b * np.cos(turn) + a * np.sin(turn)], -1)

        x = w["embed"][tokens] * math.sqrt(self.HIDDEN)
        for i in range(self.LAYERS):
            a = norm(x, w[f"{i}.attn_norm"])
            q = rotate((a @ w[f"{i}.q"].T).reshape(n, self.HEADS, d))
            k = rotate((a @ w[f"{i}.k"].T).reshape(n, self.KV_HEADS, d))
            v = (a @ w[f"{i}.v"].T).reshape(n, self.KV_HEADS, d)
            share = self.HEADS // self.KV_HEADS
            scores = np.einsum("thd,shd->hts", q, np.repeat(k, share, axis=1)) / math.sqrt(d)
            scores[:, np.triu(np.ones((n, n), dtype=bool), 1)] = -np.inf
            e = np.exp(scores - scores.max(axis=-1, keepdims=True))
            mixed = np.einsum("hts,shd->thd", e / e.sum(axis=-1, keepdims=True), np.repeat(v, share, axis=1))
            x = x + mixed.reshape(n, -1) @ w[f"{i}.o"].T
            f = norm(x, w[f"{i}.ffn_norm"])
            g = f @ w[f"{i}.gate"].T
            g = 0.5 * g * (1 + np.tanh(math.sqrt(2 / math.pi) * (g + 0.044715 * g**3)))
            x = x + (g * (f @ w[f"{i}.up"].T)) @ w[f"{i}.down"].T
        return norm(x, w["norm"]) @ w["embed"].T

    def write_hugging_face(self):
        # head_dim, tie_word_embeddings and hidden_activation are left to the family.
        config = {
            "model_type": "gemma", "hidden_size": self.HIDDEN, "num_hidden_layers": self.LAYERS,
            "num_attention_heads": self.HEADS, "num_key_value_heads": self.KV_HEADS,
            "intermediate_size": self.FFN, "vocab_size": self.VOCABULARY, "hidden_act": "gelu",
        }  # fmt: skip
        (self.folder / "config.json").write_text(json.dumps(config))
        names = {"embed": "model.embed_tokens.weight", "norm": "model.norm.weight"}
        modules = {
            "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
            "o": "self_attn.o_proj", "gate": "mlp.gate_proj", "up": "mlp.up_proj",
            "down": "mlp.down_proj", "attn_norm": "input_layernorm",
            "ffn_norm": "post_attention_layernorm",
        }  # fmt: skip
        for i in range(self.LAYERS):
            for name, module in modules.items():
                names[f"{i}.{name}"] = f"model.layers.{i}.{module}.weight"
        tensors = {names[n]: ("F32", list(v.shape), v.tobytes()) for n, v in self.weights.items()}
        # In two files, as large models are.
        rows = list(tensors.items())
        index = {}
        for number, part in enumerate((rows[:7], rows[7:])):
            file = f"model-{number}.safetensors"
            (self.folder / file).write_bytes(safetensors_bytes(dict(part)))
            index.update({name: file for name, _ in part})
        (self.folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
        return "config.json"

    def write_gguf(self):
        metadata = {
            "general.architecture": "gemma", "gemma.embedding_length": self.HIDDEN,
            "gemma.block_count": self.LAYERS, "gemma.feed_forward_length": self.FFN,
            "gemma.attention.head_count": self.HEADS, "gemma.attention.head_count_kv": self.KV_HEADS,
            "gemma.attention.key_length": self.WIDTH, "gemma.attention.value_length": self.WIDTH,
            "gemma.attention.layer_norm_rms_epsilon": self.EPSILON,
        }  # fmt: skip
        names = {"embed": "token_embd.weight", "norm": "output_norm.weight"}
        inner = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate",
                 "up": "ffn_up", "down": "ffn_down", "attn_norm": "attn_norm", "ffn_norm": "ffn_norm"}  # fmt: skip
        for i in range(self.LAYERS):
            for name, tensor in inner.items():
                names[f"{i}.{name}"] = f"blk.{i}.{tensor}.weight"
        tensors = {}
        for name, value in self.weights.items():
            stored = value + np.float32(1) if name.endswith("norm") else value  # as the converter does
            tensors[names[name]] = ("f32", list(value.shape), stored.tobytes())
        (self.folder / "gemma.gguf").write_bytes(gguf_bytes(metadata, tensors))
        return "gemma.gguf"

    def test_both_forms_against_numpy(self):
        self.make_weights()
        tokens = self.random.integers(0, self.VOCABULARY, self.TOKENS)
        np.save(self.folder / "tokens.npy", tokens[None, :].astype(np.int32))
        expected = self.logits(tokens)
        for file in (self.write_hugging_face(), self.write_gguf()):
            with self.subTest(file):
                run = {"network": "networks/llama2-7b.yaml", "phase": "prefill", "precision": FP32}
                _, report, saved = self.simulate(
                    run, "--network", file, "--size", f"prompt={self.TOKENS}", "--input",
                    "tokens=tokens.npy", "--save-outputs",
                )  # fmt: skip
                self.assertGreater(sqnr_db(expected, saved["head"]), 120)
                # One multiplication for each element of the embedding, and nothing else.
                scale = next(r for r in report["layers"] if r["name"] == "embed_scale")
                work = [
                    (action["primitive"], count)
                    for action, count in zip(report["counts"], scale["counts"])
                    if action["component"] == "vector_unit" and action["primitive"] != "leakage" and count > 0
                ]
                self.assertEqual(work, [("multiply", self.TOKENS * self.HIDDEN)])


class TableTest(CheckpointTest):
    """Embedding tables of random blocks: every value is that of the block, exactly."""

    ROWS, K = 6, 256

    def q8_0(self):
        d = self.random.uniform(0.01, 2, (self.ROWS, self.K // 32)).astype(np.float16)
        q = self.random.integers(-128, 128, (self.ROWS, self.K // 32, 32)).astype(np.int8)
        raw = b"".join(d[r, b].tobytes() + q[r, b].tobytes() for r in range(self.ROWS) for b in range(self.K // 32))
        return raw, (d.astype(np.float32)[:, :, None] * q).reshape(self.ROWS, self.K)

    def q4_k(self):
        """144 bytes: d, dmin, 12 of 6-bit scales and minima, 128 of codes (ggml-common.h)."""
        raw, values = b"", np.zeros((self.ROWS, self.K), dtype=np.float32)
        for r in range(self.ROWS):
            d, dmin = self.random.uniform(0.01, 0.1, 2).astype(np.float16)
            s = self.random.integers(0, 64, 8)
            m = self.random.integers(0, 64, 8)
            q = self.random.integers(0, 16, (8, 32))
            packed = np.zeros(12, dtype=np.uint8)
            for j in range(4):
                packed[j] = s[j] | (s[j + 4] >> 4) << 6
                packed[j + 4] = m[j] | (m[j + 4] >> 4) << 6
                packed[j + 8] = (s[j + 4] & 15) | (m[j + 4] & 15) << 4
            codes = b"".join((q[2 * i] | q[2 * i + 1] << 4).astype(np.uint8).tobytes() for i in range(4))
            raw += d.tobytes() + dmin.tobytes() + packed.tobytes() + codes
            for j in range(8):
                scale = np.float32(d) * np.float32(s[j])
                values[r, 32 * j : 32 * j + 32] = scale * q[j].astype(np.float32) - np.float32(dmin) * np.float32(m[j])
        return raw, values

    def q6_k(self):
        """210 bytes: 128 of low nibbles, 64 of high pairs, 16 of int8 scales, d (ggml-common.h)."""
        raw, values = b"", np.zeros((self.ROWS, self.K), dtype=np.float32)
        for r in range(self.ROWS):
            d = self.random.uniform(0.001, 0.1, 1).astype(np.float16)[0]
            s = self.random.integers(-128, 128, 16).astype(np.int8)
            q = self.random.integers(0, 64, 256)
            low, high = np.zeros(128, dtype=np.uint8), np.zeros(64, dtype=np.uint8)
            for half in range(2):
                part = q[128 * half : 128 * half + 128].reshape(4, 32)
                low[64 * half : 64 * half + 32] = (part[0] & 15) | (part[2] & 15) << 4
                low[64 * half + 32 : 64 * half + 64] = (part[1] & 15) | (part[3] & 15) << 4
                high[32 * half : 32 * half + 32] = sum((part[i] >> 4) << 2 * i for i in range(4))
            raw += low.tobytes() + high.tobytes() + s.tobytes() + d.tobytes()
            scale = np.float32(d) * np.repeat(s, 16).astype(np.float32)
            values[r] = scale * (q - 32).astype(np.float32)
        return raw, values

    def test_tables_are_used_as_they_are_stored(self):
        for kind in ("q8_0", "q4_k", "q6_k"):
            with self.subTest(kind):
                raw, values = getattr(self, kind)()
                file = gguf_bytes({"general.architecture": "none"}, {"t": (kind, [self.ROWS, self.K], raw)})
                (self.folder / "t.gguf").write_bytes(file)
                np.save(self.folder / "rows.npy", np.arange(self.ROWS, dtype=np.int32))
                network = {
                    "name": "table",
                    "inputs": [{"name": "rows", "shape": [self.ROWS], "type": "int32"}],
                    "layers": [{
                        "name": "embed", "inputs": ["rows"],
                        "vector": {"op": "embedding", "rows": self.ROWS, "cols": self.K, "table_rows": self.ROWS},
                        "tensors": {"table": {"file": "t.gguf", "tensor": "t"}},
                    }],
                }  # fmt: skip
                (self.folder / "table.yaml").write_text(yaml.safe_dump(network))
                run = {"network": "table.yaml", "precision": {**FP32, "weights": kind}}
                _, _, saved = self.simulate(run, "--input", "rows=rows.npy", "--save-outputs")
                np.testing.assert_array_equal(saved["embed"], values)


class ScalingTest(CheckpointTest):
    def test_scaled_rotations_are_for_timing_alone(self):
        config = json.loads((LLAMA / "hf" / "config.json").read_text())
        config["rope_scaling"] = {"rope_type": "dynamic", "factor": 8.0}
        (self.folder / "config.json").write_text(json.dumps(config))
        run = {"network": "networks/llama2-7b.yaml", "phase": "decode", "precision": FP32}
        arguments = ("--network", "config.json", "--size", "context=8")
        stderr, report, _ = self.simulate(run, *arguments)
        self.assertIn('note: rope_scaling: "dynamic" scaling changes no cycles or bytes', stderr)
        self.assertGreater(report["cycles"], 0)
        stderr, _, _ = self.simulate(run, *arguments, "--values", "on", code=2)
        self.assertIn("values: on: the network is for timing alone: rope_scaling", stderr)


if __name__ == "__main__":
    unittest.main()
