"""Families of decoders: small models of random weights, and their forward pass in numpy (float64)."""

import math

import numpy as np

HIDDEN, HEADS, KV_HEADS, WIDTH, FFN, VOCABULARY = 32, 4, 2, 16, 40, 48
EPSILON = 1e-6
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])

YARN = {"factor": 8.0, "original_max_position_embeddings": 4096, "beta_fast": 24.0, "beta_slow": 1.5}
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
    "qwen2 with yarn": {
        "type": "qwen2", "gguf": None, "bias": True, "yarn": YARN, "config": {"rope_scaling": {"type": "yarn", **YARN}},
    },
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
        "rotated": WIDTH // 4, "fused_by_head": True, "blocks": "gpt_neox.layers",
        "config": {"intermediate_size": FFN, "rotary_pct": 0.25, "hidden_act": "gelu", "layer_norm_eps": EPSILON,
                   "use_parallel_residual": True, "tie_word_embeddings": False},
        "modules": {"qkv": "attention.query_key_value", "o": "attention.dense", "up": "mlp.dense_h_to_4h",
                    "down": "mlp.dense_4h_to_h", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
                    "embed": "gpt_neox.embed_in", "norm": "gpt_neox.final_layer_norm", "head": "embed_out"},
        "metadata": {"attention.layer_norm_epsilon": EPSILON, "use_parallel_residual": 1,
                     "rope.dimension_count": WIDTH // 4},
    },
    "opt": {
        "gguf": None, "tied": True, "centred": True, "parallel": 0, "kv_heads": HEADS, "heads": HEADS, "bias": True,
        "positions": 12, "rotates": lambda i: False, "hidden_act": "relu", "epsilon": 1e-5, "width": HIDDEN // HEADS,
        "config": {"ffn_dim": FFN, "max_position_embeddings": 12, "word_embed_proj_dim": HIDDEN,
                   "do_layer_norm_before": True, "activation_function": "relu"},
        "blocks": "model.decoder.layers",
        "modules": {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
                    "o": "self_attn.out_proj", "up": "fc1", "down": "fc2", "attn_norm": "self_attn_layer_norm",
                    "ffn_norm": "final_layer_norm", "embed": "model.decoder.embed_tokens",
                    "position": "model.decoder.embed_positions", "norm": "model.decoder.final_layer_norm"},
    },
    "bloom": {
        "gguf": "bloom", "tied": True, "fused": "qkv", "centred": True, "parallel": 0, "bias": True, "config": None,
        "heads": 6, "kv_heads": 6, "rotates": lambda i: False, "hidden_act": "tanh", "embed_norm": True,
        "slopes": [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3],
        "metadata": {"attention.layer_norm_epsilon": EPSILON},
    },
    "bloom of 4 heads": {
        "type": "bloom", "gguf": None, "tied": True, "fused": "qkv", "fused_by_head": True, "centred": True, "parallel": 0,
        "bias": True, "heads": 4, "kv_heads": 4, "width": HIDDEN // 4, "rotates": lambda i: False, "hidden_act": "tanh",
        "embed_norm": True, "slopes": [2**-2, 2**-4, 2**-6, 2**-8],
        "config": {"n_inner": FFN, "layer_norm_epsilon": EPSILON},
        "modules": {"qkv": "self_attention.query_key_value", "o": "self_attention.dense", "up": "mlp.dense_h_to_4h",
                    "down": "mlp.dense_4h_to_h", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
                    "embed": "transformer.word_embeddings", "embed_norm": "transformer.word_embeddings_layernorm",
                    "norm": "transformer.ln_f"},
    },
    "gpt2": {
        "gguf": None, "tied": True, "fused": "qkv", "turned": True, "centred": True, "parallel": 0, "bias": True,
        "heads": HEADS, "kv_heads": HEADS, "width": HIDDEN // HEADS, "positions": 12, "offset": 0,
        "rotates": lambda i: False, "hidden_act": "tanh",
        "config": {"n_embd": HIDDEN, "n_layer": 2, "n_head": HEADS, "n_inner": FFN, "n_positions": 12,
                   "layer_norm_epsilon": EPSILON},
        "modules": {"qkv": "attn.c_attn", "o": "attn.c_proj", "up": "mlp.c_fc", "down": "mlp.c_proj", "attn_norm": "ln_1",
                    "ffn_norm": "ln_2", "embed": "wte", "position": "wpe", "norm": "ln_f"},
        "blocks": "h",
    },
    "mixtral": {
        "gguf": "llama", "interleaved": True, "experts": 5, "chosen": 2, "expert_ffn": FFN, "normalized": True,
        "config": {"num_local_experts": 5, "num_experts_per_tok": 2, "rms_norm_eps": EPSILON, "rope_theta": 1e4},
        "metadata": {"expert_count": 5, "expert_used_count": 2},
        "experts_modules": {"router": "block_sparse_moe.gate", "gate_exps": "block_sparse_moe.experts.{}.w1",
                            "up_exps": "block_sparse_moe.experts.{}.w3",
                            "down_exps": "block_sparse_moe.experts.{}.w2"},
    },
    "qwen2_moe": {
        "gguf": "qwen2moe", "bias": True, "experts": 6, "chosen": 3, "expert_ffn": 24, "shared_ffn": 16,
        "config": {"num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 24,
                   "shared_expert_intermediate_size": 16},
        "metadata": {"expert_count": 6, "expert_used_count": 3, "expert_feed_forward_length": 24,
                     "expert_shared_feed_forward_length": 16},
    },
    "qwen3_moe": {
        "gguf": "qwen3moe", "qk_norm": "head", "experts": 6, "chosen": 3, "expert_ffn": 24, "normalized": True,
        "config": {"num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 24, "norm_topk_prob": True,
                   "mlp_only_layers": [], "decoder_sparse_step": 1},
        "metadata": {"expert_count": 6, "expert_used_count": 3, "expert_feed_forward_length": 24},
    },
    "deepseek_v3": {
        "gguf": "deepseek2", "interleaved": False, "config": None, "layers": 3, "experts": 8, "chosen": 3, "expert_ffn": 24,
        "shared_ffn": 24, "dense": 1, "normalized": True, "scores": "sigmoid", "routed_scale": 2.5, "groups": (4, 2),
        "latent": {"q": 20, "kv": 16, "rope": 8, "nope": 12, "value": 10},
        "metadata": {"attention.head_count_kv": 1, "attention.key_length": 24, "attention.value_length": 16,
                     "attention.key_length_mla": 20, "attention.value_length_mla": 10, "attention.kv_lora_rank": 16,
                     "attention.q_lora_rank": 20, "rope.dimension_count": 8, "leading_dense_block_count": 1,
                     "expert_count": 8, "expert_used_count": 3, "expert_feed_forward_length": 24,
                     "expert_shared_count": 1, "expert_gating_func": 2, "expert_weights_norm": 1,
                     "expert_weights_scale": 2.5, "expert_group_count": 4, "expert_group_used_count": 2},
    },
    "deepseek_v2": {
        "gguf": "deepseek2", "interleaved": False, "config": None, "experts": 5, "chosen": 2, "expert_ffn": 24,
        "shared_ffn": 48, "latent": {"kv": 16, "rope": 8, "nope": 12, "value": 10},
        "metadata": {"attention.head_count_kv": 1, "attention.key_length": 24, "attention.value_length": 16,
                     "attention.key_length_mla": 20, "attention.value_length_mla": 10, "attention.kv_lora_rank": 16,
                     "rope.dimension_count": 8, "leading_dense_block_count": 0,
                     "expert_count": 5, "expert_used_count": 2, "expert_feed_forward_length": 24,
                     "expert_shared_count": 2, "expert_weights_scale": 1.0},
    },
    "gpt_oss": {
        "gguf": "gpt-oss", "mxfp4": True, "bias": True, "o_bias": True, "sinks": True, "window": lambda i: 3 * (i % 2 == 0),
        "experts": 5, "chosen": 2, "expert_ffn": 64, "scores": "chosen", "expert_bias": True, "clamped": True,
        "config": {"num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": 3, "rope_theta": 1e4,
                   "rms_norm_eps": EPSILON,
                   "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}},
        "experts_modules": {"router": "mlp.router"},
        "metadata": {"attention.sliding_window": 3, "expert_count": 5, "expert_used_count": 2,
                     "expert_feed_forward_length": 64},
    },
    "gpt_oss in fp32": {
        "type": "gpt_oss", "gguf": None, "yarn": {**YARN, "truncate": False}, "bias": True, "o_bias": True, "sinks": True, "window": lambda i: 3 * (i % 2 == 0),
        "experts": 5, "chosen": 2, "expert_ffn": 24, "scores": "chosen", "expert_bias": True, "clamped": True,
        "config": {"num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": 3, "rope_theta": 1e4,
                   "rms_norm_eps": EPSILON, "rope_scaling": {"rope_type": "yarn", **YARN, "truncate": False}},
        "experts_modules": {"router": "mlp.router"},
    },
}  # fmt: skip


