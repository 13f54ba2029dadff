"""A distribution that is found like an installed one."""

from __future__ import annotations

from pathlib import Path

from headrace.plugins import GROUP


def install(folder: Path, name: str, **brokers: str) -> None:
    """Have brokers found wherever a folder is on the path.

    Args:
        folder: Where the distribution is put.
        name: Of the distribution.
        brokers: What makes each of them, such as `tests.cli.shop:connect`, by URL scheme.
    """
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{scheme} = {maker}" for scheme, maker in brokers.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
