"""The files that pages of the documentation mention as the reader's own: small ones in their
place, so that every command can be run as it is typed."""

import os
import pathlib
import shutil

import numpy as np
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("BITJOULE_SHARED", ROOT.parent / "shared")) / "data"
FLOATS = "precision: {weights: fp32, activations: fp32, mac: fp32}\n"


def onnx_model(file, nodes, inputs, constants):
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v.astype(np.float32), n) for n, v in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    file.write_bytes(model.SerializeToString())


def make_accuracy(place, random):
    data = SHARED / "llama"
    tokens = np.load(data / "tokens-stories.npy").reshape(-1)
    for name, part in (("tokens", tokens[:256]), ("seen", tokens[256:512]),
                       ("others", tokens[512:768])):
        np.save(place / f"{name}.npy", part)
    shutil.copy(data / "stories260K-f32.gguf", place / "model.gguf")
    (place / "story.txt").write_text((data / "stories.txt").read_text("utf-8")[:400], "utf-8")
    (place / "run.yaml").write_text(
        "name: page\naccelerator: edge-32x32.yaml\nfidelity: estimate\nphase: decode\n"
        "network: stories15m.yaml\n" + FLOATS, "utf-8")
    onnx_model(place / "classifier.onnx",
               [helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)],
               {"x": ["n", 16]}, {"w": random.normal(size=(10, 16))})
    np.save(place / "images.npy", random.normal(size=(20, 16)).astype(np.float32))
    np.save(place / "labels.npy", random.integers(0, 10, 20))


def make_networks(place, random):
    data = SHARED / "tflite"
    onnx_model(place / "model.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])],
               {"x": ["n", 4, 16]}, {"w": random.normal(size=(16, 8))})
    onnx_model(place / "encoder.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])],
               {"x": ["n", "sequence", 16]}, {"w": random.normal(size=(16, 8))})
    x = random.normal(size=(1, 4, 16)).astype(np.float32)
    np.save(place / "x.npy", x)
    (place / "input_0.pb").write_bytes(numpy_helper.from_array(x, "x").SerializeToString())
    (place / "run.yaml").write_text(
        "name: page\naccelerator: edge-32x32-x64.yaml\nfidelity: estimate\nphase: decode\n"
        "network: stories15m.yaml\n" + FLOATS, "utf-8")
    (place / "fp32.yaml").write_text(
        "name: page\naccelerator: edge-32x32.yaml\nlayer: {gemm: {m: 1, n: 1, k: 1}}\n" + FLOATS,
        "utf-8")
    shutil.copy(data / "models/kws_dscnn_int8.tflite", place / "model.tflite")
    np.save(place / "image.npy", np.load(data / "golden/kws_dscnn_input.npy")[:1])
    shutil.copy(data / "models/str_ww_int8.tflite", place / "wake-word.tflite")
    np.save(place / "six.npy", np.load(data / "golden/str_ww_input.npy")[:6, None])


def make_sweeps(place, random):
    del random
    (place / "FILE").write_text(
        "name: page\nbase: runs/quickstart.yaml\nset: {layer: {gemm: {m: 2, n: 16, k: 64}}}\n"
        "axes: [{path: precision.weights.format, values: [int8, int4]}]\n", "utf-8")


def make_dram(place, random):
    lines = [f"{'LD' if i % 3 else 'ST'} {64 * a:#x}" for i, a in
             enumerate(random.integers(0, 1 << 20, 200))]
    (place / "FILE").write_text("\n".join(lines) + "\n", "utf-8")


MAKE = {
    "docs/accuracy.md": make_accuracy,
    "docs/networks.md": make_networks,
    "docs/sweeps.md": make_sweeps,
    "docs/dram.md": make_dram,
}


def make_files(page, place):
    """Those that a page mentions, in `place`."""
    if page in MAKE:
        MAKE[page](place, np.random.default_rng(7))
