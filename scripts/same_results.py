#!/usr/bin/python3
"""Whether two builds of the program have the same results: after a restructuring, all must be.

  scripts/same_results.py OLD_SIM NEW_SIM [--runs N] [--seed S]

Runs random machines, layers, formats, dataflows and objectives, networks and sweeps among them, by both
programs and compares everything that is written and printed, byte by byte: result.json, layers.csv, the
metrics of sweeps (results.csv), summaries, and of what is refused the error. Left out is what names the
program: `schema_version`, `program` and the hashes, which follow from it. Exit code 1, with the first
differences, where anything else differs. Equal seeds mean equal runs.

  --runs N       default: 400
  --seed S       default: 1
  --configs DIR  shipped files for both; default: each program's own
  --keep DIR     leave the files of what differs there
  -j N           runs at once; default: the processors
"""

import argparse
import collections
import csv
import difflib
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MACHINES = ["edge-16x16", "edge-32x32", "edge-32x32-unified", "gemmini-16x16", "tpu-v1-like", "scalesim"]
DRAMS = ["ideal", "ddr4-2400-x8", "ddr4-3200-x16", "hbm2-2000", "lpddr4-3200", "lpddr5-6400", "lpddr5-6400-x64"]
ENERGY = ["array-45nm", "chip-45nm", "eyeriss-65nm", "horowitz-2014-45nm", "jouppi-2021-7nm"]
FLOATS = ["fp32", "tf32", "bf16", "fp16", "fp8_e4m3", "fp8_e5m2", "fp6_e3m2", "fp4_e2m1"]
BLOCKS = ["mxfp8_e4m3", "mxfp6_e2m3", "mxfp4", "mxint8", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "nf4", "nf4_dq"]
LONG_BLOCKS = ["q2_k", "q3_k", "q4_k", "q5_k", "q6_k"]  # of 256 elements
NETWORKS = ["mlperf-tiny-ad", "mlperf-tiny-kws", "mlperf-tiny-ic", "stories260k"]
SECONDS = 120


def chance(r, share):
    return r.random() < share


def machine(r):
    width = r.choice([8, 16, 32, 32, 64])
    array = {
        "rows": r.choice([1, 2, 3, 4, 5, 8, 12, 16, 32]),
        "cols": r.choice([1, 2, 3, 4, 6, 8, 16, 32]),
        "dataflow": r.choice(["ws", "os", "is", ["ws", "os"], ["os", "is", "ws"]]),
        "overlap": r.choice(["none", "drain", "weights", "full", "full"]),
        "edge_folds": r.choice(["full", "exact"]),
        "group_folds": r.choice(["packed", "alone"]),
        "weight_tiles": r.choice(["exact", "exact", "padded"]),
        "pe": {"width": width, "packing": r.choice(["widest", "widest", "none", "product", "passes"])},
    }
    chosen = {"base": f"accelerators/{r.choice(MACHINES)}.yaml", "array": array,
              "clock": f"{r.choice([200, 333, 700, 1000, 1500])} MHz"}  # fmt: skip
    if chosen["base"] != "accelerators/edge-32x32-unified.yaml" and chance(r, 0.7):
        size = r.choice([2, 4, 16, 64, 256])
        chosen["buffers"] = {
            name: {"capacity": f"{size * r.choice([1, 2, 4])} KiB", "banks": r.choice([1, 2, 8, 16]),
                   "port_width": f"{r.choice([32, 64, 128])} bit",
                   "double_buffered": r.choice([True, True, False, "auto"])}
            for name in ["input", "weight", "accumulator", "output"]
        }  # fmt: skip
    if chance(r, 0.5):
        chosen["dequantizer"] = {"lanes": r.choice([1, 4, 16, 128]), "latency": r.randint(0, 9),
                                 "placement": r.choice(["array_edge", "dram_side"])}  # fmt: skip
    if chance(r, 0.5):
        chosen["dma"] = {"request": f"{r.choice([64, 128, 256, 1024])} B", "outstanding": r.choice([1, 4, 32, 128]),
                         "requests_per_cycle": r.choice([1, 2, 4]), "queue": r.choice([1, 2, 4])}  # fmt: skip
    if chance(r, 0.3):
        chosen["output_unit"] = {"lanes": r.choice([1, 4, 32]), "latency": r.randint(0, 9)}
    return chosen


