"""Writes small TensorFlow Lite models: flatbuffers slot by slot, as the schema numbers them."""

import struct

import numpy as np

TYPES = {"float32": 0, "float16": 1, "complex64": 8, "resource": 13, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9, "int4": 17}
SAME, VALID = 0, 1
CONV_2D, FULLY_CONNECTED, RELU, SOFTMAX, RESHAPE, CUSTOM, WHERE, UNIQUE = 3, 9, 19, 25, 22, 32, 109, 103
STRIDED_SLICE, SLICE, TRANSPOSE_CONV = 45, 65, 67
CONV_OPTIONS, FULLY_CONNECTED_OPTIONS, STRIDED_SLICE_OPTIONS, TRANSPOSE_CONV_OPTIONS = 1, 8, 32, 49


class Table:
    """Fields by slot: a scalar as (struct format, value), a Table, text, a list of Tables, or an array."""

    def __init__(self, **slots):
        self.slots = {int(name[1:]): value for name, value in slots.items() if value is not None}


class Writer:
    def __init__(self):
        self.out = bytearray()

    def align(self, to):
        self.out += b"\0" * (-len(self.out) % to)

    def point(self, place, to):
        struct.pack_into("<I", self.out, place, to - place)

    def table(self, table):
        count = max(table.slots, default=-1) + 1
        places, size = [0] * count, 4
        for slot, value in table.slots.items():
            width = struct.calcsize("<" + value[0]) if isinstance(value, tuple) else 4
            size += -size % width
            places[slot] = size
            size += width
        self.align(8)
        vtable = len(self.out)
        self.out += struct.pack(f"<{count + 2}H", 4 + 2 * count, size, *places)
        self.align(8)
        start = len(self.out)
        self.out += b"\0" * size
        struct.pack_into("<i", self.out, start, start - vtable)
        for slot, value in table.slots.items():
            place = start + places[slot]
            if isinstance(value, tuple):
                struct.pack_into("<" + value[0], self.out, place, value[1])
            else:
                self.point(place, self.reference(value))
        return start

    def reference(self, value):
        if isinstance(value, Table):
            return self.table(value)
        if isinstance(value, list):
            self.align(4)
            start = len(self.out)
            self.out += struct.pack("<I", len(value)) + b"\0" * 4 * len(value)
            for i, item in enumerate(value):
                self.point(start + 4 + 4 * i, self.table(item))
            return start
        data = value.encode() if isinstance(value, str) else np.ascontiguousarray(value).tobytes()
        count = len(data) if isinstance(value, str) else len(value)
        self.out += b"\0" * (-(len(self.out) + 4) % 16)
        start = len(self.out)
        self.out += struct.pack("<I", count) + data + b"\0"
        return start


def file_of(root, identifier=b"TFL3"):
    writer = Writer()
    writer.out += b"\0" * 4 + identifier
    writer.point(0, writer.table(root))
    return bytes(writer.out)


class Model:
    def __init__(self):
        self.tensors, self.buffers, self.operators, self.codes = [], [Table()], [], []
        self.names, self.others = [], []

    def graph(self):
        """Another graph of the same file; `ends` are its inputs and outputs."""
        other = Model()
        other.buffers, other.codes = self.buffers, self.codes
        self.others.append(other)
        return other

    def tensor(self, name, shape, dtype="int8", data=None, scales=(), zeros=(), axis=0, variable=False,
               sparsity=None, signature=None):  # fmt: skip
        self.names.append(name)
        self.buffers.append(Table(s0=np.frombuffer(data.tobytes(), np.uint8)) if data is not None else Table())
        quantization = None
        if len(scales):
            quantization = Table(s2=np.array(scales, np.float32), s3=np.array(zeros, np.int64),
                                 s6=("i", axis))  # fmt: skip
        self.tensors.append(Table(s0=np.array(shape, np.int32), s1=("b", TYPES[dtype]),
                                  s2=("I", len(self.buffers) - 1), s3=name, s4=quantization,
                                  s5=("B", 1) if variable else None, s6=sparsity,
                                  s7=None if signature is None else np.array(signature, np.int32)))  # fmt: skip
        return len(self.tensors) - 1

    def add(self, code, inputs, outputs, options_type=0, options=None, custom=None):
        self.codes.append(Table(s0=("b", min(code, 127)), s1=custom, s3=("i", code)))
        self.operators.append(Table(s0=("I", len(self.codes) - 1), s1=np.array(inputs, np.int32),
                                    s2=np.array(outputs, np.int32),
                                    s3=("B", options_type), s4=options))  # fmt: skip

    def bytes(self, inputs, outputs, version=3):
        graphs = [self.table(inputs, outputs), *(other.table(*other.ends) for other in self.others)]
        return file_of(Table(s0=("I", version), s1=self.codes, s2=graphs, s4=self.buffers))

    def table(self, inputs, outputs):
        return Table(s0=self.tensors, s1=np.array(inputs, np.int32), s2=np.array(outputs, np.int32),
                     s3=self.operators)  # fmt: skip


def small_conv(weight_scales=(0.5, 0.25), hybrid=False, bias=(7, -9), bias_type=None):
    """3 x 3 over an image of 4 x 4 x 1, two filters, relu."""
    model = Model()
    dtype, scale = ("float32", ()) if hybrid else ("int8", (0.5,))
    zero = () if hybrid else (-3,)
    x = model.tensor("x", (1, 4, 4, 1), dtype, scales=scale, zeros=zero)
    weights = np.arange(-9, 9, dtype=np.int8).reshape(2, 3, 3, 1)
    w = model.tensor("w", weights.shape, "int8", weights, weight_scales, [0] * len(weight_scales))
    bias_type = bias_type or ("float32" if hybrid else "int32")
    b = model.tensor("b", (2,), bias_type, np.array(bias, bias_type))
    y = model.tensor("y", (1, 4, 4, 2), dtype, scales=() if hybrid else (2.0,), zeros=() if hybrid else (5,))
    options = Table(s0=("b", SAME), s1=("i", 1), s2=("i", 1), s3=("b", 1))
    model.add(CONV_2D, [x, w, b], [y], CONV_OPTIONS, options)
    return model, [x], [y]
