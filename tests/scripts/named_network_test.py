"""Networks of other programs' files, named by run files and sweeps: the same as with --network."""

import csv
import json
import shutil
import subprocess
import unittest
from pathlib import Path

from simulator import SIM, Simulator, read_safetensors, safetensors_bytes

DATA = Path(__file__).resolve().parents[2].parent / "shared/data"
GGUF = DATA / "llama/stories260K-q8_0.gguf"
CONFIG = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 172,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "vocab_size": 512,
    "attention_dropout": 0.0,
    "rope_scaling": {"rope_type": "dynamic", "factor": 4.0},
}


class NamedNetworkTest(Simulator):
    SEED = 31

    def run_file(self, network, **more):
        self.write("run.yaml", {
            "name": "named",
            "accelerator": "accelerators/edge-16x16.yaml",
            "network": network,
            "precision": {"weights": "int8", "activations": "int8"},
            **more,
        })
        return "run.yaml"

    def result(self, *arguments):
        return json.loads(self.sim("run", *arguments, "--json").stdout)

    def same_as_option(self, network, **more):
        named = self.result(self.run_file(str(network), **more))
        other = {"phase": "decode"} if "phase" in more else {}
        run = self.run_file("networks/stories15m.yaml", **{**other, **more})
        given = self.result(run, "--network", str(network))
        for key in ("layers", "network", "cycles", "energy", "dram"):
            self.assertEqual(named[key], given[key])
        return named

    def directory(self, name="model"):
        (self.folder / name).mkdir()
        (self.folder / name / "config.json").write_text(json.dumps(CONFIG))
        return name

    def test_gguf(self):
        shutil.copy(GGUF, self.folder / "small.gguf")
        self.same_as_option("small.gguf", phase="decode")

    def test_a_directory_and_its_config(self):
        name = self.directory()
        by_directory = self.same_as_option(name, phase="decode")
        by_file = self.same_as_option(name + "/config.json", phase="decode")
        self.assertEqual(by_directory["layers"], by_file["layers"])

    def test_beside_the_run_file(self):
        (self.folder / "deep").mkdir()
        self.directory("deep/model")
        self.run_file("model", phase="decode")
        (self.folder / "run.yaml").rename(self.folder / "deep/run.yaml")
        self.result("deep/run.yaml")

    def test_scalesim(self):
        (self.folder / "layers.csv").write_text("Layer, M, N, K\na, 4, 8, 16\n")
        self.same_as_option("layers.csv")

    def test_notes_are_told(self):
        """What the rotations leave out, by every run, also by `sim check`."""
        run = self.run_file(self.directory(), phase="decode")
        for command in ("run", "check"):
            self.assertIn("rope_scaling", self.sim(command, run).stderr)

    def test_parameters(self):
        run = self.run_file(self.directory(), phase="decode")
        context = self.result(run, "--set", "network.parameters.context=300")
        self.assertEqual(context["network"]["parameters"]["context"], 300)

    def same_with_options(self, network, *options):
        """Options of an import count for the run's network as for that of --network."""
        named = self.result(self.run_file(network, phase="decode"), *options)
        by_set = self.result(self.run_file("networks/stories15m.yaml", phase="decode"), "--set", f"network={network}", *options)
        given = self.result(self.run_file("networks/stories15m.yaml", phase="decode"), "--network", network, *options)
        for key in ("layers", "network", "cycles", "energy", "dram"):
            self.assertEqual(named[key], given[key])
            self.assertEqual(by_set[key], given[key])
        return named

    def test_options_of_the_import(self):
        shutil.copy(GGUF, self.folder / "small.gguf")
        result = self.same_with_options("small.gguf", "--batch", "3", "--size", "context=70")
        self.assertEqual([result["network"]["parameters"][name] for name in ("batch", "context")], [3, 70])
        result = self.same_with_options("small.gguf", "--requantize")
        self.assertEqual({layer["formats"]["weights"] for layer in result["layers"] if layer["kind"] == "ffn"
                          and "weights" in layer["formats"]}, {"int8"})
        self.same_with_options(self.directory(), "--batch", "2")

    def test_what_the_import_leaves_out(self):
        (self.folder / "model").mkdir()
        shutil.copy(DATA / "llama/hf/config.json", self.folder / "model/config.json")
        tensors = {name: ("F32", list(value.shape), value.tobytes())
                   for name, value in read_safetensors(DATA / "llama/hf/model.safetensors").items()}
        tensors["extra.weight"] = ("F32", [2], bytes(8))
        (self.folder / "model/model.safetensors").write_bytes(safetensors_bytes(tensors))
        run = self.run_file("model", phase="decode")
        error = self.sim("run", run, code=2).stderr
        self.assertIn("error: run.yaml:", error)
        self.assertIn("unknown tensors (--skip-unknown leaves them out): extra.weight", error)
        left_out = self.sim("run", run, "--skip-unknown", "--json")
        self.assertIn("left out: tensor extra.weight", left_out.stderr)
        self.assertGreater(json.loads(left_out.stdout)["cycles"], 0)

    def test_options_are_of_imported_networks(self):
        self.directory()
        self.write("mine.yaml", {"name": "mine", "base": "model"})
        layer = {"accelerator": "accelerators/edge-16x16.yaml", "layer": {"gemm": {"m": 1, "n": 1, "k": 1}},
                 "precision": {"weights": "int8", "activations": "int8"}}
        self.write("layer.yaml", layer)
        for run in (self.run_file("networks/stories15m.yaml", phase="decode"), "layer.yaml"):
            error = self.sim("run", run, "--batch", "2", code=2).stderr
            self.assertIn("of an imported network, by --network or the run's `network`", error)
        error = self.sim("run", self.run_file("mine.yaml", phase="decode"), "--batch", "2", code=2).stderr
        self.assertIn("of an imported network, by --network or the run's `network`", error)

    def test_a_run_from_standard_input(self):
        self.directory()
        text = (self.folder / self.run_file("model", phase="decode")).read_text()
        done = subprocess.run([SIM, "run", "-", "--batch", "2", "--json"], cwd=self.folder, input=text,
                              capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(done.stdout)["network"]["parameters"]["batch"], 2)

    def formats(self, result):
        return {layer["name"]: layer["formats"]["weights"] for layer in result["layers"] if "weights" in layer["formats"]}

    def test_weights_that_the_network_says_need_no_format(self):
        shutil.copy(GGUF, self.folder / "small.gguf")
        self.directory()
        told = self.formats(self.result(self.run_file("small.gguf", phase="decode")))
        run = self.run_file("small.gguf", phase="decode", precision={"activations": "int8"})
        done = self.sim("run", run, "--json")
        self.assertEqual(done.stderr, "")
        self.assertEqual(self.formats(json.loads(done.stdout)), told)
        run = self.run_file("model", phase="decode", precision={"activations": "int8"})
        error = self.sim("run", run, code=2).stderr
        self.assertRegex(error, r'precision.weights: missing: layer ".*" and \d+ more have no format of their own')

    def test_a_recipe_needs_no_weights(self):
        self.directory()
        recipe = {"recipe": "q4_k_m", "activations": "fp16"}
        alone = self.result(self.run_file("model", phase="decode", precision=recipe))
        beside = self.result(self.run_file("model", phase="decode", precision={"weights": "fp32", **recipe}))
        self.assertEqual(self.formats(alone), self.formats(beside))
        self.assertEqual(alone["cycles"], beside["cycles"])
        self.assertIn("q5_0", self.formats(alone).values())  # rows of 64: no blocks of 256
        layer = {"accelerator": "accelerators/edge-16x16.yaml", "layer": {"gemm": {"m": 1, "n": 1, "k": 1}},
                 "precision": {"activations": "int8"}}
        self.write("layer.yaml", layer)
        self.assertIn("precision.weights: missing", self.sim("run", "layer.yaml", code=2).stderr)
        self.sim("check", self.run_file("model", phase="decode", precision=recipe))

    def test_a_sweep_over_files(self):
        self.directory()
        shutil.copy(GGUF, self.folder / "small.gguf")
        self.run_file("small.gguf", phase="decode")
        self.write("sweep.yaml", {
            "base": "run.yaml",
            "axes": [{"path": "network", "values": ["small.gguf", "model", "networks/stories15m.yaml"]}],
            "metrics": ["macs", "cycles"],
        })
        self.sim("sweep", "sweep.yaml", "-o", "out")
        with open(self.folder / "out/results.csv") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["network"] for row in rows],
                         ["small.gguf", "model", "networks/stories15m.yaml"])
        alone = self.result("run.yaml")
        self.assertEqual(int(rows[0]["cycles"]), alone["cycles"])

    def test_json_may_be_a_network_file(self):
        layer = {"name": "a", "gemm": {"m": 4, "n": 8, "k": 16}}
        (self.folder / "net.json").write_text(json.dumps({"name": "net", "layers": [layer]}))
        self.assertEqual(len(self.result(self.run_file("net.json"))["layers"]), 1)

    def test_a_base_with_changes_of_ones_own(self):
        shutil.copy(GGUF, self.folder / "small.gguf")
        self.directory()
        for base in ("small.gguf", "model"):
            self.write("mine.yaml", {
                "name": "mine",
                "base": base,
                "parameters": {"context": 100},
                "overrides": [{"layers": ["head"], "precision": {"activations": "fp32"}}],
            })
            run = self.run_file("mine.yaml", phase="decode")
            result = self.result(run, "--set", "precision.activations=fp16")
            self.assertEqual(result["network"]["parameters"]["context"], 100)
            self.assertEqual(result["network"]["name"], "mine")

    def test_check(self):
        shutil.copy(GGUF, self.folder / "small.gguf")
        self.directory()
        for name in ("small.gguf", "model/config.json", "model"):
            self.assertIn("a valid network file", self.sim("check", name).stdout)

    def test_values_from_another_folder(self):
        """Tensors are found beside the network, wherever the program runs."""
        (self.folder / "deep").mkdir()
        shutil.copy(GGUF, self.folder / "deep/small.gguf")
        self.run_file("small.gguf", phase="decode", values=True)
        (self.folder / "run.yaml").rename(self.folder / "deep/run.yaml")
        self.assertGreater(self.result("deep/run.yaml")["macs"], 0)

    def test_what_is_wrong_has_the_place_of_the_name(self):
        (self.folder / "bad.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
        (self.folder / "bad.onnx").write_bytes(b"no model")
        (self.folder / "machine.cfg").write_text("[general]\n")
        (self.folder / "empty").mkdir()
        for name, text in (("bad.gguf", "bad.gguf"), ("bad.onnx", "bad.onnx"),
                           ("machine.cfg", "a machine, not a network"), ("empty", "is a directory"),
                           ("none.gguf", "no such file")):
            with self.subTest(name):
                error = self.sim("run", self.run_file(name), code=2).stderr
                self.assertIn("error: run.yaml:", error)
                self.assertIn(text, error)


if __name__ == "__main__":
    unittest.main()
