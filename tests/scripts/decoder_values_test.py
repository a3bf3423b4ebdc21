"""Logits of a small model of each family of decoders, from config.json with weights and from GGUF,
against a forward pass in numpy (float64), for a whole prompt and token by token."""

import json
import unittest

import numpy as np

import checkpoint_values_test as checkpoint
from checkpoint_values_test import FP32, gguf_bytes, safetensors_bytes, sqnr_db
from decoders import (
    E2M1, EPSILON, FAMILIES, FFN, HEADS, HIDDEN, KV_HEADS, VOCABULARY, WIDTH, llama3_divisors, logits, weights_of)  # fmt: skip

# A GGUF file has the formats of all weights; nothing else is told.
NOTES = {
    "config.json": "",
    "model.gguf": "note: precision.weights: no effect: the network brings the format of every layer's weights\n",
}


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


def by_head(weights, layers, width):
    """Rows of q, k and v as GPT-NeoX and BLOOM store them: those of one head after the other's."""
    w = dict(weights)
    for name in [f"{i}.qkv{role}" for i in range(layers) for role in ("", ".bias")]:
        rows = w[name].reshape(3, -1, width, *w[name].shape[1:])
        w[name] = np.ascontiguousarray(np.swapaxes(rows, 0, 1)).reshape(w[name].shape)
    return w


def mxfp4(weights):
    """Blocks of 16 bytes, two codes a byte, and their exponents, of numbers that MXFP4 holds."""
    blocks = weights.reshape(*weights.shape[:-1], -1, 32)
    largest = np.abs(blocks).max(axis=-1, keepdims=True)
    exponents = np.floor(np.log2(np.where(largest > 0, largest, 1))) - 2
    codes = np.abs(np.abs(blocks / np.exp2(exponents))[..., None] - E2M1).argmin(axis=-1) + 8 * (blocks < 0)
    packed = (codes[..., 0::2] | codes[..., 1::2] << 4).astype(np.uint8)
    return packed, (exponents[..., 0] + 127).astype(np.uint8)


def gpt_oss_experts(f, weights):
    """All experts' tensors as gpt-oss' files have them: gate and up alternate."""
    tensors = {}

    def add(name, kind, value):
        tensors[name] = (kind, list(value.shape), np.ascontiguousarray(value).tobytes())

    for i in range(f.get("layers", 2)):
        gate_up, bias = (
            np.stack([weights[f"{i}.{part}_exps{role}"] for part in ("gate", "up")], axis=2).reshape(
                f["experts"], 2 * f["expert_ffn"], *rest
            )
            for role, rest in (("", [HIDDEN]), (".bias", []))
        )
        whole = {"gate_up_proj": (gate_up, bias), "down_proj": (weights[f"{i}.down_exps"], weights[f"{i}.down_exps.bias"])}
        for part, (matrix, bias) in whole.items():
            name = f"model.layers.{i}.mlp.experts.{part}"
            add(name + "_bias", "F32", bias)
            if f.get("mxfp4"):
                blocks, scales = mxfp4(matrix)
                add(name + "_blocks", "U8", blocks)
                add(name + "_scales", "U8", scales)
            else:
                add(name, "F32", np.swapaxes(matrix, 1, 2))
    return tensors


def e4m3():
    """Of every code: a sign, four bits of exponent, three of mantissa; 127 is no number."""
    codes = np.arange(256)
    exponent, mantissa = codes >> 3 & 15, codes & 7
    values = np.where(exponent > 0, (8 + mantissa) * 2.0 ** (exponent - 10.0), mantissa * 2.0**-9)
    return np.where(codes < 128, values, -values)


