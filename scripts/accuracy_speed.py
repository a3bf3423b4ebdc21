#!/usr/bin/python3
"""Measures how long `sim evaluate` takes in every format: the table of docs/accuracy.md.

  scripts/accuracy_speed.py DATA     DATA: the model and its tokens, as accuracy_reference.py has them

  --sim FILE      default: build/release/sim/sim
  --before FILE   an earlier build: each of its runs beside one of the other, and whether the
                  result and every prediction are the same, byte by byte
  --only WORDS    with commas: rows whose group or name has one of them
  --runs N        of each row; default: 3
  --csv FILE      every row

Seconds are those of the processor, user and system, of the whole command, the least of its runs:
8,192 tokens in one process, timing, float64 reference and start included. Formats are those that the
program lists. Weights of long blocks (256 elements) are those of `down` alone, in rows of 256.
"""

import argparse
import csv
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from accuracy_reference import FLOAT, LINEAR, MODEL, TOKENS, Measure, Setting, linear_inputs

PER_TOKEN = {"granularity": "per_token"}
QUANTIZERS = ("mse", "importance", "gptq")
TRANSFORMS = ("awq", "smooth", "hadamard")
STATIC = ("oracle", "abs_max", "percentile", "mse", "entropy")
GROUPED = {"format": "int4", "granularity": "per_group", "group_size": 32, "scale": "fp16"}
# Blocks of activations are made by a pass of the vector unit, out of what layers yield as floats.
BLOCKS_AFTER = {"output": "fp16"}


def listed(sim):
    """The names of all formats that have values."""
    text = subprocess.run([sim, "list", "formats"], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in text.splitlines() if not line.endswith("; no values")]


def of_format(name):
    """One that names its granularity where the format leaves it open."""
    plain = re.fullmatch(r"u?int\d+|ternary|binary|fp\w*_scaled", name)
    return {"format": name, "granularity": "per_channel"} if plain else name


def is_integer(name):
    return re.fullmatch(r"int\d+", name) is not None


def model_of(name):
    """The model whose rows are whole blocks of a format, and the layers that can have it."""
    if re.match(r"q\d_k|t?q[12]_0$|iq[1-4]_|tq", name) and name not in ("iq4_nl", "q2_0"):
        return "long", ["blk.*.down"]
    return ("whole", LINEAR) if re.match(r"q\d_|iq4_nl", name) else ("float", LINEAR)


def weights_of(name):
    model, layers = model_of(name)
    if model != "long":
        return Setting({"weights": of_format(name)}, model=model)
    return Setting({}, [{"layers": layers, "precision": {"weights": name}}], model=model)


def activations_of(name):
    return {"format": name, **PER_TOKEN} if is_integer(name) else name


