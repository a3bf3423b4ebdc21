"""`sim report` in headless Chromium: the answer stands first, charts and tables can be asked, by
mouse and keyboard, on screens, phones and paper, and nothing is fetched; and the Slurm script, whose
tasks are shards."""

import csv
import io
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from browser import Page
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SIM = os.environ["BITJOULE_SIM"]
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
# Clicks every heading of the table of rows twice, notes their order after each click.
SORT = """
(() => {
  const table = document.querySelector('table.linked');
  const rows = () => [...table.tBodies[0].rows].map(r => [...r.cells].map(c => c.dataset.v ?? c.textContent));
  return [...table.querySelectorAll('th button')].map(b => {
    b.click(); const up = rows(); b.click(); return [up, rows()]; });
})()"""


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
        cls.page = Page(cls.dir / "profile")
        cls.addClassCleanup(cls.page.close)

    def report(self, name):
        output = self.dir / f"{name}.html"
        sim("report", self.dir / name, "-o", output)
        return output.read_text()

    def opened(self, name, width=1200, **look):
        """The page of a report in a window; it must have nothing to complain or to ask for."""
        self.report(name)
        self.page.window(width, **look)
        seconds = self.page.open(self.dir / f"{name}.html")
        self.assertEqual((self.page.problems, self.page.requests), ([], []))
        return seconds

    def bars(self, chart):
        """{row: [colour of each part]} of a chart as it is drawn."""
        return self.page.run(
            f"Object.fromEntries([...document.querySelectorAll('#chart-{chart} [data-i]')]"
            ".reduce((all, e) => all.set(e.dataset.i, [...(all.get(e.dataset.i) ?? []),"
            " e.getAttribute('fill')]), new Map()))"
        )

    def test_nothing_can_be_fetched_or_evaluated(self):
        for name in ("sweep", "run"):
            text = self.report(name)
            (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
            self.assertIn("default-src 'none'", policy)
            self.assertRegex(policy, r"script-src 'nonce-[0-9a-f]+';")
            self.assertNotIn("unsafe-eval", policy)
            # Nothing to fetch: no address but those of data.
            markup = re.sub(r"<script.*?</script>|<pre>.*?</pre>", "", text, flags=re.S)
            for address in re.findall(r'(?:src|href)\s*=\s*"([^"]*)', markup):
                self.assertTrue(address.startswith("data:"), address)
            self.assertNotIn("url(http", markup)
            # The library is there with its licence.
            self.assertIn("Permission to use, copy, modify, and/or distribute", text)
            self.assertIn("== @observablehq/plot", text)
            self.opened(name)
            self.assertIn(
                "blocked",
                self.page.run("(() => { try { return String(eval('1')); } catch (e) { return 'blocked'; } })()"),
            )

    def test_tables_sort_and_filter(self):
        for name in ("sweep", "run"):
            with self.subTest(name):
                self.opened(name)
                orders = self.page.run(SORT)
                self.assertGreater(len(orders), 3)
                for column, (up, down) in enumerate(orders):
                    keys = [sort_key(row[column]) for row in up]
                    self.assertEqual(keys, sorted(keys), f"column {column}")
                    keys = [sort_key(row[column]) for row in down]
                    self.assertEqual(keys, sorted(keys, reverse=True), f"column {column}")
        self.opened("sweep")
        shown = (
            "[...document.querySelectorAll('table.linked tbody tr')].filter(r => !r.hidden).length"
        )
        self.assertEqual(self.page.run(shown), 9)
        self.page.run(
            "(() => { const box = document.querySelector('input[type=search]');"
            "box.value = 'int4 128'; box.dispatchEvent(new Event('input')); })()"
        )
        self.assertEqual(self.page.run(shown), 1)

    def test_charts_hold_the_numbers_and_follow_the_choices(self):
        points = json.loads((self.dir / "sweep/results.json").read_text())["points"]
        self.opened("sweep")
        energies = self.bars("energy")
        for point in points:
            parts = [
                value
                for key, value in point["metrics"].items()
                if key.startswith("energy.components.") and value > 0
            ]
            self.assertEqual(len(energies[str(point["index"])]), len(parts))
        # A list for the formats, a slider for the sizes: both at their second value.
        self.page.run(
            "(() => { const list = document.querySelector('#choices select'); list.value = '1';"
            "list.dispatchEvent(new Event('change'));"
            "const slider = document.querySelector('#choices input'); slider.value = '1';"
            "slider.dispatchEvent(new Event('input')); })()"
        )
        (place,) = [
            p["index"]
            for p in points
            if list(p["labels"].values()) == ["int4", "16"]  # sliders go by size: 8, 16, 128
        ]
        for chart in ("energy", "traffic", "stalls", "pareto", "roofline", "lines"):
            self.assertEqual(list(self.bars(chart)), [str(place)], chart)
        self.assertEqual(
            self.page.run("document.querySelector('#choices output').textContent"), "16"
        )

    def test_what_is_pointed_at_is_marked_everywhere(self):
        self.opened("sweep")
        marked = "[...new Set([...document.querySelectorAll('.hi')].map(e => e.dataset.i))].join()"
        # By mouse, on a dot of the Pareto chart.
        x, y = self.page.run(
            "(() => { const dot = document.querySelector('#chart-pareto circle[data-i=\"4\"]');"
            "dot.scrollIntoView({block: 'center'}); const b = dot.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        self.page.point(x, y)
        self.assertEqual(self.page.run(marked), "4")
        charts = self.page.run(
            "[...new Set([...document.querySelectorAll('.hi')].map(e =>"
            " e.closest('figure')?.dataset.chart ?? 'table'))].sort().join()"
        )
        self.assertEqual(charts, "energy,lines,pareto,roofline,stalls,table,traffic")
        # By keyboard, on a row of the table.
        self.page.run("document.querySelector('table.linked tr[data-i=\"7\"]').focus()")
        self.assertEqual(self.page.run(marked), "7")

    def test_keys_reach_what_a_pointer_does(self):
        self.opened("sweep")
        self.page.run("document.querySelector('table.linked th button').focus()")
        self.page.press("Enter")
        self.assertEqual(
            self.page.run("document.activeElement.parentElement.getAttribute('aria-sort')"),
            "ascending",
        )
        self.page.press("Tab")
        self.assertEqual(self.page.run("document.activeElement.tagName"), "BUTTON")
        # Dots are stops that say what they are; charts are named; every control has a name.
        names = self.page.run(
            "[...document.querySelectorAll('#chart-pareto [tabindex]')]"
            ".map(e => e.getAttribute('aria-label'))"
        )
        stops = [name for name in names if name]
        self.assertEqual(len(stops), 9)
        for name in stops:
            self.assertRegex(name, r"^int[248], \d+: energy .*J, SQNR of the output .* dB$")
        self.assertEqual(
            self.page.run(
                "[...document.querySelectorAll('figure.chart svg')].filter(s =>"
                " !s.getAttribute('aria-label')).length"
            ),
            0,
        )
        self.assertEqual(
            self.page.run(
                "[...document.querySelectorAll('input, select')].filter(e => !e.labels.length).length"
            ),
            0,
        )

    def test_bars_have_their_colours_and_lengths(self):
        """A picture of the page against the numbers: each part of each bar is where it belongs, in
        its colour, to a pixel and some levels of red, green and blue."""
        points = json.loads((self.dir / "sweep/results.json").read_text())["points"]
        self.opened("sweep", width=1000)
        self.page.run(
            "(() => { document.querySelector('#chart-energy svg').scrollIntoView({block: 'center'});"
            "return new Promise(kept => requestAnimationFrame(() => requestAnimationFrame(kept))); })()"
        )
        rects = self.page.run(
            "[...document.querySelectorAll('#chart-energy rect[data-i]')].map(e => {"
            "const b = e.getBoundingClientRect();"
            "return [e.dataset.i, e.getAttribute('fill'), b.x, b.y, b.width, b.height]; })"
        )
        picture = Image.open(io.BytesIO(self.page.shot())).convert("RGB")
        looked_at = 0
        for _, colour, x, y, width, height in rects:
            if width < 4:
                continue
            seen = picture.getpixel((int(x + width / 2), int(y + height / 2)))
            expected = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
            self.assertLess(max(abs(a - b) for a, b in zip(seen, expected)), 12, (colour, seen))
            looked_at += 1
        self.assertGreater(looked_at, 9)
        widths = {}
        for row, _, _, _, width, _ in rects:
            widths[row] = widths.get(row, 0) + width
        energy = {str(p["index"]): p["metrics"]["energy.total_pj"] for p in points}
        longest = max(energy, key=energy.get)
        for row, width in widths.items():
            self.assertAlmostEqual(
                width / widths[longest], energy[row] / energy[longest], delta=1.5 / widths[longest] * 9
            )

    def test_each_bar_stands_beside_its_baseline(self):
        """Bars with one baseline stand together, and a dashed tick is as far from zero as the
        baseline's bar is long; in the Pareto chart baselines are ringed."""
        points = json.loads((self.dir / "sweep/results.json").read_text())["points"]
        energy = {tuple(p["labels"].values()): p["metrics"]["energy.total_pj"] for p in points}
        labels = {str(p["index"]): tuple(p["labels"].values()) for p in points}
        self.opened("sweep", width=1000)
        bars = self.page.run(
            "[...document.querySelectorAll('#chart-energy rect[data-i]')].map(e => {"
            "const b = e.getBoundingClientRect(); return [e.dataset.i, b.left, b.right, b.top]; })"
        )
        ticks = self.page.run(
            "[...document.querySelectorAll('#chart-energy g[aria-label=tick] line')].map(e => {"
            "const b = e.getBoundingClientRect(); return [(b.left + b.right) / 2, b.top]; })"
        )
        zero = min(left for _, left, _, _ in bars)
        ends = {i: max(right for j, _, right, _ in bars if j == i) for i in labels}
        tops = {i: min(top for j, _, _, top in bars if j == i) for i in labels}
        down = sorted(labels, key=lambda i: tops[i])
        self.assertEqual([labels[i][1] for i in down], ["16"] * 3 + ["8"] * 3 + ["128"] * 3)
        self.assertEqual(len(ticks), 9)
        per_picojoule = max((ends[i] - zero) / energy[labels[i]] for i in labels)
        for i, (x, _) in zip(down, sorted(ticks, key=lambda tick: tick[1])):
            expected = energy["int8", labels[i][1]] * per_picojoule
            self.assertAlmostEqual(x - zero, expected, delta=3, msg=labels[i])
        self.assertEqual(
            self.page.run(
                "document.querySelectorAll('#chart-pareto g.ring circle').length"
            ),
            3,
        )

    def test_light_dark_and_paper(self):
        ground = "getComputedStyle(document.body).backgroundColor"
        ink = "getComputedStyle(document.querySelector('figure.chart svg')).color"
        self.opened("sweep")
        light = self.page.run(ground), self.page.run(ink)
        self.opened("sweep", dark=True)
        dark = self.page.run(ground), self.page.run(ink)
        self.assertEqual(light[0], "rgb(255, 255, 255)")
        self.assertEqual(dark[0], "rgb(23, 24, 27)")
        self.assertEqual(  # behind what a pointer is told
            self.page.run(
                "getComputedStyle(document.querySelector('figure.chart svg'))"
                ".getPropertyValue('--plot-background').trim()"
            ),
            "#17181b",
        )
        self.assertNotEqual(light[1], dark[1])
        # On paper it is light again, and nothing is folded away.
        self.page.window(800, dark=True, media="print")
        self.assertEqual(self.page.run(ground), "rgb(255, 255, 255)")
        self.page.run("dispatchEvent(new Event('beforeprint'))")
        self.assertEqual(self.page.run("document.querySelectorAll('details:not([open])').length"), 0)
        self.assertTrue(self.page.pdf().startswith(b"%PDF"))

    def test_says_what_was_asked_and_found(self):
        text = self.report("sweep")
        self.assertIn("<h1>report &lt;b&gt;&amp;amp;</h1>", text)
        self.assertIn("Does it render?", text)
        self.assertIn("systolic array</text>", text)
        self.assertIn("<dt>systolic array</dt><dd>32 x 32 PEs", text)  # in words, on a phone
        for heading in ("cycles", "energy total", "error SQNR"):
            self.assertIn(f"<button>{heading}</button>", text)
        self.assertRegex(text, r"\d µJ<")
        self.assertNotRegex(re.sub(r"<pre>.*?</pre>", "", text, flags=re.S), r"\d u[JsB]\b")
        self.assertIn("Energy against error", text)
        self.assertIn('<img alt="a" src="data:image/svg+xml;base64,', text)

    def test_the_answer_stands_first(self):
        """Which format is best, by how much, at what cost, and why: in the first screen."""
        points = json.loads((self.dir / "sweep/results.json").read_text())["points"]
        energy = {tuple(p["labels"].values()): p["metrics"]["energy.total_pj"] for p in points}
        sqnr = {tuple(p["labels"].values()): p["metrics"]["error.sqnr_db"] for p in points}
        self.opened("sweep")
        shown = self.page.run(
            "[...document.querySelectorAll('.verdict')].filter(e =>"
            " e.getBoundingClientRect().bottom < 900).map(e => e.innerText).join('\\n')"
        )
        for n in ("16", "8", "128"):
            # What has more error than signal is no answer.
            of = [w for w in ("int8", "int4", "int2") if sqnr[w, n] >= 0]
            best = min(of, key=lambda w: energy[w, n])
            (line,) = re.findall(rf"^gemm n {n}: .*$", shown, re.M)
            ratio = energy["int8", n] / energy[best, n]
            self.assertIn(f"{best} takes {ratio:.2f} times less energy", line)
            self.assertRegex(line, r"than int8; SQNR of the output [\d.]+ dB against [\d.]+ dB\.")
            self.assertRegex(line, r"Of what remains .* is \d+ % of the energy, and in \d+ % of ")
        self.opened("run")
        self.assertRegex(
            self.page.run("document.querySelector('.verdict').innerText"),
            r"^quickstart on edge-32x32 takes .* ms and .* mJ: DRAM is 98 % of the energy, and in "
            r"\d+ % of the time the array waits for data from DRAM\. The error of the output was not",
        )

    def test_who_read_the_article_finds_its_answers_in_the_first_screen(self):
        sim("sweep", "article-machines.yaml", "-o", self.dir / "article", "--quiet")
        points = json.loads((self.dir / "article/results.json").read_text())["points"]
        decode = {
            p["labels"]["machine"]: p["metrics"]
            for p in points
            if p["labels"]["layer"] == "llama2-7b-attention-decode.yaml"
        }
        energy = {name: m["energy.total_pj"] for name, m in decode.items()}
        a, b, c = energy["A: fp32"], energy["B: int8 to fp32"], energy["C: int8"]
        dram = decode["C: int8"]["energy.components.dram"] / c
        waits = decode["C: int8"]["stalls.dram_read"] / decode["C: int8"]["cycles"]
        self.opened("article")
        shown = self.page.run(
            "[...document.querySelectorAll('.verdict')].filter(e =>"
            " e.getBoundingClientRect().bottom < 900).map(e => e.innerText).join('\\n')"
        )
        (line,) = [line for line in shown.splitlines() if "attention-decode" in line]
        for question, answer in (
            ("Which machine is best for decode?", "decode: C: int8 takes"),
            ("By how much?", f"{a / c:.2f} times less energy"),
            ("How much of that is from computing in 8 bits?", f"Next: B: int8 to fp32, {b / c:.2f} times more energy"),
            ("Why: what is left to pay for?", f"DRAM is {100 * dram:.0f} % of the energy"),
            ("What does the array do?", f"in {100 * waits:.0f} % of the time the array waits for data from DRAM"),
        ):
            with self.subTest(question):
                self.assertIn(answer, line)
        self.assertIn("the error of the output was not computed", shown)

    def test_a_saving_stands_beside_what_it_costs(self):
        (section,) = [s for s in self.report("sweep").split("<section>") if "At best" in s]
        tiles = re.findall(r'<div class="card">.*?</div>', section)
        self.assertEqual(len(tiles), 2)  # cycles, energy
        for tile in tiles:
            self.assertRegex(tile, r"<b>\d+\.\d\d times less</b>")
            self.assertRegex(tile, r"SQNR of the output -?\d+\.\d dB against \d+\.\d dB")

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
        data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
        self.assertEqual(data["labels"], ["block (x32)"])
        # 64 x 64 weights in blocks of 18 bytes for 32, and 4 x 64 inputs and outputs of 2 bytes.
        moved = 32 * (64 * 64 // 32 * 18 + 2 * 4 * 64 * 2)
        (traffic,) = [chart for chart in data["charts"] if chart["id"] == "traffic"]
        self.assertEqual(sum(part["values"][0] for part in traffic["parts"]), moved)
        self.assertEqual(traffic["texts"], [f"{moved / 1000:.1f} kB"])
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

        self.opened("many")
        for chart, size in (
            ("energy", lambda layer: layer["energy"]["total_pj"]),
            ("traffic", traffic),
            ("stalls", lambda layer: layer["cycles"]),
        ):
            with self.subTest(chart):
                self.assertIn(
                    f"The largest 60 of {len(layers)} layers, in their order.",
                    self.page.run(f"document.getElementById('chart-{chart}').innerText"),
                )
                sizes = [size(layer) for layer in layers]
                drawn = sorted(map(int, self.bars(chart)))
                self.assertEqual(len(drawn), 60)
                left = set(range(len(layers))) - set(drawn)
                self.assertLessEqual(
                    max(sizes[i] for i in left), min(sizes[i] for i in drawn) * (1 + 1e-5)
                )

    def test_a_thousand_points(self):
        """Below 3 MB, and open in less than 2 seconds."""
        results = json.loads((self.dir / "sweep/results.json").read_text())
        (pattern,) = [p for p in results["points"] if p["index"] == 0]
        formats, sizes = ["int8", "int4", "int2", "fp16"], [str(8 * i) for i in range(1, 251)]
        points = []
        for i in range(1000):
            point = json.loads(json.dumps(pattern))
            point["index"], point["hash"] = i, f"{i:032x}"
            point["labels"] = dict(zip(results["columns"], (formats[i // 250], sizes[i % 250])))
            for key, value in point["metrics"].items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    point["metrics"][key] = value * (1 + (i * 37 % 1000) / 997)
            points.append(point)
        results.update(points=points, points_in_sweep=1000)
        large = self.dir / "large"
        large.mkdir()
        (large / "results.json").write_text(json.dumps(results))
        seconds = self.opened("large")
        self.assertLess((self.dir / "large.html").stat().st_size, 3_000_000)
        self.assertLess(seconds, 2)
        # Tab does not go through every point: the front, choices, headings, what folds and scrolls.
        self.assertLess(self.page.run("document.querySelectorAll('[tabindex=\"0\"]').length"), 200)
        self.assertEqual(
            self.page.run("document.querySelectorAll('table.linked tbody tr').length"), 1000
        )
        print(
            f"1,000 points: {(self.dir / 'large.html').stat().st_size / 1e6:.2f} MB, "
            f"{seconds:.2f} s to open"
        )

    def test_a_phone_gets_a_page_of_its_width(self):
        for name in ("sweep", "run"):
            for width in (360, 390, 1000):
                self.opened(name, width=width)
                content = self.page.run("document.documentElement.scrollWidth")
                self.assertEqual(content, width, name)
                # The machine in words where its diagram does not fit.
                words = self.page.run("document.querySelector('dl.parts').offsetHeight")
                self.assertEqual(words > 0, width < 500)

    def test_without_the_library_all_numbers_are_in_tables(self):
        text = self.report("sweep")
        page = self.dir / "bare.html"
        nonce = re.search(r"'nonce-([0-9a-f]+)'", text)[1]
        library, own = re.findall(rf'<script nonce="{nonce}">.*?</script>', text, re.S)
        page.write_text(text.replace(library, ""))
        self.page.window(1000)
        self.page.open(page)
        self.assertEqual((self.page.problems, self.page.requests), ([], []))
        self.assertEqual(
            self.page.run(
                "[...document.querySelectorAll('figure.chart')].filter(f =>"
                " f.querySelector('details[open] table tbody tr')).length"
            ),
            self.page.run("document.querySelectorAll('figure.chart').length"),
        )

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
