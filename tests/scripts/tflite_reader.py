"""Reads TensorFlow Lite models slot by slot with struct alone: tensors, scales, operators."""

import struct

import numpy as np

TYPES = {0: "f4", 2: "i4", 3: "u1", 4: "i8", 7: "i2", 9: "i1"}


class Flat:
    def __init__(self, data):
        self.data = data

    def number(self, kind, place):
        return struct.unpack_from("<" + kind, self.data, place)[0]

    def slot(self, table, index):
        vtable = table - self.number("i", table)
        if 4 + 2 * index >= self.number("H", vtable):
            return 0
        offset = self.number("H", vtable + 4 + 2 * index)
        return table + offset if offset else 0

    def follow(self, place):
        return place + self.number("I", place)

    def scalar(self, table, index, kind, otherwise=0):
        place = self.slot(table, index)
        return self.number(kind, place) if place else otherwise

    def vector(self, table, index, dtype):
        place = self.slot(table, index)
        if not place:
            return np.array([], dtype)
        place = self.follow(place)
        return np.frombuffer(self.data, dtype, self.number("I", place), place + 4)

    def tables(self, table, index):
        place = self.slot(table, index)
        if not place:
            return []
        place = self.follow(place)
        return [self.follow(place + 4 + 4 * i) for i in range(self.number("I", place))]


class Tensor:
    def __init__(self, flat, table, buffers):
        self.shape = tuple(flat.vector(table, 0, "<i4"))
        self.dtype = np.dtype("<" + TYPES[flat.scalar(table, 1, "b")])
        kind = "<" + TYPES[flat.scalar(table, 1, "b")]
        data = flat.vector(buffers[flat.scalar(table, 2, "I")], 0, "u1")
        self.data = np.frombuffer(data.tobytes(), kind).reshape(self.shape) if data.size else None
        self.scale, self.zero = np.float32(1), 0
        if flat.slot(table, 4):
            quantization = flat.follow(flat.slot(table, 4))
            scales, zeros = flat.vector(quantization, 2, "<f4"), flat.vector(quantization, 3, "<i8")
            self.scale = scales[0] if scales.size else self.scale
            self.zero = int(zeros[0]) if zeros.size else 0


class TfliteFile:
    """operators: (code, inputs, outputs, options as a function of slot, kind and default)."""

    def __init__(self, path):
        flat = Flat(path.read_bytes())
        root = flat.follow(0)
        graph = flat.tables(root, 2)[0]
        buffers = flat.tables(root, 4)
        self.tensors = [Tensor(flat, table, buffers) for table in flat.tables(graph, 0)]
        self.inputs, self.outputs = flat.vector(graph, 1, "<i4"), flat.vector(graph, 2, "<i4")
        codes = [max(flat.scalar(code, 0, "b"), flat.scalar(code, 3, "i")) for code in flat.tables(root, 1)]
        self.operators = []
        for op in flat.tables(graph, 3):
            table = flat.follow(flat.slot(op, 4)) if flat.slot(op, 4) else None

            def option(slot, kind, otherwise=0, table=table):
                return otherwise if table is None else flat.scalar(table, slot, kind, otherwise)

            self.operators.append((codes[flat.scalar(op, 0, "I")], flat.vector(op, 1, "<i4"),
                                   flat.vector(op, 2, "<i4"), option))  # fmt: skip
