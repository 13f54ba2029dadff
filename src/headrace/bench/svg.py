"""What matplotlib drew, made fit to stand in a page and beside one."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from headrace.bench.palette import dark_css

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def inlined(drawn: str, name: str, title: str) -> str:
    """Return a drawing as an `<svg>` element that needs nothing of its page and changes nothing.

    Its styles become attributes, as a strict policy of contents wants it; its ids begin with its
    name; it is as wide as there is room; it tells its title to those who do not see it.

    Args:
        drawn: By matplotlib, with `svg.fonttype` `none`.
        name: Of one word.
        title: In any words.
    """
    root = ET.fromstring(drawn)  # noqa: S314 - drawn in this process, a moment ago
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}style", f"{{{_SVG}}}metadata"):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
        element.text = (element.text or "").strip()
        element.tail = None
        element.attrib = _attributes(element, name)
    box = root.attrib["viewBox"]
    root.attrib = {
        "xmlns": _SVG,
        "viewBox": box,
        "role": "img",
        "font-family": FONT,
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }
    heading = ET.Element("title")
    heading.text = title
    root.insert(0, heading)
    return ET.tostring(root, encoding="unicode")


def standalone(svg: str) -> str:
    """Return such an element as a file, which is dark where the reader's system is."""
    start = svg.index(">") + 1
    return f"{svg[:start]}<style>{dark_css()}</style>{svg[start:]}\n"


def _attributes(element: ET.Element, name: str) -> dict[str, str]:
    found = dict(element.attrib)
    for rule in found.pop("style", "").split("; "):
        key, _, value = rule.partition(": ")
        if key and key != "font-family":
            found[key] = value
    if target := found.pop(_LINK, ""):
        found["href"] = f"#{name}-{target.removeprefix('#')}"
    for key in ("clip-path", "fill"):
        if key in found:
            found[key] = _REFERENCE.sub(rf"url(#{name}-\1)", found[key])
    if "id" in found:
        identity = found.pop("id")
        if element.tag in ("path", "clipPath"):
            found["id"] = f"{name}-{identity}"
    return found
