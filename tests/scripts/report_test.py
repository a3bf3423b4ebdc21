"""`sim report` in headless Chromium: it renders, its tables sort, it asks the network for nothing;
and the Slurm script, whose tasks are shards."""

import csv
import html
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIM = os.environ["BITJOULE_SIM"]
CHROMIUM = [
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
]
SWEEP = """
name: report <b>&amp;
question: Does it render?
base: quickstart.yaml
set: {layer: {gemm: {m: 2, n: 16, k: 64}}}
axes:
  - {path: precision.weights.format, values: [int8, int4, int2]}
  - {path: layer.gemm.n, values: [16, 8, 128]}
metrics: [cycles, energy.total_pj, error.sqnr_db]
baseline: {precision.weights.format: int8}
"""
# Clicks every heading of the first table twice, notes the order of its rows after each click.
PROBE = """
<script>
const rows=()=>[...document.querySelector('table').tBodies[0].rows].map(r=>[...r.cells].map(c=>c.dataset.v??c.textContent));
const seen=[...document.querySelectorAll('table')[0].querySelectorAll('th')].map(th=>{
  th.firstChild.click();const up=rows();th.firstChild.click();return [up,rows()]});
document.body.innerHTML='<pre id="seen"></pre>';
document.getElementById('seen').textContent=JSON.stringify({orders:seen,
  requests:performance.getEntriesByType('resource').map(e=>e.name).filter(n=>!n.startsWith('data:'))});
</script>"""


def sim(*arguments):
    return subprocess.run([SIM, *map(str, arguments)], check=True, capture_output=True, text=True)


