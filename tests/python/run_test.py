"""bitjoule.run and bitjoule.Machine: the numbers of the program, to the bit."""

import copy
import os
import pickle
import random
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import bitjoule
from program import ROOT, program_error, program_result, sim

SEED = 20240112
MACHINES = ["edge-16x16", "edge-32x32", "gemmini-16x16", "tpu-v1-like"]
WEIGHTS = ["fp32", "fp16", "bf16", "int8", "int4", "q4_0", "q8_0", "q4_k", "mxfp4", "nf4"]
ACTIVATIONS = ["fp32", "fp16", "int8"]


def random_run(random):
    """Values of a run that need not be possible."""
    values = {
        "accelerator": f"accelerators/{random.choice(MACHINES)}.yaml",
        "dram": random.choice(["dram/ddr4-3200-x8.yaml", "dram/ideal.yaml", "dram/hbm2-2000.yaml"]),
        "precision.weights.format": random.choice(WEIGHTS),
        "precision.activations.format": random.choice(ACTIVATIONS),
        "precision.mac": random.choice(["auto", "auto", "int8"]),
        "seed": random.randint(1, 99),
    }
    if random.random() < 0.3:
        side, channels = random.randint(3, 9), 32 * random.randint(1, 2)
        values["layer"] = (
            f"{{conv2d: {{height: {side}, width: {side}, channels: {channels}, "
            f"filters: {16 * random.randint(1, 3)}, kernel: 3, padding: 1}}, activation: relu}}"
        )
    else:
        m, n = random.randint(1, 9), 16 * random.randint(1, 9)
        values["layer"] = f"{{gemm: {{m: {m}, n: {n}, k: {256 * random.randint(1, 2)}}}}}"
    if random.random() < 0.2:
        values["values"] = "off"
    if random.random() < 0.2:
        values["fidelity"] = "pe"
    return values


