"""The documentation: commands run as they are typed, page after page, and print what the page shows.

With BITJOULE_UPDATE_DOCS=1 the pages' output is replaced by what was printed.
"""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from browser import Page
from page_files import make_files

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIM = pathlib.Path(os.environ["BITJOULE_SIM"])

PAGES = ["README.md", "docs/index.md", "docs/tutorial.md", "docs/first-machine.md", "docs/own-model.md",
         "docs/reading-a-report.md", "docs/gallery.md", "docs/cli.md", "docs/install.md", "docs/library.md", "docs/python.md",
         "docs/accuracy.md", "docs/attention.md", "docs/configuration.md", "docs/dram.md", "docs/energy-dram.md", "docs/energy.md",
         "docs/networks.md", "docs/sweeps.md", "docs/validation.md"]
PROSE = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
UPDATE = bool(os.environ.get("BITJOULE_UPDATE_DOCS"))
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
    "build/release/sim/sim run configs/runs/llama2-7b-decode.yaml --network my-model": "yours",
    "build/release/sim/sim evaluate configs/runs/llama2-7b-decode.yaml --network my-model": "yours",
    "sim completion fish": "fish; the manners test",
    "sbatch": "Slurm; scripts.report_test runs the script without it",
    "sim merge parts": "needs the Slurm tasks' results",
    "mpirun": "the MPI tests",
    "sim man > sim.1 && man": "a pager",
}


def block_commands(block):
    """Its lines, without comments; a backslash at the end joins the next one."""
    for line in re.sub(r"\\\n\s*", "", block).splitlines():
        command = re.sub(r"\s+#.*", "", line).strip()
        if command and not command.startswith("#"):
            yield command


def commands(text):
    """Lines of the page's blocks for a shell."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        yield from block_commands(block)


def label(line):
    """What a line of a summary begins with: "cycles", "  dram"."""
    return re.match(r"\s*\S+(?: \S+)*", line).group()


def as_printed(shown, printed):
    """The lines that a page shows, each as it was printed: the first one with its label."""
    found = {}
    for line in printed.splitlines():
        if line.strip():
            found.setdefault(label(line), line)
    return [found.get(label(line), f"not printed: {line}") for line in shown]


def anchors(page):
    """Of its headings, as GitHub and the site form them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    names = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", name.lower()).strip().replace(" ", "-") for name in names}


def is_left_out(command):
    return any(command.startswith(start) for start in LEFT_OUT)


class Documentation(unittest.TestCase):
    maxDiff = None

    def run_page(self, page, place):
        """Runs its commands in `place`; gives the page with the output as it was printed, their number."""
        text = (ROOT / page).read_text(encoding="utf-8")
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        for block, name in re.findall(r"```yaml\n(name: (\S+)\n.*?)```", readme + text, re.S):
            (place / f"{name}.yaml").write_text(block, encoding="utf-8")
        for name in ("configs", "scripts", "python"):
            (place / name).symlink_to(ROOT / name)
        (place / "build/release").mkdir(parents=True)
        (place / "build/release/sim").symlink_to(SIM.parent)
        make_files(page, place)
        # Of the loops of docs/validation.md one turn.
        environment = {**os.environ, "PATH": f"{SIM.parent}:{os.environ['PATH']}", "N": "128",
                       "W": "int8", "A": "int8"}
        count = 0
        printed = ""

        def follow(match):
            nonlocal count, printed
            language, block = match.groups()
            if language == "text" and printed:
                lines = as_printed(block.splitlines(), printed)
                return "```text\n" + "".join(f"{line}\n" for line in lines) + "```"
            if language == "sh":
                printed = ""
                for command in block_commands(block):
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
                                (place / "mine.yaml").read_text(encoding="utf-8"))
                        self.assertNotIn("error:", done.stderr)
                        printed += done.stdout
                        count += 1
            return match.group()

        followed = re.sub(r"```(\w+)\n(.*?)```", follow, text, flags=re.S)
        return text, followed, count

    def test_commands_run(self):
        count = 0
        for page in PAGES:
            with tempfile.TemporaryDirectory() as directory:
                text, followed, ran = self.run_page(page, pathlib.Path(directory))
                count += ran
                if UPDATE:
                    (ROOT / page).write_text(followed, encoding="utf-8")
                else:
                    with self.subTest(page=page):
                        self.assertEqual(text, followed)
        self.assertGreater(count, 40)

    def test_nothing_is_left_out_that_is_not_there(self):
        shown = [c for page in PAGES for c in commands((ROOT / page).read_text(encoding="utf-8"))]
        for start in LEFT_OUT:
            self.assertTrue(any(command.startswith(start) for command in shown), start)

    def test_all_pages_with_commands_run(self):
        for page in PROSE:
            name = str(page.relative_to(ROOT))
            if list(commands(page.read_text(encoding="utf-8"))):
                self.assertIn(name, [*PAGES, "CONTRIBUTING.md"])

    def test_links_lead_somewhere(self):
        count = 0
        for page in PROSE:
            text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"https?:|gallery/", target):  # the latter are made for the site
                    continue
                name, _, anchor = target.partition("#")
                there = page.parent / name if name else page
                self.assertTrue(there.exists(), f"{page.name}: {target}")
                if anchor:
                    self.assertIn(anchor, anchors(there), f"{page.name}: {target}")
                    count += 1
        self.assertGreater(count, 10)

    def test_site_is_built(self):
        subprocess.run([ROOT / "scripts/gallery.sh", SIM], cwd=ROOT, check=True)
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(["mkdocs", "build", "--strict", "--site-dir", directory], cwd=ROOT,
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            pages = {page.relative_to(ROOT / "docs").with_suffix(".html")
                     for page in (ROOT / "docs").rglob("*.md")}
            built = {page.relative_to(directory) for page in pathlib.Path(directory).rglob("*.html")
                     if page.parent.name != "gallery"}  # reports
            self.assertEqual({str(page).replace("README", "index") for page in pages},
                             {str(page) for page in built} - {"404.html"})
            self.check_looks(pathlib.Path(directory), built)

    def check_looks(self, site, built):
        """Nothing is wider than a phone, and the pictures are there."""
        with tempfile.TemporaryDirectory() as profile:
            page = Page(profile)
            self.addCleanup(page.close)
            page.window(360, 740)
            for file in sorted(built):
                page.open(site / file)
                with self.subTest(page=str(file)):
                    self.assertEqual(page.run("document.documentElement.scrollWidth"), 360)
                    self.assertEqual(page.run(
                        "[...document.images].filter(i => !i.naturalWidth).map(i => i.src)"), [])

    def test_every_page_is_in_the_navigation(self):
        navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
        for page in (ROOT / "docs").rglob("*.md"):
            self.assertIn(f"- {page.relative_to(ROOT / 'docs')}\n", navigation)

    def test_spelling(self):
        done = subprocess.run(["codespell", "--ignore-words-list=arithmetics", *map(str, PROSE)],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
