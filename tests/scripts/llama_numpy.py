"""A Llama in float64, from the tensors of a Hugging Face checkpoint."""

import numpy as np

LINEAR = {**{name: f"self_attn.{name}_proj" for name in "qkvo"},
          **{name: f"mlp.{name}_proj" for name in ("gate", "up", "down")}}


def log_softmax(x):
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


class Llama:
    """`weights`: matrices by "0.q", ... "embed" and "head", norms by the names in the checkpoint."""

    def __init__(self, tensors, layers, heads, kv_heads):
        self.layers, self.heads, self.kv_heads = layers, heads, kv_heads
        self.weights = {name: t.astype(np.float64) for name, t in tensors.items() if "norm" in name}
        for i in range(layers):
            for short, name in LINEAR.items():
                self.weights[f"{i}.{short}"] = tensors[f"model.layers.{i}.{name}.weight"].astype(np.float64)
        self.weights["embed"] = tensors["model.embed_tokens.weight"].astype(np.float64)
        self.weights["head"] = self.weights["embed"].copy()

    def norm(self, x, name):
        return x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + 1e-5) * self.weights[f"{name}.weight"]

    @staticmethod
    def rotated(x):
        """Positions along axis 1, halves of the last axis are the pairs."""
        half = x.shape[-1] // 2
        angles = np.arange(x.shape[1])[:, None] * 10000.0 ** (-np.arange(half) / half)
        cos, sin = np.cos(angles)[:, None, :], np.sin(angles)[:, None, :]
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)

    def logits(self, tokens, seen=lambda name, inputs: None, cached=lambda x: x):
        """[texts, tokens, vocabulary]. `seen` is told what each matrix is multiplied by; keys and values
        are read as `cached` makes them."""
        def product(name, x):
            seen(name, x.reshape(-1, x.shape[-1]))
            return x @ self.weights[name].T

        x = self.weights["embed"][tokens]
        texts, length = tokens.shape
        hidden = np.triu(np.full((length, length), -np.inf), 1)
        for i in range(self.layers):
            at = f"model.layers.{i}"
            h = self.norm(x, f"{at}.input_layernorm")
            q = self.rotated(product(f"{i}.q", h).reshape(texts, length, self.heads, -1))
            k, v = (product(f"{i}.{n}", h).reshape(texts, length, self.kv_heads, -1) for n in "kv")
            k, v = (np.repeat(cached(m), self.heads // self.kv_heads, axis=2) for m in (self.rotated(k), v))
            scores = np.einsum("bihd,bjhd->bhij", q, k) / np.sqrt(q.shape[-1]) + hidden
            a = np.einsum("bhij,bjhd->bihd", np.exp(log_softmax(scores)), v)
            x = x + product(f"{i}.o", a.reshape(texts, length, -1))
            h = self.norm(x, f"{at}.post_attention_layernorm")
            g = product(f"{i}.gate", h)
            x = x + product(f"{i}.down", g / (1 + np.exp(-g)) * product(f"{i}.up", h))
        return product("head", self.norm(x, "model.norm"))

    def kl(self, reference, tokens, **how):
        """Of each prediction from the reference's logits."""
        p, q = log_softmax(reference), log_softmax(self.logits(tokens, **how))
        return (np.exp(p) * (p - q)).sum(axis=-1)[:, :-1]
