"""The JSON Schemas that `sim schema` prints accept what the reader accepts, and little else."""

import json
import os
import pathlib
import subprocess
import unittest

import jsonschema
import yaml

SIM = os.environ["BITJOULE_SIM"]
CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"
FOLDERS = {
    "run": "runs",
    "accelerator": "accelerators",
    "energy": "energy",
    "dram_energy": "energy/dram",
    "sram_energy": "energy/sram",
    "area": "energy/area",
    "dram": "dram",
    "dram_protocol": "dram/protocols",
    "layer": "layers",
    "network": "networks",
    "sweep": "sweeps",
}

GOOD_RUN = """
accelerator:
  clock: 700 MHz
  array: {rows: 8, cols: 16, dataflow: os, pe: {width: 16}}
dram: {model: ideal, bandwidth: 12.8 GB/s}
layer: {conv2d: {height: 14, width: 14, channels: 8, filters: 8, kernel: 3, padding: [1, 1, 0, 0]}}
precision: {weights: {format: int8, granularity: per_channel}, activations: int8}
"""


def validator(kind):
    text = subprocess.run([SIM, "schema", kind], check=True, capture_output=True, text=True).stdout
    schema = json.loads(text)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


class SchemaTest(unittest.TestCase):
    def test_accepts_every_shipped_file(self):
        for kind, folder in FOLDERS.items():
            check = validator(kind)
            for path in sorted((CONFIGS / folder).glob("*.yaml")):
                with self.subTest(path=path):
                    check.validate(yaml.safe_load(path.read_text()))

    def test_covers_every_kind(self):
        printed = subprocess.run([SIM, "list", "kinds"], check=True, capture_output=True, text=True)
        kinds = {line.split()[0] for line in printed.stdout.splitlines()}
        self.assertEqual(set(FOLDERS), kinds)

    def test_refuses_what_the_reader_refuses(self):
        check = validator("run")
        check.validate(yaml.safe_load(GOOD_RUN))
        for good, bad in [
            ("rows: 8", "rows: x"),
            ("rows: 8", "rows: 1025"),
            ("rows: 8, ", ""),
            ("dataflow", "dataflw"),
            ("dataflow: os", "dataflow: so"),
            ("700 MHz", "700"),
            ("12.8 GB/s", "12.8 MHz"),
            ("format: int8", "format: int9"),
            ("conv2d", "conv3d"),
            ("padding: [1, 1, 0, 0]", "padding: [1, 1, 0, 0, 0]"),
            ("kernel: 3", "kernel: [0, 3]"),
        ]:
            with self.subTest(bad=bad):
                self.assertIn(good, GOOD_RUN)
                with self.assertRaises(jsonschema.ValidationError):
                    check.validate(yaml.safe_load(GOOD_RUN.replace(good, bad, 1)))


if __name__ == "__main__":
    unittest.main()
