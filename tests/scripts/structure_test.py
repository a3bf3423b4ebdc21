"""The structure of the sources: core <- hw <- run <- sim, and no circle between folders."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = ["core", "hw", "run", "sim"]  # each may include only what stands to its left, and itself
# What beside the standard library their headers may include; sim may what it likes.
USES = {
    "core": {"fmt/format.h"},
    "hw": {"systemc", "tlm", "tlm_utils/multi_passthrough_target_socket.h"},
    "run": set(),
    "sim": None,
}
IN_SOURCES = {
    "core": {"fmt/ranges.h", "immintrin.h"},
    "hw": {"fmt/format.h"},
    "run": {"fmt/format.h", "unistd.h"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
SYSTEM = re.compile(r"^\s*#\s*include\s*<([^>]+)>", re.M)


def sources():
    """(file, its path as an include names it) of every header and source."""
    for base in [ROOT / "models", ROOT]:
        tops = ["core", "hw", "run"] if base.name == "models" else ["sim"]
        for top in tops:
            for path in sorted((base / top).rglob("*")):
                if path.suffix in (".h", ".cpp"):
                    yield path, path.relative_to(base).as_posix()


def includes():
    """(from, to) as include paths, for every include of the project's own files."""
    for path, name in sources():
        for target in INCLUDE.findall(path.read_text(encoding="utf-8")):
            yield name, target


def folder(name):
    """The folder that a file belongs to, of sim/ and core/ the one within it; a file of these itself
    is its own."""
    parts = name.split("/")
    if parts[0] not in ("sim", "core"):
        return parts[0]
    return "/".join(parts[:2]) if len(parts) > 2 else name.rsplit(".", 1)[0]


def find_circle(graph):
    """A list of folders that include one another in turn; empty where there is none."""
    state, trail = {}, []

    def visit(node):
        state[node] = "open"
        trail.append(node)
        for following in sorted(graph.get(node, ())):
            if state.get(following) == "open":
                return trail[trail.index(following):] + [following]
            if following not in state:
                circle = visit(following)
                if circle:
                    return circle
        trail.pop()
        state[node] = "done"
        return []

    for node in sorted(graph):
        if node not in state:
            circle = visit(node)
            if circle:
                return circle
    return []


class Structure(unittest.TestCase):
    def test_every_include_exists(self):
        known = {name for _, name in sources()}
        self.assertGreater(len(known), 200)
        for source, target in includes():
            self.assertIn(target, known, f"{source} includes {target}")

    def test_layers_look_to_the_left_only(self):
        for source, target in includes():
            of, to = source.split("/")[0], target.split("/")[0]
            self.assertLessEqual(LAYERS.index(to), LAYERS.index(of), f"{source} includes {target}")

    def test_no_circle_between_folders(self):
        graph = {}
        for source, target in includes():
            # The names of all enums are one table, over every folder and for every folder.
            if folder(source) != folder(target) and folder(target) != "core/enums":
                graph.setdefault(folder(source), set()).add(folder(target))
        circle = find_circle(graph)
        self.assertEqual(circle, [], "a circle: " + " -> ".join(circle))

    def test_a_circle_is_found(self):
        self.assertEqual(find_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}), ["b", "c", "b"])
        self.assertEqual(find_circle({"a": {"b", "c"}, "b": {"c"}}), [])

    def test_what_each_layer_uses(self):
        """Beside the standard library; what a header includes, its users need as well."""
        used = {(layer, kind): set() for layer in USES for kind in (".h", ".cpp")}
        for path, name in sources():
            for target in SYSTEM.findall(path.read_text(encoding="utf-8")):
                if "/" in target or "." in target or target in ("systemc", "tlm"):
                    used[name.split("/")[0], path.suffix].add(target)
        for (layer, kind), targets in used.items():
            allowed = USES[layer]
            if kind == ".cpp" and allowed is not None:
                allowed = allowed | IN_SOURCES[layer]
            if allowed is not None:
                self.assertLessEqual(targets, allowed, f"{layer}, {kind} files")

    def test_every_header_says_what_it_is(self):
        for path, name in sources():
            if path.suffix == ".h":
                self.assertTrue(path.read_text(encoding="utf-8").startswith("// "), name)

    def test_no_type_of_a_third_party_is_in_a_public_header(self):
        """fmt makes texts; SystemC's types are those of hw alone."""
        for path, name in sources():
            layer = name.split("/")[0]
            if path.suffix != ".h" or layer == "sim":
                continue
            text = path.read_text(encoding="utf-8")
            foreign = re.findall(r"\b(?:fmt::(?!format\()\w+|boost::\w+|yaml_\w+)", text)
            if layer != "hw":
                foreign += re.findall(r"\b(?:sc_core|sc_dt|tlm)::\w+", text)
            self.assertEqual(foreign, [], name)


if __name__ == "__main__":
    unittest.main()
