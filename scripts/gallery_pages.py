"""A hook of mkdocs: what scripts/gallery.sh made becomes part of the site, beside gallery.html."""

from pathlib import Path

from mkdocs.structure.files import File

MADE = Path(__file__).resolve().parents[1] / "build"


def on_files(files, config):
    for file in sorted((MADE / "gallery").glob("*")):
        name = f"gallery/{file.name}"
        files.append(File(name, str(MADE), config["site_dir"], config["use_directory_urls"]))
    return files
