"""The commands that the documentation shows run as they are typed, one page after the other."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIM = pathlib.Path(os.environ["BITJOULE_SIM"])

PAGES = ["README.md", "docs/cli.md", "docs/install.md", "docs/library.md", "docs/python.md"]
# Beginnings of commands that are tested elsewhere or need what a test has not.
LEFT_OUT = {
    "scripts/demo.sh": "builds; scripts.article_test",
    "scripts/test.sh": "runs the tests",
    "scripts/setup.sh": "installs; scripts.setup_test",
    "cmake ": "builds; the install test",
    "cpack ": "the install test",
    "apt install": "installs; scripts/bare_debian.sh",
    "~/bitjoule/bin": "the install test",
    "PYTHONPATH=": "an interactive Python",
    "python3 -m venv": "the package test",
    "env/bin/pip": "the package test",
    "g++ ": "the install test",
    "build/release/sim/sim run configs/runs/resnet50.yaml --network my-model": "yours",
    "sim man > sim.1 && man": "a pager",
}


def commands(text):
    """Lines of the page's blocks for a shell, without comments."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        for line in block.splitlines():
            command = re.sub(r"\s+#.*", "", line).strip()
            if command and not command.startswith("#"):
                yield command


def is_left_out(command):
    return any(command.startswith(start) for start in LEFT_OUT)


class Documentation(unittest.TestCase):
    def test_commands_run(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        run_file, = re.findall(r"```yaml\n(name: mine\n.*?)```", readme, re.S)
        count = 0
        for page in PAGES:
            with tempfile.TemporaryDirectory() as directory:
                place = pathlib.Path(directory)
                (place / "mine.yaml").write_text(run_file, encoding="utf-8")
                for name in ("configs", "scripts", "python"):
                    (place / name).symlink_to(ROOT / name)
                (place / "build/release").mkdir(parents=True)
                (place / "build/release/sim").symlink_to(SIM.parent)
                environment = {**os.environ, "PATH": f"{SIM.parent}:{os.environ['PATH']}"}
                for command in commands((ROOT / page).read_text(encoding="utf-8")):
                    if is_left_out(command):
                        continue
                    with self.subTest(page=page, command=command):
                        done = subprocess.run(
                            ["bash", "-o", "pipefail", "-c", command], cwd=place, env=environment,
                            capture_output=True, text=True, check=False)
                        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                        if command.startswith("sed "):  # changes what it says it does
                            self.assertNotEqual(
                                subprocess.run(["bash", "-c", command.split("|")[0]], cwd=place,
                                               capture_output=True, text=True, check=True).stdout,
                                run_file)
                        self.assertNotIn("error:", done.stderr)
                        count += 1
        self.assertGreater(count, 15)

    def test_nothing_is_left_out_that_is_not_there(self):
        shown = [c for page in PAGES for c in commands((ROOT / page).read_text(encoding="utf-8"))]
        for start in LEFT_OUT:
            self.assertTrue(any(command.startswith(start) for command in shown), start)

    def test_links_lead_somewhere(self):
        for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
            text = page.read_text(encoding="utf-8")
            for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")


if __name__ == "__main__":
    unittest.main()
