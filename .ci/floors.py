"""Draw the floors of the package, from the contract in pyproject.toml: > docs/images/floors.svg."""

from __future__ import annotations

import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
NOTES = {
    "cli": "the command · the conformance suite, ManualClock",
    "bench": "workloads, and the record of a run",
    "supervisor": "keeps worker processes running",
    "worker": "runs jobs: its services are drawn below",
    "queue": "Queue, the face",
    "link": "a queue's hold on its broker",
    "registry": "tasks of a queue · jobs in batches · dead letters · JobHandle",
    "task": "Task · from a URL to a broker · the reference broker",
    "implementation": "what a task runs, with what, inside what and when",
    "signature": "broker is the contract",
    "codec": "bytes · how a delivery ends · what a doctor finds",
    "durations": "seconds and timedeltas",
    "errors": "what all others stand on",
}
"""What a floor is for, under its first module. A floor may do without."""
STEP = 46

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" role="img" \
aria-labelledby="floors-title floors-desc" fill="currentColor">
<title id="floors-title">The floors of the package headrace</title>
<desc id="floors-desc">{count} floors, one above the other. A module imports only from floors \
below its own. Brokers that are plug-ins stand beside the floor of the contract \
and those below.</desc>
<defs>
<marker id="floors-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" \
orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker>
</defs>
"""
FLOOR = """\
<g class="floor" transform="translate(40 {y})">
<rect class="box" width="500" height="40" rx="4" fill="none" stroke="currentColor"/>
<text class="name" x="14" y="{name_y}" font-size="14">{name}</text>
"""
NOTE = '<text class="note" x="14" y="33" font-size="12">{note}</text>\n'
FOOT = """\
<path class="line" d="M18 10V{end}" fill="none" stroke="currentColor" \
marker-end="url(#floors-tip)"/>
<text class="label" x="12" y="{half}" font-size="12" text-anchor="middle" \
transform="rotate(-90 12 {half})">imports run down</text>
<g class="plug-in" transform="translate(566 {contract})">
<rect class="box accent" width="190" height="{tall}" rx="4" fill="none" stroke="currentColor"/>
<text class="name" x="95" y="34" font-size="14" text-anchor="middle">headrace_redis</text>
<text class="name" x="95" y="56" font-size="14" text-anchor="middle">headrace_nats</text>
<text class="name" x="95" y="78" font-size="14" text-anchor="middle">and yours</text>
<text class="note" x="95" y="108" font-size="12" text-anchor="middle">import the contract</text>
<text class="note" x="95" y="124" font-size="12" text-anchor="middle">and what lies below it</text>
</g>
<path class="line dashed" d="M661 {above}V{plugins}H546" fill="none" stroke="currentColor" \
stroke-dasharray="5 4" marker-end="url(#floors-tip)"/>
<text class="label" x="670" y="{found}" font-size="12">found by</text>
<text class="label" x="670" y="{entry}" font-size="12">entry point</text>
<text class="label" x="40" y="{last}" font-size="12">No floor knows a plug-in or a driver: a URL \
leads to a broker through an entry point.</text>
</svg>"""


def floors() -> list[list[str]]:
    """Return the modules of each floor, the highest first."""
    project = tomllib.loads(PYPROJECT.read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    [layers] = [one["layers"] for one in contracts if one.get("containers") == ["headrace"]]
    return [layer.split(" | ") for layer in layers]


def drawn(floors: list[list[str]]) -> str:
    """Return the drawing."""
    bottom = len(floors) * STEP
    text = HEAD.format(height=bottom + 34, count=len(floors))
    for number, modules in enumerate(floors):
        note = NOTES.get(modules[0])
        name = {"name": " · ".join(modules), "name_y": 17 if note else 25}
        text += FLOOR.format(y=number * STEP + 4, **name)
        text += (NOTE.format(note=note) if note else "") + "</g>\n"
    [plugins] = [n * STEP for n, modules in enumerate(floors) if "plugins" in modules]
    [contract] = [n * STEP for n, modules in enumerate(floors) if "broker" in modules]
    return text + FOOT.format(
        end=bottom - 8,
        half=bottom // 2,
        contract=contract + 4,
        tall=bottom - contract - 6,
        above=contract - 2,
        plugins=plugins + 24,
        found=plugins + 62,
        entry=plugins + 78,
        last=bottom + 22,
    )


if __name__ == "__main__":
    print(drawn(floors()))  # noqa: T201
