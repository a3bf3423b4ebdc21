"""What settings do to an attention, or are said not to do: activations on chip beside a cache, fused layers, overrides."""

import json
import unittest

from simulator import Simulator

TOKENS, WIDTH = 9, 16  # a cache of 9 tokens, one head of keys for two of queries


def gemm(name, m, n, k, **more):
    return {"name": name, "gemm": {"m": m, "n": n, "k": k}, "inputs": ["x"], **more}


def attention(m, cache):
    """Layers of m queries of each head; their keys and values in a cache, or of m tokens themselves."""
    more = {"kv_cache": True} if cache else {}
    keys = TOKENS if cache else m
    product = {"batch": 2, "m": m, "shared": 2}
    return [gemm("k", m, WIDTH, 32, **more), gemm("v", m, WIDTH, 32, **more), gemm("q", m, 32, 32),
            {"name": "qk", "matmul": {**product, "n": keys, "k": WIDTH}, "inputs": ["q", "k"], **more},
            {"name": "softmax", "vector": {"op": "softmax", "rows": 2 * m, "cols": keys}},
            {"name": "pv", "matmul": {**product, "n": WIDTH, "k": keys, "k_rows": True},
             "inputs": ["softmax", "v"], **more},
            {"name": "o", "gemm": {"m": m, "n": 8, "k": 32}}]  # fmt: skip


