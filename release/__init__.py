"""Makes a release: `uv run --group release python -m release --out dist`.

`docs/contributing/release.md` tells what it does and checks.
"""