FAMILIES["gemma3"] = {**FAMILIES["gemma3_text"], "type": "gemma3_text", "gguf": None, "images": True}


def weights_of(f, random):
    """Name -> matrix or vector, as config.json's checkpoints store them."""

    def normal(*shape, deviation=1.0):
        return (random.standard_normal(shape) * deviation).astype(np.float32)

    def norm(size):  # Gemma stores what is added to 1
        return normal(size, deviation=0.2) + np.float32(0 if f.get("gemma") else 1)

    width = f.get("width", WIDTH)
    q, kv = f.get("heads", HEADS) * width, f.get("kv_heads", KV_HEADS) * width
    w = {"embed": normal(VOCABULARY, HIDDEN), "norm": norm(HIDDEN)}
    if "positions" in f:
        w["position"] = normal(f["positions"] + f.get("offset", 2), HIDDEN)
    if f.get("embed_norm"):
        w["embed_norm"] = norm(HIDDEN)
    if not f.get("tied"):
        w["head"] = normal(VOCABULARY, HIDDEN)
    for i in range(f.get("layers", 2)):
        sizes = [("q", q, HIDDEN), ("k", kv, HIDDEN), ("v", kv, HIDDEN), ("o", HIDDEN, q),
                 ("gate", FFN, HIDDEN), ("up", FFN, HIDDEN), ("down", HIDDEN, FFN)]  # fmt: skip
        if "latent" in f:
            m, latent = f["latent"], f["latent"]["kv"]
            queries = m.get("q", HIDDEN)
            sizes = [("q", HEADS * (m["nope"] + m["rope"]), queries), ("kv_a", latent + m["rope"], HIDDEN),
                     ("o", HIDDEN, HEADS * m["value"])] + sizes[4:]  # fmt: skip
            if "q" in m:
                sizes += [("q_a", queries, HIDDEN)]
                w[f"{i}.q_a_norm"] = norm(queries)
            w[f"{i}.kv_a_norm"] = norm(latent)
            w[f"{i}.k_b"] = normal(HEADS, latent, m["nope"], deviation=latent**-0.5)
            w[f"{i}.v_b"] = normal(HEADS, m["value"], latent, deviation=latent**-0.5)
        if "experts" in f and i >= f.get("dense", 0):
            wide, shared = f["expert_ffn"], f.get("shared_ffn")
            sizes = [s for s in sizes if s[0] not in ("gate", "up", "down")] + [("router", f["experts"], HIDDEN)]
            if f.get("expert_bias"):
                w[f"{i}.router.bias"] = normal(f["experts"])
                for name, rows in [("gate", wide), ("up", wide), ("down", HIDDEN)]:
                    w[f"{i}.{name}_exps.bias"] = normal(f["experts"], rows)
            if "groups" in f:
                w[f"{i}.choice"] = normal(f["experts"], deviation=0.2)
            if shared and "latent" in f:
                sizes += [("gate_shexp", shared, HIDDEN), ("up_shexp", shared, HIDDEN), ("down_shexp", HIDDEN, shared)]
            elif shared:
                sizes += [("gate_shexp", shared, HIDDEN), ("up_shexp", shared, HIDDEN),
                          ("down_shexp", HIDDEN, shared), ("router_shexp", 1, HIDDEN)]  # fmt: skip
            for name, rows, cols in [("gate", wide, HIDDEN), ("up", wide, HIDDEN), ("down", HIDDEN, wide)]:
                w[f"{i}.{name}_exps"] = normal(f["experts"], rows, cols, deviation=cols**-0.5)
                if f.get("mxfp4"):  # numbers that it holds
                    blocks = w[f"{i}.{name}_exps"].reshape(-1, 32)
                    scales = np.exp2(np.floor(np.log2(np.abs(blocks).max(axis=1, keepdims=True))) - 2)
                    nearest = np.abs(np.abs(blocks / scales)[..., None] - E2M1).argmin(axis=-1)
                    w[f"{i}.{name}_exps"] = (np.sign(blocks) * E2M1[nearest] * scales).astype(np.float32).reshape(
                        f["experts"], rows, cols
                    )
        for name, rows, cols in sizes:
            w[f"{i}.{name}"] = normal(rows, cols, deviation=cols**-0.5)
        if f.get("bias"):
            for name, rows in [("q", q), ("k", kv), ("v", kv)]:
                w[f"{i}.{name}.bias"] = normal(rows)
        if f.get("sinks"):
            w[f"{i}.sinks"] = normal(HEADS)
        if f.get("o_bias"):
            w[f"{i}.o.bias"] = normal(HIDDEN)
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


