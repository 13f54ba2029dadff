"""Renew the tested versions, `constraint-dependencies` in pyproject.toml: resolve anew."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYPROJECT = ROOT / "pyproject.toml"
LIST = re.compile(r"^constraint-dependencies = \[\n.*?^\]\n", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Forget the old versions, resolve anew, and write the new ones down."""
    text = PYPROJECT.read_text()
    own = set(tomllib.loads(text)["tool"]["uv"]["sources"])
    PYPROJECT.write_text(LIST.sub("constraint-dependencies = [\n]\n", text))
    subprocess.run(["uv", "lock", "--upgrade"], cwd=ROOT, check=True)  # noqa: S607
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    newest: dict[str, list[str]] = {}
    for package in packages:
        if package["name"] not in own:
            newest.setdefault(package["name"], []).append(package["version"])
    # A package that is locked in two versions, for two kinds of machine, is left to the resolver.
    lines = [f'  "{name}=={found[0]}",\n' for name, found in newest.items() if len(found) == 1]
    new = "constraint-dependencies = [\n" + "".join(lines) + "]\n"
    PYPROJECT.write_text(LIST.sub(new, PYPROJECT.read_text()))


if __name__ == "__main__":
    main()
