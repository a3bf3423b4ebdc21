"""DeepSeek V2 and V3 from config.json with weights, where one tensor holds the matrices of keys and
of values: absorbed and decompressed, a whole prompt and token by token, against the pass in numpy
that the test of all decoders has."""

import json
import unittest

import numpy as np

import checkpoint_values_test as checkpoint
from checkpoint_values_test import FP32, safetensors_bytes, sqnr_db
from decoders import EPSILON, FAMILIES, FFN, HEADS, HIDDEN, VOCABULARY, logits, weights_of

CONFIG = {
    "deepseek_v3": {
        "q_lora_rank": 20, "n_routed_experts": 8, "num_experts_per_tok": 3, "n_shared_experts": 1,
        "first_k_dense_replace": 1, "norm_topk_prob": True, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
        "n_group": 4, "topk_group": 2, "routed_scaling_factor": 2.5, "num_nextn_predict_layers": 1,
    },
    "deepseek_v2": {
        "q_lora_rank": None, "n_routed_experts": 5, "num_experts_per_tok": 2, "n_shared_experts": 2,
        "first_k_dense_replace": 0, "norm_topk_prob": False, "topk_method": "greedy", "routed_scaling_factor": 1.0,
    },
}  # fmt: skip
NAMES = {
    "q_a": "self_attn.q_a_proj.weight", "q_a_norm": "self_attn.q_a_layernorm.weight",
    "kv_a": "self_attn.kv_a_proj_with_mqa.weight", "kv_a_norm": "self_attn.kv_a_layernorm.weight",
    "o": "self_attn.o_proj.weight", "attn_norm": "input_layernorm.weight",
    "ffn_norm": "post_attention_layernorm.weight", "router": "mlp.gate.weight",
    "choice": "mlp.gate.e_score_correction_bias",
    **{part: f"mlp.{part}_proj.weight" for part in ("gate", "up", "down")},
    **{f"{part}_shexp": f"mlp.shared_experts.{part}_proj.weight" for part in ("gate", "up", "down")},
}  # fmt: skip


class LatentTest(checkpoint.CheckpointTest):
    def write(self, family, f, w):
        m = f["latent"]
        config = {
            "model_type": family, "hidden_size": HIDDEN, "num_hidden_layers": f.get("layers", 2),
            "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "vocab_size": VOCABULARY,
            "intermediate_size": FFN, "moe_intermediate_size": f["expert_ffn"], "rms_norm_eps": EPSILON,
            "kv_lora_rank": m["kv"], "qk_rope_head_dim": m["rope"], "qk_nope_head_dim": m["nope"],
            "v_head_dim": m["value"], **CONFIG[family],
        }  # fmt: skip
        (self.folder / "config.json").write_text(json.dumps(config))
        outer = {"embed": "model.embed_tokens.weight", "norm": "model.norm.weight", "head": "lm_head.weight"}
        tensors = {}
        for name, value in w.items():
            i, _, part = name.rpartition(".")
            block = f"model.layers.{i}."
            if not i:
                tensors[outer[name]] = value
            elif part.endswith("_exps"):
                for e, one in enumerate(value):
                    tensors[f"{block}mlp.experts.{e}.{part[:-5]}_proj.weight"] = one
            elif part == "q":
                tensors[block + ("self_attn.q_b_proj.weight" if "q" in m else "self_attn.q_proj.weight")] = value
            elif part == "k_b":  # each head's rows that make keys, then those that make values
                both = np.concatenate([value.transpose(0, 2, 1), w[f"{i}.v_b"]], axis=1)
                tensors[block + "self_attn.kv_b_proj.weight"] = both.reshape(-1, m["kv"])
            elif part != "v_b":
                tensors[block + NAMES[part]] = value
        if "num_nextn_predict_layers" in CONFIG[family]:  # a layer that predicts the token after the next
            tensors[f"model.layers.{f['layers']}.input_layernorm.weight"] = w["norm"]
        stored = {
            name: ("F32", list(v.shape), np.ascontiguousarray(v).tobytes()) for name, v in tensors.items()
        }
        (self.folder / "model.safetensors").write_bytes(safetensors_bytes(stored))

    def test_both_forms(self):
        for family in CONFIG:
            f = FAMILIES[family]
            w = weights_of(f, self.random)
            self.write(family, f, w)
            tokens = [int(t) for t in self.random.integers(0, VOCABULARY, 7)]
            np.save(self.folder / "tokens.npy", np.array([tokens], dtype=np.int32))
            expected = logits(f, w, tokens)
            run = {"network": "networks/llama2-7b.yaml", "precision": FP32}
            common = ["--network", "config.json", "--input", "tokens=tokens.npy", "--save-outputs"]
            for absorbed in (1, 0):
                with self.subTest(f"{family} absorbed: {absorbed}"):
                    _, result, saved = self.simulate(
                        {**run, "phase": "prefill"}, *common, "--size", f"prompt={len(tokens)}",
                        "--set", f"network.parameters.absorbed={absorbed}",
                    )  # fmt: skip
                    (whole,) = saved.values()
                    self.assertGreater(sqnr_db(expected, whole), 120)
                    names = {layer["name"].rsplit(".", 1)[-1] for layer in result["layers"]}
                    self.assertEqual("kv_b" in names, not absorbed)
                    self.assertEqual("k_b" in names, bool(absorbed))
            with self.subTest(f"{family} token by token"):
                for _ in range(2):
                    tokens.append(int(np.argmax(logits(f, w, tokens)[-1])))
                steps = {**run, "generate": {"prompt": 7, "tokens": 3}}
                _, _, saved = self.simulate(steps, *common)
                (last,) = saved.values()
                self.assertGreater(sqnr_db(logits(f, w, tokens)[-1:], last), 120)
                # The rows that it has appended are not what a decompressed pass has read.
                stderr, _, _ = self.simulate(steps, *common, "--set", "network.parameters.absorbed=0", code=2)
                self.assertIn("keys and values were made for every head there (absorbed: 0)", stderr)


if __name__ == "__main__":
    unittest.main()
