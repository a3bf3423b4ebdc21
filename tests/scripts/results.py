"""Small results in the layout of result.json and results.csv, for the tests of the scripts."""

import csv
import json

CLOCK_HZ, PEAK_BYTES_PER_S, PES = 1_000_000_000, 12_800_000_000, 32 * 32


def make_layer(m, n, k, weight_bytes, native, name="layer", kind="linear", repeat=1):
    """The numbers of an M x K by K x N layer on a 32 x 32 array: consistent, not exact."""
    macs = m * n * k
    weights, inputs, outputs = n * k * weight_bytes, m * k * weight_bytes, m * n * weight_bytes
    scales = 0 if weight_bytes == 4 else 4 * n
    traffic = weights + inputs + outputs + scales
    per_pe = 4 // weight_bytes if native else 1
    busy = macs // (PES * per_pe)
    memory = traffic * CLOCK_HZ // PEAK_BYTES_PER_S
    cycles = max(busy, memory) + 96
    stalls = {
        "array_busy": busy,
        "weight_load": 32,
        "fill_drain": 64,
        "dram_read": cycles - busy - 96,
        "dram_write": 0,
        "dequantizer": 0,
        "output": 0,
        "buffer_port": 0,
        "vector": 0,
        "idle": 0,
    }
    mac_pj = 0.3 if native else 4.6
    components = {
        "dram": 8 * traffic * 20.3125,
        "weight_buffer": weights * 1.25,
        "input_buffer": inputs * 1.25,
        "accumulator_buffer": m * n * 10.0,
        "output_buffer": outputs * 1.25,
        "array": macs * mac_pj,
        "dequantizer": 0.0 if native or weight_bytes == 4 else 3.7 * n * k,
        "output_unit": m * n * 0.9,
        "vector_unit": 0.0,
    }
    tensor = lambda read, write: {"read_bytes": read, "write_bytes": write, "padding_bytes": 0}
    return {
        "name": name,
        "kind": kind,
        "repeat": repeat,
        "cycles": cycles,
        "compute_cycles": busy + 96,
        "time_s": cycles / CLOCK_HZ,
        "macs": macs,
        "padded_macs": 0,
        "utilization": macs / (cycles * PES),
        "bound": "dram" if memory > busy else "compute",
        "stalls": stalls,
        "dram": {
            "read_bytes": weights + inputs + scales,
            "write_bytes": outputs,
            "padding_bytes": 0,
            "per_tensor": {
                "weights": tensor(weights, 0),
                "scales": tensor(scales, 0),
                "inputs": tensor(inputs, 0),
                "outputs": tensor(0, outputs),
            },
            "bandwidth_bytes_per_s": traffic * CLOCK_HZ / cycles,
            "peak_bytes_per_s": PEAK_BYTES_PER_S,
            "model": "ideal",
        },
        "counts": [],
        "energy": {
            "table": "horowitz-2014-45nm",
            "total_pj": sum(components.values()),
            "components": components,
            "unpriced": [],
        },
        "roofline": {
            "macs_per_byte": macs / traffic,
            "peak_macs_per_s": PES * per_pe * 1e9,
            "attainable_macs_per_s": min(PES * per_pe * 1e9, macs / traffic * PEAK_BYTES_PER_S),
            "achieved_macs_per_s": macs * CLOCK_HZ / cycles,
        },
        "error": {"sqnr_db": 40.0, "max_abs": 0.1, "mean_abs": 0.01, "cosine": 0.9999},
        "verified": True,
    }


def make_result(name, layers, timeline_bins=0):
    """A run's document: the first layer's numbers at the top level, and all of them in layers[]."""
    result = {
        "schema_version": 2,
        "program": {"name": "bitjoule", "version": "0.1.0"},
        "config": {
            "accelerator": {
                "array": {"rows": 32, "cols": 32, "pe": {"width": 32, "packing": "widest"}}
            }
        },
        "config_hash": "0",
        "fidelity": "fast",
        "clock_hz": CLOCK_HZ,
        **layers[0],
        "name": name,
        "layers": layers,
    }
    if timeline_bins:
        bin_s = result["time_s"] / timeline_bins
        most = PEAK_BYTES_PER_S * bin_s
        result["dram"] = {
            **result["dram"],
            "timeline": {
                "bin_s": bin_s,
                "read_bytes": [
                    int(most * (0.9 - 0.3 * (i % 7 == 3))) for i in range(timeline_bins)
                ],
                "write_bytes": [int(most * 0.05 * (i % 4 == 2)) for i in range(timeline_bins)],
            },
        }
    return result


def write_result(directory, result):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "result.json").write_text(json.dumps(result), encoding="utf-8")


def write_sweep(directory, points):
    """results.csv of {axis: value} -> layer numbers; a point without numbers has failed."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, (axes, layer) in enumerate(points):
        row = {"point": f"p{index}", **axes, "status": "done" if layer else "failed"}
        if layer:
            row.update(
                {
                    "cycles": layer["cycles"],
                    "time_s": layer["time_s"],
                    "energy.total_pj": layer["energy"]["total_pj"],
                    "energy.table": layer["energy"]["table"],
                    "energy.unit": layer["energy"].get("unit", "pJ"),
                    "error.sqnr_db": layer["error"]["sqnr_db"],
                }
            )
            row.update(
                {f"energy.components.{n}": v for n, v in layer["energy"]["components"].items()}
            )
            row.update({f"stalls.{n}": v for n, v in layer["stalls"].items()})
            row.update(
                {
                    f"dram.per_tensor.{t}.{key}": v
                    for t, d in layer["dram"]["per_tensor"].items()
                    for key, v in d.items()
                }
            )
            row.update(
                {
                    f"dram.{n}_bytes_per_s": layer["dram"][f"{n}_bytes_per_s"]
                    for n in ("bandwidth", "peak")
                }
            )
        rows.append(row)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with open(directory / "results.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
