"""The steps of a Containerfile, done in folders instead of containers: no engine is needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import venv
from pathlib import Path
from typing import NamedTuple


class Step(NamedTuple):
    """An instruction and what stands behind it."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """What stands behind it, as a list: the exec form, or words."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


def read_stages(file: Path) -> list[list[Step]]:
    """Return the steps of each stage, which begins with its FROM."""
    stages: list[list[Step]] = []
    for line in file.read_text().replace("\\\n", " ").splitlines():
        name, _, text = line.partition(" ")
        if name == "FROM":
            stages.append([])
        if name and not name.startswith("#"):
            stages[-1].append(Step(name, text.strip()))
    return stages


def _ways() -> dict[str, str]:
    """Return the variables that tell pip how to reach its index."""
    ways = ("PIP_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: value for name, value in os.environ.items() if name.upper().startswith(ways)}


class Bench:
    """Where stages are built, one after the other in the same place: paths in them stay true.

    Args:
        folder: An empty one.
        context: What COPY copies from.

    Attributes:
        root: What is `/` in the present stage.
        environment: The variables that the present stage has.
    """

    def __init__(self, folder: Path, context: Path) -> None:
        self.root = folder / "root"
        self.environment: dict[str, str] = {}
        self._folder = folder
        self._context = context
        self._done: dict[str, Path] = {}
        self._place = self.root
        venv.create(folder / "base", with_pip=True)

    def build(self, stage: list[Step]) -> None:
        """Do the steps of one stage in order; what was in the place before is kept aside."""
        self.root.mkdir()
        self._place = self.root
        self.environment = {"PATH": f"{self._folder}/base/bin:/usr/bin:/bin", **_ways()}
        for step in stage:
            act = getattr(self, f"_{step.name.lower()}", None)
            if act is not None:
                act(step)
        name = stage[0].text.partition(" AS ")[2]
        if name:
            self._done[name] = self._folder / name
            self.root.rename(self._done[name])

    def inside(self, text: str) -> str:
        """Return a text with paths that begin at `/` leading below the root."""
        below = re.compile(r"(?<![\w./-])/(source|wheels|venv|app)\b")
        return below.sub(rf"{self.root}/\1", text)

    def _workdir(self, step: Step) -> None:
        self._place = Path(self.inside(step.text))
        self._place.mkdir(parents=True, exist_ok=True)

    def _env(self, step: Step) -> None:
        for word in step.words:
            name, _, value = word.partition("=")
            value = value.replace("$PATH", self.environment["PATH"])
            self.environment[name] = self.inside(value)

    def _run(self, step: Step) -> None:
        command = ["sh", "-ec", self.inside(step.text)]
        done = subprocess.run(
            command,
            cwd=self._place,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{step.text}\n{done.stdout}{done.stderr}"

    def _copy(self, step: Step) -> None:
        *sources, target = [word for word in step.words if not word.startswith("--")]
        stages = [word.partition("=")[2] for word in step.words if word.startswith("--from=")]
        origin = self._done[stages[0]] if stages else self._context
        place = self._place / self.inside(target)
        for source in sources:
            found = origin / source.lstrip("/")
            if found.is_dir():
                shutil.copytree(found, place, symlinks=True)
            else:
                shutil.copy(found, place)
