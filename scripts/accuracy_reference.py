#!/usr/bin/python3
"""Measures a trained Llama in the formats of tables that other programs computed, and writes how far
the numbers are apart: docs/accuracy-reference.md.

  scripts/accuracy_reference.py DATA     DATA: reference.csv, llamacpp.csv, the model and its tokens

  --sim FILE     default: build/release/sim/sim
  --only WORDS   with commas: rows whose group or name has one of them
  -j N           processes; default: those of the machine
  -o FILE        the page; default: standard output
  --csv FILE     every number

A row whose rule this program does not have is named with the reason, not measured.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MODEL = "stories260K-f32.gguf"
TOKENS = "tokens-stories.npy"
FLOAT = {"weights": "fp32", "activations": "fp32", "mac": "fp32"}
LINEAR = [f"blk.*.{name}" for name in ("q", "k", "v", "o", "gate", "up", "down")] + ["head"]
TIED = ["embed", "head"]
KINDS = {"wq": ["blk.*.q"], "wk": ["blk.*.k"], "wv": ["blk.*.v"], "wo": ["blk.*.o"], "w1": ["blk.*.gate"],
         "w3": ["blk.*.up"], "w2": ["blk.*.down"], "emb": TIED}  # fmt: skip
DOWN_FP16 = {"layers": ["blk.*.down"], "precision": {"weights": "fp16"}}
EMBED_Q8 = {"layers": TIED, "precision": {"weights": "q8_0"}}
COLUMNS = (("ppl", "perplexity"), ("kl", "kl"), ("top1", "top1"))
SHARE = 0.005

WHOLE_TOKEN = "a scale for all heads of a token there; for each head here"
HEAD_BLOCK = "blocks over the heads of a token there; a head has 8 numbers here"
# Why measured rows of a group may be further apart.
OTHER_RULES = {"base": "what two orders of fp32 sums leave"}
CODES_TURN = "KL within two standard errors: the last bit of a sum turns codes over, which later layers carry on"


def per_channel(name):
    asymmetric = {"symmetric": False} if name.startswith("uint") else {}
    return {"format": name, "granularity": "per_channel", **asymmetric}


def grouped(name, size):
    return {**per_channel(name), "granularity": "per_group", "group_size": size, "scale": "fp16"}


def weights(name):
    """The format of a row's weights."""
    words = name.split()
    if words[-1] == "scale":
        return {"format": f"{words[0]}_scaled", "granularity": "per_channel"}
    if words[0] in ("ternary", "binary"):
        return per_channel(name)
    if "per_channel" in words:
        return per_channel(words[0])
    if words[-1] in ("g32", "g16"):
        return grouped(words[0], int(words[-1][1:]))
    return words[0]


class Setting:
    """What a row asks of the program; `model`: as it is, with rows of whole blocks, with nf4's blocks
    over the ends of rows, or a file that llama.cpp has quantized."""

    def __init__(self, precision=None, overrides=(), cache=None, model="float"):
        self.precision = {**FLOAT, **(precision or {})}
        self.overrides = list(overrides)
        self.cache = cache
        self.model = model


def activations(text):
    """Of linear layers alone, as the tables have them: "int8 per_token" or a format."""
    words = text.split()
    per_token = words[-1] == "per_token"
    return {"format": words[0], "granularity": "per_token"} if per_token else words[0]


def linear_inputs(text, of_weights=None):
    formats = {"activations": activations(text), "output": "fp32"}
    if of_weights is not None:
        formats["weights"] = of_weights
    return [{"layers": LINEAR, "precision": formats}]


def cache(name):
    words = name.split()
    if words[1].startswith("q"):
        return HEAD_BLOCK
    if len(words) == 2:
        return words[1]
    return WHOLE_TOKEN if "head" not in words else {"format": words[1], "granularity": "per_token"}


