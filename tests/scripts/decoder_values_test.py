"""Logits of a small model of each family of decoders, from config.json with weights and from GGUF,
against a forward pass in numpy (float64), for a whole prompt and token by token."""

import json
import math
import unittest

import numpy as np

import checkpoint_values_test as checkpoint
from checkpoint_values_test import FP32, gguf_bytes, safetensors_bytes, sqnr_db

HIDDEN, HEADS, KV_HEADS, WIDTH, FFN, VOCABULARY = 32, 4, 2, 16, 40, 48
EPSILON = 1e-6

# A GGUF file has the formats of all weights; nothing else is told.
NOTES = {
    "config.json": "",
    "model.gguf": "note: precision.weights: no effect: the network brings the format of every layer's weights\n",
}
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}

# What a family is: keys of config.json and of GGUF beside the sizes, and switches of the pass in numpy.
FAMILIES = {
    "llama": {
        "gguf": "llama", "interleaved": True, "theta": 1000.0, "scaling": LLAMA3,
        "config": {"rope_theta": 1000.0, "rope_scaling": {"rope_type": "llama3", **LLAMA3}, "rms_norm_eps": EPSILON},
        "metadata": {"rope.freq_base": 1000.0},
    },
    "mistral": {
        "gguf": "llama", "interleaved": True, "window": lambda i: 3, "config": {"sliding_window": 3},
        "metadata": {"attention.sliding_window": 3},
    },
    "qwen2": {"gguf": "qwen2", "bias": True, "config": {}, "metadata": {}},
    "qwen3": {
        "gguf": "qwen3", "qk_norm": "head", "theta": 1e6, "config": {"rope_theta": 1000000.0},
        "metadata": {"rope.freq_base": 1e6},
    },
    "gemma2": {
        "gguf": "gemma2", "gemma": True, "tied": True, "post_norm": True, "window": lambda i: 3 * (i % 2 == 0),
        "score_cap": 2.0, "logit_cap": 20.0,
        "config": {"sliding_window": 3, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 20.0,
                   "query_pre_attn_scalar": WIDTH},
        "metadata": {"attention.sliding_window": 3, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 20.0},
    },
    "gemma3_text": {
        "gguf": "gemma3", "gemma": True, "tied": True, "post_norm": True, "qk_norm": "head",
        "window": lambda i: 3 * (i % 3 < 2), "layers": 3, "theta": 1e6, "local_theta": 1e4, "linear": 8.0,
        "config": {"sliding_window": 3, "sliding_window_pattern": 3, "query_pre_attn_scalar": WIDTH,
                   "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
        "metadata": {"attention.sliding_window": 3, "attention.sliding_window_pattern": 3,
                     "rope.freq_base": 1e6, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0},
    },
    "phi3": {
        "gguf": "phi3", "fused": True, "rotated": WIDTH // 2, "window": lambda i: 4,
        "config": {"sliding_window": 4, "partial_rotary_factor": 0.5, "rms_norm_eps": EPSILON},
        "metadata": {"attention.sliding_window": 4, "rope.dimension_count": WIDTH // 2},
    },
    "smollm3": {
        "gguf": "smollm3", "interleaved": True, "tied": True, "layers": 4, "theta": 2e6,
        "rotates": lambda i: i % 4 != 3,
        "config": {"no_rope_layers": [1, 1, 1, 0]}, "metadata": {"rope.freq_base": 2e6},
    },
    "granite": {
        "gguf": "granite", "interleaved": True, "tied": True, "embed_scale": 12.0, "score_scale": 0.125,
        "residual_scale": 0.25, "logit_scale": 16.0,
        "config": {"embedding_multiplier": 12.0, "attention_multiplier": 0.125, "residual_multiplier": 0.25,
                   "logits_scaling": 16.0, "tie_word_embeddings": True},
        "metadata": {"embedding_scale": 12.0, "attention.scale": 0.125, "residual_scale": 0.25, "logit_scale": 16.0},
    },
    "olmo2": {
        "gguf": "olmo2", "qk_norm": "all", "pre_norm": False, "post_norm": True,
        "config": {"rms_norm_eps": EPSILON}, "metadata": {},
    },
    "falcon": {
        "gguf": "falcon", "tied": True, "fused": "qkv", "centred": True, "parallel": 2, "heads": 2, "kv_heads": 1,
        "config": {"layer_norm_epsilon": EPSILON, "ffn_hidden_size": FFN}, "metadata": {"attention.layer_norm_epsilon": EPSILON},
        "modules": {"qkv": "self_attention.query_key_value", "o": "self_attention.dense",
                    "up": "mlp.dense_h_to_4h", "down": "mlp.dense_4h_to_h", "attn_norm": "input_layernorm",
                    "embed": "transformer.word_embeddings", "norm": "transformer.ln_f"},
    },
    "gpt_neox": {
        "gguf": "gptneox", "fused": "qkv", "centred": True, "parallel": 1, "heads": 2, "kv_heads": 2, "bias": True,
        "rotated": WIDTH // 4, "config": None,
        "metadata": {"attention.layer_norm_epsilon": EPSILON, "use_parallel_residual": 1,
                     "rope.dimension_count": WIDTH // 4},
    },
}  # fmt: skip


def weights_of(f, random):
    """Name -> matrix or vector, as config.json's checkpoints store them."""

    def normal(*shape, deviation=1.0):
        return (random.standard_normal(shape) * deviation).astype(np.float32)

    def norm(size):  # Gemma stores what is added to 1
        return normal(size, deviation=0.2) + np.float32(0 if f.get("gemma") else 1)

    q, kv = f.get("heads", HEADS) * WIDTH, f.get("kv_heads", KV_HEADS) * WIDTH
    w = {"embed": normal(VOCABULARY, HIDDEN), "norm": norm(HIDDEN)}
    if not f.get("tied"):
        w["head"] = normal(VOCABULARY, HIDDEN)
    for i in range(f.get("layers", 2)):
        sizes = [("q", q, HIDDEN), ("k", kv, HIDDEN), ("v", kv, HIDDEN), ("o", HIDDEN, q),
                 ("gate", FFN, HIDDEN), ("up", FFN, HIDDEN), ("down", HIDDEN, FFN)]  # fmt: skip
        for name, rows, cols in sizes:
            w[f"{i}.{name}"] = normal(rows, cols, deviation=cols**-0.5)
        if f.get("bias"):
            for name, rows in [("q", q), ("k", kv), ("v", kv)]:
                w[f"{i}.{name}.bias"] = normal(rows)
        if f.get("bias") and f.get("centred"):
            for name, rows in [("o", HIDDEN), ("up", FFN), ("down", HIDDEN)]:
                w[f"{i}.{name}.bias"] = normal(rows)
        if f.get("centred"):
            del w[f"{i}.gate"]
        if f.get("pre_norm", True):
            w |= {f"{i}.attn_norm": norm(HIDDEN), f"{i}.ffn_norm": norm(HIDDEN)}
        if f.get("post_norm"):
            w |= {f"{i}.attn_post_norm": norm(HIDDEN), f"{i}.ffn_post_norm": norm(HIDDEN)}
        if "qk_norm" in f:
            heads, kv_heads = (HEADS, KV_HEADS) if f["qk_norm"] == "all" else (1, 1)
            w |= {f"{i}.q_norm": norm(heads * WIDTH), f"{i}.k_norm": norm(kv_heads * WIDTH)}
    if f.get("parallel") == 2:
        for i in range(f.get("layers", 2)):
            del w[f"{i}.ffn_norm"]
    if f.get("centred"):
        for name in [name for name in w if name.endswith("norm")]:
            w[name + ".bias"] = normal(HIDDEN, deviation=0.2)
    return w


def llama3_divisors(theta):
    """Of each frequency, by its wavelength."""
    divisors = []
    for i in range(WIDTH // 2):
        wavelength = 2 * math.pi * theta ** (2 * i / WIDTH)
        s = LLAMA3["original_max_position_embeddings"]
        if wavelength < s / LLAMA3["high_freq_factor"]:
            divisors.append(1.0)
        elif wavelength > s / LLAMA3["low_freq_factor"]:
            divisors.append(LLAMA3["factor"])
        else:
            smooth = (s / wavelength - LLAMA3["low_freq_factor"]) / (
                LLAMA3["high_freq_factor"] - LLAMA3["low_freq_factor"]
            )
            divisors.append(1 / ((1 - smooth) / LLAMA3["factor"] + smooth))
    return np.array(divisors)


def logits(f, weights, tokens):
    """Of the token behind each of `tokens`, in float64 and without a cache."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    n = len(tokens)

    def norm(x, name):
        if f.get("centred"):
            x = x - np.mean(x, axis=-1, keepdims=True)
            return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPSILON) * w[name] + w[name + ".bias"]
        gamma = w[name] + (1 if f.get("gemma") else 0)
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPSILON) * gamma

    def rotate(x, i):  # tokens x heads x WIDTH, halves
        if not f.get("rotates", lambda i: True)(i):
            return x
        d = f.get("rotated", WIDTH)
        local = "local_theta" in f and f["window"](i) > 0
        frequency = (f["local_theta"] if local else f.get("theta", 1e4)) ** (-2 * np.arange(d // 2) / d)
        if "scaling" in f:
            frequency = frequency / llama3_divisors(f["theta"])
        if "linear" in f and not local:
            frequency = frequency / f["linear"]
        turn = np.arange(n)[:, None, None] * frequency
        a, b, rest = x[..., : d // 2], x[..., d // 2 : d], x[..., d:]
        return np.concatenate([a * np.cos(turn) - b * np.sin(turn), b * np.cos(turn) + a * np.sin(turn), rest], -1)

    def heads(x, i, name, count):
        y = x @ w[f"{i}.{name}"].T + w.get(f"{i}.{name}.bias", 0)
        if f.get("qk_norm") == "all" and name != "v":
            y = norm(y, f"{i}.{name}_norm")
        y = y.reshape(n, count, WIDTH)
        if f.get("qk_norm") == "head" and name != "v":
            y = norm(y, f"{i}.{name}_norm")
        return y if name == "v" else rotate(y, i)

    query_heads, kv_heads = f.get("heads", HEADS), f.get("kv_heads", KV_HEADS)
    scale = f.get("embed_scale", math.sqrt(HIDDEN) if f.get("gemma") else 1)
    x = w["embed"][tokens] * scale
    for i in range(f.get("layers", 2)):
        a = norm(x, f"{i}.attn_norm") if f.get("pre_norm", True) else x
        q, k, v = (heads(a, i, name, count) for name, count in
                   [("q", query_heads), ("k", kv_heads), ("v", kv_heads)])  # fmt: skip
        share = query_heads // kv_heads
        scores = np.einsum("thd,shd->hts", q, np.repeat(k, share, axis=1)) * f.get("score_scale", WIDTH**-0.5)
        if "score_cap" in f:
            scores = f["score_cap"] * np.tanh(scores / f["score_cap"])
        distance = np.arange(n)[:, None] - np.arange(n)[None, :]
        window = f.get("window", lambda i: 0)(i) or n
        scores[:, (distance < 0) | (distance >= window)] = -np.inf
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = np.einsum("hts,shd->thd", e / e.sum(axis=-1, keepdims=True), np.repeat(v, share, axis=1))
        y = mixed.reshape(n, -1) @ w[f"{i}.o"].T + w.get(f"{i}.o.bias", 0)
        if f.get("post_norm"):
            y = norm(y, f"{i}.attn_post_norm")
        before, x = x, x + y * f.get("residual_scale", 1)
        if f.get("centred"):
            h = a if f["parallel"] == 2 else norm(before, f"{i}.ffn_norm")
            u = h @ w[f"{i}.up"].T + w.get(f"{i}.up.bias", 0)
            u = u * 0.5 * (1 + np.vectorize(math.erf)(u / math.sqrt(2)))
            x = x + u @ w[f"{i}.down"].T + w.get(f"{i}.down.bias", 0)
            continue
        h = norm(x, f"{i}.ffn_norm") if f.get("pre_norm", True) else x
        g = h @ w[f"{i}.gate"].T
        if f.get("gemma"):
            g = 0.5 * g * (1 + np.tanh(math.sqrt(2 / math.pi) * (g + 0.044715 * g**3)))
        else:
            g = g / (1 + np.exp(-g))
        y = (g * (h @ w[f"{i}.up"].T)) @ w[f"{i}.down"].T
        if f.get("post_norm"):
            y = norm(y, f"{i}.ffn_post_norm")
        x = x + y * f.get("residual_scale", 1)
    result = norm(x, "norm") @ w["embed" if f.get("tied") else "head"].T / f.get("logit_scale", 1)
    return f["logit_cap"] * np.tanh(result / f["logit_cap"]) if "logit_cap" in f else result


def fuse(weights, layers, parts):
    """Rows of q, k and v, and of gate and up, as one matrix each."""
    w = dict(weights)
    for i in range(layers):
        w[f"{i}.qkv"] = np.concatenate([w.pop(f"{i}.{name}") for name in ("q", "k", "v")])
        if f"{i}.q.bias" in w:
            w[f"{i}.qkv.bias"] = np.concatenate([w.pop(f"{i}.{name}.bias") for name in ("q", "k", "v")])
        if parts != "qkv":
            w[f"{i}.gate_up"] = np.concatenate([w.pop(f"{i}.{name}") for name in ("gate", "up")])
    return w


class DecoderTest(checkpoint.CheckpointTest):
    def write_hugging_face(self, family, f, weights):
        config = {
            "model_type": family, "hidden_size": HIDDEN, "num_hidden_layers": f.get("layers", 2),
            "num_attention_heads": f.get("heads", HEADS), "vocab_size": VOCABULARY, **f["config"],
        }  # fmt: skip
        if family != "falcon":
            config |= {"num_key_value_heads": KV_HEADS, "head_dim": WIDTH, "intermediate_size": FFN}
        (self.folder / "config.json").write_text(json.dumps(config))
        names = {"embed": "model.embed_tokens", "norm": "model.norm", "head": "lm_head"}
        post, blocks = f.get("post_norm"), "model.layers"
        modules = {
            "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
            "o": "self_attn.o_proj", "gate": "mlp.gate_proj", "up": "mlp.up_proj",
            "down": "mlp.down_proj", "qkv": "self_attn.qkv_proj", "gate_up": "mlp.gate_up_proj",
            "q_norm": "self_attn.q_norm", "k_norm": "self_attn.k_norm", "attn_norm": "input_layernorm",
            "attn_post_norm": "post_attention_layernorm", "ffn_post_norm": "post_feedforward_layernorm",
            "ffn_norm": "pre_feedforward_layernorm" if post else "post_attention_layernorm",
        }  # fmt: skip
        if "modules" in f:
            names = modules = f["modules"]
            blocks = "transformer.h"
        tensors = {}
        for name, value in (fuse(weights, f.get("layers", 2), f["fused"]) if f.get("fused") else weights).items():
            parts = name.split(".")
            inner = parts[0].isdigit()
            stored = f"{blocks}.{parts[0]}.{modules[parts[1]]}" if inner else names[parts[0]]
            tensors[f"{stored}.{'bias' if name.endswith('bias') else 'weight'}"] = (
                "F32", list(value.shape), value.tobytes()
            )  # fmt: skip
        (self.folder / "model.safetensors").write_bytes(safetensors_bytes(tensors))
        return "config.json"

    def write_gguf(self, f, weights):
        name = f["gguf"]
        metadata = {
            "embedding_length": HIDDEN, "block_count": f.get("layers", 2), "feed_forward_length": FFN,
            "attention.head_count": f.get("heads", HEADS),
            "attention.head_count_kv": f.get("kv_heads", KV_HEADS),
            "attention.key_length": WIDTH, "attention.value_length": WIDTH,
            **f["metadata"],
        }  # fmt: skip
        if not f.get("centred"):
            metadata["attention.layer_norm_rms_epsilon"] = EPSILON
        metadata = {"general.architecture": name, **{f"{name}.{key}": value for key, value in metadata.items()}}
        names = {"embed": "token_embd", "norm": "output_norm", "head": "output"}
        inner = {
            "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate",
            "up": "ffn_up", "down": "ffn_down", "qkv": "attn_qkv", "gate_up": "ffn_up",
            "q_norm": "attn_q_norm", "k_norm": "attn_k_norm", "attn_norm": "attn_norm",
            "ffn_norm": "ffn_norm", "attn_post_norm": "post_attention_norm",
            "ffn_post_norm": "post_ffw_norm",
        }  # fmt: skip
        tensors = {}
        for key, value in (fuse(weights, f.get("layers", 2), f["fused"]) if f.get("fused") else weights).items():
            parts = key.split(".")
            if f.get("gemma") and key.endswith("norm"):
                value = value + np.float32(1)  # as the converter does
            if f.get("interleaved") and parts[-1] in ("q", "k"):
                pairs = value.reshape(-1, 2, WIDTH // 2, HIDDEN)
                value = np.ascontiguousarray(np.swapaxes(pairs, 1, 2)).reshape(value.shape)
            stored = f"blk.{parts[0]}.{inner[parts[1]]}" if parts[0].isdigit() else names[parts[0]]
            stored += ".bias" if key.endswith("bias") else ".weight"
            tensors[stored] = ("f32", list(value.shape), value.tobytes())
        if "scaling" in f:
            divisors = llama3_divisors(f["theta"]).astype(np.float32)
            tensors["rope_freqs.weight"] = ("f32", [WIDTH // 2], divisors.tobytes())
        (self.folder / "model.gguf").write_bytes(gguf_bytes(metadata, tensors))
        return "model.gguf"

    def test_every_family_in_both_forms(self):
        for family, f in FAMILIES.items():
            weights = weights_of(f, self.random)
            prompt = [int(t) for t in self.random.integers(0, VOCABULARY, 8)]
            np.save(self.folder / "tokens.npy", np.array([prompt], dtype=np.int32))
            expected = logits(f, weights, prompt)
            tokens = list(prompt)
            for _ in range(3):
                tokens.append(int(np.argmax(logits(f, weights, tokens)[-1])))
            files = [self.write_gguf(f, weights)]
            if f["config"] is not None:  # else its weights are not read
                files.append(self.write_hugging_face(family, f, weights))
            for file in files:
                with self.subTest(f"{family} {file}"):
                    common = ["--network", file, "--input", "tokens=tokens.npy", "--save-outputs"]
                    run = {"network": "networks/llama2-7b.yaml", "precision": FP32}
                    stderr, _, saved = self.simulate(
                        {**run, "phase": "prefill"}, *common, "--size", f"prompt={len(prompt)}"
                    )
                    (whole,) = saved.values()
                    self.assertGreater(sqnr_db(expected, whole), 120)
                    self.assertEqual(stderr, NOTES[file])
                    # The cache of a window forgets what it has passed.
                    _, _, saved = self.simulate(
                        {**run, "generate": {"prompt": len(prompt), "tokens": 4}}, *common
                    )
                    (last,) = saved.values()
                    self.assertGreater(sqnr_db(logits(f, weights, tokens)[-1:], last), 120)


if __name__ == "__main__":
    unittest.main()