def layer(r, multiple):
    kind = r.choice(["gemm", "gemm", "gemm", "conv2d", "conv2d", "matmul"])
    if kind == "gemm":
        sizes = {"m": r.choice([1, 1, 3, 8, 17]), "n": r.randint(1, 80), "k": multiple * r.randint(1, 3)}
    elif kind == "matmul":
        shared = r.choice([1, 2])
        sizes = {"batch": shared * r.randint(1, 3), "m": r.randint(1, 9), "n": r.randint(1, 24),
                 "k": multiple * r.randint(1, 2), "shared": shared}  # fmt: skip
    else:
        groups = r.choice([1, 1, 2, 4])
        depth = chance(r, 0.2)
        channels = multiple if multiple > 1 else groups * r.randint(1, 6)
        if depth:
            groups = channels
        kernel = r.choice([1, 2, 3, 5])
        sizes = {"batch": r.choice([1, 1, 2]), "height": r.randint(5, 12), "width": r.randint(5, 12),
                 "channels": channels, "filters": groups * r.randint(1, 6), "kernel": kernel,
                 "stride": r.choice([1, 1, 2]), "padding": r.choice([0, kernel // 2]),
                 "groups": groups if multiple == 1 else 1}  # fmt: skip
    chosen = {kind: sizes}
    if kind != "matmul" and chance(r, 0.4):
        chosen["bias"] = True
    if chance(r, 0.4):
        chosen["activation"] = r.choice(["relu", "relu6"])
    return chosen


def integers(r):
    return f"{r.choice(['int', 'int', 'uint'])}{r.choice([2, 3, 4, 4, 5, 8, 8, 8, 16])}"


def precision(r):
    """(number formats, what k must be a multiple of)"""
    multiple = 1
    style = r.choice(["integers", "integers", "floats", "stored", "stored", "blocks", "blocks"])
    if style == "integers":
        weights = {"format": r.choice(["int8", "int8", "int4", "int2", "int16"]),
                   "granularity": r.choice(["per_tensor", "per_channel"])}  # fmt: skip
        activations = r.choice(["int8", "int8", "int16", "int4"])
    elif style == "floats":
        weights = activations = r.choice(FLOATS)
    elif style == "stored":
        weights = {"format": r.choice([integers(r), integers(r), "ternary", "binary"]),
                   "granularity": r.choice(["per_tensor", "per_channel", "per_group"]), "group_size": r.choice([8, 32]),
                   "symmetric": chance(r, 0.7), "scale": r.choice(["fp32", "fp16", "bf16"])}  # fmt: skip
        activations = r.choice(["fp32", "fp16", "bf16"])
        multiple = 32
    else:
        weights = r.choice(BLOCKS + LONG_BLOCKS)
        multiple = 256 if weights in LONG_BLOCKS else 64
        activations = r.choice(["fp32", "fp16", "bf16"])
    formats = {"weights": weights, "activations": activations, "mac": "auto"}
    if chance(r, 0.2):
        formats["output"] = r.choice(["fp32", "fp16", "int8"])
    if style == "integers" and chance(r, 0.5):
        formats["requantize"] = r.choice(["tflite_double_rounding", "tflite_single_rounding", "onnx_half_even"])
    return formats, multiple


def mapping(r):
    chosen = {}
    if chance(r, 0.7):
        chosen["objective"] = r.choice(["edp", "energy", "cycles", "traffic", {"energy": 1, "cycles": 2}])
    if chance(r, 0.2):
        chosen["order"] = r.choice(["mnk", "mkn", "nmk", "nkm", "kmn", "knm"])
    if chance(r, 0.2):
        chosen["weight_layout"] = r.choice(["row_major", "tiled"])
    if chance(r, 0.2):
        chosen["activation_layout"] = r.choice(["row_major", "tiled"])
    if chance(r, 0.1):
        chosen["finalists"] = r.choice([1, 3])
    return chosen


def random_run(r):
    formats, multiple = precision(r)
    run = {"name": "random", "accelerator": machine(r), "dram": f"{r.choice(DRAMS)}.yaml",
           "energy": f"{r.choice(ENERGY)}.yaml", "precision": formats}  # fmt: skip
    if chosen := mapping(r):
        run["mapping"] = chosen
    if chance(r, 0.04):
        run["network"] = f"networks/{r.choice(NETWORKS)}.yaml"
        if run["network"] == "networks/stories260k.yaml":
            run["phase"] = r.choice(["prefill", "decode"])
        run["precision"] = {"weights": "int8", "activations": "int8"}
        run["fidelity"] = r.choice(["fast", "estimate"])
        run["accelerator"] = "edge-16x16.yaml"
        return run
    run["layer"] = layer(r, multiple)
    run["fidelity"] = r.choice(["fast", "fast", "fast", "pe", "estimate"])
    if run["fidelity"] != "estimate":
        run["verify"] = r.choice(["full", "sample"])
        run["seed"] = r.randint(0, 99)
        run["operand_counts"] = chance(r, 0.2)
    elif chance(r, 0.3):
        run["density"] = {"inputs": 0.5, "weights": 0.75}
    return run


def random_sweep(r):
    run = random_run(r)
    return {"name": "random", "base": run, "metrics": ["cycles", "energy.total_pj"],
            "axes": [{"path": "dram", "values": ["ideal.yaml", "lpddr5-6400.yaml"]},
                     {"path": "accelerator.clock", "values": ["250 MHz", "800 MHz"]}]}  # fmt: skip


def without_version(name, text):
    """A file without what names the program."""
    if name.endswith(".json"):
        text = re.sub(r'"program": \{.*?\}', '"program": {}', text, flags=re.S)
        return re.sub(r'"(config_hash|hash|schema_version|layout_version)": ("\w*"|\d+)', r'"\1": 0', text)
    if name.endswith("results.csv"):
        rows = list(csv.reader(io.StringIO(text)))
        kept = [i for i, column in enumerate(rows[0]) if column != "hash"]
        return "\n".join(",".join(row[i] for i in kept) for row in rows)
    return text


def outcome(sim, words, config, directory, environment):
    """{name: text} of everything that came of a command line."""
    out = directory / "out"
    shutil.rmtree(out, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "given.yaml").write_text(json.dumps(config, indent=1), encoding="utf-8")
    try:
        done = subprocess.run([sim, *words, "given.yaml", "-o", "out"], cwd=directory, env=environment,
                              capture_output=True, text=True, timeout=SECONDS, check=False)  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"exit code": f"none within {SECONDS} s"}
    came = {"exit code": str(done.returncode), "standard output": done.stdout, "standard error": done.stderr}
    table = out / "results.json"  # of a sweep: points in order, whose hashes name their files
    hashes = re.findall(r'"hash": "(\w+)"', table.read_text(encoding="utf-8")) if table.exists() else []
    for path in sorted(out.rglob("*")) if out.is_dir() else []:
        name = path.relative_to(out).as_posix()
        point = path.name.split(".")[0]  # also of "HASH.failed.json"
        if point in hashes:
            name = name.replace(point, f"point {hashes.index(point)}")
        if path.suffix in (".json", ".csv"):
            came[name] = without_version(name, path.read_text(encoding="utf-8"))
    return came


def difference(old, new):
    """The first lines that differ; empty where none does."""
    for name in [*old, *(name for name in new if name not in old)]:
        a, b = old.get(name, "(not there)\n"), new.get(name, "(not there)\n")
        if a != b:
            lines = list(difflib.unified_diff(a.splitlines(), b.splitlines(), "old", "new", n=0, lineterm=""))
            return f"{name}:\n" + "\n".join(f"  {line[:160]}" for line in lines[:12])
    return ""


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--configs")
    parser.add_argument("--keep")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    environment = {**os.environ, "NO_COLOR": "1"}
    if options.configs:
        environment["BITJOULE_CONFIGS"] = str(Path(options.configs).resolve())
    programs = [str(Path(program).resolve()) for program in (options.old, options.new)]

    def compare(number, place):
        r = random.Random(f"{options.seed}.{number}")
        words, config = (["sweep", "-j", "1"], random_sweep(r)) if number % 20 == 19 else (["run"], random_run(r))
        both = [outcome(program, words, config, place / f"{number}" / which, environment)
                for program, which in zip(programs, ("old", "new"))]  # fmt: skip
        told = difference(*both)
        if told and options.keep:
            shutil.copytree(place / f"{number}", Path(options.keep) / f"{number}", dirs_exist_ok=True)
        shutil.rmtree(place / f"{number}")
        return number, words[0], both[0]["exit code"], told

    codes, differing = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(options.j) as pool:
        place = Path(directory)
        for number, what, code, told in pool.map(lambda n: compare(n, place), range(options.runs)):
            codes[what, code] += 1
            if told:
                differing += 1
                if differing <= 5:
                    print(f"run {number} of seed {options.seed} ({what}): {told}")
    for (what, code), count in sorted(codes.items()):
        print(f"{count} x sim {what}: exit code {code}")
    print(f"same_results: {options.runs - differing} of {options.runs} are equal")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
