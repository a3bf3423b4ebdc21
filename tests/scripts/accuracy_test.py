"""Perplexity, KL and agreement of a small trained Llama against numbers of other programs.

The model, its texts and the numbers (computed by numpy and llama.cpp) are read from ../shared beside
the project, or from $BITJOULE_SHARED; without them every test is skipped, and says so.
"""

import csv
import json
import math
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import yaml

from llama_numpy import Llama
from quantizers import Groups, hadamard
from simulator import read_safetensors

SIM = os.environ["BITJOULE_SIM"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("BITJOULE_SHARED", ROOT.parent / "shared")) / "data/llama"
F32 = DATA / "stories260K-f32.gguf"
TOKENS = DATA / "tokens-stories.npy"

FLOAT = {"weights": "fp32", "activations": "fp32", "mac": "fp32"}


def per_channel(name, **more):
    return {"format": name, "granularity": "per_channel", **more}


def grouped(name, size=32):
    asymmetric = {"symmetric": False} if name.startswith("u") else {}
    return {"format": name, "granularity": "per_group", "group_size": size, "scale": "fp16", **asymmetric}


def numbers(file, key):
    """Rows of a table by the text that `key` makes of them."""
    with open(DATA / file, encoding="utf-8") as rows:
        return {key(row): row for row in csv.DictReader(rows)}


