"""The page on the architecture, and its drawings, name what is there."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from asgiserve._twins import TWINNED
from tests.test_layers import LAYERS, RANKS

from .pages import DOCS, ROOT

IMAGES = DOCS / "images"
PAGE = (DOCS / "architecture.md").read_text()


def texts_of(image: str) -> list[str]:
    """What stands in a drawing in the letters of code."""
    root = ElementTree.parse(IMAGES / image).getroot()
    texts = root.iter("{http://www.w3.org/2000/svg}text")
    return ["".join(text.itertext()) for text in texts if "code" in (text.get("class") or "")]


def test_drawing_of_the_layers_has_every_package_and_twin() -> None:
    names = set(re.findall(r"\w+/?", " ".join(texts_of("layers.svg"))))
    # What stands on the command is drawn in a few words.
    below_top = {name for layer in LAYERS[:-1] for name in layer}
    packages = {name for name in below_top if (ROOT / "asgiserve" / name).is_dir()}
    assert packages <= {name.rstrip("/") for name in names if name.endswith("/")}
    modules = {name for name in names if not name.endswith("/")}
    assert TWINNED.keys() <= modules
    assert modules <= RANKS.keys() | TWINNED.keys()


def test_drawing_of_a_request_has_methods_that_exist() -> None:
    sources = [path.read_text() for path in (ROOT / "asgiserve").rglob("*.py")]
    calls = re.findall(r"(\w+)\(", " ".join(texts_of("get.svg")))
    assert len(calls) == 11
    for name in set(calls) - {"app", "write"}:
        assert any(f"def {name}(" in source for source in sources), name


def test_table_has_every_package() -> None:
    named = set(re.findall(r"`(\w+)/`", PAGE))
    packages = {path.parent.name for path in (ROOT / "asgiserve").glob("*/__init__.py")}
    assert packages - {"_speedups"} <= named


def test_page_names_files_that_exist() -> None:
    files = re.findall(r"`(\w+/\w+\.py)`", PAGE)
    assert len(files) >= 5
    for name in files:
        assert (ROOT / "asgiserve" / name).is_file(), name


@pytest.mark.parametrize("image", sorted(path.name for path in IMAGES.glob("*.svg")))
def test_drawing_has_colours_for_light_and_dark_pages(image: str) -> None:
    assert "prefers-color-scheme: dark" in (IMAGES / image).read_text()
    assert f"(images/{image})" in PAGE