def sort_key(cell):
    """Numbers before texts, as the page sorts."""
    try:
        return (0, float(cell), "")
    except ValueError:
        return (1, 0.0, cell)


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.holder.cleanup)
        cls.dir = Path(cls.holder.name)
        (cls.dir / "sweep.yaml").write_text(SWEEP)
        sim("sweep", cls.dir / "sweep.yaml", "-o", cls.dir / "sweep", "--quiet")
        sim("run", "quickstart.yaml", "-o", cls.dir / "run", "--quiet", "--set", "values=off")
        plots = cls.dir / "sweep/plots"
        plots.mkdir()
        (plots / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>')

    def browse(self, text, *flags):
        page = self.dir / "page.html"
        page.write_text(text)
        done = subprocess.run(
            [*CHROMIUM, f"--user-data-dir={self.dir / 'profile'}", *flags, page.as_uri()],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertNotIn(":CONSOLE", done.stderr)
        return done.stdout

    def report(self, name):
        output = self.dir / f"{name}.html"
        sim("report", self.dir / name, "-o", output)
        return output.read_text()

    def test_renders_sorts_and_stays_offline(self):
        for name in ("sweep", "run"):
            with self.subTest(name):
                text = self.report(name)
                # Nothing to fetch: no address but those of data.
                for address in re.findall(r'(?:src|href)\s*=\s*"([^"]*)', text):
                    self.assertTrue(address.startswith("data:"), address)
                self.assertNotIn("url(http", text)
                dom = self.browse(text.replace("</body>", PROBE + "</body>"), "--dump-dom")
                seen = json.loads(html.unescape(re.search(r'id="seen">(.*?)</pre>', dom, re.S)[1]))
                self.assertEqual(seen["requests"], [])
                self.assertGreater(len(seen["orders"]), 3)
                for column, (up, down) in enumerate(seen["orders"]):
                    keys = [sort_key(row[column]) for row in up]
                    self.assertEqual(keys, sorted(keys), f"column {column}")
                    keys = [sort_key(row[column]) for row in down]
                    self.assertEqual(keys, sorted(keys, reverse=True), f"column {column}")

    def test_says_what_was_asked_and_found(self):
        text = self.report("sweep")
        self.assertIn("<h1>report &lt;b&gt;&amp;amp;</h1>", text)
        self.assertIn("Does it render?", text)
        self.assertIn("systolic array</text>", text)
        self.assertIn("<dt>systolic array</dt><dd>32 x 32 PEs", text)  # in words, on a phone
        for heading in ("cycles", "energy total", "error SQNR"):
            self.assertIn(f"<button>{heading}</button>", text)
        self.assertRegex(text, r"\d µJ<")
        self.assertNotRegex(text, r"\d u[JsB]\b")
        self.assertIn("Energy against error", text)
        self.assertIn('<img alt="a" src="data:image/svg+xml;base64,', text)
        self.assertEqual(text.count("<svg viewBox=\"0 0 1000 10\""), 3 * 9)

    def test_a_saving_stands_beside_what_it_costs(self):
        (section,) = [s for s in self.report("sweep").split("<section>") if "At best" in s]
        tiles = re.findall(r'<div class="card">.*?</div>', section)
        self.assertEqual(len(tiles), 2)  # cycles, energy
        for tile in tiles:
            self.assertRegex(tile, r"<b>\d+\.\d\d times less</b>")
            self.assertRegex(tile, r"SQNR \d+\.\d dB; the baseline: \d+\.\d dB")

    def test_repeated_layers_count_as_often_as_they_run(self):
        (self.dir / "net.yaml").write_text(
            "name: many\nlayers:\n  - {name: block, repeat: 32, gemm: {m: 4, n: 64, k: 64}}\n"
        )
        (self.dir / "many.yaml").write_text(
            "accelerator: edge-16x16.yaml\nnetwork: net.yaml\nvalues: off\n"
            "precision: {weights: q4_0, activations: fp16, mac: fp16}\n"
        )
        sim("run", self.dir / "many.yaml", "-o", self.dir / "repeated", "--quiet")
        text = self.report("repeated")
        # Energy, traffic and time, a bar each; and the row of the table.
        self.assertEqual(re.findall('class="name">([^<]*)<', text), ["block (x32)"] * 3)
        # 64 x 64 weights in blocks of 18 bytes for 32, and 4 x 64 inputs and outputs of 2 bytes.
        moved = 32 * (64 * 64 // 32 * 18 + 2 * 4 * 64 * 2)
        self.assertIn(f"{moved / 1000:.1f} kB<", text)
        self.assertIn(f"{32 * 4 * 64 * 64:,}<", text)  # MACs
        self.assertIn("m 4 x n 64 x k 64", text)
        self.assertIn("q4_0 x fp16 to fp16", text)

    def test_of_many_layers_the_largest_are_drawn_in_their_order(self):
        sim("run", "resnet50.yaml", "-o", self.dir / "many", "--quiet")
        layers = json.loads((self.dir / "many/result.json").read_text())["layers"]
        self.assertGreater(len(layers), 60)

        def traffic(layer):
            return sum(
                tensor["read_bytes"] + tensor["write_bytes"]
                for tensor in layer["dram"]["per_tensor"].values()
            )

        sections = self.report("many").split("<section>")
        for heading, size in (
            ("Energy by component", lambda layer: layer["energy"]["total_pj"]),
            ("DRAM traffic by tensor", traffic),
            ("Time by cause", lambda layer: layer["time_s"]),
        ):
            with self.subTest(heading):
                (section,) = [s for s in sections if f"<h2>{heading}</h2>" in s]
                self.assertIn(f"The largest 60 of {len(layers)} layers, in their order.", section)
                largest = sorted(layers, key=size, reverse=True)[:60]  # stable: the first of equals
                self.assertEqual(
                    re.findall('class="name">([^<]*)<', section),
                    [layer["name"] for layer in layers if layer in largest],
                )

    def test_a_phone_gets_a_page_of_its_width(self):
        # Chromium's windows are at least 500 pixels wide, frames are not.
        probe = (
            "<script>onload=()=>{document.title=[...document.querySelectorAll('iframe')].map(f=>{"
            "const d=f.contentDocument,e=d.documentElement;"
            "return `${e.scrollWidth} ${e.clientWidth} ${d.querySelector('dl.parts').offsetHeight}`"
            "}).join()}</script>"
        )
        widths = (360, 390, 1000)
        for name in ("sweep", "run"):
            page = html.escape(self.report(name), quote=True)
            frames = "".join(
                f'<iframe style="border:0" width={width} height=800 srcdoc="{page}"></iframe>'
                for width in widths
            )
            dom = self.browse(
                f"<title></title>{probe}{frames}",
                "--dump-dom",
                "--hide-scrollbars",
                "--window-size=1200,900",
            )
            shown = re.search(r"<title>([0-9 ,]+)</title>", dom)[1].split(",")
            for width, (content, window, words) in zip(widths, map(str.split, shown), strict=True):
                self.assertEqual((int(content), content), (width, window))
                # The machine in words where its diagram does not fit.
                self.assertEqual(int(words) > 0, width < 500)

    def test_slurm_tasks_are_shards(self):
        out = self.dir / "slurm"
        for task in (1, 2):
            subprocess.run(
                [str(ROOT / "scripts/slurm_array.sh"), str(self.dir / "sweep.yaml"), str(out)],
                check=True,
                env={
                    **os.environ,
                    "SIM": SIM,
                    "SLURM_ARRAY_TASK_ID": str(task),
                    "SLURM_ARRAY_TASK_MAX": "2",
                },
            )
        sim("merge", out, "-o", out)
        with open(out / "results.csv", newline="") as stream:
            self.assertEqual([row["status"] for row in csv.DictReader(stream)], ["done"] * 9)
        self.assertEqual(
            (out / "results.json").read_text(), (self.dir / "sweep/results.json").read_text()
        )


if __name__ == "__main__":
    unittest.main()
