"""What tests of the program on small files share."""

import csv
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

import numpy as np
import yaml

SIM = os.environ["BITJOULE_SIM"]
FLOAT = {"weights": "fp32", "activations": "fp32", "mac": "fp32"}
ACCELERATOR = {"accelerator": "accelerators/edge-16x16.yaml", "fidelity": "estimate"}


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    types = {"F32": np.float32, "I64": np.int64}
    tensors = {}
    entries = json.loads(data[8:8 + size])
    entries.pop("__metadata__", None)
    for name, entry in entries.items():
        begin, end = entry["data_offsets"]
        raw = data[8 + size + begin:8 + size + end]
        tensors[name] = np.frombuffer(raw, types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def safetensors_bytes(tensors):
    """name -> (dtype, shape, bytes)"""
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Simulator(unittest.TestCase):
    """Each test has a folder of its own, and random numbers of one seed."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name)
        self.random = np.random.default_rng(self.SEED)

    def sim(self, *arguments, code=0):
        done = subprocess.run(
            [SIM, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def write(self, name, content):
        (self.folder / name).write_text(yaml.safe_dump(content))

    def rows(self, name):
        with open(self.folder / name, encoding="utf-8") as file:
            return list(csv.DictReader(file))