class AccuracyTest(unittest.TestCase):
    def setUp(self):
        if not DATA.is_dir():
            self.skipTest(f"no shared data: {DATA} is not there")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name)

    def sim(self, *arguments, code=0):
        done = subprocess.run(
            [SIM, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def write_run(self, precision, **more):
        run = {
            "accelerator": "accelerators/edge-32x32.yaml",
            "network": "networks/stories260k.yaml",
            "phase": "decode",
            "fidelity": "estimate",
            "precision": {**FLOAT, **precision},
            **more,
        }
        (self.folder / "run.yaml").write_text(yaml.safe_dump(run))

    def evaluate(self, precision, *arguments, network=F32, data=TOKENS, **more):
        """`accuracy` of result.json."""
        self.write_run(precision, **more)
        if network == F32 and "--requantize" not in arguments:
            arguments = ("--requantize", *arguments)
        done = self.sim(
            "evaluate", "run.yaml", "--network", network, "--data", data, "--quiet", "--json",
            *arguments)
        return json.loads(done.stdout)["accuracy"]

    def network_with(self, *overrides, **keys):
        """The model as a network file with further keys and rules."""
        name = f"network{len(list(self.folder.iterdir()))}.yaml"
        self.sim("import", F32, "--requantize", "-o", name)
        network = yaml.safe_load((self.folder / name).read_text())
        network.update(keys)
        network["overrides"] += overrides
        (self.folder / name).write_text(yaml.safe_dump(network))
        return name

    def check(self, name, got, row, share=0.005):
        """Perplexity, KL and agreement within `share` of a row of reference.csv."""
        for what, value, expected in (
            ("perplexity", got["perplexity"], float(row["ppl"])),
            ("KL", got["kl"], float(row["kl"])),
            ("agreement", got["agreement"]["top1"], float(row["top1"])),
        ):
            with self.subTest(name, what=what):
                self.assertLessEqual(abs(value / expected - 1), share, (value, expected))


class WeightTest(AccuracyTest):
    """Weights of all linear layers and of the tied embedding in a format, everything else fp32."""

    FORMATS = {
        "fp16": "fp16",
        "bf16": "bf16",
        "int8 per_tensor": "int8",
        "int4 per_tensor": "int4",
        "uint4 asym per_channel": per_channel("uint4", symmetric=False),
        "uint2 asym g16": grouped("uint2", 16),
        **{f"int{bits} per_channel": per_channel(f"int{bits}") for bits in (8, 6, 5, 4, 3, 2)},
        **{f"int{bits} g32": grouped(f"int{bits}") for bits in (8, 4, 3, 2)},
        **{f"uint{bits} asym g32": grouped(f"uint{bits}") for bits in (4, 3, 2)},
        **{
            name: name
            for name in (
                "nf4", "fp8_e4m3", "fp8_e5m2", "fp6_e3m2", "fp6_e2m3", "fp4_e2m1", "mxfp8_e4m3",
                "mxfp8_e5m2", "mxfp6_e3m2", "mxfp6_e2m3", "mxfp4", "mxint8")
        },
        "ternary": per_channel("ternary"),
        "binary": per_channel("binary"),
    }

    def test_formats(self):
        rows = numbers("reference.csv", lambda row: (row["group"], row["name"]))
        for name, weights in self.FORMATS.items():
            got = self.evaluate({"weights": weights})
            row = rows["linear+emb", name]
            self.check(name, got, row)
            with self.subTest(name, what="paired standard error"):
                self.assertLessEqual(abs(got["change"]["nll_error"] / float(row["se"]) - 1), 0.005)

    def test_linear_layers_alone(self):
        rows = numbers("reference.csv", lambda row: (row["group"], row["name"]))
        wide = {"layers": ["embed", "head"], "precision": {"weights": "fp32"}}
        for name in ("int8 per_channel", "int4 g32", "mxfp4"):
            network = self.network_with(wide)
            got = self.evaluate({"weights": self.FORMATS[name]}, network=network)
            self.check(name, got, rows["linear", name])


def shared_model():
    return Llama(read_safetensors(DATA / "hf/model.safetensors"), 5, 8, 4)


class QuantizerTest(AccuracyTest):
    """Calibrated on ten rows of the stories, judged on eight others."""

    # Layers that read one tensor.
    TOGETHER = [[f"{i}.{name}" for name in names] for i in range(5)
                for names in ("qkv", "o", ("gate", "up"), ("down",))] + [["head"]]

    def setUp(self):
        super().setUp()
        np.save(self.folder / "seen.npy", np.load(TOKENS)[20:])
        np.save(self.folder / "others.npy", np.load(TOKENS)[:8])
        self.write_run({})
        self.sim("calibrate", "run.yaml", "--network", F32, "--requantize", "--data", "seen.npy")

    def kl(self, precision):
        return self.evaluate(precision, data="others.npy", calibration="calibration.safetensors")["kl"]

    def test_less_is_lost_than_by_the_nearest_codes(self):
        # What is left of the loss of the nearest codes, at most.
        for bits, left in ((4, {"mse": 0.95, "importance": 0.8, "gptq": 0.6}),
                           (3, {"mse": 0.65, "importance": 0.6, "gptq": 0.4})):
            weights = grouped(f"int{bits}")
            nearest = self.kl({"weights": weights})
            lost = [nearest]
            for name, share in left.items():
                lost.append(self.kl({"weights": weights, "quantizer": name}))
                with self.subTest(bits, quantizer=name):
                    self.assertLess(lost[-1], share * nearest)
            self.assertEqual(lost, sorted(lost, reverse=True))

    def numpy_kl(self, bits):
        """Of the nearest codes, of GPTQ and of AWQ, in numpy from the calibration to the logits."""
        codes = Groups(2 ** (bits - 1) - 1, 32, np.float16)
        tokens, model = np.load(TOKENS), shared_model()
        reference, original = model.logits(tokens[:8]), dict(model.weights)
        moments, mean = {}, {}

        def seen(name, x):
            moments[name], mean[name] = x.T @ x / len(x), np.abs(x).mean(axis=0)

        model.logits(tokens[20:], seen=seen)
        lost = {}
        for quantizer in ("nearest", "gptq", "awq"):
            model.weights = dict(original)
            model.weights["embed"] = codes.quantized(original["embed"], 1 if quantizer == "gptq" else None)
            factors = {}
            for names in self.TOGETHER:
                rows = np.concatenate([original[name] for name in names])
                of_inputs = mean[names[0]]
                if names[0].endswith(".o"):  # two heads of queries share each value's factor
                    of_inputs = np.repeat(of_inputs.reshape(4, 2, 8).mean(axis=1), 2, axis=0).reshape(-1)
                awq = quantizer == "awq"
                t = codes.awq(moments[names[0]], of_inputs, rows) if awq else np.ones(rows.shape[1])
                factors.update((name, t) for name in names)
            for name, t in factors.items():
                # The factors of a down projection are those of the rows of up, those of o of v's.
                to = factors[name.replace("up", "down")] if name.endswith("up") else None
                if name.endswith(".v"):
                    to = factors[name[:-1] + "o"].reshape(4, 2, 8)[:, 0].reshape(-1)
                rows = 1 if to is None else to[:, None]
                w = (original[name] / t * rows).astype(np.float32).astype(np.float64)
                w = codes.gptq(w, moments[name]) if quantizer == "gptq" else codes.quantized(w)
                model.weights[name] = w * t / rows
            lost[quantizer] = model.kl(reference, tokens[:8]).mean()
        return lost

    def test_gptq_and_awq_lose_less_than_the_nearest_codes(self):
        for bits in (4, 3):
            weights, expected = grouped(f"int{bits}"), self.numpy_kl(bits)
            got = {"nearest": self.kl({"weights": weights}),
                   "gptq": self.kl({"weights": weights, "quantizer": "gptq"}),
                   "awq": self.kl({"weights": weights, "transform": "awq"})}
            for name, value in got.items():
                with self.subTest(bits, quantizer=name):
                    self.assertLess(abs(value / expected[name] - 1), 0.01, (got, expected))
            self.assertLess(got["gptq"], 0.6 * got["nearest"])
            self.assertLess(got["awq"], 0.97 * got["nearest"])
            # With scales that clip, as AWQ's authors have them, against such scales alone.
            clipped = self.kl({"weights": weights, "quantizer": "mse"})
            both = self.kl({"weights": weights, "quantizer": "mse", "transform": "awq"})
            self.assertLess(both, 0.92 * clipped)

    def test_transformations_go_through_attention(self):
        """Of o alone: rotations within heads, and factors that the two heads of queries which share
        values have in common, become part of v, and cost nothing."""
        codes, weights = Groups(7, 32, np.float16), grouped("int4")
        tokens, model = np.load(TOKENS), shared_model()
        reference, original, most = model.logits(tokens[:8]), dict(model.weights), {}
        model.logits(tokens[20:], seen=lambda name, x: most.setdefault(name, np.abs(x).max(axis=0)))
        self.write_run({"weights": weights})
        plain = json.loads(self.sim("run", "run.yaml", "--network", self.network_with(), "--json").stdout)
        for transform in ("hadamard", "smooth"):
            network = self.network_with({"layers": ["blk.*.o"], "precision": {"transform": transform}})
            model.weights = dict(original)
            for i in range(5):
                v, o = original[f"{i}.v"], original[f"{i}.o"]
                if transform == "hadamard":
                    model.weights[f"{i}.v"] = np.kron(np.eye(4), hadamard(8)) @ v
                    model.weights[f"{i}.o"] = o @ np.kron(np.eye(8), hadamard(8))
                    continue
                of_values = [m.reshape(4, 2, 8).max(axis=1) for m in (np.abs(o).max(axis=0), most[f"{i}.o"])]
                t = np.sqrt(of_values[0] / of_values[1])
                model.weights[f"{i}.v"] = v * t.reshape(-1, 1)
                model.weights[f"{i}.o"] = o / np.repeat(t, 2, axis=0).reshape(-1)
            for name in model.weights:
                if "norm" not in name:
                    model.weights[name] = codes.quantized(model.weights[name])
            expected = model.kl(reference, tokens[:8]).mean()
            calibrated = {"calibration": "calibration.safetensors"}
            got = self.evaluate({"weights": weights}, network=network, data="others.npy", **calibrated)["kl"]
            with self.subTest(transform):
                self.assertLess(abs(got / expected - 1), 0.005)
                done = self.sim("run", "run.yaml", "--network", network, "--json")
                self.assertIn(f"transform {transform} of blk.*.o: free, folded into blk.*.v", done.stderr)
                self.assertEqual(json.loads(done.stdout)["energy"], plain["energy"])

    def test_static_scales(self):
        """8-bit activations with one scale for all tokens: clipping some pays, a scale for each token
        more so, and the largest value of other texts is worse than that of the very text."""
        formats = {"weights": per_channel("int8"), "activations": "int8", "mac": "int8"}
        lost = {rule: self.kl({**formats, "static_scales": rule})
                for rule in ("oracle", "abs_max", "percentile", "mse")}
        token = {"format": "int8", "granularity": "per_token"}
        lost["per_token"] = self.kl({**formats, "activations": token})
        self.assertLess(lost["per_token"], 0.2 * lost["mse"])
        for rule in ("percentile", "mse"):
            self.assertLess(lost[rule], lost["abs_max"])
        self.assertLess(lost["oracle"], lost["abs_max"])


class TuneTest(AccuracyTest):
    """A format for each kind of layer, on the first four texts."""

    INT8 = "{format: int8, granularity: per_channel}"
    INT4 = "{format: int4, granularity: per_group, group_size: 32, scale: fp16}"

    def test_a_mix_beats_uniform_formats_and_is_foreseen(self):
        self.write_run({})
        self.sim("tune", "run.yaml", "--network", F32, "--requantize", "--data", TOKENS, "--limit", 1024,
                 "--formats", self.INT8, self.INT4, "--budget", "accuracy.kl <= 0.05", "-o", "tuned")
        with open(self.folder / "tuned/mixes.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        best = next(row for row in rows if row["best"] == "true")
        uniform = {row["mix"]: row for row in rows if row["mix"] in (self.INT8, self.INT4)}
        self.assertLessEqual(float(best["kl"]), 0.05)
        self.assertGreater(float(uniform[self.INT4]["kl"]), 0.05)
        saved = [float(uniform[self.INT8]["energy.total_pj"]) - float(row["energy.total_pj"])
                 for row in (best, uniform[self.INT4])]
        self.assertGreater(saved[0], saved[1] / 3)
        for row in rows:
            if row["kl predicted"]:
                with self.subTest(row["mix"]):
                    self.assertLess(abs(float(row["kl predicted"]) / float(row["kl"]) - 1), 0.1)
        with open(self.folder / "tuned/sensitivity.csv", encoding="utf-8") as file:
            lost = {(row["group"], row["format"]): float(row["kl"]) for row in csv.DictReader(file)}
        for kind in ("q", "k", "v", "o", "gate", "up", "down"):
            group = f"blk.*.{kind}"
            self.assertGreater(lost[group, self.INT4], 30 * lost[group, self.INT8], kind)


class CacheTest(AccuracyTest):
    def cached(self, format):
        return self.evaluate({}, network=self.network_with(kv_cache=format))

    def test_formats_without_scales(self):
        rows = numbers("reference.csv", lambda row: (row["group"], row["name"]))
        for name in ("bf16", "fp8_e4m3", "fp8_e5m2"):
            self.check(name, self.cached(name), rows["kv", f"KV {name}"])
        # The KL of an fp16 cache has a standard error of 3 % on this text, and that much is between
        # equal rules: keys that lie between two neighbours are rounded to this or that one with the
        # last bit of the sums. numpy in float64 has 1.620e-6, in fp32 1.567e-6, the table 1.578e-6.
        got, row = self.cached("fp16"), rows["kv", "KV fp16"]
        self.assertLessEqual(abs(got["perplexity"] / float(row["ppl"]) - 1), 1e-4)
        self.assertLessEqual(abs(got["agreement"]["top1"] - float(row["top1"])), 0.0005)
        self.assertLessEqual(abs(got["kl"] - float(row["kl"])), 2 * got["kl_error"])

    def test_scales_per_token(self):
        rows = numbers("reference.csv", lambda row: (row["group"], row["name"]))
        for bits in (8, 6, 4, 3):
            self.check(bits, self.cached({"format": f"int{bits}", "granularity": "per_token"}),
                       rows["kv", f"KV int{bits} per token and head (8)"])


class GgufTest(AccuracyTest):
    def test_float_model(self):
        got = self.evaluate({})
        self.assertLessEqual(abs(got["perplexity"] / 6.893367 - 1), 1e-6)
        self.assertLess(got["kl"], 1e-11)
        self.assertEqual(got["agreement"]["top1"], 1)
        self.assertGreater(got["sqnr_db"], 120)
        self.assertEqual(got["predictions"], 7650)

    def test_golden_logits(self):
        self.write_run({}, phase="prefill", fidelity="fast", values="on", verify="off")
        np.save(self.folder / "t.npy", np.load(TOKENS)[0, :64])
        self.sim("run", "run.yaml", "--network", F32, "--size", "prompt=64", "--input",
                 "tokens=t.npy", "--save-outputs", "--quiet", "-o", "out")
        got = np.load(self.folder / "out/outputs/head.npy").reshape(64, 512).astype(np.float64)
        golden = np.load(DATA / "golden-logits-64.npy").astype(np.float64)
        noise = np.square(got - golden).sum()
        self.assertGreater(10 * math.log10(np.square(golden).sum() / noise), 120)
        self.assertTrue((got.argmax(axis=1) == golden.argmax(axis=1)).all())

    def test_files_of_llama_cpp(self):
        """With the file's weights as numpy decodes them; and llama.cpp's own numbers, which quantizes
        activations too (Q8_0): nearly the same where the weights lose much more than that."""
        rows = numbers("llamacpp.csv", lambda row: row["file"])
        names = {"f16": "f16-0", "q8_0": "q8_0-0", "q5_0": "q5_0-0", "q4_0": "q4_0-0",
                 "q4_1-pure": "q4_1-1", "mxfp4-pure": "mxfp4_moe-1"}
        for name, row in names.items():
            row = rows[row]
            got = self.evaluate(
                {}, "--reference", F32, network=DATA / f"stories260K-{name}.gguf")
            with self.subTest(name):
                for key, column in (("perplexity", "ppl_w_only"), ("kl", "kl_w_only")):
                    expected = float(row[column])
                    share = 0.02 if name == "f16" and key == "kl" else 0.005
                    self.assertLessEqual(abs(got[key] / expected - 1), share, key)
                self.assertLessEqual(abs(got["perplexity"] / float(row["ppl_llamacpp"]) - 1), 0.005)
                if name not in ("f16", "q8_0"):
                    self.assertLessEqual(abs(got["kl"] / float(row["kl_llamacpp"]) - 1), 0.025)

    def test_losses_of_every_token(self):
        self.evaluate({}, "-o", "out", "--limit", 512)
        with open(self.folder / "out/predictions.csv", encoding="utf-8") as file:
            got = np.array([float(row["float_nll"]) for row in csv.DictReader(file)])
        expected = np.load(DATA / "nll-fp64-stories.npy")[:2].reshape(-1)
        self.assertLess(np.abs(got - expected).max(), 1e-5)

    def test_tokenizer(self):
        """Stories, each with BOS in front, one after the other and cut into rows of 256."""
        stories = (DATA / "stories.txt").read_text(encoding="utf-8").strip().split("\n\n")
        expected = np.load(TOKENS).reshape(-1)
        begun = 0
        for story in stories[:3]:
            (self.folder / "story.txt").write_text(story, encoding="utf-8")
            self.evaluate({}, "-o", "out", "--window", 1024, data="story.txt")
            with open(self.folder / "out/predictions.csv", encoding="utf-8") as file:
                ids = [int(row["right"]) for row in csv.DictReader(file)]
            self.assertEqual(expected[begun], 1)
            np.testing.assert_array_equal(ids, expected[begun + 1:begun + 1 + len(ids)])
            begun += 1 + len(ids)
            self.assertEqual(expected[begun], 1)  # the next one's BOS: nothing is left out

    def test_tokens_of_llama2_c(self):
        row = np.load(TOKENS)[3]
        row.astype("<u2").tofile(self.folder / "row.bin")
        np.save(self.folder / "row.npy", row.astype(np.int64))
        results = [self.evaluate({}, data=f"row.{kind}") for kind in ("bin", "npy")]
        for result in results:
            result.pop("data")
        self.assertEqual(*results)


if __name__ == "__main__":
    unittest.main()