class RunTest(unittest.TestCase):
    def setUp(self):
        warnings.simplefilter("ignore", bitjoule.SettingWarning)

    def test_fields_say_units_and_meanings(self):
        result = bitjoule.run("runs/quickstart.yaml", set={"values": "off"})
        for path, unit in [("energy.total_pj", "pJ"), ("layers[0].energy.total_pj", "pJ"),
                           ("dram.per_tensor.weights.read_bytes", "B"), ("stalls.idle", "core cycles")]:
            field = result.describe(path)
            self.assertEqual(field.unit, unit, path)
            self.assertTrue(field.meaning, path)
        with self.assertRaises(bitjoule.InputError) as caught:
            result.describe("energy.total_jp")
        self.assertEqual(str(caught.exception),
                         'no result has "energy.total_jp", did you mean "energy.total_pj"?')
        table = bitjoule.fields()
        self.assertEqual(list(table), ["path", "unit", "over_layers", "meaning"])
        self.assertIn("network.kinds[].cycles", list(table.path))
        self.assertEqual(len(set(table.path)), len(table))
        self.assertEqual(result.to_dataframe().attrs["units"]["energy.total_pj"], "pJ")
        self.assertEqual(result.to_dataframe("energy").attrs["units"], {"energy_pj": "pJ"})
        self.assertEqual(result.to_dataframe("kinds").attrs["units"]["time_s"], "s")

    def test_thirty_random_runs_equal_the_program(self):
        draw, done, refused = random.Random(SEED), 0, 0
        while done < 30:
            values = random_run(draw)
            with self.subTest(seed=SEED, values=values):
                try:
                    result = bitjoule.run("runs/quickstart.yaml", set=values)
                except bitjoule.InputError as error:
                    sets = [f"--set={path}={value}" for path, value in values.items()]
                    self.assertEqual(
                        str(error), program_error("run", "runs/quickstart.yaml", *sets)
                    )
                    refused += 1
                    self.assertLess(refused, 100)
                    continue
                self.assertEqual(
                    result.to_dict(), program_result("runs/quickstart.yaml", values)
                )
            done += 1

    def test_networks_equal_the_program(self):
        for config, values in [
            ("runs/mobilenet-v2.yaml", {}),
            ("runs/tpu-v1-mlp0.yaml", {"values": "off"}),
            ("runs/llama2-7b-decode.yaml", {}),
        ]:
            with self.subTest(config):
                self.assertEqual(
                    bitjoule.run(config, set=values).to_dict(), program_result(config, values)
                )

    def test_attributes_are_those_of_the_file(self):
        result = bitjoule.run("runs/quickstart.yaml", set={"precision.weights.format": "q4_0"})
        values = result.to_dict()
        self.assertEqual(result.cycles, values["cycles"])
        self.assertEqual(result.energy.total_pj, values["energy"]["total_pj"])
        tensors = result.layers[0].dram.per_tensor
        self.assertEqual(tensors.weights.read_bytes, 4096 * 4096 // 2)
        self.assertEqual(tensors.scales.read_bytes, 4096 * 4096 // 32 * 2)
        self.assertEqual(result["energy"]["components"]["dram"], values["energy"]["components"]["dram"])
        self.assertEqual(sum(result.stalls[cause] for cause in result.stalls), result.cycles)
        self.assertIn("cycles", dir(result))
        self.assertIn("energy", result)
        self.assertEqual(set(result), set(values))
        with self.assertRaisesRegex(AttributeError, "no 'cycle'; there are schema_version"):
            result.cycle
        with self.assertRaises(AttributeError):
            result.cycles = 1
        result.to_dict()["cycles"] = 0
        self.assertEqual(result.cycles, values["cycles"])

    def test_a_dict_is_a_file(self):
        """The values of quickstart.yaml, which the program reads from the file."""
        config = {
            "name": "quickstart",
            "accelerator": "accelerators/edge-32x32.yaml",
            "layer": {"name": "projection", "gemm": {"m": 1, "n": 128, "k": 128}},
            "precision": {
                "weights": {"format": "int8", "granularity": "per_channel"},
                "activations": {"format": "int8"},
            },
        }
        with tempfile.TemporaryDirectory() as directory:
            import json

            Path(directory, "run.yaml").write_text(json.dumps(config), encoding="utf-8")
            expected = program_result("run.yaml", {}, cwd=directory)
        self.assertEqual(bitjoule.run(config).to_dict(), expected)
        again = bitjoule.run(bitjoule.run(config).config)
        self.assertEqual(again.to_dict(), expected)

    def test_values_of_set_need_not_be_texts(self):
        gemm = {"m": 2, "n": 32, "k": 64}
        one = bitjoule.run("runs/quickstart.yaml", set={"layer": {"gemm": gemm}, "seed": 7})
        other = bitjoule.run(
            Path("runs/quickstart.yaml"), set={"layer": "{gemm: {m: 2, n: 32, k: 64}}", "seed": "7"}
        )
        self.assertEqual(one.to_dict(), other.to_dict())
        self.assertEqual(one.macs, 2 * 32 * 64)

    def test_files_beside_the_working_directory_come_first(self):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "mine.yaml").write_text(
                "{accelerator: edge-16x16.yaml, layer: {gemm: {m: 1, n: 16, k: 16}}, precision: "
                "{weights: int8, activations: int8}}",
                encoding="utf-8",
            )
            before = os.getcwd()
            self.addCleanup(os.chdir, before)
            os.chdir(directory)
            self.assertEqual(bitjoule.run("mine.yaml").macs, 256)
            os.chdir(before)

    def test_the_text_is_the_programs(self):
        result = bitjoule.run("runs/article-b.yaml")
        self.assertEqual(str(result) + "\n", sim("run", "runs/article-b.yaml").stdout)
        self.assertRegex(repr(result), r"^<bitjoule.Result article-b: \d+ cycles, .* bound by \w+>$")
        html = bitjoule.run(
            "runs/article-b.yaml", set={"name": "'<b>&'"}
        )._repr_html_()
        self.assertIn("&lt;b&gt;&amp;", html)
        self.assertNotIn("<b>", html)

    def test_results_are_pickled_and_copied(self):
        result = bitjoule.run("runs/article-b.yaml", outputs=True)
        for other in (pickle.loads(pickle.dumps(result)), copy.copy(result), copy.deepcopy(result)):
            self.assertEqual(other.to_dict(), result.to_dict())
            self.assertEqual(str(other), str(result))
            self.assertTrue((other.outputs == result.outputs).all())
        self.assertEqual(copy.deepcopy(result.energy), result.energy)

    def test_tables(self):
        result = bitjoule.run("runs/mobilenet-v2.yaml")
        layers = result.to_dataframe()
        self.assertEqual(len(layers), len(result.layers))
        self.assertEqual((layers["cycles"] * layers["repeat"]).sum(), result.cycles)
        energy = result.to_dataframe("energy").set_index("component")
        self.assertAlmostEqual(energy["share"].sum(), 1)
        self.assertEqual(energy.energy_pj["dram"], result.energy.components.dram)
        kinds = result.to_dataframe("kinds")
        self.assertEqual(kinds["cycles"].sum(), result.cycles)
        one = bitjoule.run("runs/quickstart.yaml")
        self.assertEqual(list(one.to_dataframe("kinds")["cycles"]), [one.cycles])
        self.assertEqual(
            list(one.to_dataframe("kinds")["dram_bytes"]),
            [one.dram.read_bytes + one.dram.write_bytes + one.dram.padding_bytes],
        )
        with self.assertRaisesRegex(ValueError, 'expected "layers", "kinds" or "energy"'):
            one.to_dataframe("layer")

    def test_kinds_of_a_layer_have_the_columns_of_a_networks(self):
        one = bitjoule.run("runs/quickstart.yaml", set={"values": "off"})
        table = one.to_dataframe("kinds")
        self.assertEqual(
            list(table), list(bitjoule.run("runs/mobilenet-v2.yaml").to_dataframe("kinds"))
        )
        row = table.iloc[0]
        for name in ("cycles", "time_s", "macs", "bound", "stalls.dram_read"):
            self.assertEqual(row[name], one.to_dataframe().iloc[0][name], name)
        self.assertEqual(row["energy_pj"], one.energy.total_pj)

    def test_what_nobody_asks_for_is_not_made(self):
        made = []

        class Told:
            """Counts what is asked for."""

            def __init__(self, told):
                self._told = told

            def __getattr__(self, name):
                made.append(name)
                return getattr(self._told, name)

        result = bitjoule.run("runs/quickstart.yaml", set={"values": "off"})
        result.__dict__["_told"] = Told(result._told)
        self.assertEqual(made, [])
        self.assertEqual(result.cycles, result.to_dict()["cycles"])
        self.assertEqual(made, ["document"])
        str(result)
        self.assertEqual(made, ["document", "text"])

    def test_records_are_gone_through(self):
        result = bitjoule.run("runs/quickstart.yaml", set={"values": "off"})
        self.assertEqual(list(result.keys()), list(result.to_dict()))
        self.assertEqual(dict(result.stalls.items()), result.to_dict()["stalls"])
        self.assertEqual(dict(result.items())["energy"], result.energy)

    def test_notes_are_warnings(self):
        with self.assertWarnsRegex(bitjoule.SettingWarning, "no effect") as caught:
            result = bitjoule.run(
                "runs/quickstart.yaml",
                set={"precision.weights.format": "q4_0", "values": "off"},
            )
        self.assertEqual(Path(caught.filename).name, "run_test.py")
        self.assertIn(str(caught.warning), result.notes)

    def test_nothing_is_printed(self):
        code = "import bitjoule; bitjoule.run('runs/quickstart.yaml'); bitjoule.formats()"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        self.assertEqual((done.stdout, done.stderr), (b"", b""))

    def test_the_program_and_the_package_are_one_version(self):
        self.assertIn(bitjoule.__version__, sim("--version").stdout)
        self.assertEqual(Path(bitjoule.configs_dir()), ROOT / "configs")


class MachineTest(unittest.TestCase):
    def setUp(self):
        warnings.simplefilter("ignore", bitjoule.SettingWarning)

    def test_runs_on_one_machine_equal_runs_of_their_own(self):
        gemm = lambda m, n, k: {"gemm": {"m": m, "n": n, "k": k}}  # noqa: E731
        machine = bitjoule.Machine("runs/quickstart.yaml")
        other = bitjoule.Machine("runs/article-a.yaml")
        runs = [
            ({"layer": gemm(1, 64, 64)}, {}),
            ({"layer": gemm(4, 96, 64)}, {"precision.weights.format": "q4_0"}),
            ({"network": "networks/mlperf-tiny-ad.yaml"}, {}),
            ({}, {"layer": gemm(1, 32, 32)}),
            ({"layer": gemm(1, 64, 64)}, {}),
        ]
        for workload, values in runs:
            with self.subTest(workload=workload, values=values):
                result = machine.run(**workload, set=values)
                alone = bitjoule.run("runs/quickstart.yaml", set={**workload, **values})
                self.assertEqual(result.to_dict(), alone.to_dict())
                other.run()

    def test_what_every_run_brings_may_be_missing(self):
        machine = bitjoule.Machine(
            {
                "accelerator": "edge-16x16.yaml",
                "precision": {"weights": "int8", "activations": "int8"},
            }
        )
        with self.assertRaisesRegex(bitjoule.InputError, "layer"):
            machine.run()
        self.assertEqual(machine.run({"gemm": {"m": 1, "n": 16, "k": 32}}).macs, 512)

    def test_a_machine_stays_what_it_is(self):
        machine = bitjoule.Machine("runs/article-b.yaml")
        machine.run()
        for path, value in [
            ("accelerator.array.rows", 8),
            ("dram", "ideal.yaml"),
            ("fidelity", "pe"),
        ]:
            with self.assertRaisesRegex(bitjoule.InputError, "stay what they are"):
                machine.run(set={path: value})
        self.assertEqual(machine.run().to_dict(), bitjoule.run("runs/article-b.yaml").to_dict())

    def test_a_machine_goes_on_after_an_error(self):
        machine = bitjoule.Machine("runs/article-b.yaml")
        expected = machine.run().to_dict()
        with self.assertRaises(bitjoule.InputError):
            machine.run(set={"mapping.dataflow": "is"})
        self.assertEqual(machine.run().to_dict(), expected)


if __name__ == "__main__":
    unittest.main()
