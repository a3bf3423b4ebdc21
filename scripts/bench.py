#!/usr/bin/python3
"""Measures what docs/performance.md promises, row by row, and pairs it with an earlier build.

  scripts/bench.py                          build/release, five times each
  scripts/bench.py --before OLD/sim         every run of a command beside one of OLD/sim
  scripts/bench.py --only decode,estimate   rows whose name has one of the words
  scripts/bench.py -o figures.json          also as JSON

Seconds are those of the processor, user and system, of a command and the processes that it starts:
other programs on the machine change them little. Each figure has the least, the median and the most
of its runs; a ratio is the median of the pairs' (above 1: better than before). Rows of kernels
come from the benchmarks in build/release/tests/bench (-DBITJOULE_BENCH=ON); without them, or
without --before, a column stays empty.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

DDR4 = "ddr4-2400-x8.yaml"
GROUPS = "[row, bank, column, bank_group]"
DECODE = "llama2-7b-decode.yaml"
PREFILL = ["--set", "phase=prefill", "--set", "network.parameters.prompt=512"]

THOUSAND = """name: thousand
base: quickstart.yaml
set: {layer: {gemm: {m: 2, n: 16, k: 16}}, values: off}
axes:
  - {path: layer.gemm.n, values: [8, 16, 24, 32, 40, 48, 56, 64, 72, 80]}
  - {path: layer.gemm.k, values: [8, 16, 24, 32, 40, 48, 56, 64, 72, 80]}
  - {path: accelerator.array.rows, values: [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]}
