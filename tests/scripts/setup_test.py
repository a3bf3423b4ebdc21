"""scripts/setup.sh with stand-ins for dpkg-query, apt-get and sudo: it asks for what is missing, and
for nothing when nothing is."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class SetupTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.bin = Path(holder.name)
        self.log = self.bin / "log"
        self.log.touch()
        self.stand_in("apt-get", 'echo "apt-get $*" >> "$LOG"')
        self.stand_in("sudo", 'exec "$@"')

    def stand_in(self, name, body):
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        file.chmod(0o755)

    def missing(self, *packages):
        cases = "".join(f"*' {package}') exit 1;; " for package in packages)
        self.stand_in("dpkg-query", f'case "$*" in {cases} *) printf installed;; esac')

    def setup(self, *groups):
        environment = {**os.environ, "PATH": f"{self.bin}:/usr/bin:/bin", "LOG": str(self.log)}
        command = [str(ROOT / "scripts/setup.sh"), *groups]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    def test_nothing_is_missing(self):
        self.missing()
        done = self.setup()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "setup: every package of [build test browser plot python] is installed\n")
        self.assertEqual(self.log.read_text(encoding="utf-8"), "")

    def test_only_what_is_missing_is_installed(self):
        self.missing("libfmt-dev", "doctest-dev")
        done = self.setup()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("setup: installing libfmt-dev doctest-dev\n", done.stdout)
        self.assertEqual(
            self.log.read_text(encoding="utf-8").splitlines(),
            [
                "apt-get --quiet update",
                "apt-get --quiet install --yes --no-install-recommends libfmt-dev doctest-dev",
            ],
        )

    def test_other_distributions_have_other_names(self):
        self.missing("libboost1.81-dev", "libboost1.88-dev", "libboost1.83-dev", "libboost-dev")
        # Ubuntu 24.04's Boost is 1.83; of 1.88 apt tells nothing, for other packages only mention it.
        self.stand_in("apt-cache", 'case "$2" in libboost1.83-dev|libboost-dev) echo "Package: $2";; '
                                   'libboost1.88-dev) ;; *) exit 100;; esac')
        self.assertIn("setup: installing libboost1.83-dev\n", self.setup("build").stdout)
        # One of them is enough.
        self.missing("libboost1.81-dev", "libboost1.83-dev", "libboost-dev")
        self.assertIn("every package of [build] is installed", self.setup("build").stdout)

    def test_a_command_of_another_package_will_do(self):
        """npm comes with nodejs of some archives, whose package Debian's npm conflicts with."""
        self.missing("npm")
        self.stand_in("npm", "exit 0")
        self.assertIn("every package of [build] is installed", self.setup("build").stdout)

    def test_what_apt_does_not_know(self):
        self.missing("chromium", "chromium-browser")
        self.stand_in("apt-cache", "exit 100")
        done = self.setup("browser")
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt knows none of chromium|chromium-browser", done.stderr)

    def test_groups_are_named(self):
        self.missing("doctest-dev", "clang-tidy-14")
        self.assertIn("installing clang-tidy-14\n", self.setup("ci").stdout)
        done = self.setup("compiler")
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown group 'compiler'", done.stderr)

    def test_the_readme_gives_every_package_its_reason(self):
        script = (ROOT / "scripts/setup.sh").read_text(encoding="utf-8")
        table = (ROOT / "README.md").read_text(encoding="utf-8").split("## Dependencies")[1]
        groups = re.findall(r'\[\w+\]="([^"]*)"', script)
        self.assertGreaterEqual(len(groups), 3)
        named = set(re.findall(r"[\w.+-]+", table))
        self.assertEqual([p for group in groups for p in group.split() if p.split("|")[0] not in named], [])

    def test_an_installation_that_fails_is_a_failure(self):
        self.missing("libfmt-dev")
        self.stand_in("apt-get", "exit 100")
        self.assertNotEqual(self.setup().returncode, 0)


if __name__ == "__main__":
    unittest.main()
