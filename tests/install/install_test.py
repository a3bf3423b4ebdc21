"""What `cmake --install` and cpack make of the build tree under test, moved to another place: the
program runs, other people's projects build with the library, the package names what it needs."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIM = Path(os.environ["BITJOULE_SIM"])
BUILD = SIM.parents[1]
EXAMPLES = ROOT / "docs" / "examples"

PROJECT = """cmake_minimum_required(VERSION 3.25)
project(mine CXX)
find_package(bitjoule 0.1 REQUIRED)
add_executable(machine machine.cpp)
target_link_libraries(machine bitjoule::run)
add_executable(platform platform.cpp)
target_link_libraries(platform bitjoule::run)
add_executable(values values.cpp)
target_link_libraries(values bitjoule::core)
"""
VALUES = """#include "bitjoule/core/numeric/format.h"
#include <cstdio>
int main() { for (const auto& format : bitjoule::formats()) std::puts(format.name.c_str()); }
"""


def cache(name):
    """A variable of the build tree: what is linked to it is compiled by the same rules."""
    text = (BUILD / "CMakeCache.txt").read_text(encoding="utf-8")
    return re.search(rf"^{name}:\w+=(.*)$", text, re.M).group(1)


def run(*command, cwd, check=True, **environment):
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True,
                          check=False, env={**os.environ, **environment})
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def is_elf(path):
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.top = Path(holder.name)
        cls.first = cls.top / "first"
        run("cmake", "--install", BUILD, "--prefix", cls.first, cwd=cls.top)
        cls.prefix = cls.top / "moved" / "there"
        cls.prefix.parent.mkdir()
        cls.first.rename(cls.prefix)
        cls.libraries = next(cls.prefix.rglob("libbitjoule_core.a")).parent

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.empty = Path(holder.name)

    def test_the_program_finds_its_files(self):
        for name in ["sim", "bitjoule"]:
            run(self.prefix / "bin" / name, "run", "quickstart.yaml", "-o", name, cwd=self.empty)
        run(SIM, "run", "quickstart.yaml", "-o", "built", cwd=self.empty)
        built = (self.empty / "built/result.json").read_bytes()
        self.assertGreater(json.loads(built)["cycles"], 0)
        for name in ["sim", "bitjoule"]:
            self.assertEqual((self.empty / name / "result.json").read_bytes(), built)

    def test_the_environment_names_other_files(self):
        configs = self.empty / "configs"
        shutil.copytree(ROOT / "configs", configs)
        (configs / "dram" / "mine.yaml").write_text("base: ideal.yaml\n", encoding="utf-8")
        listed = run(self.prefix / "bin/sim", "list", "dram", cwd=self.empty,
                     BITJOULE_CONFIGS=str(configs)).stdout
        self.assertIn("dram/mine.yaml", listed)

    def test_help_says_the_name_that_was_typed(self):
        for name in ["sim", "bitjoule"]:
            program, other = self.prefix / "bin" / name, {"sim", "bitjoule"} - {name}
            overview = run(program, cwd=self.empty).stdout
            self.assertIn(f"Usage: {name} COMMAND", overview)
            self.assertIn(f"  {name} run quickstart.yaml -o out", overview)
            words = re.findall(r"(?<![\w.])(sim|bitjoule) (?=[a-zA-Z])", overview +
                               run(program, "help", "completion", cwd=self.empty).stdout +
                               run(program, "run", "--help", cwd=self.empty).stdout)
            self.assertGreater(len(words), 15)
            self.assertEqual(set(words) & other, set())
            wrong = run(program, "run", "--wrong", cwd=self.empty, check=False)
            self.assertIn(f"see {name} run --help", wrong.stderr)

    def test_manual_completion_schemas_documentation(self):
        share = self.prefix / "share"
        for place, words in [("man/man1/sim.1", ["man"]), ("man/man1/bitjoule.1", ["man"]),
                             ("bash-completion/completions/bitjoule", ["completion", "bash"]),
                             ("fish/vendor_completions.d/bitjoule.fish", ["completion", "fish"]),
                             ("zsh/site-functions/_sim", ["completion", "zsh"]),
                             ("bitjoule/schemas/run.schema.json", ["schema", "run"])]:
            text = (share / place).read_text(encoding="utf-8")
            self.assertEqual(text, run(SIM, *words, cwd=self.empty).stdout, place)
        kinds = run(SIM, "list", "kinds", cwd=self.empty).stdout.splitlines()
        self.assertEqual({f"{line.split()[0]}.schema.json" for line in kinds},
                         {path.name for path in (share / "bitjoule/schemas").iterdir()})
        for name in ["LICENSE", "README.md", "library.md", "examples/machine.cpp"]:
            self.assertTrue((share / "doc/bitjoule" / name).is_file(), name)

    def test_nothing_knows_where_it_was_built(self):
        copy = self.empty / "copy"
        shutil.copytree(self.prefix, copy, symlinks=True)
        homes = [str(place).encode() for place in (ROOT, BUILD, self.first, self.prefix)]
        count = 0
        for path in sorted(copy.rglob("*")):
            if path.is_symlink():
                self.assertFalse(os.path.isabs(os.readlink(path)), path)
            elif path.is_file():
                if path.suffix in (".a", ".so") or is_elf(path):
                    run("strip", "--strip-debug", path, cwd=copy)  # debuggers look for sources
                text = path.read_bytes()
                count += 1
                self.assertFalse(path.suffix == ".a" and b".gnu.lto_" in text, path)
                for home in homes:
                    self.assertNotIn(home, text, f"{path.relative_to(copy)} names {home}")
        self.assertGreater(count, 200)

    def test_the_program_loads_no_module_before_it_is_needed(self):
        modules = self.libraries / "bitjoule"
        for file, other, libraries in [(self.prefix / "bin/sim", "libyaml", []),
                                       (modules / "bitjoule-simulation.so", "libsystemc", ["systemc"]),
                                       (modules / "bitjoule-onnx.so", "libonnx", ["onnx", "protobuf"]),
                                       (modules / "bitjoule-tflite.so", "libc.so", []),
                                       (modules / "bitjoule-mpi.so", "libmpi", ["mpi"])]:
            if not file.exists():  # an option of the build
                continue
            needed = run("readelf", "-d", file, cwd=self.empty).stdout
            self.assertIn(other, needed)
            for library in ["systemc", "onnx", "protobuf", "mpi"]:
                self.assertEqual(library in libraries, library in needed, f"{file}: {library}")

    def test_a_program_without_a_module_says_so(self):
        for name in ["bin/sim", "share/bitjoule/configs/runs/quickstart.yaml"]:
            (self.empty / name).parent.mkdir(parents=True)
            shutil.copy(self.prefix / name, self.empty / name)
        (self.empty / "net.onnx").touch()
        for words, use, module in [(["import", "net.onnx"], "net.onnx", "onnx"),
                                   (["quantize", "net.onnx", "--format", "all"], "net.onnx", "onnx"),
                                   (["sweep", "x.yaml", "--mpi"], "--mpi", "mpi")]:
            done = run(self.empty / "bin/sim", *words, cwd=self.empty, check=False)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(f"error: {use}: this program is without {module.upper()}: no ", done.stderr)
            self.assertIn(f"/bitjoule/bitjoule-{module}.so at or above {self.empty}/bin; "
                          f"-DBITJOULE_{module.upper()}=ON builds it\n", done.stderr)

    def test_a_module_of_another_build_is_refused(self):
        module = self.empty / self.libraries.relative_to(self.prefix) / "bitjoule/bitjoule-onnx.so"
        for place in [module, self.empty / "bin/sim"]:
            place.parent.mkdir(parents=True)
        shutil.copy(self.prefix / "bin/sim", self.empty / "bin/sim")
        (self.empty / "net.onnx").touch()
        module.write_bytes(b"no module")
        done = run(self.empty / "bin/sim", "import", "net.onnx", cwd=self.empty, check=False)
        self.assertIn("net.onnx: the module for ONNX cannot be loaded: ", done.stderr)
        (self.empty / "empty.c").write_text("int bitjoule_onnx;\n", encoding="utf-8")
        run("cc", "-shared", "-o", module, "empty.c", cwd=self.empty)
        done = run(self.empty / "bin/sim", "import", "net.onnx", cwd=self.empty, check=False)
        self.assertIn(f"{module}: expected the module of this build (", done.stderr)

    @unittest.skipUnless(cache("BITJOULE_ONNX") == "ON", "built without ONNX: nothing to load")
    def test_an_onnx_model_is_read_by_the_module(self):
        done = run(self.prefix / "bin/sim", "list", "onnx_operators", cwd=self.empty)
        self.assertIn("\nMatMul", done.stdout)
        (self.empty / "net.onnx").write_bytes(b"\x08\x08")  # ir_version 8, and no graph
        done = run(self.prefix / "bin/sim", "import", "net.onnx", cwd=self.empty, check=False)
        self.assertIn("net.onnx: ", done.stderr)
        self.assertNotIn("module", done.stderr)

    def headers(self):
        """Of the library, as its users include them."""
        include = self.prefix / "include"
        return sorted(path.relative_to(include).as_posix() for path in include.rglob("*.h"))

    def compiles(self, source, *options):
        run(cache("CMAKE_CXX_COMPILER"), "-std=c++17", "-fsyntax-only", "-Wall", "-Wextra",
            "-Werror", *options, f"-I{self.prefix / 'include'}", source, cwd=self.empty)

    def test_headers_include_each_other(self):
        names = self.headers()
        self.assertIn("bitjoule/run/machine.h", names)
        self.assertGreater(len(names), 80)
        for name in names:
            self.assertTrue(name.startswith("bitjoule/"), name)
            text = (self.prefix / "include" / name).read_text(encoding="utf-8")
            for target in re.findall(r'#include "([^"]+)"', text):
                self.assertIn(target, names, f"{name} includes {target}, which is not installed")

    def test_headers_compile_in_any_order(self):
        names = self.headers()
        for way, order in [("forward", names), ("backward", names[::-1])]:
            source = self.empty / f"{way}.cpp"
            source.write_text("".join(f'#include "{name}"\n' for name in order), encoding="utf-8")
            self.compiles(source)

    def test_headers_are_not_taken_for_a_users_own(self):
        """Who has an error.h, a core/error.h or a run/machine.h too has no other of them."""
        names = self.headers()
        mine = self.empty / "mine"
        for name in names:
            for place in [Path(name).name, name.removeprefix("bitjoule/")]:
                if Path("/usr/include", place).exists():  # the system's own would not be found
                    continue
                (mine / place).parent.mkdir(parents=True, exist_ok=True)
                (mine / place).write_text(f'#error "{place} of the user\'s own"\n', encoding="utf-8")
        (mine / "error.h").write_text("#define MY_ERROR 1\n", encoding="utf-8")
        source = self.empty / "user.cpp"
        source.write_text(
            '#include "error.h"\n#include "bitjoule/run/machine.h"\n'
            '#include "bitjoule/hw/accelerator.h"\nstatic_assert(MY_ERROR == 1);\n',
            encoding="utf-8")
        self.compiles(source, f"-I{mine}")

    def test_a_front_door_without_third_parties(self):
        source = self.empty / "door.cpp"
        source.write_text('#include "bitjoule/run/machine.h"\n', encoding="utf-8")
        seen = run(cache("CMAKE_CXX_COMPILER"), "-std=c++17", "-M",
                   f"-I{self.prefix / 'include'}", source, cwd=self.empty).stdout
        for party in ["systemc", "tlm", "yaml.h", "boost", "onnx", "/fmt/"]:
            self.assertNotIn(party, seen)

    def test_a_cmake_project_of_ten_lines(self):
        self.assertLessEqual(len(PROJECT.splitlines()), 10)
        (self.empty / "CMakeLists.txt").write_text(PROJECT, encoding="utf-8")
        (self.empty / "values.cpp").write_text(VALUES, encoding="utf-8")
        for name in ["machine.cpp", "platform.cpp"]:
            shutil.copy(EXAMPLES / name, self.empty)
        run("cmake", "-G", "Ninja", "-B", "build", f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DCMAKE_CXX_COMPILER={cache('CMAKE_CXX_COMPILER')}",
            f"-DCMAKE_CXX_FLAGS={cache('CMAKE_CXX_FLAGS')}", cwd=self.empty)
        run("cmake", "--build", "build", cwd=self.empty)
        # 256 x 256 weights of a byte, 256 inputs, 256 outputs of two bytes, 256 scales.
        self.assertRegex(run("build/machine", cwd=self.empty).stdout, r"int8: \d+ cycles, 66560 bytes")
        self.assertIn("65536 MACs", run("build/platform", cwd=self.empty).stdout)  # 16 x 64 x 64
        self.assertIn("q4_0\n", run("build/values", cwd=self.empty).stdout)

    def test_the_readmes_front_doors(self):
        """What README.md says of a CMake project and of a SystemC platform, each put into a main()."""
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        project, = re.findall(r"```cmake\n(.*?)```", text, re.S)
        run_a_layer, memory = re.findall(r"```cpp\n(.*?)```", text, re.S)
        for door in [project, run_a_layer, memory]:
            self.assertLessEqual(len(door.splitlines()), 5)
        for folder, body, printed in [
            ("layer", f'#include "bitjoule/run/machine.h"\n#include <cstdio>\nint main() {{\n{run_a_layer}'
             'std::printf("%lld\\n", (long long)result.layer().outcome.counts.macs);\n}\n', "65536\n"),
            ("platform", '#include "bitjoule/hw/dram.h"\n#include <tlm_utils/simple_initiator_socket.h>\n'
             'struct Reader : sc_core::sc_module {\n'
             '  tlm_utils::simple_initiator_socket<Reader> socket{"socket"};\n'
             '  explicit Reader(sc_core::sc_module_name name) : sc_module(name) {}\n};\n'
             f'int sc_main(int, char**) {{\nReader reader("reader");\n{memory}'
             'sc_core::sc_start(sc_core::SC_ZERO_TIME);\nreturn 0;\n}\n', None),
        ]:
            place = self.empty / folder
            place.mkdir()
            (place / "CMakeLists.txt").write_text(project, encoding="utf-8")
            (place / "mine.cpp").write_text(body, encoding="utf-8")
            run("cmake", "-G", "Ninja", "-B", "build", f"-DCMAKE_PREFIX_PATH={self.prefix}",
                f"-DCMAKE_CXX_COMPILER={cache('CMAKE_CXX_COMPILER')}",
                f"-DCMAKE_CXX_FLAGS={cache('CMAKE_CXX_FLAGS')}", cwd=place)
            run("cmake", "--build", "build", cwd=place)
            done = run("build/mine", cwd=place)
            if printed is not None:
                self.assertEqual(done.stdout, printed)

    def test_one_target_builds_what_is_installed(self):
        """README.md's packages need no more than it."""
        rules = (BUILD / "build.ninja").read_text(encoding="utf-8")
        built = {Path(word).name
                 for word in re.search(r"^build installed: phony (.*)$", rules, re.M).group(1).split()}
        count = 0
        for path in self.prefix.rglob("*"):
            if path.is_file() and not path.is_symlink() and (path.suffix in (".a", ".so") or
                                                             is_elf(path)):
                count += 1
                self.assertIn(path.name, built | {"bitjoule"})
        self.assertGreater(count, 4)
        self.assertIn("written_files", built)  # manual page, completion, schemas

    def test_pkg_config(self):
        places = {"PKG_CONFIG_PATH": str(self.libraries / "pkgconfig")}
        version = run("pkg-config", "--modversion", "bitjoule-run", cwd=self.empty, **places).stdout
        self.assertIn(f"bitjoule {version.strip()} ", run(SIM, "--version", cwd=self.empty).stdout)
        flags = run("pkg-config", "--cflags", "--libs", "bitjoule-run", cwd=self.empty, **places)
        run(cache("CMAKE_CXX_COMPILER"), *cache("CMAKE_CXX_FLAGS").split(), "-std=c++17",
            EXAMPLES / "machine.cpp", "-o", "machine", *flags.stdout.split(), cwd=self.empty)
        self.assertRegex(run("./machine", cwd=self.empty).stdout, r"int8: \d+ cycles, 66560 bytes")
        core = run("pkg-config", "--libs", "bitjoule-core", cwd=self.empty, **places).stdout
        self.assertNotIn("systemc", core)


