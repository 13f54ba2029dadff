"""What is drawn is true, can be read by a screen reader, and loads nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace import Broker, JobState, outcome

ROOT = Path(__file__).parent.parent
IMAGES = sorted((ROOT / "docs" / "images").glob("*.svg"))
PAGES = sorted((ROOT / "docs").rglob("*.md"))
SVG = "{http://www.w3.org/2000/svg}"


def drawing(name: str) -> ET.Element:
    return ET.parse(ROOT / "docs" / "images" / f"{name}.svg").getroot()


def groups(root: ET.Element, kind: str) -> Iterator[ET.Element]:
    """Yield the groups of a class, in the order in which they are drawn."""
    return (one for one in root.iter(f"{SVG}g") if kind in one.get("class", "").split())


def texts(root: ET.Element, kind: str) -> list[str]:
    return [one.text or "" for one in root.iter(f"{SVG}text") if one.get("class") == kind]


def contract(container: str) -> list[set[str]]:
    """Return the floors of a package as import-linter knows them, the highest first."""
    project: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [layers] = [
        one["layers"]
        for one in project["tool"]["importlinter"]["contracts"]
        if one.get("containers") == [container]
    ]
    return [set(layer.split(" | ")) for layer in layers]


def test_the_floors_are_those_of_the_contract() -> None:
    drawn = [
        set("".join(texts(floor, "name")).split(" · "))
        for floor in groups(drawing("floors"), "floor")
    ]
    assert drawn == contract("headrace")


def test_the_floors_were_drawn_anew() -> None:
    """If not: `uv run python .ci/floors.py > docs/images/floors.svg`."""
    program = [sys.executable, str(ROOT / ".ci" / "floors.py")]
    drawn = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    assert drawn == (ROOT / "docs" / "images" / "floors.svg").read_text()


def test_every_state_of_a_job_is_drawn() -> None:
    states = list(groups(drawing("life"), "state"))
    assert {"".join(texts(state, "name")) for state in states} == set(JobState)
    final = {"".join(texts(state, "name")) for state in groups(drawing("life"), "final")}
    assert final == {state for state in JobState if state.final}


def test_what_moves_a_job_exists() -> None:
    labels = set(re.findall(r"\w+", " ".join(texts(drawing("life"), "label"))))
    outcomes = {kind.__name__ for kind in outcome.Outcome.__args__}
    assert outcomes <= labels
    verbs = {"enqueue", "claim", "cancel", "redrive"}
    assert verbs <= labels
    assert all(hasattr(Broker, verb) for verb in verbs)


def test_the_services_of_the_worker_exist() -> None:
    drawn = {"".join(texts(service, "name")) for service in groups(drawing("services"), "service")}
    assert {
        name for name in drawn if not (ROOT / f"src/headrace/worker/{name}.py").exists()
    } == set()
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    told = set(re.findall(r"^\| (\w+) \|", page, re.MULTILINE)) - {"service", "heart"}
    assert drawn == told


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.stem)
def test_a_drawing_says_what_it_shows_and_loads_nothing(path: Path) -> None:
    root = ET.parse(path).getroot()
    named = {one.get("id") for one in root if one.tag in (f"{SVG}title", f"{SVG}desc") and one.text}
    assert root.get("role") == "img"
    assert named == set(root.get("aria-labelledby", "").split())
    assert {one.tag for one in root.iter()}.isdisjoint(
        {f"{SVG}{tag}" for tag in ("image", "script", "style")}
    )
    references = [value for one in root.iter() for key, value in one.items() if "href" in key]
    references += re.findall(r"url\(([^)]*)\)", path.read_text())
    assert [one for one in references if not one.startswith("#")] == []


def test_ids_are_the_drawings_own() -> None:
    ids = [one.get("id") for path in IMAGES for one in ET.parse(path).iter() if one.get("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", ["floors", "life", "services"])
def test_a_drawing_is_shown(name: str) -> None:
    assert [page for page in PAGES if f'--8<-- "docs/images/{name}.svg"' in page.read_text()]