def setting_of(group, name):
    """A Setting, or why there is none."""
    if group == "base":
        return Setting() if name == "fp32" else "the reference itself"
    if group in ("linear", "linear+emb"):
        wide = [{"layers": TIED, "precision": {"weights": "fp32"}}] if group == "linear" else []
        if name == "nf4 flat":
            decoded = {"layers": ["blk.*.down"], "precision": {"weights": "fp32"}}
            return Setting({"weights": "nf4"}, [*wide, decoded], model="flat")
        # A short block is one that zeros fill.
        model = "whole" if name[0] == "q" else "float"
        return Setting({"weights": weights(name)}, wide, model=model)
    if group.startswith("llama.cpp"):
        rules = [DOWN_FP16] + ([EMBED_Q8] if "emb q8_0" in name else [])
        return Setting({"weights": name.split()[0]}, rules)
    if group == "act":
        chosen = name.split(", A ")[1]
        return Setting({}, linear_inputs(chosen), model="whole" if chosen[0] == "q" else "float")
    if group in ("WxAy", "all"):
        parts = name.split(", ")
        chosen = weights(parts[0][2:].replace(" (emb too)", ""))
        rules = linear_inputs(parts[1][2:], chosen)
        return Setting({"weights": chosen}, rules, cache(parts[2]) if group == "all" else None)
    if group == "kv":
        chosen = cache(name)
        return chosen if isinstance(chosen, str) and " " in chosen else Setting(cache=chosen)
    chosen, kind = name.split(": ")
    return Setting({}, [{"layers": KINDS[kind], "precision": {"weights": weights(chosen)}}])


def as_in_llama_cpp(name):
    """Activations as its products take them: blocks of 8 bits where the weights have blocks."""
    of_floats = {"f16-0": "fp16", "bf16-0": "bf16"}.get(name)
    whole = of_floats or "q8_0"
    return [{"layers": [layer], "precision": {"activations": kind, "output": "fp32", "mac": "fp32"}}
            for layer in LINEAR for kind in [(of_floats or "fp16") if layer == "blk.*.down" else whole]]


def file_setting(group, name, data):
    """The file itself where it is there; else the same formats at load, which are equal bit by bit."""
    rules = as_in_llama_cpp(name) if group == "file, llama.cpp" else []
    path = data / f"stories260K-{FILES.get(name, '')}.gguf"
    if path.is_file():
        return Setting(overrides=rules, model=path)
    kind, mix = name.rsplit("-", 1)
    if kind in ("bf16", "q4_k_m"):
        chosen = {"weights": "bf16"} if kind == "bf16" else {"recipe": kind}
        return Setting(chosen, rules)
    mixed = [DOWN_FP16] + ([EMBED_Q8] if mix == "0" else [])
    return Setting({"weights": kind}, mixed + rules)


class Safetensors:
    """fp32 matrices of a Hugging Face checkpoint, as bytes."""

    def __init__(self, path):
        raw = path.read_bytes()
        length = int.from_bytes(raw[:8], "little")
        self.tensors = {}
        for name, entry in json.loads(raw[8:8 + length]).items():
            if name != "__metadata__":
                begin, end = (8 + length + offset for offset in entry["data_offsets"])
                self.tensors[name] = (entry["shape"], raw[begin:end])

    def write(self, path):
        header, place = {}, 0
        for name, (shape, data) in self.tensors.items():
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + len(data)]}
            place += len(data)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(d for _, d in self.tensors.values()))


