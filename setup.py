"""`pip install .`: CMake builds the package with what the system has; nothing is downloaded.

BITJOULE_BUILD_DIR names a build tree to take the package from instead, as it was built there."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent


def version():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"project\(bitjoule VERSION ([\d.]+)", text).group(1)


class Build(build_ext):
    """The whole package comes out of CMake's component `python`; the shipped files go with it."""

    def run(self):
        tree = os.environ.get("BITJOULE_BUILD_DIR") or self.built_tree()
        package = Path(self.build_lib) / "bitjoule"
        shutil.rmtree(package, ignore_errors=True)
        with tempfile.TemporaryDirectory() as prefix:
            subprocess.run(
                ["cmake", "--install", tree, "--component", "python", "--strip",
                 "--prefix", prefix],
                check=True,
            )
            (installed,) = Path(prefix).rglob("bitjoule/__init__.py")
            shutil.copytree(installed.parent, package)
        shutil.copytree(ROOT / "configs", package / "share" / "bitjoule" / "configs")

    def built_tree(self):
        tree = os.path.abspath(self.build_temp)
        options = {
            "CMAKE_BUILD_TYPE": "Release",
            "CMAKE_UNITY_BUILD": "ON",
            "BITJOULE_TESTS": "OFF",
            "BITJOULE_PYTHON": "ON",
            "PYTHON_EXECUTABLE": sys.executable,
        }
        subprocess.run(
            ["cmake", "-S", ROOT, "-B", tree, *(f"-D{k}={v}" for k, v in options.items())],
            check=True,
        )
        subprocess.run(
            ["cmake", "--build", tree, "--target", "bitjoule_python",
             "--parallel", str(os.cpu_count())],
            check=True,
        )
        return tree


setup(
    version=version(),
    packages=[],
    ext_modules=[Extension("bitjoule._native", [])],
    cmdclass={"build_ext": Build},
)
