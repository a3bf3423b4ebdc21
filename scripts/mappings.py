#!/usr/bin/python3
"""Holds docs/mapping.md to its word on whole networks: simulates, and compares.

  scripts/mappings.py objectives     whether an objective's choice is beaten in it by another's
  scripts/mappings.py bound          traffic beside its lower bound, one SRAM for all
  scripts/mappings.py hand           tilings that an engineer would write against the mapper's

  --sim FILE     default: build/release/sim/sim
  --only WORDS   with commas: networks@machines (networks of `bound`, cases of `hand`) whose name
                 has one of them
  --sample N     of `objectives`, so many cases at random, as --seed has it; default: all
  --seconds S    what has not begun by then is left out, what runs longer is ended: both are told
  -j N           processes; default: those of the machine
  -o FILE        all figures as JSON

`objectives`: each network on each machine under edp, cycles, energy and traffic. Of every layer with
MACs it compares what was simulated: the cost that an objective's own choice has in it with the
least that any of the four has. It holds where `cycles` is never more than 1 % slower than another;
what other objectives leave is listed with it. The four share what they simulate: a tiling that
several choose runs once. The cheapest networks come first.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MACHINES = ["edge-16x16", "edge-32x32", "edge-32x32-unified", "gemmini-16x16", "tpu-v1-like", "scalesim"]
NETWORKS = ["mlperf-tiny-ad", "mlperf-tiny-kws", "mlperf-tiny-vww", "stories15m", "mobilenet-v1", "mobilenet-v2",
            "resnet18", "alexnet", "bert-base", "gpt2", "resnet50", "vit-b-16", "vgg16",
            "llama2-7b/decode", "llama2-7b/prefill"]  # fmt: skip
BOUND = ["resnet50", "mobilenet-v2", "vgg16", "bert-base", "llama2-7b/prefill"]
OBJECTIVES = {
    "edp": lambda r: r["energy"]["total_pj"] * r["cycles"],
    "cycles": lambda r: r["cycles"],
    "energy": lambda r: r["energy"]["total_pj"],
    "traffic": lambda r: moved(r),
}
INT8 = "{weights: {format: int8, granularity: per_channel}, activations: int8, mac: int8}"
NEAR = 1.01  # of the least: no worse
NEAR_BOUND = 1.25
LATE = (None, "out of time")

# Layer, machine, and what stands beside the mapper's own choice.
VGG = "{conv2d: {height: 224, width: 224, channels: 64, filters: 64, kernel: [3, 3], padding: 1}}"
S1B0C2 = "{conv2d: {height: 56, width: 56, channels: 64, filters: 64, kernel: [3, 3], padding: 1}}"
S2B1C2 = "{conv2d: {height: 28, width: 28, channels: 128, filters: 128, kernel: [3, 3], padding: 1}}"
DEPTHWISE = (
    "{conv2d: {height: 56, width: 56, channels: 144, filters: 144, groups: 144, kernel: [3, 3], "
    "padding: 1}}"
)
SQUARE = "{gemm: {m: 512, n: 4096, k: 4096}}"
OS64 = ["accelerator.array={rows: 64, cols: 64, dataflow: os}"]
HAND = [
    ("VGG, two rows of the map", VGG, [], "{tile: {rows: 2, cols: 224}}"),
    ("VGG, squares of 16 x 16", VGG, [], "{tile: {rows: 16, cols: 16, n: 64, k: 576}}"),
    ("VGG, strips of 8 rows", VGG, [], "{tile: {rows: 8, cols: 32, n: 64, k: 576}}"),
    ("ResNet stage 1, 14 x 14", S1B0C2, [], "{tile: {rows: 14, cols: 14, n: 64, k: 576}}"),
    ("ResNet stage 1, all weights stay", S1B0C2, [], "{order: nmk, tile: {n: 64, k: 576}}"),
    ("ResNet stage 2, 14 x 28", S2B1C2, [], "{tile: {rows: 14, cols: 28, n: 32, k: 1152}}"),
    ("depthwise, 16 groups", DEPTHWISE, [], "{tile: {groups: 16}}"),
    ("GEMM, k = 256", SQUARE, OS64, "{tile: {m: 128, n: 128, k: 256}}"),
    ("GEMM, whole k", SQUARE, OS64, "{tile: {k: 4096}}"),
    ("decode, rows of weights", "{gemm: {m: 1, n: 4096, k: 4096}}", [], "{tile: {n: 32, k: 4096}}"),
]  # fmt: skip


def moved(result):
    dram = result["dram"]
    return dram["read_bytes"] + dram["write_bytes"] + dram["padding_bytes"]


class OutOfTime(Exception):
    pass


class Deadline:
    """Until when commands run; None: they run to their ends."""

    def __init__(self):
        self.end = None

    def set(self, seconds):
        self.end = time.monotonic() + seconds

    def left(self):
        if self.end is None:
            return None
        left = self.end - time.monotonic()
        if left <= 0:
            raise OutOfTime
        return left


DEADLINE = Deadline()


def sim(program, arguments):
    """What the command prints; the error text where it fails."""
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, check=False, timeout=DEADLINE.left()
        )
    except subprocess.TimeoutExpired:
        raise OutOfTime from None
    return done.returncode == 0, (done.stdout if done.returncode == 0 else done.stderr).decode()


def sets(pairs):
    return [word for pair in pairs for word in ("--set", pair)]


def network_run(network, machine, objective):
    name, _, phase = network.partition("/")
    pairs = [f"accelerator={machine}.yaml", f"network={name}.yaml", "values=off",
             f"mapping.objective={objective}", f"precision={INT8}"]  # fmt: skip
    if phase:
        pairs.append(f"phase={phase}")
    return ["resnet50.yaml", *sets(pairs)]


def layers_of(program, network, machine, objective, store):
    run = network_run(network, machine, objective)
    done, text = sim(program, ["run", *run, "--json", "--store", store])
    if not done:
        return None, text
    return {r["name"]: r for r in json.loads(text)["layers"] if r["kind"] != "vector"}, ""


def compared(program, network, machine):
    """The worst layer by each objective, and those that are not near the least."""
    runs = {}
    with tempfile.TemporaryDirectory() as store:
        for objective in OBJECTIVES:
            layers, reason = layers_of(program, network, machine, objective, store)
            if layers is None:
                return {"refused": reason.strip().splitlines()[-1]}
            runs[objective] = layers
    found = {"layers": len(runs["edp"])}
    for objective, cost in OBJECTIVES.items():
        ratios = []
        for layer in runs[objective]:
            own = cost(runs[objective][layer])
            least, by = min((cost(run[layer]), other) for other, run in runs.items())
            ratios.append((own / least, layer, by))
        worst = max(ratios)
        found[objective] = {"worst": worst[0], "layer": worst[1], "by": worst[2],
                            "beyond": [r for r in ratios if r[0] > NEAR]}  # fmt: skip
    return found


def in_time(work, *arguments):
    """Its result; None where the time was up first."""
    try:
        DEADLINE.left()
        return work(*arguments)
    except OutOfTime:
        return None


def print_compared(network, machine, found):
    head = f"{network:20} {machine:20}"
    if "refused" in found:
        print(f"{head} {found['refused']}", flush=True)
        return
    worst = "".join(f" {found[o]['worst']:9.4f}" for o in OBJECTIVES)
    print(f"{head} {found['layers']:6}{worst}", flush=True)
    for objective in OBJECTIVES:
        for ratio, layer, by in found[objective]["beyond"]:
            print(f"  {layer}: under {objective} {ratio:.4f} of what {by} takes", flush=True)


def objectives(program, chosen, options):
    cases = [(n, m) for n in NETWORKS for m in MACHINES if chosen(f"{n}@{m}")]
    if options.sample is not None and options.sample < len(cases):
        taken = set(random.Random(options.seed).sample(cases, options.sample))
        cases = [case for case in cases if case in taken]
    print(f"{'network':20} {'machine':20} {'layers':>6}" + "".join(f" {o:>9}" for o in OBJECTIVES))
    figures, late, beyond = [], [], dict.fromkeys(OBJECTIVES, 0)
    with ThreadPoolExecutor(options.jobs) as pool:
        all_found = pool.map(lambda case: in_time(compared, program, *case), cases)
        for (network, machine), found in zip(cases, all_found):
            if found is None:
                late.append(f"{network} on {machine}")
                continue
            figures.append({"network": network, "machine": machine, **found})
            print_compared(network, machine, found)
            if "refused" not in found:
                for objective in OBJECTIVES:
                    beyond[objective] += len(found[objective]["beyond"])
    layers = sum(f.get("layers", 0) for f in figures)
    print(f"of {layers} layers beyond {NEAR}: " + ", ".join(f"{o} {n}" for o, n in beyond.items()))
    if late:
        print(f"out of time, {len(late)} of {len(cases)} cases: {', '.join(late)}")
    return figures, beyond["cycles"] == 0 and layers > 0


def bound_of(program, network):
    """Ratios to the bound, and what explain says costs the rest, by layer."""
    done, text = sim(program, ["explain", *network_run(network, "edge-32x32-unified", "traffic")])
    if not done:
        return None, text
    layers = []
    for line in text.splitlines():
        of_layer = re.search(r" of traffic, ([0-9.]+) times the least", line)
        if of_layer:
            layers.append({"layer": line.split()[0], "times": float(of_layer[1]), "by": []})
        if line.startswith("  above it "):
            layers[-1]["by"] = re.findall(r"([0-9.]+) times by ([^,]+)", line)
    return layers, ""


def bound(program, chosen, options):
    figures, all_named = [], True
    with ThreadPoolExecutor(options.jobs) as pool:
        networks = [n for n in BOUND if chosen(n)]
        all_found = pool.map(lambda n: in_time(bound_of, program, n), networks)
        for network, found in zip(networks, all_found):
            layers, reason = found or LATE
            if layers is None:
                print(f"{network}: {reason.strip()}")
                all_named = False
                continue
            above = [row for row in layers if row["times"] > NEAR_BOUND]
            print(f"{network}: {len(above)} of {len(layers)} distinct layers above {NEAR_BOUND}")
            for row in above:
                left = row["times"]
                for times, _ in row["by"]:
                    left /= float(times)
                all_named = all_named and left <= NEAR_BOUND
                by = ", ".join(f"{times} by {what}" for times, what in row["by"])
                print(f"  {row['layer']}: {row['times']} times: {by}; {left:.2f} left", flush=True)
            figures.append({"network": network, "layers": layers})
    return figures, all_named


def layer_cost(program, case, objective, pins):
    _, layer, machine, _ = case
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "run.yaml")
        file.write_text(
            f"{{accelerator: edge-32x32.yaml, layer: {layer}, precision: {INT8}, values: off, "
            f"mapping: {{objective: {objective}}}}}"
        )
        pairs = list(machine)
        if pins:
            pairs.append(f"mapping={{objective: {objective}, {pins[1:-1]}}}")
        done, text = sim(program, ["run", str(file), *sets(pairs), "--json"])
    return (OBJECTIVES[objective](json.loads(text)["layers"][0]), "") if done else (None, text)


def hand(program, chosen, _):
    figures, none_better = [], True
    for case in HAND:
        if not chosen(case[0]):
            continue
        row = {"case": case[0]}
        for objective in OBJECTIVES:
            own, reason = in_time(layer_cost, program, case, objective, None) or LATE
            by_hand, refused = in_time(layer_cost, program, case, objective, case[3]) or LATE
            if own is None or by_hand is None:
                print(f"{case[0]}: {(reason or refused).strip()}")
                break
            row[objective] = by_hand / own
        else:
            none_better = none_better and all(row[o] >= 1 / NEAR for o in OBJECTIVES)
            print(f"{case[0]:34}" + "".join(f" {o} {row[o]:7.3f}" for o in OBJECTIVES), flush=True)
        figures.append(row)
    return figures, none_better


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("what", choices=["objectives", "bound", "hand"])
    parser.add_argument("--sim", default=str(root / "build/release/sim/sim"))
    parser.add_argument("--only", default="")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count())
    parser.add_argument("-o", "--output")
    options = parser.parse_args()
    if not os.access(options.sim, os.X_OK):
        parser.error(f"{options.sim}: no program")
    if options.seconds is not None:
        DEADLINE.set(options.seconds)
    words = options.only.split(",")

    def chosen(name):
        return any(word in name for word in words)

    check = {"objectives": objectives, "bound": bound, "hand": hand}[options.what]
    figures, holds = check(options.sim, chosen, options)
    if options.output:
        Path(options.output).write_text(json.dumps(figures, indent=2) + "\n")
    print("holds" if holds else "does NOT hold")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
