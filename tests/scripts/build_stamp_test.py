"""cmake/build_stamp.cmake: which sources a program was built from, with git and without."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "cmake/build_stamp.cmake"
GIT = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]


class BuildStampTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.dir = Path(holder.name) / "tree"
        self.header = Path(holder.name) / "stamp.h"
        for folder in ("models/core", "sim", "cmake", "docs"):
            (self.dir / folder).mkdir(parents=True)
        self.write("CMakeLists.txt", "project(x)")
        self.write("models/core/a.cpp", "int a;")
        self.write("sim/main.cpp", "int main() {}")
        self.write("docs/a.md", "words")

    def write(self, name, text):
        (self.dir / name).write_text(text, encoding="utf-8")

    def git(self, *words, at=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        done = subprocess.run(
            [*GIT, "-C", str(at or self.dir), *words],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        )
        return done.stdout.strip()

    def commit(self, at=None):
        self.git("add", "-A", at=at)
        self.git("commit", "-q", "-m", "state", at=at)
        return self.git("rev-parse", "HEAD", at=at)

    def stamp(self):
        """(commit, modified, sources)"""
        subprocess.run(
            ["cmake", f"-DSOURCE_DIR={self.dir}", f"-DHEADER={self.header}", "-P", SCRIPT],
            check=True,
        )
        text = self.header.read_text(encoding="utf-8")
        found = re.fullmatch(
            r'#define BITJOULE_COMMIT "(.*)"\n#define BITJOULE_MODIFIED (true|false)\n'
            r'#define BITJOULE_SOURCES "([0-9a-f]{16})"\n',
            text,
        )
        self.assertIsNotNone(found, text)
        return found.groups()

    def test_commits_and_changes(self):
        self.git("init", "-q")
        first = self.commit()
        clean = self.stamp()
        self.assertEqual(clean[:2], (first, "false"))
        time = self.header.stat().st_mtime_ns
        self.stamp()
        self.assertEqual(self.header.stat().st_mtime_ns, time, "nothing is compiled for nothing")
        # The program is not made of its documentation.
        self.write("docs/a.md", "other words")
        self.assertEqual(self.stamp(), clean)
        seen = {clean}
        for name, text in (
            ("sim/main.cpp", "int main() { return 1; }"),
            ("sim/main.cpp", "int main() { return 2; }"),
            ("sim/new.h", "// not known to git"),
            ("CMakeLists.txt", "project(y)"),
        ):
            self.write(name, text)
            stamp = self.stamp()
            self.assertEqual(stamp[:2], (first, "true"))
            self.assertNotIn(stamp, seen, "two states of the sources look alike")
            seen.add(stamp)
        changed = self.stamp()
        second = self.commit()
        self.assertNotEqual(second, first)
        self.assertEqual(self.stamp(), (second, "false", changed[2]))

    def test_without_git(self):
        before = self.stamp()
        self.assertEqual(before[:2], ("", "false"))
        self.write("sim/main.cpp", "int main() { return 1; }")
        self.assertNotEqual(self.stamp()[2], before[2])

    def test_unpacked_within_another_repository(self):
        self.git("init", "-q", at=self.dir.parent)
        self.commit(at=self.dir.parent)
        self.assertEqual(self.stamp()[0], "")


if __name__ == "__main__":
    unittest.main()
