"""TensorFlow Lite models against the outputs of real runtimes, bit by bit, and against totals that were
counted from the files."""

import concurrent.futures
import json
import math
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import yaml

SIM = os.environ["BITJOULE_SIM"]
DATA = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "tflite"

RUN = """
accelerator: accelerators/edge-16x16.yaml
dram: {model: ideal, bandwidth: 12.8 GB/s}
layer: {gemm: {m: 1, n: 1, k: 1}}
precision: {weights: int8, activations: int8}
"""

REFERENCE, SINGLE = "tflite_double_rounding", "tflite_single_rounding"
BUILTIN, XNNPACK = "tflite_builtin", "tflite_xnnpack"
GOLDEN = {
    REFERENCE: "reference",
    SINGLE: "tflm_single_rounding",
    BUILTIN: "tflite_builtin",
    XNNPACK: "tflite_xnnpack",
}
WITH_GOLDEN = ("ad01", "kws_dscnn", "ic01_resnet8")

# MACs, parameters, bytes of weights with biases, and of activations alive at once.
TOTALS = {
    "ad01": (264192, 265864, 264192 + 6688, 768),
    "kws_dscnn": (2656768, 22604, 22016 + 2352, 16000),
    "ic01_resnet8": (12501632, 77706, 77360 + 1384, 49152),
    "vww_96": (7489664, 210850, 208112 + 10952, 55296),
    "str_ww": (826368, 46883, 46040 + 3372, 6656),
}

# Of each operator with weights, in order: MACs, weights, biases.
ROWS = {
    "ad01": [(81920, 81920, 128), *[(16384, 16384, 128)] * 3, (1024, 1024, 8), (1024, 1024, 128),
             *[(16384, 16384, 128)] * 3, (81920, 81920, 640)],
    "kws_dscnn": [(320000, 2560, 64), *[(72000, 576, 64), (512000, 4096, 64)] * 4, (768, 768, 12)],
    "ic01_resnet8": [(442368, 432, 16), (2359296, 2304, 16), (2359296, 2304, 16), (1179648, 4608, 32),
                     (2359296, 9216, 32), (131072, 512, 32), (1179648, 18432, 64), (2359296, 36864, 64),
                     (131072, 2048, 64), (640, 640, 10)],
    "vww_96": [(497664, 216, 8), (165888, 72, 8), (294912, 128, 16), (82944, 144, 16), (294912, 512, 32),
               (165888, 288, 32), (589824, 1024, 32), (41472, 288, 32), (294912, 2048, 64), (82944, 576, 64),
               (589824, 4096, 64), (20736, 576, 64), (294912, 8192, 128),
               *[(41472, 1152, 128), (589824, 16384, 128)] * 5, (10368, 1152, 128), (294912, 32768, 256),
               (20736, 2304, 256), (589824, 65536, 256), (512, 512, 2)],
    "str_ww": [(3360, 120, 40), (143360, 5120, 128), (15360, 640, 128), (393216, 16384, 128),
               (19200, 1280, 128), (245760, 16384, 128), (1920, 1920, 128), (4096, 4096, 32), (96, 96, 3)],
}  # fmt: skip

# Networks and operators that keep a state: their samples are steps, one after the other.
STATEFUL = {"svdf_i16"}

# Outputs of a model that differ from those of the reference kernels, and by how much at most, in each
# other arithmetic: counted with real runtimes.
DIFFERENCES = {
    "vww_96": {SINGLE: (8, 2), BUILTIN: (4, 1), XNNPACK: (8, 2)},
    "str_ww": {SINGLE: (6, 3), BUILTIN: (0, 0), XNNPACK: (6, 3)},
}


def sim(*words, code=0):
    done = subprocess.run([SIM, *map(str, words)], capture_output=True, text=True)
    if done.returncode != code:
        raise AssertionError(f"{words}: exit {done.returncode}: {done.stderr}")
    return done.stdout + done.stderr


def channels_of(layer):
    return layer["conv2d"]["filters"] if "conv2d" in layer else layer["gemm"]["n"]


