"""`sim evaluate` and runs with an evaluation, against numpy on small networks."""

import json
import unittest

import numpy as np

from simulator import ACCELERATOR, FLOAT, Simulator


def log_softmax(x):
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


class EvaluateTest(Simulator):
    SEED = 17

    def accuracy(self, name="out"):
        return json.loads((self.folder / name / "result.json").read_text())["accuracy"]


class ClassifierTest(EvaluateTest):
    """One linear layer of 4-bit weights: 3 x 4 images of 2 channels, 7 classes."""

    def setUp(self):
        super().setUp()
        self.weights = self.random.standard_normal((7, 24)).astype(np.float32)
        self.images = self.random.integers(0, 256, (10, 3, 4, 2))  # N H W C
        self.labels = self.random.integers(0, 7, 10)
        np.save(self.folder / "w.npy", self.weights)
        np.save(self.folder / "labels.npy", self.labels)
        self.write("run.yaml", {
            **ACCELERATOR,
            "precision": {**FLOAT, "weights": {"format": "int4", "granularity": "per_channel"}},
            "network": {
                "name": "linear",
                "inputs": [{"name": "x", "shape": [4, 3, 4, 2]}],
                "layers": [{
                    "name": "fc", "gemm": {"m": 4, "n": 7, "k": 24}, "inputs": ["x"],
                    "tensors": {"weights": {"file": "w.npy"}}}],
            },
            "evaluation": {
                "data": "images.npy", "layout": "nhwc", "scale": 1 / 255, "mean": [0.4, 0.6],
                "deviation": [0.2, 0.3]},
        })

    def expected(self):
        """Logits in float64, and with quantized weights."""
        x = ((self.images / 255 - [0.4, 0.6]) / [0.2, 0.3]).reshape(10, 24)
        scale = np.abs(self.weights).max(axis=1, keepdims=True) / 7
        quantized = np.clip(np.round(self.weights / scale), -8, 7) * scale
        return x @ self.weights.T.astype(np.float64), x @ quantized.T.astype(np.float64)

    def test_classes(self):
        np.save(self.folder / "images.npy", self.images.astype(np.uint8))
        self.sim("evaluate", "run.yaml", "--labels", "labels.npy", "-o", "out", "--quiet")
        reference, logits = self.expected()
        a, p, q = self.accuracy(), log_softmax(reference), log_softmax(logits)
        best, reference_best = logits.argmax(axis=1), reference.argmax(axis=1)
        of_labels = q[np.arange(10), self.labels]
        self.assertEqual(a["kind"], "classes")
        self.assertEqual(a["inputs"], 10)
        self.assertNotIn("perplexity", a)
        self.assertAlmostEqual(a["nll"], -of_labels.mean(), 5)
        self.assertAlmostEqual(a["nll_error"], of_labels.std(ddof=1) / 10 ** 0.5, 5)
        self.assertAlmostEqual(a["kl"], (np.exp(p) * (p - q)).sum(axis=1).mean(), 5)
        self.assertAlmostEqual(a["correct"]["top1"], (best == self.labels).mean(), 12)
        self.assertAlmostEqual(a["float"]["top1"], (reference_best == self.labels).mean(), 12)
        self.assertAlmostEqual(a["agreement"]["top1"], (best == reference_best).mean(), 12)
        among = [label in row for label, row in zip(self.labels, (-logits).argsort(axis=1)[:, :5])]
        self.assertAlmostEqual(a["correct"]["top5"], np.mean(among), 12)
        noise = np.square(logits - reference)
        self.assertAlmostEqual(
            a["sqnr_db"], 10 * np.log10(np.square(reference).sum() / noise.sum()), 3)
        each = 10 * np.log10(np.square(reference).sum(axis=1) / noise.sum(axis=1))
        self.assertEqual(a["worst"]["input"], each.argmin())
        self.assertAlmostEqual(a["worst"]["sqnr_db"], each.min(), 3)
        confusion = {(int(r["float_predicted"]), int(r["predicted"])): int(r["inputs"])
                     for r in self.rows("out/confusion.csv")}
        for pair, count in confusion.items():
            self.assertEqual(count, sum((reference_best == pair[0]) & (best == pair[1])))
        self.assertEqual(sum(confusion.values()), 10)

    def test_layouts_are_equal(self):
        np.save(self.folder / "images.npy", self.images.astype(np.float32))
        self.sim("evaluate", "run.yaml", "--labels", "labels.npy", "-o", "a", "--quiet")
        np.save(self.folder / "images.npy", self.images.transpose(0, 3, 1, 2).astype(np.float32))
        self.sim("evaluate", "run.yaml", "--labels", "labels.npy", "-o", "b", "--quiet", "--set",
                 "evaluation.layout=nchw")
        self.assertEqual(self.accuracy("a"), self.accuracy("b"))

    def test_outputs_without_labels(self):
        np.save(self.folder / "images.npy", self.images.astype(np.uint8))
        self.sim("run", "run.yaml", "-o", "out", "--quiet")  # a run with data evaluates it too
        reference, logits = self.expected()
        a = self.accuracy()
        self.assertEqual(a["kind"], "outputs")
        self.assertNotIn("nll", a)
        self.assertAlmostEqual(
            a["sqnr_db"],
            10 * np.log10(np.square(reference).sum() / np.square(logits - reference).sum()), 3)

    def test_refusals(self):
        for images, arguments, message in (
            (self.images.reshape(10, 24), [], "inputs are 24, the network takes 3 x 4 x 2"),
            (self.images[:, :2], [], "inputs are 2 x 4 x 2, the network takes 3 x 4 x 2"),
            (self.images, ["--set", "evaluation.mean=[1, 2, 3]"], "for 2 channels"),
            (self.images, ["--set", "evaluation.deviation=[0]"], "expected positive numbers"),
            (self.images, ["--labels", "few.npy"], "expected 10 labels"),
            (self.images, ["--labels", "wrong.npy"], "wrong.npy: element 0: 7 is none of the 7 classes"),
            (np.where(self.images == self.images.max(), np.nan, self.images), [], "nan is no value"),
        ):
            real = np.isnan(images).any()
            np.save(self.folder / "images.npy", images.astype(np.float32 if real else np.uint8))
            np.save(self.folder / "few.npy", self.labels[:9])
            np.save(self.folder / "wrong.npy", np.full(10, 7))
            with self.subTest(message):
                self.assertIn(message, self.sim("evaluate", "run.yaml", *arguments, code=2).stderr)