class Rows:
    """(group, name, Setting, further arguments) of everything that is measured."""

    def __init__(self, formats, calibrations):
        self.rows = [("fp32", "fp32", Setting(), [])]
        self.calibrations = calibrations
        for name in formats:
            self.add("weights", name, weights_of(name))
        for size in (16, 32, 64):
            self.add("weights", f"int4 in groups of {size}", Setting({"weights": {**GROUPED, "group_size": size}}))
        for name in ("int4", "uint4", "uint8"):
            for granularity in ("per_channel", "per_group"):
                chosen = {**GROUPED, "format": name, "granularity": granularity, "symmetric": False}
                self.add("weights", f"{name} {granularity}, zero-points", Setting({"weights": chosen}))
        self.of_activations(formats)
        self.of_both(formats)
        self.of_caches(formats)
        self.of_rules()

    def add(self, group, name, setting, *further):
        self.rows.append((group, name, setting, list(further)))

    def of_activations(self, formats):
        for name in formats:
            chosen = activations_of(name)
            inputs = linear_inputs(f"{name} per_token" if is_integer(name) else name)
            self.add("activations of linear layers", name, Setting({}, inputs, model=model_of(name)[0]))
            self.add("activations of all layers", name, Setting({"activations": chosen, "mac": "fp32"}))
        for granularity in ("dynamic_tensor", "per_tensor"):
            chosen = {"format": "int8", "granularity": granularity}
            self.add("activations of all layers", f"int8 {granularity}", Setting({"activations": chosen}))

    def of_both(self, formats):
        for name in formats:
            for mac in ("auto", "fp16"):
                formats_of = {"weights": of_format(name), "activations": activations_of(name), "mac": mac}
                self.add(f"both, mac {mac}", f"{name} x {name}", Setting(formats_of))
                self.add(f"both, mac {mac}, output fp16", f"{name} x {name}", Setting({**formats_of, **BLOCKS_AFTER}))
        for weights, inputs in (("mxfp4", "mxfp8_e4m3"), ("mxfp4", "mxfp6_e2m3"), ("nvfp4", "fp8_e4m3")):
            for mac in ("auto", "fp16"):
                self.add(f"both, mac {mac}, output fp16", f"{weights} x {inputs}", Setting(
                    {"weights": weights, "activations": inputs, "mac": mac, **BLOCKS_AFTER}))
        for name in ("int4", "int3", "int2", "ternary", "qoq4", GROUPED):
            weights = of_format(name) if isinstance(name, str) else name
            word = name if isinstance(name, str) else "int4 in groups of 32"
            self.add("both, mac auto", f"{word} x int8", Setting(
                {"weights": weights, "activations": {"format": "int8", **PER_TOKEN}, "mac": "auto"}))
            self.add("both, mac auto, output fp16", f"{word} x int8", Setting(
                {"weights": weights, "activations": {"format": "int8", **PER_TOKEN}, "mac": "auto", **BLOCKS_AFTER}))
        blocks = Setting({}, linear_inputs("q8_0", "q4_0"), model="whole")
        self.add("both, mac auto", "q4_0 x q8_0", blocks)

    def of_caches(self, formats):
        for name in formats:
            for granularity in ("per_token", "per_channel") if is_integer(name) else ("",):
                chosen = {"format": name, "granularity": granularity} if granularity else name
                self.add("cache", f"{name} {granularity}".strip(), Setting(cache=chosen))
        self.add("cache", "int4 in groups of 8", Setting(cache={**GROUPED, "group_size": 8}))
        self.add("cache", "int8 per_token, int8 x int8", Setting(
            {"weights": of_format("int8"), "activations": {"format": "int8", **PER_TOKEN}, "mac": "auto"},
            cache={"format": "int8", **PER_TOKEN}))

    def calibrated(self, *further):
        return [*further, "--set", f"calibration={self.calibrations}"]

    def of_rules(self):
        int8 = {"weights": of_format("int8"), "activations": {"format": "int8", "granularity": "per_tensor"}}
        for rule in STATIC:
            self.add("static scales", f"int8 x int8 by {rule}", Setting({**int8, "static_scales": rule, "mac": "auto"}),
                     *self.calibrated())
        by_input = {**int8, "activations": {"format": "int8", "granularity": "per_input_channel"}}
        self.add("static scales", "int8 per_input_channel by abs_max",
                 Setting({**by_input, "static_scales": "abs_max", **BLOCKS_AFTER}), *self.calibrated())
        w8a8 = {**int8, "activations": {"format": "int8", **PER_TOKEN}, "mac": "auto"}
        for quantizer in QUANTIZERS:
            self.add("quantizers", f"int4 by {quantizer}", Setting({"weights": GROUPED, "quantizer": quantizer}),
                     *self.calibrated())
        for transform in TRANSFORMS:
            self.add("transformations", f"int4 with {transform}", Setting({"weights": GROUPED, "transform": transform}),
                     *self.calibrated())
            self.add("transformations", f"int8 x int8 with {transform}", Setting({**w8a8, "transform": transform}),
                     *self.calibrated())
        self.add("reference", "int8 weights", Setting({"weights": of_format("int8")}, model="other"))


def seconds_of(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def described(folder):
    """What two builds must agree in."""
    result = json.loads((folder / "result.json").read_text())
    return json.dumps(result["accuracy"]), (folder / "predictions.csv").read_bytes()


def timed(sims, arguments, folder, runs):
    """The least seconds of each build, and whether what they write is the same."""
    least = {sim: float("inf") for sim in sims}
    for turn in range(runs):
        for number, sim in enumerate(sims):
            output = ["-o", folder / f"out{number}"] if turn == 0 else []
            least[sim] = min(least[sim], seconds_of([sim, "evaluate", *arguments, "--quiet", *output]))
    found = [described(folder / f"out{number}") for number in range(len(sims))]
    return list(least.values()), all(each == found[0] for each in found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sim", default="build/release/sim/sim")
    parser.add_argument("--before")
    parser.add_argument("--only", default="")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    words = [word for word in arguments.only.split(",") if word]
    sims = [os.path.abspath(sim) for sim in (arguments.sim, arguments.before) if sim]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure = Measure(sims[0], arguments.data.resolve(), folder)
        measure.whole_rows("long", 256)
        measure.networks["other"] = measure.networks["float"]
        calibration = folder / "c.safetensors"
        rows = [row for row in Rows(listed(sims[0]), calibration).rows
                if not words or any(word in f"{row[0]}: {row[1]}" for word in words)]  # fmt: skip
        if any(further for _, _, _, further in rows):
            measure.call("calibrate", *measure.arguments("calibration", Setting()), "-o", calibration)
        table, is_same = [], True
        for number, (group, row, setting, further) in enumerate(rows):
            line = {"group": group, "row": row}
            try:
                # Of other models the reference is themselves, but where another one is measured.
                given = [*measure.arguments(number, setting)[:5 if setting.model == "other" else 3], *further]
                seconds, same = timed(sims, given, folder, arguments.runs)
                line.update(seconds=seconds[0], before=seconds[1] if len(seconds) > 1 else "", same=same)
                is_same = is_same and same
                print(f"{seconds[0]:6.2f} {' '.join(f'{s:.2f}' for s in seconds[1:])}  {group}: {row}"
                      f"{'' if same else '  DIFFERENT'}", flush=True)
            except RuntimeError as error:
                line["refused"] = str(error)
            table.append(line)
    if arguments.csv:
        with open(arguments.csv, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["group", "row", "seconds", "before", "same", "refused"])
            writer.writeheader()
            writer.writerows(table)
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
