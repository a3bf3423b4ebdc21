"""What cannot be run: exceptions with the program's texts, whatever is given."""

import pathlib
import tempfile
import unittest

import bitjoule
from program import program_error


class ErrorsTest(unittest.TestCase):
    def refused(self, call, *arguments, **named):
        with self.assertRaises(bitjoule.InputError) as caught:
            call(*arguments, **named)
        self.assertIsInstance(caught.exception, bitjoule.Error)
        self.assertIsInstance(caught.exception, ValueError)
        return str(caught.exception)

    def test_texts_are_the_programs(self):
        runs = "runs/quickstart.yaml"
        for config, values in [
            ("nowhere.yaml", {}),
            ("runs/quickstrat.yaml", {}),
            ("/", {}),
            ("accelerators/edge-16x16.yaml", {}),
            ("sweeps/cnn-bits.yaml", {}),
            (runs, {"precision.weights.format": "q4_9"}),
            (runs, {"precision.weights": "{format: int8, granularity: per_group, group_size: 0}"}),
            (runs, {"accelerator.array.rows": "x", "seed": "1.5"}),
            (runs, {"accelerator": "edge-16x17.yaml"}),
            (runs, {"layer.gemm.m": "0"}),
            (runs, {"mapping.tile.k": "17", "precision.weights": "q4_0"}),
            (runs, {"precision.mac": "int2", "precision.activations.format": "fp32"}),
            (runs, {"layer": "{gemm: {m: 1, n: 16, k: 17}}", "precision.weights.format": "q4_0"}),
            (runs, {"layer.weights": "{file: nowhere.npy}"}),
            (runs, {"a..b": "1"}),
            (runs, {"layer": "[1, 2"}),
        ]:
            with self.subTest(config=config, values=values):
                sets = [f"--set={path}={value}" for path, value in values.items()]
                expected = program_error("run", config, *sets)
                self.assertEqual(self.refused(bitjoule.run, config, set=values), expected)

    def test_places_in_files(self):
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory, "mine.yaml")
            file.write_text(
                "accelerator: edge-16x16.yaml\nlayer: {gemm: {m: 1, n: x, k: 16}}\nprecison: {}\n",
                encoding="utf-8",
            )
            expected = program_error("run", file)
            text = self.refused(bitjoule.run, file)
        self.assertEqual(text, expected)
        self.assertIn(f"{file}:2:", text)

    def test_every_problem_is_told(self):
        with self.assertRaises(bitjoule.InputError) as caught:
            bitjoule.run({"accelerator": "edge-16x16.yaml", "layer": 3, "colour": 1})
        problems = caught.exception.problems
        self.assertEqual("\n".join(problems), str(caught.exception))
        self.assertGreater(len(problems), 1)
        self.assertTrue(all(problem.startswith("config: ") for problem in problems), problems)

    def test_wrong_types(self):
        run = "runs/quickstart.yaml"
        loop = {}
        loop["layer"] = loop
        deep = {}
        for _ in range(100):
            deep = {"layer": deep}
        for call, arguments, named in [
            (bitjoule.run, (None,), {}),
            (bitjoule.run, (3,), {}),
            (bitjoule.run, ([],), {}),
            (bitjoule.run, ({},), {}),
            (bitjoule.run, ({"layer": {1, 2}},), {}),
            (bitjoule.run, ({"layer": object()},), {}),
            (bitjoule.run, ({(1, 2): 3},), {}),
            (bitjoule.run, (loop,), {}),
            (bitjoule.run, (deep,), {}),
            (bitjoule.run, ({"seed": float("nan")},), {}),
            (bitjoule.run, (run,), {"set": ["a=b"]}),
            (bitjoule.run, (run,), {"set": {1: 2}}),
            (bitjoule.run, (run,), {"set": {"seed": {1, 2}}}),
            (bitjoule.run, (run,), {"set": {"": "1"}}),
            (bitjoule.run, (run,), {"unshared": True}),
            (bitjoule.Machine, ("nowhere.yaml",), {}),
            (bitjoule.sweep, (run,), {"axes": {"seed": 3}}),
            (bitjoule.sweep, (run,), {"axes": {"seed": []}}),
            (bitjoule.sweep, (run,), {"axes": [1]}),
            (bitjoule.sweep, (run,), {"axes": {("seed", "layer.gemm.m"): [(1,)]}}),
            (bitjoule.sweep, (run,), {"axes": {"seed": [1]}, "jobs": -1}),
            (bitjoule.sweep, (run,), {"axes": {"seed": [1]}, "timeout": 1}),
            (bitjoule.sweep, (run,), {"axes": {"seed": [1, 1]}}),
            (bitjoule.sweep, (run,), {}),
            (bitjoule.sweep, (None,), {}),
            (bitjoule.encode, ([1.0], 3), {}),
            (bitjoule.encode, ([], "int8"), {}),
            (bitjoule.encode, ([1.0], "int9"), {}),
            (bitjoule.encode, ([1.0], "int8"), {"granularity": "per_row"}),
            (bitjoule.encode, ([1.0], "int8"), {"colour": "red"}),
            (bitjoule.encode, ([1.0] * 31, "q4_0"), {}),
            (bitjoule.encode, ([float("inf")], "int8"), {}),
            (bitjoule.encode, ("abc", "int8"), {}),
            (bitjoule.decode, (b"123", 4, "fp16"), {}),
            (bitjoule.decode, ([1, 2], 1, "fp16"), {}),
            (bitjoule.decode, (b"12", (1, 0), "fp16"), {}),
            (bitjoule.decode, (b"12", (1, 1.5), "fp16"), {}),
            (bitjoule.decode, (b"12", (1 << 62, 1 << 62), "fp16"), {}),
        ]:
            with self.subTest(call=call.__name__, arguments=arguments, named=named):
                self.assertNotEqual(self.refused(call, *arguments, **named), "")

    def test_a_dicts_places_are_paths(self):
        text = self.refused(
            bitjoule.run,
            {
                "accelerator": {"array": {"rows": "16", "cols": 16}},
                "layer": {"gemm": {"m": 1, "n": 16, "k": 16}},
                "precision": {"weights": "int8", "activations": "int8"},
            },
        )
        self.assertRegex(text, r'config: accelerator\.array\.rows: expected .*, got "16"')

    def test_texts_that_are_no_text(self):
        for text in ["\x00", "\ud800", "a" * 100_000]:
            with self.subTest(text[:3]):
                self.refused(bitjoule.run, text)
                self.refused(bitjoule.run, {"accelerator": text})
                self.refused(bitjoule.run, "runs/quickstart.yaml", set={"accelerator": text})
                self.refused(bitjoule.run, "runs/quickstart.yaml", set={text: 1})


if __name__ == "__main__":
    unittest.main()
