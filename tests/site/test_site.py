"""The documentation in a real browser: every page, light and dark, narrow and wide.

Needs the group `browser` and Chromium; $HEADRACE_CHROMIUM names one that is not on the path. With
$HEADRACE_SCREENSHOTS every page is photographed into that folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

playwright: Any = pytest.importorskip(
    "playwright.sync_api", reason="the group `browser` is not here"
)
pytest.importorskip("material", reason="the group `docs` is not here")

CHROMIUM = os.environ.get("HEADRACE_CHROMIUM") or shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("there is no Chromium here", allow_module_level=True)

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
SCHEMES = {"light": "default", "dark": "slate"}
WIDTHS = {"wide": 1400, "narrow": 390}

BROKEN_IMAGES = "[...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
FAINT = (Path(__file__).parent / "faint.js").read_text()
OVERFLOWING = (Path(__file__).parent / "overflowing.js").read_text()


class Pages(SimpleHTTPRequestHandler):
    """Serves the site as a host of static pages does, with its page for what is not there."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        if code != 404:
            super().send_error(code, message, explain)
            return
        body = (Path(self.directory) / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build the site, serve it, and return its URL."""
    folder = tmp_path_factory.mktemp("site")
    build = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--quiet",
        "--strict",
        "--site-dir",
        str(folder),
    ]
    subprocess.run(build, cwd=ROOT, check=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    # Whatever is asked for elsewhere fails: no name can be resolved.
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", rules])
        yield chromium
        chromium.close()


class Visitor:
    """A browser window, and what went wrong in it."""

    def __init__(self, browser: Any, site: str, scheme: str = "light") -> None:
        self.site = site
        self.context = browser.new_context(color_scheme=scheme)
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.trouble: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", self._erred)
        self.page.on("request", self._asked)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(f"console: {message.text}")

    def _erred(self, error: Any) -> None:
        self.trouble.append(f"error: {error}")

    def _failed(self, request: Any) -> None:
        self.trouble.append(f"failed: {request.url}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.site, "data:", "blob:")):
            self.trouble.append(f"left the machine: {request.url}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.trouble.append(f"{response.status}: {response.url}")

    def visit(self, path: str) -> Any:
        self.resize("wide")
        self.page.goto(self.site + path, wait_until="networkidle")
        return self.page

    def resize(self, width: str) -> None:
        self.page.set_viewport_size({"width": WIDTHS[width], "height": 900})


@pytest.fixture
def visitor(browser: Any, site: str) -> Iterator[Visitor]:
    visitor = Visitor(browser, site)
    yield visitor
    visitor.context.close()


def address(page: str) -> str:
    """Return where a page of docs/ is on the site."""
    return page.removesuffix("index.md").removesuffix(".md") + (
        "" if page.endswith("index.md") else "/"
    )


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", PAGES)
def test_a_page(path: str, scheme: str, browser: Any, site: str) -> None:
    visitor = Visitor(browser, site, scheme)
    page = visitor.visit(address(path))
    assert page.locator("body").get_attribute("data-md-color-scheme") == SCHEMES[scheme]
    assert page.locator(".md-content h1").count() == 1
    assert page.evaluate(BROKEN_IMAGES) == []
    for width in WIDTHS:
        visitor.resize(width)
        if folder := os.environ.get("HEADRACE_SCREENSHOTS"):
            name = path.removesuffix(".md").replace("/", "-")
            picture = Path(folder) / f"{name}-{scheme}-{width}.png"
            page.screenshot(path=picture, full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.evaluate(OVERFLOWING) == []
        assert page.evaluate(FAINT) == []
    assert visitor.trouble == []
    visitor.context.close()


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("LEASE_LOST", "explanation/cancellation/"),
        ("SIGSTOP", "explanation/clocks/"),
        ("schedules", "how-to/schedules/"),
        ("wire format", "reference/wire-format/"),
        ("OutcomeUnknown", "reference/api/#headrace.OutcomeUnknown"),
    ],
)
def test_a_word_is_found(word: str, path: str, visitor: Visitor) -> None:
    page = visitor.visit("")
    page.locator(".md-search__input").press_sequentially(word)
    page_of, _, anchor = path.partition("#")
    found = f".md-search-result a[href*='/{page_of}']" + (f"[href$='#{anchor}']" if anchor else "")
    page.locator(found).first.wait_for()
    assert visitor.trouble == []


def test_the_palette_can_be_changed_and_is_remembered(visitor: Visitor) -> None:
    page = visitor.visit("")
    body = page.locator("body[data-md-color-scheme='slate']")
    page.locator("label[title='Dark']").click()
    body.wait_for()
    visitor.visit("tutorial/")
    body.wait_for()
    page.locator("label[title='Light']").click()
    page.locator("body[data-md-color-scheme='default']").wait_for()
    assert visitor.trouble == []


def test_code_can_be_copied(visitor: Visitor) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.visit("how-to/benchmark/")
    page.locator(".md-content .highlight").first.hover()
    page.locator(".md-content .highlight button").first.click()
    page.locator(".md-dialog").get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == (
        'pip install "headrace[bench,redis,uvloop]"\nheadrace bench redis://localhost:6379/0'
    )


def test_what_is_not_there_leads_on(visitor: Visitor) -> None:
    page = visitor.visit("how-to/nothing/of/the/kind/")
    assert page.locator("h1").text_content() == "There is no such page"
    [missing] = visitor.trouble[:1]
    assert missing.startswith("404: ")
    assert page.evaluate("[...document.styleSheets].every(s => s.cssRules.length)")
    page.locator(".md-content a", has_text="Tutorial").click()
    page.wait_for_url("**/tutorial/")