"""
STEP = (
    "base: {accelerator: edge-32x32.yaml, network: llama2-7b.yaml, phase: decode, "
    "precision: {weights: int8, activations: int8}}\naxes: ["
)
ONE_TABLE = STEP + "{path: energy.name, values: [a]}]\n"
TABLES = STEP + "{path: energy.name, values: [a, b, c]}]\n"
CONTEXT = "{path: network.parameters.context, values: [%s]}]\n"
ONE_CONTEXT = STEP + CONTEXT % "512"
CONTEXTS = STEP + CONTEXT % "512, 544, 576, 608, 640, 672, 704, 736"


def pes(rows):
    """A layer on an array of rows x rows, PE by PE."""
    return ["run", "quickstart.yaml", "--fidelity", "pe", "--values", "off"] + [
        word
        for key, value in (
            ("accelerator", "edge-32x32.yaml"),
            ("accelerator.array.rows", rows),
            ("accelerator.array.cols", rows),
            ("layer", "{gemm: {m: 1024, n: 512, k: 1024}}"),
            ("precision", "{weights: int8, activations: int8}"),
        )
        for word in ("--set", f"{key}={value}")
    ]


def dram(pattern, count):
    return ["dram", "--dram", DDR4, "--pattern", pattern, "--count", str(count),
            "--set", f"mapping={GROUPS}"]  # fmt: skip


def sweep(text):
    return ["sweep", text, "-j", "1"]


# What a row says: its name, the unit, what is to be reached, and how it is measured. `command`:
# arguments of sim, where a sweep's file stands as its text; the figure is its seconds, `work` over
# them, or the ratio of its seconds to those of `over`.
BURSTS, RANDOM = 8_000_000, 2_000_000
ROWS = [
    dict(name="dram sequential", unit="M bursts/s", goal=60, command=dram("sequential", BURSTS), work=BURSTS / 1e6),
    dict(name="dram random", unit="M bursts/s", goal=9, command=dram("random", RANDOM), work=RANDOM / 1e6),
    dict(name="llama2-7b decode", unit="s", goal=0.2, command=["run", DECODE]),
    dict(name="llama2-7b prefill 512", unit="s", goal=2, command=["run", DECODE, *PREFILL]),
    dict(name="resnet50 values off", unit="s", goal=0.05, command=["run", "resnet50.yaml"]),
    dict(name="resnet50 values on", unit="s", goal=0.8, command=["run", "resnet50.yaml", "--values", "on"]),
    dict(name="reference", unit="G MAC/s", goal=25, bench="values_bench", filter="reference/many"),
    dict(name="oracle", unit="G MAC/s", goal=8, bench="values_bench", filter="oracle/int8_many"),
    dict(name="fp32 values", unit="G MAC/s", goal=30, bench="values_bench", filter="floats/many"),
    dict(name="pe 32x32", unit="M PE-cycles/s", goal=1000, command=pes(32), pes=32 * 32),
    dict(name="pe 128x128", unit="M PE-cycles/s", goal=1000, command=pes(128), pes=128 * 128),
    dict(name="sweep of 1,000 tiny points", unit="s", goal=0.5, command=sweep(THOUSAND)),
    dict(name="sweep, three energy tables", unit="x one", goal=1.05, command=sweep(TABLES), over=sweep(ONE_TABLE)),
    dict(name="sweep, eight contexts", unit="x one", goal=1.5, command=sweep(CONTEXTS), over=sweep(ONE_CONTEXT)),
    dict(name="estimate: llama2-7b decode", unit="s", goal=0.02, command=["run", DECODE, "--fidelity", "estimate"]),
    dict(name="estimate: resnet50", unit="s", goal=0.02, command=["run", "resnet50.yaml", "--fidelity", "estimate"]),
    dict(name="mapping: resnet50, all layers", unit="ms", goal=100, bench="mapping_bench", filter="resnet50/edge-32x32/edp", counter="total_ms"),
    dict(name="mapping: resnet50, a layer", unit="ms", goal=5, bench="mapping_bench", filter="resnet50/edge-32x32/edp", counter="mean_ms"),
    dict(name="mapping: worst shipped layer", unit="ms", goal=50, bench="mapping_bench", filter=".*", counter="worst_ms"),
    dict(name="start", unit="s", goal=0.003, command=["--version"]),
]  # fmt: skip
LESS_IS_BETTER = {"s", "ms", "x one"}


def processor_seconds():
    """Of all processes that have ended."""
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def run(sim, arguments):
    """Processor seconds of a command, and what it printed; None where it fails."""
    with tempfile.TemporaryDirectory() as directory:
        arguments = list(arguments)
        if arguments[0] == "sweep":
            file = Path(directory, "sweep.yaml")
            file.write_text(arguments[1])
            arguments[1:2] = [str(file), "-o", str(Path(directory, "out"))]
        before = processor_seconds()
        done = subprocess.run([sim, *arguments], cwd=directory, capture_output=True, check=False)
        seconds = processor_seconds() - before
    if done.returncode != 0:
        return None, done.stderr.decode()
    return seconds, done.stdout.decode()


def pe_cycles(sim, row):
    """PEs times the cycles in which the array works, as the fast model tells them."""
    _, text = run(sim, [*[w if w != "pe" else "fast" for w in row["command"]], "--json"])
    stalls = json.loads(text)["stalls"]
    return row["pes"] * sum(stalls[c] for c in ("array_busy", "weight_load", "fill_drain")) / 1e6


def figure(sim, row, work):
    """One measurement; None where this program cannot do it."""
    seconds, _ = run(sim, row["command"])
    if seconds is None:
        return None
    if "over" in row:
        one, _ = run(sim, row["over"])
        return seconds / one
    return work / max(seconds, 1e-9) if work else seconds


def bench(folder, row, times):
    """Items per second of a benchmark, in 1e9, or the most of a counter in all that the filter
    finds, so many times."""
    program = folder / row["bench"]
    if not program.exists():
        return []
    pattern = f"^{row['filter']}(/iterations:[0-9]+)?$"
    done = subprocess.run(
        [program, f"--benchmark_filter={pattern}", f"--benchmark_repetitions={times}",
         "--benchmark_format=json"], capture_output=True, check=True)  # fmt: skip
    if not done.stdout:
        sys.exit(f"bench: {program.name} has no benchmark {row['filter']}")
    runs = [r for r in json.loads(done.stdout)["benchmarks"] if r["run_type"] == "iteration"]
    if "counter" not in row:
        return [r["items_per_second"] / 1e9 for r in runs]
    figures = {}
    for r in runs:
        figures.setdefault(r["repetition_index"], []).append(r[row["counter"]])
    return [max(of_all) for of_all in figures.values()]


def measure(row, sim, before, times):
    """The figures of both programs, in pairs: one after the other, so that both see the machine in
    the same state."""
    if "bench" in row:
        def of(program):
            folder = Path(program).resolve().parents[1] / "tests" / "bench"
            return bench(folder, row, times)
        return of(sim), of(before) if before else []
    work = pe_cycles(sim, row) if "pes" in row else row.get("work")
    now, then = [], []
    for _ in range(times):
        now.append(figure(sim, row, work))
        if before:
            then.append(figure(before, row, work))
    return [x for x in now if x is not None], [x for x in then if x is not None]


def spread(values):
    if not values:
        return None
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def of_row(row, now, before):
    pairs = list(zip(now, before))
    better = [b / a if row["unit"] in LESS_IS_BETTER else a / b for a, b in pairs]
    median = statistics.median(now) if now else None
    reached = None
    if now:
        reached = median <= row["goal"] if row["unit"] in LESS_IS_BETTER else median >= row["goal"]
    return {"name": row["name"], "unit": row["unit"], "goal": row["goal"], "now": spread(now),
            "before": spread(before), "ratio": statistics.median(better) if better else None,
            "reached": reached}  # fmt: skip


def text_of(spread_):
    if spread_ is None:
        return "-"
    return " / ".join(f"{spread_[key]:.3g}" for key in ("min", "median", "max"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("--sim", default=str(root / "build/release/sim/sim"), help="the program")
    parser.add_argument("--before", help="an earlier one, for pairs")
    parser.add_argument("--times", type=int, default=5, help="runs of each; default: 5")
    parser.add_argument("--only", default="", help="words with commas: rows that have one of them")
    parser.add_argument("-o", "--output", help="write the figures as JSON there")
    options = parser.parse_args()
    options.sim = str(Path(options.sim).resolve())  # every run has a directory of its own
    options.before = options.before and str(Path(options.before).resolve())
    for program in filter(None, (options.sim, options.before)):
        if not os.access(program, os.X_OK):
            parser.error(f"{program}: no program")
    if options.times < 1:
        parser.error("--times: expected at least 1")
    words = options.only.split(",")
    rows = [row for row in ROWS if any(word in row["name"] for word in words)]
    if not rows:
        parser.error(f"--only: no row has one of {words}")
    print(f"{'':28} {'unit':14} {'now: min / median / max':26} {'before':26} {'ratio':>6}  goal")
    figures = []
    for row in rows:
        done = of_row(row, *measure(row, options.sim, options.before, options.times))
        figures.append(done)
        ratio = "-" if done["ratio"] is None else f"{done['ratio']:.2f}"
        verdict = {True: "reached", False: "NOT reached", None: "not measured"}[done["reached"]]
        print(f"{done['name']:28} {done['unit']:14} {text_of(done['now']):26} "
              f"{text_of(done['before']):26} {ratio:>6}  {done['goal']:g}: {verdict}",
              flush=True)  # fmt: skip
    if options.output:
        Path(options.output).write_text(json.dumps({"rows": figures}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