class Measure:
    def __init__(self, sim, data, folder):
        self.sim, self.data, self.folder = sim, data, folder
        self.networks = {"float": folder / "float.yaml"}
        self.call("import", data / MODEL, "--requantize", "-o", self.networks["float"])
        self.whole_rows()
        self.flat_blocks()
        for path in data.glob("*.gguf"):
            self.networks[path] = folder / f"{path.stem}.yaml"
            self.call("import", path, "-o", self.networks[path])

    def checkpoint(self, name, tensors, **sizes):
        place = self.folder / name
        place.mkdir()
        config = json.loads((self.data / "hf/config.json").read_text())
        (place / "config.json").write_text(json.dumps({**config, **sizes}))
        tensors.write(place / "model.safetensors")
        self.networks[name] = self.folder / f"{name}.yaml"
        self.call("import", place / "config.json", "-o", self.networks[name])

    def whole_rows(self, name="whole", features=192):
        """The same model with so many features between up and down, those behind the 172nd zero."""
        file = Safetensors(self.data / "hf/model.safetensors")
        for tensor, (shape, data) in file.tensors.items():
            if tensor.endswith(("gate_proj.weight", "up_proj.weight")):
                file.tensors[tensor] = ([features, shape[1]], data + bytes(4 * (features - shape[0]) * shape[1]))
            if tensor.endswith("down_proj.weight"):
                rows = [data[at:at + 4 * shape[1]] for at in range(0, len(data), 4 * shape[1])]
                fill = bytes(4 * (features - shape[1]))
                file.tensors[tensor] = ([shape[0], features], b"".join(row + fill for row in rows))
        self.checkpoint(name, file, intermediate_size=features)

    def flat_blocks(self):
        """Rows of 172 one after the other in blocks of 64; other rows have whole blocks."""
        file, one = Safetensors(self.data / "hf/model.safetensors"), Safetensors(self.data / "hf/model.safetensors")
        for name, (shape, data) in file.tensors.items():
            if not name.endswith("down_proj.weight"):
                continue
            one.tensors = {"flat": ([1, shape[0] * shape[1]], data)}
            one.write(self.folder / "flat.safetensors")
            self.call("quantize", self.folder / "flat.safetensors", "--format", "nf4", "--decoded",
                      self.folder / "decoded.npy")
            file.tensors[name] = (shape, (self.folder / "decoded.npy").read_bytes()[-len(data):])
        self.checkpoint("flat", file)

    def call(self, *arguments):
        done = subprocess.run(
            [self.sim, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return done.stdout

    def run_file(self, number, precision, network):
        path = self.folder / f"{number}.yaml"
        # YAML takes JSON.
        path.write_text(json.dumps({
            "accelerator": "accelerators/edge-32x32.yaml", "network": str(network), "phase": "decode",
            "fidelity": "estimate", "precision": precision}))  # fmt: skip
        return path

    def arguments(self, number, setting):
        """What `sim evaluate` is given: the run file that asks for the setting, and the data."""
        network = self.folder / f"network{number}.yaml"
        text = self.networks[setting.model].read_text()
        head, rules = text.split("\noverrides:\n", 1) if "\noverrides:\n" in text else (text, "")
        own = "".join(f"- {json.dumps(rule)}\n" for rule in setting.overrides)
        if setting.cache is not None:
            head += f"\nkv_cache: {json.dumps(setting.cache)}"
        network.write_text(f"{head}\noverrides:\n{rules.rstrip()}\n{own}" if rules or own else head + "\n")
        run = self.run_file(number, setting.precision, network)
        other = [] if setting.model == "float" else ["--reference", self.data / MODEL]
        return [run, "--data", self.data / TOKENS, *other]

    def of_setting(self, number, setting):
        arguments = self.arguments(number, setting)
        found = json.loads(self.call("evaluate", *arguments, "--quiet", "--json"))["accuracy"]
        return {"ppl": found["perplexity"], "kl": found["kl"], "top1": found["agreement"]["top1"],
                "kl_error": found["kl_error"]}  # fmt: skip


def rows_of(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


# Files that llama.cpp quantized, by the rows of llamacpp.csv.
FILES = {"f16-0": "f16", "q8_0-0": "q8_0", "q5_0-0": "q5_0", "q4_0-0": "q4_0", "q4_1-1": "q4_1-pure",
         "mxfp4_moe-1": "mxfp4-pure"}  # fmt: skip


def jobs_of(data):
    """(group, name, expected, how): `how` a Setting, or why there is none."""
    for row in rows_of(data / "reference.csv"):
        expected = {key: float(row[key]) for key, _ in COLUMNS}
        yield row["group"], row["name"], expected, setting_of(row["group"], row["name"])
    for row in rows_of(data / "llamacpp.csv"):
        for column, group in (("w_only", "file, weights decoded"), ("llamacpp", "file, llama.cpp")):
            expected = {"ppl": float(row[f"ppl_{column}"]), "kl": float(row[f"kl_{column}"])}
            if column == "llamacpp":
                expected["top1"] = float(row["top1_llamacpp"])
            yield group, row["file"], expected, file_setting(group, row["file"], data)


def deviation(got, expected):
    return got / expected - 1 if expected else 0.0


def cell(value):
    return "" if value is None else f"{100 * value:+.3f}"


def page(results, share):
    lines = [
        "# Accuracy beside other programs",
        "",
        "How far `sim evaluate` is from tables that other code computed for the same model and tokens:",
        "numpy with the same rules of quantization (`reference.csv`), and llama.cpp on files that it has",
        "quantized itself (`llamacpp.csv`). Per cent of perplexity, of KL and of the share of predictions",
        "whose likeliest token is float64's. `scripts/accuracy_reference.py DATA -o PAGE` measures it.",
        "",
    ]
    near, far, skipped = [], [], []
    for result in results:
        if isinstance(result["how"], str):
            skipped.append(result)
        else:
            (near if result["largest"] <= share else far).append(result)
    lines += [f"Of {len(results)} rows {len(near)} are within {100 * share:g} % in every column, "
              f"{len(far)} are not,", f"and {len(skipped)} ask for a rule that is not here.", ""]  # fmt: skip
    for group in dict.fromkeys(result["group"] for result in results):
        lines += [f"## {group}", "", "| row | perplexity | KL | same likeliest | |", "|---|---|---|---|---|"]
        for result in results:
            if result["group"] != group:
                continue
            if isinstance(result["how"], str):
                lines.append(f"| {result['name']} | | | | {result['how']} |")
                continue
            cells = [cell(result["deviation"].get(key)) for key, _ in COLUMNS]
            lines.append(f"| {result['name']} | {' | '.join(cells)} | {result['remark']} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def remark_of(result, share):
    """What makes a difference beyond the share: a rule, or as far as numbers tell."""
    if result["largest"] <= share:
        return ""
    if result["group"] in OTHER_RULES:
        return OTHER_RULES[result["group"]]
    got, expected = result["got"], result["expected"]
    if abs(got["kl"] - expected["kl"]) <= 2 * got["kl_error"]:
        return CODES_TURN
    return ""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sim", default="build/release/sim/sim")
    parser.add_argument("--only", default="")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    parser.add_argument("-o", dest="output", type=Path)
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    words = [word for word in arguments.only.split(",") if word]
    jobs = [job for job in jobs_of(arguments.data.resolve())
            if not words or any(word in f"{job[0]} {job[1]}" for word in words)]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        measure = Measure(os.path.abspath(arguments.sim), arguments.data.resolve(), Path(folder))

        def run(numbered):
            number, (group, name, expected, how) = numbered
            result = {"group": group, "name": name, "expected": expected, "how": how}
            if isinstance(how, str):
                return result
            try:
                got = measure.of_setting(number, how)
            except RuntimeError as error:
                result["how"] = f"refused: {error}"
                print(f"{group}: {name}: {error}", file=sys.stderr)
                return result
            result["got"] = got
            result["deviation"] = {key: deviation(got[key], value) for key, value in expected.items()}
            result["largest"] = max(map(abs, result["deviation"].values()))
            result["remark"] = remark_of(result, SHARE)
            return result

        with ThreadPoolExecutor(arguments.j) as pool:
            results = list(pool.map(run, enumerate(jobs)))
    text = page(results, SHARE)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    if arguments.csv:
        with open(arguments.csv, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["group", "name", *(f"{key}{part}" for key, _ in COLUMNS for part in ("", "_expected"))])
            for result in results:
                if "got" in result:
                    writer.writerow([result["group"], result["name"], *(
                        number for key, _ in COLUMNS for number in (result["got"][key], result["expected"].get(key)))])


if __name__ == "__main__":
    main()