class Package(unittest.TestCase):
    """The .deb of each component."""

    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.top = Path(holder.name)
        run("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", cls.top, cwd=cls.top)
        cls.packages = {path.name.split("_")[0]: path for path in cls.top.glob("*.deb")}
        for package, path in cls.packages.items():
            run("dpkg-deb", "-x", path, package, cwd=cls.top)

    def field(self, package, name):
        return run("dpkg-deb", "-f", self.packages[package], name, cwd=self.top).stdout.strip()

    def test_components_are_packages(self):
        self.assertLessEqual({"bitjoule", "libbitjoule-dev"}, set(self.packages))
        self.assertEqual(self.field("bitjoule", "Section"), "science")
        self.assertEqual(self.field("libbitjoule-dev", "Section"), "libdevel")
        for package in self.packages:
            self.assertIn("bitjoule", self.field(package, "Maintainer"))

    def test_what_is_in_them(self):
        for package, names in {
                "bitjoule": ["bin/sim", "bin/bitjoule", "share/man/man1/sim.1",
                             "share/bitjoule/configs/runs/quickstart.yaml",
                             "share/bitjoule/report/report.js", "share/bitjoule/report/charts.js"],
                "libbitjoule-dev": ["include/bitjoule/run/machine.h"]}.items():
            listed = run("dpkg-deb", "-c", self.packages[package], cwd=self.top).stdout
            for name in names:
                self.assertRegex(listed, rf" \./usr/{re.escape(name)}( -> sim)?\n")
            self.assertEqual(package == "bitjoule", "/usr/bin/" in listed)

    def test_it_depends_on_every_library_that_it_uses(self):
        for package in self.packages:
            depends = self.field(package, "Depends")
            elves = [path for path in (self.top / package).rglob("*")
                     if path.is_file() and not path.is_symlink() and is_elf(path)]
            self.assertEqual(len(elves) > 0, package != "libbitjoule-dev")
            for path in elves:
                self.check_libraries(path, depends)

    def check_libraries(self, path, depends):
        for library in re.findall(r"NEEDED.*\[(.*)\]",
                                  run("readelf", "-d", path, cwd=self.top).stdout):
            found = run("dpkg-query", "-S", f"*/{library}", cwd=self.top).stdout
            owners = {line.split(":")[0] for line in found.splitlines()}
            self.assertTrue(any(re.search(rf"(^|[ |]){re.escape(owner)}\b", depends)
                                for owner in owners),
                            f"{path.name} uses {library} of {owners}, not in: {depends}")

    def test_mpi_is_a_package_of_its_own(self):
        self.assertEqual("bitjoule-mpi" in self.packages, cache("BITJOULE_MPI") == "ON")
        self.assertNotIn("mpi", self.field("bitjoule", "Depends"))

    def test_python_is_a_package_of_its_own(self):
        self.assertEqual("python3-bitjoule" in self.packages, cache("BITJOULE_PYTHON") == "ON")
        self.assertNotIn("python", self.field("bitjoule", "Depends"))
        if "python3-bitjoule" not in self.packages:
            return
        depends = self.field("python3-bitjoule", "Depends").split(", ")
        version = self.field("python3-bitjoule", "Version")
        major, minor = re.search(r"cpython-(\d)(\d+)", " ".join(
            path.name for path in (self.top / "python3-bitjoule").rglob("_native*.so"))).groups()
        for part in [f"bitjoule (= {version})", f"python3 (>= {major}.{minor})",
                     f"python3 (<< {major}.{int(minor) + 1})", "python3-numpy"]:
            self.assertIn(part, depends)
        place = "usr/lib/python3/dist-packages"
        both = self.top / "both"  # as dpkg lays them over each other
        for package in ["bitjoule", "python3-bitjoule"]:
            shutil.copytree(self.top / package, both, symlinks=True, dirs_exist_ok=True)
        done = run(cache("PYTHON_EXECUTABLE"), "-B", "-c",
                   "import bitjoule; print(bitjoule.configs_dir()); "
                   "print(bitjoule.run('runs/quickstart.yaml'))",
                   cwd=self.top, PYTHONPATH=str(both / place))
        self.assertTrue(done.stdout.startswith(str(both / "usr/share/bitjoule/configs")), done.stdout)
        self.assertIn("quickstart", done.stdout)

    def test_it_runs_where_it_is_unpacked(self):
        done = run(self.top / "bitjoule/usr/bin/bitjoule", "run", "quickstart.yaml", cwd=self.top)
        self.assertIn("quickstart", done.stdout)


if __name__ == "__main__":
    unittest.main()