def yarn_divisors(yarn, theta):
    """transformers' _compute_yarn_parameters: a ramp between the columns that turn so often in the trained context."""
    low, high = (
        WIDTH * math.log(yarn["original_max_position_embeddings"] / (turns * 2 * math.pi)) / (2 * math.log(theta))
        for turns in (yarn["beta_fast"], yarn["beta_slow"])
    )
    if yarn.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    kept = 1 - np.clip((np.arange(WIDTH // 2) - max(low, 0)) / (min(high, WIDTH - 1) - max(low, 0)), 0, 1)
    plain = theta ** (-np.arange(0, WIDTH, 2) / WIDTH)
    return plain / (plain / yarn["factor"] * (1 - kept) + plain * kept)


def logits(f, weights, tokens):
    """Of the token behind each of `tokens`, in float64 and without a cache."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    n = len(tokens)

    def norm(x, name):
        if f.get("centred"):
            x = x - np.mean(x, axis=-1, keepdims=True)
            epsilon = f.get("epsilon", EPSILON)
            return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * w[name] + w[name + ".bias"]
        gamma = w[name] + (1 if f.get("gemma") else 0)
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPSILON) * gamma

    def turn_pairs(x):  # tokens x heads x columns, neighbours
        d = x.shape[-1]
        angle = np.arange(n)[:, None, None] * f.get("theta", 1e4) ** (-2 * np.arange(d // 2) / d)
        a, b = x[..., 0::2], x[..., 1::2]
        return np.stack([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], -1).reshape(x.shape)

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
        magnitude = 1
        if "yarn" in f:
            frequency = frequency / yarn_divisors(f["yarn"], f.get("theta", 1e4))
            magnitude = 0.1 * math.log(f["yarn"]["factor"]) + 1
        turn = np.arange(n)[:, None, None] * frequency
        x = x * magnitude
        a, b, rest = x[..., : d // 2], x[..., d // 2 : d], x[..., d:]
        return np.concatenate([a * np.cos(turn) - b * np.sin(turn), b * np.cos(turn) + a * np.sin(turn), rest], -1)

    def heads(x, i, name, count):
        y = x @ w[f"{i}.{name}"].T + w.get(f"{i}.{name}.bias", 0)
        if f.get("qk_norm") == "all" and name != "v":
            y = norm(y, f"{i}.{name}_norm")
        y = y.reshape(n, count, width)
        if f.get("qk_norm") == "head" and name != "v":
            y = norm(y, f"{i}.{name}_norm")
        return y if name == "v" else rotate(y, i)

    def activated(x):
        kind = f.get("hidden_act", "gelu" if f.get("centred") else "silu")
        if f.get("gemma") or kind == "tanh":
            return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        if kind == "gelu":
            return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
        return np.maximum(x, 0) if kind == "relu" else x / (1 + np.exp(-x))

    def gated(x, gate, up, down):
        return (activated(x @ gate.T) * (x @ up.T)) @ down.T

    def latent_attention(a, i):
        # Decompressed: keys and values of every head, which the simulator never makes.
        m, latent = f["latent"], f["latent"]["kv"]
        q = norm(a @ w[f"{i}.q_a"].T, f"{i}.q_a_norm") if "q" in m else a
        q = (q @ w[f"{i}.q"].T).reshape(n, HEADS, -1)
        row = a @ w[f"{i}.kv_a"].T
        c = norm(row[:, :latent], f"{i}.kv_a_norm")
        k = np.einsum("sr,hrn->shn", c, w[f"{i}.k_b"])
        v = np.einsum("sr,hvr->shv", c, w[f"{i}.v_b"])
        turned = np.repeat(turn_pairs(row[:, None, latent:]), HEADS, axis=1)
        q = np.concatenate([q[..., : m["nope"]], turn_pairs(q[..., m["nope"] :])], -1)
        return q, np.concatenate([k, turned], -1), v

    def mixture(x, i):
        y = np.zeros_like(x)
        for t in range(n):
            sums = x[t] @ w[f"{i}.router"].T + w.get(f"{i}.router.bias", 0)
            scores = 1 / (1 + np.exp(-sums)) if f.get("scores") == "sigmoid" else np.exp(sums)
            if f.get("scores") is None:
                scores /= scores.sum()
            choice = scores + w.get(f"{i}.choice", 0)
            if "groups" in f:
                groups, kept = f["groups"]
                best = np.sort(choice.reshape(groups, -1), axis=-1)[:, -2:].sum(axis=-1)
                left_out = np.argsort(-best)[kept:]
                choice.reshape(groups, -1)[left_out] = -np.inf
            chosen = np.argsort(-choice)[: f["chosen"]]
            total = scores[chosen].sum() if f.get("normalized") or f.get("scores") == "chosen" else 1
            for e in chosen:
                gate, up, down = (w[f"{i}.{name}_exps"][e] for name in ("gate", "up", "down"))
                if f.get("clamped"):
                    b = {name: w[f"{i}.{name}_exps.bias"][e] for name in ("gate", "up", "down")}
                    g = np.minimum(x[t] @ gate.T + b["gate"], 7)
                    u = np.clip(x[t] @ up.T + b["up"], -7, 7)
                    result = (g / (1 + np.exp(-1.702 * g)) * (u + 1)) @ down.T + b["down"]
                else:
                    result = gated(x[t], gate, up, down)
                y[t] += scores[e] / total * f.get("routed_scale", 1) * result
        if "shared_ffn" in f:
            share = 1
        if "shared_ffn" in f and "latent" not in f:
            share = 1 / (1 + np.exp(-(x @ w[f"{i}.router_shexp"].T)))
        if "shared_ffn" in f:
            y += share * gated(x, *(w[f"{i}.{name}_shexp"] for name in ("gate", "up", "down")))
        return y

    width = f.get("width", WIDTH)
    query_heads, kv_heads = f.get("heads", HEADS), f.get("kv_heads", KV_HEADS)
    scale = f.get("embed_scale", math.sqrt(HIDDEN) if f.get("gemma") else 1)
    x = w["embed"][tokens] * scale
    if "positions" in f:
        x = x + w["position"][np.arange(n) + f.get("offset", 2)]
    if f.get("embed_norm"):
        x = norm(x, "embed_norm")
    for i in range(f.get("layers", 2)):
        a = norm(x, f"{i}.attn_norm") if f.get("pre_norm", True) else x
        if "latent" in f:
            q, k, v = latent_attention(a, i)
        else:
            q, k, v = (heads(a, i, name, count) for name, count in
                       [("q", query_heads), ("k", kv_heads), ("v", kv_heads)])  # fmt: skip
        share = query_heads // k.shape[1]
        scores = np.einsum("thd,shd->hts", q, np.repeat(k, share, axis=1)) * f.get("score_scale", q.shape[-1] ** -0.5)
        if "score_cap" in f:
            scores = f["score_cap"] * np.tanh(scores / f["score_cap"])
        distance = np.arange(n)[:, None] - np.arange(n)[None, :]
        window = f.get("window", lambda i: 0)(i) or n
        if "slopes" in f:
            scores = scores - np.array(f["slopes"])[:, None, None] * distance
        scores[:, (distance < 0) | (distance >= window)] = -np.inf
        e = np.exp(scores)
        sink = np.exp(w[f"{i}.sinks"])[:, None, None] if f.get("sinks") else 0
        mixed = np.einsum("hts,shd->thd", e / (e.sum(axis=-1, keepdims=True) + sink), np.repeat(v, share, axis=1))
        y = mixed.reshape(n, -1) @ w[f"{i}.o"].T + w.get(f"{i}.o.bias", 0)
        if f.get("post_norm"):
            y = norm(y, f"{i}.attn_post_norm")
        before, x = x, x + y * f.get("residual_scale", 1)
        if f.get("centred"):
            h = a if f["parallel"] == 2 else norm(before if f["parallel"] else x, f"{i}.ffn_norm")
            u = activated(h @ w[f"{i}.up"].T + w.get(f"{i}.up.bias", 0))
            x = x + u @ w[f"{i}.down"].T + w.get(f"{i}.down.bias", 0)
            continue
        h = norm(x, f"{i}.ffn_norm") if f.get("pre_norm", True) else x
        if f"{i}.router" in w:
            y = mixture(h, i)
        else:
            y = gated(h, *(w[f"{i}.{name}"] for name in ("gate", "up", "down")))
        if f.get("post_norm"):
            y = norm(y, f"{i}.ffn_post_norm")
        x = x + y * f.get("residual_scale", 1)
    result = norm(x, "norm") @ w["embed" if f.get("tied") else "head"].T / f.get("logit_scale", 1)
    return f["logit_cap"] * np.tanh(result / f["logit_cap"]) if "logit_cap" in f else result
