"""The package as it is installed and documented: types, examples of the documentation, pip."""

import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import bitjoule
from program import ROOT

PYTHON = ROOT / "python"


def run(*command, **more):
    environment = {**os.environ, **more.pop("env", {})}
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, env=environment, **more
    )


class PackageTest(unittest.TestCase):
    def test_types_hold(self):
        """Of the package itself, and of a program that uses it."""
        with tempfile.TemporaryDirectory() as directory:
            program = Path(directory, "program.py")
            program.write_text(
                "import numpy as np\nimport bitjoule\n"
                "result = bitjoule.run('run.yaml', set={'seed': 1}, inputs=np.ones((1, 2)))\n"
                "cycles: int = result.cycles\n"
                "read: int = result.dram.per_tensor.weights.read_bytes\n"
                "bound: str = result.layers[0].bound\n"
                "joules: float = sum(result.energy.components[name] for name in ['array'])\n"
                "rows = result.config.accelerator.array.rows\n"
                "if result.error is not None: sqnr = result.error.sqnr_db\n"
                "made = bitjoule.quantize([1.0], 'int8')\n"
                "print(made.error.sqnr_db, made.format.granularity, result.to_dict())\n"
                "for point in bitjoule.sweep('run.yaml', {'seed': [1, 2]}): print(point.labels)\n"
                "data: np.ndarray = bitjoule.quantize([1.0], 'int8').data\n"
                "bitjoule.plot.energy(result).savefig('a.png')\n",
                encoding="utf-8",
            )
            wrong = Path(directory, "wrong.py")
            wrong.write_text(
                "import bitjoule\nbitjoule.run(3)\nname: str = bitjoule.run('a').cycles\n"
                "bitjoule.run('a', weight=1)\n"
                "result = bitjoule.run('a')\n"
                "result.cycels\n"  # each a typo
                "result.energy.totl_pj\n"
                "result.dram.per_tensor.weights.read_byte\n"
                "result.layers[0].bounds\n"
                "result.layers[0].energy.total\n"
                "bitjoule.quantize([1.0], 'int8').error.sqnr\n",
                encoding="utf-8",
            )
            options = ["--cache-dir", Path(directory, "cache"), "--ignore-missing-imports"]
            mypy = lambda *files: run(  # noqa: E731
                sys.executable, "-m", "mypy", *options, *files, env={"MYPYPATH": str(PYTHON)},
                cwd=directory,
            )
            done = mypy("-p", "bitjoule")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            done = mypy(program)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            done = mypy(wrong)
            self.assertEqual(done.stdout.count("error:"), 9, done.stdout + done.stderr)
            self.assertEqual(done.stdout.count("[attr-defined]"), 6, done.stdout)

    def test_stubs_are_what_there_is(self):
        """mypy.stubtest compares every name of the package with what it is at run time."""
        with tempfile.TemporaryDirectory() as directory:
            config = Path(directory, "mypy.ini")
            config.write_text("[mypy]\nignore_missing_imports = True\n", encoding="utf-8")
            package = str(Path(bitjoule.__file__).parents[1])
            done = run(sys.executable, "-m", "mypy.stubtest", "bitjoule", "--mypy-config-file", config,
                       env={"MYPYPATH": package, "PYTHONPATH": package}, cwd=directory)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_types_of_results_are_those_that_the_simulator_tells(self):
        script = ROOT / "scripts/python_fields.py"
        made = run(sys.executable, "-B", "-c", "import runpy, sys; sys.argv = ['x']; "
                   f"print(runpy.run_path({str(script)!r})['text'](), end='')")
        self.assertEqual(made.stderr, "")
        self.assertEqual((PYTHON / "bitjoule/_described.py").read_text(encoding="utf-8"), made.stdout,
                         "scripts/python_fields.py writes it")

    def test_types_hold_of_results(self):
        """Every value of a run is of the type that _described says."""
        described = importlib.import_module("bitjoule._described")
        result = bitjoule.run("runs/quickstart.yaml", set={"layer": "{gemm: {m: 2, n: 16, k: 16}}"})
        names = {"int": int, "float": (float, int), "str": str, "bool": bool, "None": type(None)}
        count = 0

        def check(value, kind, path):
            nonlocal count
            count += 1
            for option in re.split(r" \| (?![^\[]*\])", kind):
                if option in names and type(value) in (names[option] if isinstance(names[option], tuple)
                                                       else (names[option],)):
                    return
                if option == "Any" or (option == "Open" and isinstance(value, dict)):
                    return
                if option.startswith("list[") and isinstance(value, list):
                    for item in value:
                        check(item, option[5:-1], path + "[]")
                    return
                if option.startswith("Named[") and isinstance(value, dict):
                    for key, item in value.items():
                        check(item, option[6:-1], f"{path}.{key}")
                    return
                if hasattr(described, option) and isinstance(value, dict):
                    fields = getattr(described, option).__annotations__
                    for key, item in value.items():
                        self.assertIn(key, fields, f"{path}: {option}")
                        check(item, fields[key].replace("builtins.", ""), f"{path}.{key}")
                    return
            self.fail(f"{path}: {value!r} is no {kind}")

        check(result.to_dict(), "Described", "")
        self.assertGreater(count, 300)

    def test_all_is_documented(self):
        self.assertTrue((Path(bitjoule.__file__).parent / "py.typed").exists())
        text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
        for name in bitjoule.__all__:
            value = getattr(bitjoule, name)
            with self.subTest(name):
                self.assertTrue(value.__doc__)
                self.assertIn(name, text)
                self.assertIn(name, dir(bitjoule))
                for method in vars(value) if isinstance(value, type) else []:
                    if not method.startswith("_") and callable(getattr(value, method)):
                        self.assertTrue(getattr(value, method).__doc__, method)

    def test_the_documentations_examples_run(self):
        text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
        examples = re.findall(r"```python\n(.*?)```", text, re.S)
        self.assertGreater(len(examples), 5)
        with tempfile.TemporaryDirectory() as directory:
            done = run(sys.executable, "-W", "error", "-c", "\n".join(examples), cwd=directory,
                       env={"MPLBACKEND": "Agg"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_shipped_files_are_found_beside_the_package(self):
        code = "import bitjoule; print(bitjoule.configs_dir())"
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory).resolve()
            for place, configs in [
                ("site/bitjoule", "site/bitjoule/share/bitjoule/configs"),
                ("usr/lib/python3/dist-packages/bitjoule", "usr/share/bitjoule/configs"),
            ]:
                package = root / place
                package.mkdir(parents=True)
                for file in Path(bitjoule.__file__).parent.iterdir():
                    if file.suffix == ".so":  # it looks where it stands itself
                        shutil.copy(file, package)
                    else:
                        (package / file.name).symlink_to(file)
                (root / configs / "runs").mkdir(parents=True)
                done = run(sys.executable, "-B", "-c", code, env={"PYTHONPATH": str(package.parent)})
                self.assertEqual(done.stdout.strip(), str(root / configs), done.stderr)
                done = run(sys.executable, "-B", "-c", code,
                           env={"PYTHONPATH": str(package.parent), "BITJOULE_CONFIGS": directory})
                self.assertEqual(done.stdout.strip(), directory)

    def test_pip_installs_it(self):
        """From the sources, what is in the build tree; without a network."""
        with tempfile.TemporaryDirectory() as directory:
            sources = Path(directory, "sources")
            sources.mkdir()
            for name in ("pyproject.toml", "setup.py", "README.md", "CMakeLists.txt", "configs"):
                (sources / name).symlink_to(ROOT / name)
            target = Path(directory, "target")
            done = run(sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-index",
                       "--no-deps", "--quiet", "--target", target, sources)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            code = "import bitjoule; print(bitjoule.run('runs/quickstart.yaml')); print(bitjoule.configs_dir())"
            done = run(sys.executable, "-B", "-c", code, env={"PYTHONPATH": str(target)}, cwd=directory)
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = done.stdout.splitlines()
            self.assertIn("quickstart on edge-32x32", lines[0])
            self.assertEqual(lines[-1], str(target / "bitjoule/share/bitjoule/configs"))


class NotebookTest(unittest.TestCase):
    NOTEBOOK = ROOT / "docs/article.ipynb"

    def test_it_runs(self):
        with tempfile.TemporaryDirectory() as directory:
            done = run(sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute",
                       "--output-dir", directory, self.NOTEBOOK, env={"HOME": directory})
            self.assertEqual(done.returncode, 0, done.stderr)
            import json

            cells = json.loads(Path(directory, "article.ipynb").read_text(encoding="utf-8"))["cells"]
            outputs = [output for cell in cells for output in cell.get("outputs", [])]
            self.assertTrue(any("image/png" in output.get("data", {}) for output in outputs))
            self.assertTrue(any("text/html" in output.get("data", {}) for output in outputs))
            self.assertFalse(any(output.get("name") == "stderr" for output in outputs))

    def test_it_is_stored_without_outputs_and_paths(self):
        import json

        text = self.NOTEBOOK.read_text(encoding="utf-8")
        for cell in json.loads(text)["cells"]:
            if cell["cell_type"] == "code":
                self.assertEqual((cell["outputs"], cell["execution_count"]), ([], None))
        self.assertNotRegex(text, r'[" ]/(home|w|tmp|usr)/')


if __name__ == "__main__":
    unittest.main()
