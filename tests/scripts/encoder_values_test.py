"""Encoders (BERT and its kin), and encoders with a decoder (T5, Whisper), from config.json with
weights and from GGUF, against a forward pass in numpy (float64) without any cache."""

import json
import math
import unittest

import numpy as np

import checkpoint_values_test as checkpoint
from checkpoint_values_test import FP32, gguf_bytes, safetensors_bytes, sqnr_db

HIDDEN, HEADS, LAYERS, FFN, VOCABULARY = 32, 4, 2, 40, 48
erf = np.vectorize(math.erf)

ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2))),
    "gelu_new": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
}


def softmax(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention(q, k, v, heads, scale, bias=0.0, hidden=None):
    """Of tokens x width; `bias`: heads x queries x keys; `hidden`: of queries x keys, those not seen."""
    q, k, v = (x.reshape(len(x), heads, -1) for x in (q, k, v))
    scores = np.einsum("thd,shd->hts", q, k) * scale + bias
    if hidden is not None:
        scores[:, hidden] = -np.inf
    return np.einsum("hts,shd->thd", softmax(scores), v).reshape(len(q), -1)


class Weights(dict):
    """Tensors by the names of a checkpoint, made when they are named first."""

    def __init__(self, random):
        super().__init__()
        self.random = random

    def make(self, name, *shape, mean=0.0, deviation=None):
        if name not in self:
            deviation = shape[-1] ** -0.5 if deviation is None else deviation
            values = self.random.standard_normal(shape) * deviation + mean
            self[name] = values.astype(np.float32)
        return self[name].astype(np.float64)

    def linear(self, x, name, outputs, bias=True):
        y = x @ self.make(f"{name}.weight", outputs, x.shape[-1]).T
        return y + self.make(f"{name}.bias", outputs, deviation=0.5) if bias else y

    def layernorm(self, x, name, epsilon):
        n = x.shape[-1]
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon)
        gamma = self.make(f"{name}.weight", n, mean=1.0, deviation=0.2)
        return x * gamma + self.make(f"{name}.bias", n, deviation=0.2)

    def rmsnorm(self, x, name, epsilon):
        x = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon)
        return x * self.make(f"{name}.weight", x.shape[-1], mean=1.0, deviation=0.2)

    def table(self, name, rows, cols):
        return self.make(f"{name}.weight", rows, cols, deviation=1.0)


# Names of a checkpoint's modules within a block, and switches.
BERT = {
    "part": "bert.", "block": "encoder.layer.{}.", "q": "attention.self.query", "k": "attention.self.key",
    "v": "attention.self.value", "o": "attention.output.dense", "attn_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense", "down": "output.dense", "ffn_norm": "output.LayerNorm", "types": 2,
    "act": "gelu", "first": 0, "pooler": "pooler.dense", "embed": HIDDEN, "project": None, "config": {},
}  # fmt: skip
ENCODERS = {
    "bert": BERT,
    "roberta": {**BERT, "part": "roberta.", "types": 1, "first": 2, "config": {"type_vocab_size": 1}},
    # A checkpoint of the encoder alone, without the layer for the first token.
    "xlm-roberta": {**BERT, "part": "", "types": 1, "first": 2, "pooler": None, "config": {"type_vocab_size": 1}},
    "electra": {
        **BERT, "part": "electra.", "pooler": None, "embed": 16, "project": "embeddings_project",
        "config": {"embedding_size": 16},
    },
    "albert": {
        **BERT, "part": "albert.", "block": "encoder.albert_layer_groups.0.albert_layers.0.", "act": "gelu_new",
        "q": "attention.query", "k": "attention.key", "v": "attention.value", "o": "attention.dense",
        "attn_norm": "attention.LayerNorm", "up": "ffn", "down": "ffn_output", "ffn_norm": "full_layer_layer_norm",
        "pooler": "pooler", "embed": 16, "project": "encoder.embedding_hidden_mapping_in",
        "config": {"embedding_size": 16, "hidden_act": "gelu_new", "num_hidden_groups": 1, "inner_group_num": 1},
    },
    "distilbert": {
        **BERT, "part": "distilbert.", "block": "transformer.layer.{}.", "types": 0, "pooler": None,
        "q": "attention.q_lin", "k": "attention.k_lin", "v": "attention.v_lin", "o": "attention.out_lin",
        "attn_norm": "sa_layer_norm", "up": "ffn.lin1", "down": "ffn.lin2", "ffn_norm": "output_layer_norm",
        "config": None,
    },
}  # fmt: skip