class AttentionSettings(Simulator):
    SEED = 5

    def run_network(self, layers, *arguments, m=1, **more):
        self.write("n.yaml", {"name": "n", "inputs": [{"name": "x", "shape": [m, 32]}], "layers": layers, **more})
        self.write("run.yaml", {"accelerator": "accelerators/edge-16x16.yaml", "network": "n.yaml",
                                "precision": {"weights": "fp16", "activations": "fp16", "mac": "fp16"}})  # fmt: skip
        self.stderr = self.sim("run", "run.yaml", "-o", "out", *arguments).stderr
        return json.loads((self.folder / "out" / "result.json").read_text())

    def moved(self, result, tensor):
        traffic = result["dram"]["per_tensor"][tensor]
        return traffic["read_bytes"], traffic["write_bytes"]

    def test_on_chip_the_cache_is_written_and_read(self):
        """Of two bytes a number: keys and values are the only activations that cross the DRAM."""
        weights = 2 * 32 * (WIDTH + WIDTH + 32 + 8)
        token = 2 * 2 * WIDTH
        for how in ["unfused", "fused"]:
            for fidelity in ["fast", "estimate"]:
                settings = ["--set", "mapping.activations=on_chip", "--set", f"mapping.attention={how}", "--fidelity", fidelity]
                with self.subTest(how, fidelity=fidelity, cache=True):
                    result = self.run_network(attention(1, True), *settings)
                    self.assertEqual(self.moved(result, "inputs"), (0, 0))
                    self.assertEqual(self.moved(result, "outputs"), (0, token))
                    self.assertEqual(self.moved(result, "weights"), (weights + TOKENS * token, 0))
                with self.subTest(how, fidelity=fidelity, cache=False):  # of an encoder
                    result = self.run_network(attention(6, False), *settings, m=6)
                    self.assertEqual(self.moved(result, "inputs"), (0, 0))
                    self.assertEqual(self.moved(result, "outputs"), (0, 6 * token))
                    self.assertEqual(self.moved(result, "weights"), (weights + 6 * token, 0))

    def test_a_fused_layer_says_both_products(self):
        layers = attention(1, True)
        layers[3]["precision"] = {"weights": "q8_0", "activations": "fp32", "mac": "fp32"}
        layers[0]["gemm"]["n"] = layers[1]["gemm"]["n"] = layers[3]["matmul"]["k"] = layers[5]["matmul"]["n"] = 32
        layers[2]["gemm"]["n"] = layers[6]["gemm"]["k"] = 64
        layers[0]["precision"] = {"output": "q8_0"}
        result = self.run_network(layers, "--set", "mapping.attention=fused", "--fidelity", "estimate")
        (fused,) = [layer for layer in result["layers"] if layer["name"] == "pv"]
        self.assertEqual(fused["scores"], {"mac": "fp32", "weights": "q8_0", "activations": "fp32"})
        self.assertEqual((fused["mac"], fused["formats"]["weights"]), ("fp16", "fp16"))

    def test_what_overrides_say_in_vain_is_told(self):
        cases = {
            "softmax": ("precision", {"mac": "fp32"}, 'precision.mac: no effect: "softmax" is the vector operator softmax'),
            "qk": ("precision", {"quantizer": "mse"}, 'precision.quantizer: no effect: "qk" is a product of activations'),
            "so*": ("mapping", {"tile": {"m": 1}}, 'mapping: no effect: "softmax" is the vector operator softmax'),
        }
        for layer, (key, value, note) in cases.items():
            with self.subTest(layer):
                self.run_network(attention(1, True), "--fidelity", "estimate", overrides=[{"layers": [layer], key: value}])
                self.assertIn(f"overrides: {layer}: {note}", self.stderr)
        fused = ["--set", "mapping.attention=fused", "--fidelity", "estimate"]
        output = {"precision": {"output": "fp32"}}
        for layer, rule, note in [
            ("qk", {"mapping": {"tile": {"m": 1}}}, 'mapping of "qk": no effect: that of "pv" counts for both products'),
            ("qk", output, 'precision.output of "qk": no effect: scores stay in the accumulators'),
            ("softmax", output, 'precision.output of "softmax": no effect: probabilities are stored'),
        ]:
            with self.subTest(layer, fused=True):
                self.run_network(attention(1, True), *fused, overrides=[{"layers": [layer], **rule}])
                self.assertIn(f"mapping.attention: fused: {note}", self.stderr)
        self.run_network(attention(1, True), *fused)
        self.assertNotIn("no effect", self.stderr)
        self.write("one.yaml", {"accelerator": "accelerators/edge-16x16.yaml", "layer": {"matmul": {"batch": 2, "m": 1, "n": 9, "k": 16}},
                                "precision": {"weights": "fp16", "activations": "fp16", "mac": "fp16"}})  # fmt: skip
        stderr = self.sim("run", "one.yaml", *fused).stderr
        self.assertIn("mapping.attention: no effect: a single layer is no softmax between two products", stderr)

    def test_the_estimate_of_a_prompt_with_a_narrow_window(self):
        """Each query tile sees few keys, so that loads of queries are much of all that is moved."""
        heads, tokens, width, window = 8, 1024, 64, 128
        shape = {"rows": heads * tokens, "cols": tokens}
        product = {"batch": heads, "m": tokens}
        inputs = [{"name": name, "shape": [heads * tokens, width]} for name in "xkv"]
        layers = [{"name": "q", "vector": {"op": "relu", "rows": heads * tokens, "cols": width}, "inputs": ["x"]},
                  {"name": "qk", "matmul": {**product, "n": tokens, "k": width}, "inputs": ["q", "k"]},
                  {"name": "softmax", "vector": {"op": "softmax", **shape, "causal": tokens, "reach": window, "heads": heads}},
                  {"name": "pv", "matmul": {**product, "n": width, "k": tokens, "k_rows": True}, "inputs": ["softmax", "v"]}]  # fmt: skip
        cycles = []
        for fidelity in ["fast", "estimate"]:
            result = self.run_network(layers, "--set", "mapping.attention=fused", "--fidelity", fidelity, inputs=inputs)
            cycles += [layer["cycles"] for layer in result["layers"] if layer["name"] == "pv"]
        self.assertLess(abs(cycles[1] / cycles[0] - 1), 0.01)

    def test_quantized_graphs_do_not_fuse(self):
        layers = attention(1, True)
        between = {"name": "codes", "vector": {"op": "quantize_linear", "rows": 2, "cols": TOKENS}, "inputs": ["softmax"]}
        layers.insert(5, between)
        layers[6]["inputs"] = ["codes", "v"]
        scaled = {"name": "scaled", "vector": {"op": "affine", "rows": 2, "cols": TOKENS, "alpha": 0.5}, "inputs": ["qk"]}
        others = attention(1, True)
        others.insert(4, scaled)
        for network, reason in [
            (layers, '"codes" is of codes of a quantized network, which rounds scores and probabilities by scales of its own'),
            (others, 'no softmax between two products: "scaled" stands between scores and "softmax"'),
        ]:
            self.write("n.yaml", {"name": "n", "inputs": [{"name": "x", "shape": [1, 32]}], "layers": network})
            self.write("run.yaml", {"accelerator": "accelerators/edge-16x16.yaml", "network": "n.yaml",
                                    "precision": {"weights": "fp16", "activations": "fp16", "mac": "fp16"}})  # fmt: skip
            done = self.sim("run", "run.yaml", "--fidelity", "estimate", "--set", "mapping.attention=fused", code=2)
            self.assertIn(reason, done.stderr)

    def test_contexts_hold_the_tokens_of_the_step(self):
        self.write("n.yaml", {"name": "n", "base": "networks/stories260k.yaml", "phase": "decode", "parameters": {"tokens": 4}, "contexts": [17, 2]})
        self.write("run.yaml", {"accelerator": "accelerators/edge-16x16.yaml", "network": "n.yaml",
                                "precision": {"weights": "fp16", "activations": "fp16", "mac": "fp16"}})  # fmt: skip
        done = self.sim("run", "run.yaml", "--fidelity", "estimate", code=2)
        self.assertIn("n: contexts: [17, 2]: a sequence of 2 tokens, of which the step alone has 4 (parameters.tokens); "
                      "expected contexts of at least 4", done.stderr)  # fmt: skip


if __name__ == "__main__":
    unittest.main()