class LanguageTest(EvaluateTest):
    """A Llama of random weights, small."""

    SIZES = {"hidden": 16, "layers": 1, "heads": 2, "kv_heads": 1, "ffn": 24, "vocab": 32}

    def setUp(self):
        super().setUp()
        self.write("llama.yaml", {"name": "small", "base": "base/llama.yaml", "parameters": self.SIZES})
        self.write("run.yaml", {
            **ACCELERATOR, "network": "llama.yaml", "phase": "decode",
            "precision": {**FLOAT, "weights": {"format": "int4", "granularity": "per_channel"}}})
        self.tokens = self.random.integers(0, 32, (3, 16))
        np.save(self.folder / "t.npy", self.tokens)

    def evaluate(self, *arguments, out="out"):
        self.sim("evaluate", "run.yaml", "--data", "t.npy", "-o", out, "--quiet", *arguments)
        return self.accuracy(out)

    def logits(self, tokens, *arguments):
        """Of a run with values, [tokens, vocabulary]."""
        np.save(self.folder / "one.npy", tokens)
        self.sim("run", "run.yaml", "--set", "phase=prefill", "--set",
                 f"network.parameters.prompt={len(tokens)}", "--set", "values=on", "--set",
                 "fidelity=fast", "--input", "tokens=one.npy", "--save-outputs", "-o", "values",
                 "--quiet", *arguments)
        return np.load(self.folder / "values/outputs/head.npy").reshape(len(tokens), 32)

    def test_predictions_are_those_of_runs_with_values(self):
        a = self.evaluate("--window", 16)
        losses, kl, agrees = [], [], []
        for row in self.tokens:
            q = log_softmax(self.logits(row).astype(np.float64))[:-1]
            wide = self.logits(row, "--set", "precision.weights=fp32")
            p = log_softmax(wide.astype(np.float64))[:-1]
            losses.append(-q[np.arange(15), row[1:]])
            kl.append((np.exp(p) * (p - q)).sum(axis=1))
            agrees.append(p.argmax(axis=1) == q.argmax(axis=1))
        got = np.array([float(r["nll"]) for r in self.rows("out/predictions.csv")])
        np.testing.assert_allclose(got, np.concatenate(losses), rtol=1e-13)
        self.assertEqual(a["predictions"], 45)
        self.assertAlmostEqual(a["perplexity"], np.exp(np.mean(losses)), 9)
        self.assertAlmostEqual(a["bits_per_token"], np.mean(losses) / np.log(2), 9)
        self.assertAlmostEqual(a["kl"] / np.mean(kl), 1, 4)
        self.assertAlmostEqual(a["agreement"]["top1"], np.mean(agrees), 12)

    def test_heads_one_by_one_change_nothing(self):
        """Evaluations compute attention head by head where formats share nothing between heads."""
        sizes = {**self.SIZES, "hidden": 32, "heads": 4, "kv_heads": 2}
        self.write("llama.yaml", {"name": "small", "base": "base/llama.yaml", "parameters": sizes})
        token = {"format": "int8", "granularity": "per_token"}
        tensor = {"format": "int8", "granularity": "per_tensor"}
        for activations, mac in (("fp16", "fp16"), (token, "auto"), (tensor, "auto"), ("mxfp8_e4m3", "fp16"),
                                 ("bf16", "fp32"), ("fp4_e2m1", "fp32")):  # fmt: skip
            sets = ("--set", f"precision.activations={json.dumps(activations)}", "--set", f"precision.mac={mac}")
            with self.subTest(activations):
                self.evaluate("--window", 16, *sets)
                got = np.array([float(r["nll"]) for r in self.rows("out/predictions.csv")])
                expected = []
                for row in self.tokens:
                    q = log_softmax(self.logits(row, *sets).astype(np.float64))[:-1]
                    expected.append(-q[np.arange(15), row[1:]])
                np.testing.assert_allclose(got, np.concatenate(expected), rtol=1e-13)

    def test_operands_of_attention_that_are_cut_into_no_rows(self):
        """In formats whose rows share scales, and where the second operand is the layer's own."""
        heads, tokens, size = 4, 16, 32
        one = {"rows": heads * tokens, "cols": size}
        turned = {"op": "transpose", "shape": [heads, size, tokens], "operand_shapes": [[heads, tokens, size]],
                  "axes": [0, 2, 1]}  # fmt: skip
        np.save(self.folder / "x.npy", self.random.standard_normal((3, tokens, heads * size)).astype(np.float32))
        for output, second in (("nvfp4", "k"), ("nf4_dq", "k"), ("fp8_e4m3_scaled", "k"), ("fp16", "$operand")):
            layers = [
                {"name": "k", "vector": {"op": "relu", **one}, "inputs": ["x"]},
                {"name": "v", "vector": turned, "inputs": ["k"]},
                {"name": "q", "vector": {"op": "gelu", **one}, "inputs": ["x"], "precision": {"output": output}},
                {"name": "qk", "matmul": {"batch": heads, "m": tokens, "n": tokens, "k": size}, "inputs": ["q", second]},
                {"name": "sm", "vector": {"op": "softmax", "rows": heads * tokens, "cols": tokens}},
                {"name": "pv", "matmul": {"batch": heads, "m": tokens, "n": size, "k": tokens}, "inputs": ["sm", "v"]},
            ]
            self.write("run.yaml", {
                **ACCELERATOR, "precision": {"weights": "fp16", "activations": "fp16", "mac": "fp16"},
                "network": {"name": "a", "inputs": [{"name": "x", "shape": [1, tokens, heads * size]}], "layers": layers},
                "evaluation": {"data": "x.npy"}})  # fmt: skip
            with self.subTest(output=output, second=second):
                self.sim("evaluate", "run.yaml", "-o", "out", "--quiet")
                self.assertGreater(self.accuracy()["sqnr_db"], 15)

    def test_windows_that_overlap(self):
        a = self.evaluate("--window", 8, "--stride", 3)
        rows = self.rows("out/predictions.csv")
        self.assertEqual(
            [(int(r["sequence"]), int(r["position"])) for r in rows],
            [(s, p) for s in range(3) for p in range(1, 16)])
        self.assertEqual([int(r["first"]) for r in self.rows("out/inputs.csv")][:4], [0, 3, 6, 8])
        self.assertEqual((a["window"], a["stride"]), (8, 3))
        q = log_softmax(self.logits(self.tokens[0, 3:11]).astype(np.float64))
        self.assertAlmostEqual(float(rows[8]["nll"]), -q[5, self.tokens[0, 9]], 12)

    def test_the_same_bytes_with_workers_and_stores(self):
        files = ("result.json", "predictions.csv", "inputs.csv", "positions.csv")
        self.evaluate("--window", 8)
        self.evaluate("--window", 8, "-j", 3, "--store", "store", out="beside")
        scores = sorted((self.folder / "store/scores").iterdir())
        self.assertEqual(len(scores), 6)
        scores[0].unlink()  # as if it had been interrupted
        scores[1].write_text(scores[1].read_text().replace("1", "2"))  # damaged
        self.evaluate("--window", 8, "--store", "store", out="again")
        for name in files:
            whole = (self.folder / "out" / name).read_bytes()
            self.assertEqual(whole, (self.folder / "beside" / name).read_bytes(), name)
            self.assertEqual(whole, (self.folder / "again" / name).read_bytes(), name)
        self.assertEqual(sorted((self.folder / "store/scores").iterdir()), scores)

    def test_limit_and_dry_run(self):
        self.assertEqual(self.evaluate("--limit", 20)["predictions"], 15 + 3)
        text = self.sim("evaluate", "run.yaml", "--data", "t.npy", "--window", 8, "--dry-run").stdout
        self.assertIn("42 predictions in 6 windows, 48 tokens read", text)

    def test_a_sweep_of_formats(self):
        self.write("sweep.yaml", {
            "base": "run.yaml",
            "set": {"evaluation": {"data": "t.npy", "window": 16}},
            "axes": [{"path": "precision.weights", "values": ["fp32", "mxfp4"]}],
            "metrics": ["accuracy.perplexity", "accuracy.kl", "energy.total_pj"],
            "constraints": ["accuracy.kl <= 1e-6"]})
        done = self.sim("sweep", "sweep.yaml", "-o", "sweep", "--pareto",
                        "accuracy.kl,energy.total_pj")
        rows = self.rows("sweep/results.csv")
        self.assertEqual(len(rows), 2, done.stdout)
        self.assertLess(float(rows[0]["accuracy.kl"]), 1e-9)
        self.assertGreater(float(rows[1]["accuracy.kl"]), 1e-4)
        self.assertGreater(float(rows[0]["energy.total_pj"]), float(rows[1]["energy.total_pj"]))
        self.assertEqual([row["breaks"] for row in rows], ["", "accuracy.kl <= 1e-6"])
        self.sim("report", "sweep", "-o", "sweep.html")
        page = (self.folder / "sweep.html").read_text()
        self.assertIn("Energy against accuracy", page)
        self.assertIn("Bytes of the weights against accuracy", page)
        change, error = (float(rows[1][f"accuracy.change.{key}"]) for key in ("nll", "nll_error"))
        told = (": smaller than its error" if abs(change) < error else
                ": less than twice its error, not told from none" if abs(change) < 2 * error else "")
        self.assertIn(f">{change:+.4f} ± {error:.4f}{told}<", page)

    def test_another_network_as_reference(self):
        self.write("other.yaml", {"name": "other", "base": "base/llama.yaml",
                                  "parameters": {**self.SIZES, "epsilon": 0.5}})
        a = self.evaluate("--window", 16)
        b = self.evaluate("--window", 16, "--reference", "other.yaml", out="b")
        self.assertEqual(a["nll"], b["nll"])
        self.assertNotEqual(a["float"]["nll"], b["float"]["nll"])
        self.assertEqual(b["float"]["network"], "other")

    def test_refusals(self):
        np.save(self.folder / "large.npy", np.full((1, 8), 32))
        np.save(self.folder / "real.npy", np.zeros((1, 8), np.float32))
        np.save(self.folder / "flags.npy", np.zeros((1, 8), bool))
        np.save(self.folder / "one.npy", np.zeros((3, 1), np.int32))
        (self.folder / "odd.bin").write_bytes(b"abc")
        (self.folder / "text.txt").write_text("Once")
        for arguments, message in (
            ([], "no data to evaluate on"),
            (["--data", "none.npy"], "none.npy"),
            (["--data", "large.npy"], "large.npy: text 0, element 0: token 32 is none of the model's 32"),
            (["--data", "flags.npy"], "expected integers"),
            (["--data", "real.npy"], "expected integers"),
            (["--data", "one.npy"], "nothing to predict"),
            (["--data", "odd.bin"], "3 bytes are no 16-bit token ids"),
            (["--data", "text.txt"], "text needs a tokenizer"),
            (["--data", "t.npy", "--window", 8, "--stride", 9], "would leave some of the data out"),
            (["--data", "t.npy", "--set", "evaluation.labels=t.npy"], "of inputs"),
        ):
            with self.subTest(message):
                self.assertIn(message, self.sim("evaluate", "run.yaml", *arguments, code=2).stderr)


if __name__ == "__main__":
    unittest.main()