def encoded(f, w, tokens):
    """What BERT or one of its kin yields: of all tokens, or of the first behind the pooler."""
    epsilon, n = 1e-12, len(tokens)
    x = w.table("embeddings.word_embeddings", VOCABULARY, f["embed"])[tokens]
    x = x + w.table("embeddings.position_embeddings", 20, f["embed"])[np.arange(n) + f["first"]]
    if f["types"]:
        x = x + w.table("embeddings.token_type_embeddings", f["types"], f["embed"])[0]
    x = w.layernorm(x, "embeddings.LayerNorm", epsilon)
    if f["project"]:
        x = w.linear(x, f["project"], HIDDEN)
    for i in range(LAYERS):
        b = f["block"].format(i)
        q, k, v = (w.linear(x, b + f[name], HIDDEN) for name in "qkv")
        mixed = attention(q, k, v, HEADS, (HIDDEN // HEADS) ** -0.5)
        x = w.layernorm(x + w.linear(mixed, b + f["o"], HIDDEN), b + f["attn_norm"], epsilon)
        u = ACTIVATIONS[f["act"]](w.linear(x, b + f["up"], FFN))
        x = w.layernorm(x + w.linear(u, b + f["down"], HIDDEN), b + f["ffn_norm"], epsilon)
    return np.tanh(w.linear(x[:1], f["pooler"], HIDDEN)) if f["pooler"] else x


def buckets(queries, keys, both):
    """Of T5 by its thresholds, 8 of them and distances up to 10 here."""
    n = 8 // (2 if both else 1)
    starts = list(range(n // 2)) + [n / 2 * (10 / (n / 2)) ** (j / (n / 2)) for j in range(n // 2)]
    distance = queries[:, None] - keys[None, :]
    side = np.where(distance < 0, n, 0) if both else 0
    distance = np.abs(distance) if both else np.maximum(distance, 0)
    return side + np.searchsorted(np.array(starts) - 1e-9, distance, side="right") - 1


T5 = {
    "t5": {"gated": False, "tied": True, "config": {"feed_forward_proj": "relu"}},
    "mt5": {"gated": True, "tied": False, "config": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}},
}
WIDTH = 12  # of a head: not hidden / heads


def t5_logits(f, w, source, tokens):
    epsilon = 1e-6
    table = w.table("shared", VOCABULARY, HIDDEN)
    states = None
    for part, ids in (("encoder", source), ("decoder", tokens)):
        both, last = part == "encoder", 1 if part == "encoder" else 2
        places = np.arange(len(ids))
        name = f"{part}.block.0.layer.0.SelfAttention.relative_attention_bias"
        bias = w.table(name, 8, HEADS)[buckets(places, places, both)].transpose(2, 0, 1)
        x = table[ids]
        for i in range(LAYERS):
            b = f"{part}.block.{i}.layer."
            a = w.rmsnorm(x, f"{b}0.layer_norm", epsilon)
            q, k, v = (w.linear(a, f"{b}0.SelfAttention.{n}", HEADS * WIDTH, False) for n in "qkv")
            hidden = None if both else places[None, :] > places[:, None]
            mixed = attention(q, k, v, HEADS, 1.0, bias, hidden)
            x = x + w.linear(mixed, f"{b}0.SelfAttention.o", HIDDEN, False)
            if not both:
                a = w.rmsnorm(x, f"{b}1.layer_norm", epsilon)
                q = w.linear(a, f"{b}1.EncDecAttention.q", HEADS * WIDTH, False)
                k, v = (w.linear(states, f"{b}1.EncDecAttention.{n}", HEADS * WIDTH, False) for n in "kv")
                x = x + w.linear(attention(q, k, v, HEADS, 1.0), f"{b}1.EncDecAttention.o", HIDDEN, False)
            a = w.rmsnorm(x, f"{b}{last}.layer_norm", epsilon)
            mlp = f"{b}{last}.DenseReluDense."
            if f["gated"]:
                u = ACTIVATIONS["gelu_new"](w.linear(a, mlp + "wi_0", FFN, False))
                u = u * w.linear(a, mlp + "wi_1", FFN, False)
            else:
                u = ACTIVATIONS["relu"](w.linear(a, mlp + "wi", FFN, False))
            x = x + w.linear(u, mlp + "wo", HIDDEN, False)
        x = w.rmsnorm(x, f"{part}.final_layer_norm", epsilon)
        states = x if both else states
    return x @ table.T * HIDDEN**-0.5 if f["tied"] else w.linear(x, "lm_head", VOCABULARY, False)


BINS, SOURCE, POSITIONS = 6, 7, 16


def whisper_logits(w, features, tokens):
    """`features`: bins x frames."""
    epsilon = 1e-5

    def convolution(x, name, stride):  # x: channels x places
        kernel = w.make(f"{name}.weight", HIDDEN, len(x), 3, deviation=(3 * len(x)) ** -0.5)
        x = np.pad(x, ((0, 0), (1, 1)))
        places = range(0, x.shape[1] - 2, stride)
        y = np.stack([np.einsum("ock,ck->o", kernel, x[:, p : p + 3]) for p in places], axis=1)
        return ACTIVATIONS["gelu"](y + w.make(f"{name}.bias", HIDDEN, deviation=0.5)[:, None])

    def attended(x, of, b, hidden=None):
        q, v = w.linear(x, b + "q_proj", HIDDEN), w.linear(of, b + "v_proj", HIDDEN)
        k = w.linear(of, b + "k_proj", HIDDEN, False)
        mixed = attention(q, k, v, HEADS, (HIDDEN // HEADS) ** -0.5, hidden=hidden)
        return w.linear(mixed, b + "out_proj", HIDDEN)

    def block(x, b, states, hidden):
        a = w.layernorm(x, b + "self_attn_layer_norm", epsilon)
        x = x + attended(a, a, b + "self_attn.", hidden)
        if states is not None:
            a = w.layernorm(x, b + "encoder_attn_layer_norm", epsilon)
            x = x + attended(a, states, b + "encoder_attn.")
        u = ACTIVATIONS["gelu"](w.linear(w.layernorm(x, b + "final_layer_norm", epsilon), b + "fc1", FFN))
        return x + w.linear(u, b + "fc2", HIDDEN)

    x = convolution(convolution(features, "encoder.conv1", 1), "encoder.conv2", 2).T
    x = x + w.table("encoder.embed_positions", SOURCE, HIDDEN)
    for i in range(LAYERS):
        x = block(x, f"encoder.layers.{i}.", None, None)
    states = w.layernorm(x, "encoder.layer_norm", epsilon)
    table, places = w.table("decoder.embed_tokens", VOCABULARY, HIDDEN), np.arange(len(tokens))
    x = table[tokens] + w.table("decoder.embed_positions", POSITIONS, HIDDEN)[places]
    for i in range(LAYERS):
        x = block(x, f"decoder.layers.{i}.", states, places[None, :] > places[:, None])
    return w.layernorm(x, "decoder.layer_norm", epsilon) @ table.T


class EncoderTest(checkpoint.CheckpointTest):
    def write(self, config, weights, part=""):
        (self.folder / "config.json").write_text(json.dumps(config))
        tensors = {part + name: ("F32", list(v.shape), v.tobytes()) for name, v in weights.items()}
        (self.folder / "model.safetensors").write_bytes(safetensors_bytes(tensors))
        return "config.json"

    def save(self, name, values):
        np.save(self.folder / f"{name}.npy", values)
        return ["--input", f"{name}={name}.npy"]

    def generated(self, file, prompt, count, *arguments):
        run = {"network": "networks/llama2-7b.yaml", "precision": FP32}
        step = {"prompt": prompt, "tokens": count}
        _, _, saved = self.simulate(
            {**run, "generate": step}, "--network", file, "--save-outputs", *arguments
        )
        (last,) = saved.values()
        return last

    def test_kin_of_bert(self):
        for family, f in ENCODERS.items():
            with self.subTest(family):
                weights = Weights(self.random)
                tokens = self.random.integers(0, VOCABULARY, 8)
                expected = encoded(f, weights, tokens)
                sizes = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
                         "intermediate_size": FFN, "max_position_embeddings": 20, "type_vocab_size": 2,
                         "hidden_act": "gelu"}  # fmt: skip
                if f["config"] is None:
                    sizes = {"dim": HIDDEN, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": FFN,
                             "max_position_embeddings": 20, "activation": "gelu"}  # fmt: skip
                config = {"model_type": family, "vocab_size": VOCABULARY, **sizes, **(f["config"] or {})}
                file = self.write(config, weights, f["part"])
                # BERT itself also with its attention in tiles of three keys.
                for attention in ["unfused", "fused"] if family == "bert" else ["unfused"]:
                    run = {"network": "networks/bert-base.yaml", "precision": FP32}
                    run["mapping"] = {"attention": attention}
                    if attention == "fused":
                        run["mapping"]["tile"] = {"n": 3}
                    stderr, _, saved = self.simulate(
                        run, "--network", file, "--size", "tokens=8", "--save-outputs",
                        *self.save("tokens", tokens[None].astype(np.int32)),
                    )  # fmt: skip
                    (got,) = saved.values()
                    self.assertGreater(sqnr_db(expected, got), 120)
                    left_out = family == "xlm-roberta"
                    self.assertEqual("pooler: left out" in stderr, left_out)

    def check_t5(self, file, f, weights, *arguments):
        source = self.random.integers(0, VOCABULARY, 14)
        tokens = [int(t) for t in self.random.integers(0, VOCABULARY, 3)]
        inputs = self.save("source", source[None].astype(np.int32))
        inputs += self.save("tokens", np.array([tokens], dtype=np.int32)) + ["--size", "source=14"]
        for _ in range(3):
            tokens.append(int(np.argmax(t5_logits(f, weights, source, tokens)[-1])))
        # The last step reads from the cache what the first pass has made of the source.
        last = self.generated(file, 3, 4, *inputs, *arguments)
        self.assertGreater(sqnr_db(t5_logits(f, weights, source, tokens)[-1:], last), 120)

    def t5_weights(self, f):
        weights = Weights(self.random)
        t5_logits(f, weights, np.arange(3), [1, 2])
        return weights

    def test_t5_from_config(self):
        for family, f in T5.items():
            with self.subTest(family):
                weights = self.t5_weights(f)
                config = {
                    "model_type": family, "d_model": HIDDEN, "d_kv": WIDTH, "d_ff": FFN, "num_layers": LAYERS,
                    "num_heads": HEADS, "vocab_size": VOCABULARY, "relative_attention_num_buckets": 8,
                    "relative_attention_max_distance": 10, "is_encoder_decoder": True, **f["config"],
                }  # fmt: skip
                self.check_t5(self.write(config, weights), f, weights)

    def test_t5_from_gguf(self):
        inner = {"SelfAttention.q": "attn_q", "SelfAttention.k": "attn_k", "SelfAttention.v": "attn_v",
                 "SelfAttention.o": "attn_o", "SelfAttention.relative_attention_bias": "attn_rel_b",
                 "EncDecAttention.q": "cross_attn_q", "EncDecAttention.k": "cross_attn_k",
                 "EncDecAttention.v": "cross_attn_v", "EncDecAttention.o": "cross_attn_o",
                 "DenseReluDense.wi_0": "ffn_gate", "DenseReluDense.wi_1": "ffn_up",
                 "DenseReluDense.wi": "ffn_up", "DenseReluDense.wo": "ffn_down"}  # fmt: skip
        outer = {"shared": "token_embd", "lm_head": "output", "encoder.final_layer_norm": "enc.output_norm",
                 "decoder.final_layer_norm": "dec.output_norm"}  # fmt: skip
        for family, f in T5.items():
            with self.subTest(family):
                weights = self.t5_weights(f)
                tensors = {}
                for name, value in weights.items():
                    module = name.removesuffix(".weight")
                    stored = outer.get(module)
                    if stored is None:
                        part, _, i, _, sub, kind = module.split(".", 5)
                        norms = {"0": "attn_norm", "1": "ffn_norm" if part == "encoder" else "cross_attn_norm"}
                        kind = norms.get(sub, "ffn_norm") if kind == "layer_norm" else inner[kind]
                        stored = f"{part[:3]}.blk.{i}.{kind}"
                    tensors[f"{stored}.weight"] = ("f32", list(value.shape), value.tobytes())
                metadata = {
                    "general.architecture": "t5", "t5.embedding_length": HIDDEN, "t5.block_count": LAYERS,
                    "t5.feed_forward_length": FFN, "t5.attention.head_count": HEADS, "t5.attention.key_length": WIDTH,
                    "t5.attention.value_length": WIDTH, "t5.attention.relative_buckets_count": 8,
                    "t5.attention.layer_norm_rms_epsilon": 1e-6, "t5.decoder_start_token_id": 0,
                }  # fmt: skip
                (self.folder / "model.gguf").write_bytes(gguf_bytes(metadata, tensors))
                self.check_t5("model.gguf", f, weights, "--size", "distance=10")

    def test_whisper(self):
        weights = Weights(self.random)
        features = self.random.standard_normal((BINS, 2 * SOURCE)).astype(np.float32)
        tokens = [3, 1, 4, 1]
        inputs = self.save("features", features[None]) + self.save("tokens", np.array([tokens], dtype=np.int32))
        for _ in range(3):
            tokens.append(int(np.argmax(whisper_logits(weights, features, tokens)[-1])))
        config = {
            "model_type": "whisper", "d_model": HIDDEN, "encoder_layers": LAYERS, "decoder_layers": LAYERS,
            "encoder_attention_heads": HEADS, "decoder_attention_heads": HEADS, "encoder_ffn_dim": FFN,
            "decoder_ffn_dim": FFN, "vocab_size": VOCABULARY, "num_mel_bins": BINS, "max_source_positions": SOURCE,
            "max_target_positions": POSITIONS, "is_encoder_decoder": True, "activation_function": "gelu",
        }  # fmt: skip
        file = self.write(config, weights, "model.")
        last = self.generated(file, 4, 4, *inputs)
        self.assertGreater(sqnr_db(whisper_logits(weights, features, tokens)[-1:], last), 120)


if __name__ == "__main__":
    unittest.main()