def weights_of(layer):
    if "gemm" in layer:
        return layer["gemm"]["n"] * layer["gemm"]["k"]
    conv = layer["conv2d"]
    kernel = np.broadcast_to(conv.get("kernel", 1), 2)
    return conv["filters"] * math.prod(kernel.tolist()) * conv["channels"] // conv.get("groups", 1)


class Network:
    """A model as a network file whose outputs are all of its layers, or those of the model."""

    def __init__(self, path, folder, layers=False):
        self.folder = folder
        folder.mkdir()
        (folder / "run.yaml").write_text(RUN)
        self.file = folder / "network.yaml"
        sim("import", path, "-o", self.file)
        network = yaml.safe_load(self.file.read_text())
        self.inputs = [entry["name"] for entry in network["inputs"] if "next" not in entry]
        self.outputs = [o if isinstance(o, str) else o.get("name") or o["layer"] for o in network["outputs"]]
        for layer in network["layers"]:
            for source in layer.get("tensors", {}).values():
                source["file"] = str(path)
        if layers:
            self.outputs = [layer["name"] for layer in network["layers"]]
            network["outputs"] = [{"layer": name, "name": f"o{i}"} for i, name in enumerate(self.outputs)]
            self.outputs = [f"o{i}" for i in range(len(self.outputs))]
        self.file.write_text(yaml.safe_dump(network))

    def run(self, tag, inputs, requantize=None, steps=1):
        words = ["run", self.folder / "run.yaml", "--network", self.file, "--save-outputs", "-q"]
        for i, (name, value) in enumerate(zip(self.inputs, inputs)):
            np.save(self.folder / f"{tag}_{i}.npy", value)
            words += ["--input", f"{name}={self.folder / f'{tag}_{i}.npy'}"]
        if steps > 1:
            words += ["--set", f"steps={steps}"]
        if requantize:
            words += ["--set", f"precision.requantize={requantize}"]
        sim(*words, "-o", self.folder / tag)
        out = self.folder / tag / "outputs"
        files = {p.name: p for p in out.rglob("*.npy")}
        if len(files) == 1 and len(self.outputs) == 1:
            return [np.load(next(iter(files.values())))]
        return [np.load(out / f"{name}.npy") for name in self.outputs]


class TfliteGoldenTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def same(self, what, got, expected):
        expected = np.asarray(expected)
        self.assertEqual(got.size, expected.size, what)
        wrong = np.count_nonzero(got.reshape(-1) != expected.reshape(-1))
        self.assertEqual(wrong, 0, f"{what}: {wrong} of {expected.size} values differ")

    def each(self, jobs):
        """Runs (what, function) side by side; all failures are told."""
        wrong = []
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for what, job in [(what, pool.submit(job)) for what, job in jobs]:
                try:
                    job.result()
                except AssertionError as error:
                    wrong.append(f"{what}: {error}")
        self.assertFalse(wrong, "\n".join(wrong))

    def test_outputs_in_every_arithmetic(self):
        jobs = []
        for model in WITH_GOLDEN:
            network = Network(DATA / "models" / f"{model}_int8.tflite", self.folder / model)
            inputs = np.load(DATA / "golden" / f"{model}_input.npy")
            for mode, name in GOLDEN.items():
                expected = np.load(DATA / "golden" / f"{model}_output_{name}.npy")
                for sample in range(0, len(inputs), 1 if mode == REFERENCE else 3):
                    def job(network=network, sample=sample, mode=mode, x=inputs, y=expected):
                        got = network.run(f"{mode}{sample}", [x[sample][None]], mode)
                        self.same(mode, got[0], y[sample])
                    jobs.append((f"{model} {name} {sample}", job))
        self.each(jobs)

    def test_every_layer(self):
        for model in WITH_GOLDEN:
            golden = np.load(DATA / "golden" / f"{model}_layers.npz")
            outputs = sorted(name for name in golden.files if name.endswith("_out"))
            path = DATA / "models" / f"{model}_int8.tflite"
            network = Network(path, self.folder / f"{model}_layers", layers=True)
            self.assertEqual(len(network.outputs), len(outputs), "an operator is not one layer")
            got = network.run("all", [golden["input"][None]])
            for name, value in zip(outputs, got):
                self.same(f"{model} {name}", value, golden[name])

    def test_single_operators(self):
        jobs = []
        for path in sorted((DATA / "ops").glob("*.tflite")):
            golden = np.load(path.with_suffix(".npz"))
            network = Network(path, self.folder / path.stem)
            known = "default0" in golden.files
            for mode, kind in ((None, "out"), (XNNPACK, "default")) if known else ((None, "out"),):
                if path.stem in STATEFUL:
                    def steps(network=network, golden=golden, mode=mode, kind=kind):
                        inputs = [golden[f"in{i}"] for i in range(len(network.inputs))]
                        got = network.run(f"{kind}_steps", inputs, mode, steps=6)
                        for i, value in enumerate(got):
                            self.same(f"{kind}{i}", value, golden[f"{kind}{i}"])
                    jobs.append((f"{path.stem} {kind}", steps))
                    continue
                for sample in range(6):
                    def job(network=network, golden=golden, mode=mode, kind=kind, sample=sample):
                        inputs = [golden[f"in{i}"][sample] for i in range(len(network.inputs))]
                        got = network.run(f"{kind}{sample}", inputs, mode)
                        for i, value in enumerate(got):
                            self.same(f"{kind}{i}", value, golden[f"{kind}{i}"][sample])
                    jobs.append((f"{path.stem} {kind} {sample}", job))
        self.each(jobs)

    def test_as_many_outputs_differ_between_arithmetics(self):
        """Where no outputs are at hand, how many of them differ is."""
        jobs, found = [], {}
        for model, modes in DIFFERENCES.items():
            network = Network(DATA / "models" / f"{model}_int8.tflite", self.folder / f"{model}_modes")
            inputs = np.load(DATA / "golden" / f"{model}_input.npy")
            for mode in (REFERENCE, *modes):
                for sample, x in enumerate(inputs):
                    def job(network=network, key=(model, mode, sample), x=x):
                        got = network.run(f"{key[1]}{key[2]}", [x[None]], key[1])
                        found[key] = got[0].astype(int).reshape(-1)
                    jobs.append((f"{model} {mode} {sample}", job))
        self.each(jobs)
        for model, modes in DIFFERENCES.items():
            samples = range(len(np.load(DATA / "golden" / f"{model}_input.npy")))
            for mode, expected in modes.items():
                apart = [abs(found[model, mode, s] - found[model, REFERENCE, s]) for s in samples]
                apart = np.concatenate(apart)
                self.assertEqual((np.count_nonzero(apart), apart.max()), expected, f"{model} {mode}")

    def test_totals(self):
        (self.folder / "run.yaml").write_text(RUN)
        for model, (macs, parameters, weights, activations) in TOTALS.items():
            path = DATA / "models" / f"{model}_int8.tflite"
            sim("import", path, "-o", self.folder / f"{model}.yaml")
            layers = yaml.safe_load((self.folder / f"{model}.yaml").read_text())["layers"]
            stored = [layer for layer in layers if "weights" in layer.get("tensors", {})]
            self.assertEqual(sum(weights_of(layer) + channels_of(layer) for layer in stored), parameters, model)
            # Beside int8 weights and int32 biases: an fp32 scale for each channel.
            scales = sum(4 * channels_of(layer) for layer in stored
                         if "per_channel" in str(layer["precision"]["weights"]))  # fmt: skip
            sim("run", self.folder / "run.yaml", "--network", path, "-q", "-o", self.folder / model)
            result = json.loads((self.folder / model / "result.json").read_text())
            memory = result["network"]["memory"]
            self.assertEqual(sum(kind["macs"] for kind in result["network"]["kinds"]), macs, model)
            executed = [layer["macs"] for layer in result["layers"] if layer["macs"] > 0]
            rows = list(zip(executed, map(weights_of, stored), map(channels_of, stored)))
            self.assertEqual(rows, ROWS[model], model)
            self.assertEqual(sum(biases for _, _, biases in rows) * 4 + sum(w for _, w, _ in rows), weights)
            self.assertEqual(memory["weights_bytes"], weights + scales, model)
            self.assertEqual(memory["activations_bytes"], activations, model)


if __name__ == "__main__":
    unittest.main()