# How a scheme stores a weight: the codes that there are, the group of inputs that shares a scale (0: a row), config.json.
SCHEMES = {
    "gptq": (np.arange(-8, 8), 8, {"quant_method": "gptq", "bits": 4, "group_size": 8, "sym": True, "desc_act": False}),
    "awq": (np.arange(-5, 11), 8, {"quant_method": "awq", "bits": 4, "group_size": 8, "zero_point": True, "version": "gemm"}),
    "bitsandbytes": (np.arange(-127, 128), 0, {"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "fp8": (np.delete(e4m3(), [127, 255]), 0, {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {
        "group_0": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": True}}}}),
}  # fmt: skip


def codes_of(matrix, scheme):
    """The numbers that multiply the scales, rows x groups x inputs, and the scales: the first code of a group is the least."""
    codes, group, _ = SCHEMES[scheme]
    groups = matrix.astype(np.float64).reshape(len(matrix), -1, group or matrix.shape[1])
    scales = groups[..., :1] / codes.min()
    return groups / scales, scales[..., 0]


def quantized_like(matrix, scheme, random):
    codes, group, _ = SCHEMES[scheme]
    shape = (len(matrix), matrix.shape[1] // (group or matrix.shape[1]), group or matrix.shape[1])
    chosen = random.choice(codes, shape)
    chosen[..., 0] = codes.min()
    scales = random.choice([1, 1.25, 1.5, 1.75], shape[:2]) * 2.0**-4 / np.abs(codes).max() * 2
    scales = scales.astype(np.float16 if group else np.float32).astype(np.float64)
    if scheme == "bitsandbytes":
        scales = (np.float32(scales * 127) / np.float32(127)).astype(np.float64)
    return (chosen * scales[..., None]).reshape(matrix.shape).astype(np.float32)


def stored_as(name, matrix, scheme):
    """The tensors of a module, which are rows of outputs whatever the layer was."""
    numbers, scales = codes_of(matrix, scheme)
    flat = numbers.reshape(matrix.shape)
    if scheme == "bitsandbytes":
        return {f"{name}.weight": ("I8", list(matrix.shape), np.round(flat).astype(np.int8).tobytes()),
                f"{name}.SCB": ("F32", [len(matrix)], (scales * 127).astype(np.float32).tobytes())}  # fmt: skip
    if scheme == "fp8":
        table = e4m3()
        table[[127, 255]] = np.inf
        codes = np.abs(flat[..., None] - table).argmin(axis=-1).astype(np.uint8)
        return {f"{name}.weight": ("F8_E4M3", list(matrix.shape), codes.tobytes()),
                f"{name}.weight_scale": ("F32", [len(matrix), 1], scales.astype(np.float32).tobytes())}  # fmt: skip
    zero = 8 if scheme == "gptq" else 5
    codes = np.round(flat).astype(np.int64) + zero
    halves = np.ascontiguousarray(scales.T.astype(np.float16))
    if scheme == "gptq":
        words = (codes.T.reshape(-1, 8, len(matrix)) << 4 * np.arange(8)[:, None]).sum(axis=1)
        zeros = np.full((halves.shape[0], len(matrix) // 8), 0x77777777)
    else:
        order = 4 * np.array([0, 4, 1, 5, 2, 6, 3, 7])
        words = (codes.T.reshape(matrix.shape[1], -1, 8) << order).sum(axis=2)
        zeros = np.full((halves.shape[0], len(matrix) // 8), 0x55555555)
    parts = {"qweight": ("I32", words.astype(np.uint32)), "qzeros": ("I32", zeros.astype(np.uint32)), "scales": ("F16", halves)}
    return {f"{name}.{part}": (kind, list(value.shape), value.tobytes()) for part, (kind, value) in parts.items()}


class DecoderTest(checkpoint.CheckpointTest):
    def write_hugging_face(self, family, f, weights, scheme=None):
        config = {
            "model_type": f.get("type", family), "hidden_size": HIDDEN, "num_hidden_layers": f.get("layers", 2),
            "num_attention_heads": f.get("heads", HEADS), "vocab_size": VOCABULARY, **f["config"],
        }  # fmt: skip
        if family == "gpt2":
            config = {"model_type": family, "vocab_size": VOCABULARY, **f["config"]}
        if scheme:
            config["quantization_config"] = SCHEMES[scheme][2]
        if family == "gpt2":
            pass
        elif not f.get("centred"):
            ffn = f["expert_ffn"] if f.get("clamped") else FFN
            config |= {"num_key_value_heads": KV_HEADS, "head_dim": WIDTH, "intermediate_size": ffn}
        if f.get("images"):
            config = {"model_type": "gemma3", "text_config": config, "vision_config": {"hidden_size": 8}}
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
            blocks = f.get("blocks", "transformer.h")
        modules |= {
            "router": "mlp.gate", "router_shexp": "mlp.shared_expert_gate",
            **{f"{part}_exps": f"mlp.experts.{{}}.{part}_proj" for part in ("gate", "up", "down")},
            **{f"{part}_shexp": f"mlp.shared_expert.{part}_proj" for part in ("gate", "up", "down")},
            **f.get("experts_modules", {}),
        }  # fmt: skip
        if f.get("fused"):
            weights = fuse(weights, f.get("layers", 2), f["fused"])
        if f.get("fused_by_head"):
            weights = by_head(weights, f.get("layers", 2), f.get("width", WIDTH))
        tensors = gpt_oss_experts(f, weights) if f.get("clamped") else {}
        for name, value in weights.items():
            parts = name.split(".")
            if f.get("clamped") and "_exps" in name:
                continue
            if parts[-1] == "sinks":
                tensors[f"model.layers.{parts[0]}.self_attn.sinks"] = ("F32", list(value.shape), value.tobytes())
                continue
            is_linear = parts[-1] in ("qkv", "o", "up", "down")
            if scheme and is_linear:
                tensors |= stored_as(f"{blocks}.{parts[0]}.{modules[parts[1]]}", value, scheme)
                continue
            if f.get("turned") and is_linear:
                value = np.ascontiguousarray(value.T)  # k rows of n
            inner = parts[0].isdigit()
            stored = f"{blocks}.{parts[0]}.{modules[parts[1]]}" if inner else names[parts[0]]
            if name.endswith("_exps"):  # a tensor for each expert
                for e, one in enumerate(value):
                    tensors[stored.format(e) + ".weight"] = ("F32", list(one.shape), one.tobytes())
                continue
            tensors[f"{stored}.{'bias' if name.endswith('bias') else 'weight'}"] = (
                "F32", list(value.shape), value.tobytes()
            )  # fmt: skip
        if f.get("images"):
            tensors = {f"language_model.{name}": tensor for name, tensor in tensors.items()}
            tensors["vision_tower.x.weight"] = tensors["multi_modal_projector.y"] = ("F32", [1], bytes(4))
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
        names = {"embed": "token_embd", "norm": "output_norm", "head": "output", "embed_norm": "token_embd_norm"}
        inner = {
            "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate",
            "up": "ffn_up", "down": "ffn_down", "qkv": "attn_qkv", "gate_up": "ffn_up",
            "q_norm": "attn_q_norm", "k_norm": "attn_k_norm", "attn_norm": "attn_norm",
            "ffn_norm": "ffn_norm", "attn_post_norm": "post_attention_norm",
            "ffn_post_norm": "post_ffw_norm", "router": "ffn_gate_inp", "router_shexp": "ffn_gate_inp_shexp",
            "kv_a": "attn_kv_a_mqa", "kv_a_norm": "attn_kv_a_norm", "k_b": "attn_k_b", "v_b": "attn_v_b",
            "q_a": "attn_q_a", "q_a_norm": "attn_q_a_norm", "sinks": "attn_sinks", "choice": "exp_probs_b",
            **{f"{part}_{kind}": f"ffn_{part}_{kind}" for part in ("gate", "up", "down") for kind in ("exps", "shexp")},
        }  # fmt: skip
        tensors = {}
        for key, value in (fuse(weights, f.get("layers", 2), f["fused"]) if f.get("fused") else weights).items():
            parts = key.split(".")
            if f.get("gemma") and key.endswith("norm"):
                value = value + np.float32(1)  # as the converter does
            if f.get("clamped") and parts[-1] == "ffn_norm":
                key = f"{parts[0]}.attn_post_norm"
                parts = key.split(".")
            if f.get("interleaved") and parts[-1] in ("q", "k"):
                pairs = value.reshape(-1, 2, WIDTH // 2, HIDDEN)
                value = np.ascontiguousarray(np.swapaxes(pairs, 1, 2)).reshape(value.shape)
            if parts[-1] == "router_shexp":
                value = value.reshape(-1)  # one row
            stored = f"blk.{parts[0]}.{inner[parts[1]]}" if parts[0].isdigit() else names[parts[0]]
            if "q" in f.get("latent", {}) and parts[-1] == "q":
                stored = f"blk.{parts[0]}.attn_q_b"
            stored += ".bias" if key.endswith(("bias", "choice")) else ".weight"
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
            files = [self.write_gguf(f, weights)] if f["gguf"] else []
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
                    # A quantized directory has the formats of all weights, as a GGUF file.
                    told = NOTES["model.gguf" if f.get("mxfp4") else file]
                    if f.get("images"):
                        told = "note: vision_config: left out: the part that reads text alone runs\n"
                    self.assertEqual(stderr, told)
                    # The cache of a window forgets what it has passed.
                    _, _, saved = self.simulate(
                        {**run, "generate": {"prompt": len(prompt), "tokens": 4}}, *common
                    )
                    (last,) = saved.values()
                    self.assertGreater(sqnr_db(logits(f, weights, tokens)[-1:], last), 120)

    def test_quantized_products_of_q_k_and_v(self):
        """Each code is used as it is stored, wherever the rows of q, k and v lie in their tensor."""
        for family in ("gpt_neox", "bloom of 4 heads", "gpt2"):
            for scheme in SCHEMES:
                f = FAMILIES[family]
                weights = weights_of(f, self.random)
                for name in weights:
                    if name.split(".")[-1] in ("q", "k", "v", "o", "up", "down"):
                        weights[name] = quantized_like(weights[name], scheme, self.random)
                prompt = [int(t) for t in self.random.integers(0, VOCABULARY, 5)]
                np.save(self.folder / "tokens.npy", np.array([prompt], dtype=np.int32))
                file = self.write_hugging_face(family, f, weights, scheme)
                with self.subTest(f"{family} {scheme}"):
                    run = {"network": "networks/llama2-7b.yaml", "precision": FP32, "phase": "prefill"}
                    stderr, result, saved = self.simulate(
                        run, "--network", file, "--input", "tokens=tokens.npy", "--save-outputs", "--size", f"prompt={len(prompt)}"
                    )
                    (whole,) = saved.values()
                    self.assertGreater(sqnr_db(logits(f, weights, prompt), whole), 120)
                    self.assertNotIn("generated", stderr)
                    wanted = {"gptq": "int4", "awq": "uint4", "bitsandbytes": "int8", "fp8": "fp8_e4m3_scaled"}[scheme]
                    stored = {layer["name"].split(".")[-1]: layer["formats"]["weights"] for layer in result["layers"]
                              if "weights" in layer.get("formats", {})}  # fmt: skip
                    for name in ("q", "k", "v") if family == "gpt2" else ("qkv",):
                        self.assertEqual(stored[name], wanted)


if __name__ == "__main__":
    unittest.main()
