"""A report as HTML and as Markdown."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec import structs

from headrace.bench.document import Document, Heading, Paragraph
from headrace.bench.html import html
from headrace.bench.markdown import markdown
from headrace.bench.plots import plots
from headrace.bench.record import Record
from headrace.bench.report import report
from headrace.bench.wording import presentable
from tests.bench.specimen import specimen

EVIL = "<script src=//x>|`**[a](b)**\"'</td></style>&lt;"
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "div"),
    *("table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "b"),
    *("svg", "g", "defs", "path", "use", "text", "clippath", "rect"),
}


class Page(HTMLParser):
    """What is in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def evil(text: str = EVIL) -> Record:
    """Make a run of which every text is hostile."""
    record = specimen()
    series = record.series[0]
    return presentable(
        structs.replace(
            record,
            complete=False,
            command=text,
            machine=structs.replace(record.machine, processor=text, system=text),
            versions={text: text},
            settings={text: text},
            notes=[text],
            series=[
                structs.replace(series, subject=text, unit=text, variant={text: text}),
                structs.replace(series, workload=text, metric=text),
            ],
        )
    )


def told(document: Document, kind: type[Heading | Paragraph]) -> list[str]:
    return [block.text for block in document.blocks if isinstance(block, kind)]


def test_a_page_may_load_nothing_and_asks_for_nothing() -> None:
    text = html(report(specimen(), plots(specimen()), specimen()))
    page = Page(text)
    assert page.tags <= ALLOWED
    [css] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert ("content", policy) in page.attributes
    assert "url(" not in css
    assert "@import" not in css
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "srcset", "style", "action", "data", "onload", "xlink:href"}
    assert all(value.startswith("#") for name, value in page.attributes if name == "href")
    assert set(re.findall(r"\w+://[^\"'<\s]+", text)) == {
        "http://www.w3.org/2000/svg",
        "redis://localhost:6379/0",
    }


def test_nothing_of_a_record_is_markup_in_html() -> None:
    text = html(report(evil(), plots(evil()), evil()))
    page = Page(text)
    assert page.tags <= ALLOWED
    assert text.count("<script") == 0
    assert page.text.count(EVIL) > 10


def test_nothing_of_a_record_is_markup_in_markdown() -> None:
    text = markdown(report(evil(), [], specimen()))
    rendered = MarkdownIt().enable("table").enable("strikethrough").render(text)
    page = Page(rendered)
    assert page.tags <= {"h1", "h2", "h3", "p", "strong", "table", *ALLOWED}
    assert page.text.count(EVIL) > 10


@given(st.text(min_size=1, max_size=30))
@settings(deadline=None)
def test_tables_keep_their_cells_whatever_is_in_them(text: str) -> None:
    document = report(evil(text), [])
    rendered = MarkdownIt().enable("table").render(markdown(document))
    assert rendered.count("<tr>") == html(document).count("<tr>")
    assert rendered.count("<td") == html(document).count("<td")
    assert Page(rendered).tags <= {"strong", *ALLOWED}
    assert Page(html(document)).tags <= ALLOWED


def test_two_reports_of_one_run_are_equal() -> None:
    def written() -> Sequence[str]:
        document = report(specimen(), plots(specimen()), specimen())
        return html(document), markdown(document)

    assert written() == written()


def test_a_report_goes_from_cautions_over_plots_and_figures_to_the_run() -> None:
    document = report(specimen(), plots(specimen()))
    assert document.title == "Benchmarks of 2026-11-22 16:00 UTC"
    headings = told(document, Heading)
    assert headings[:3] == ["Plots", "Figures", "enqueue"]
    assert headings[-2:] == ["stages", "The run"]
    assert told(document, Paragraph)[0] == "Note: nothing was pinned: there are only 2 cores"


def test_markdown_has_the_tables_and_names_the_plots_beside_it() -> None:
    text = markdown(report(specimen(), plots(specimen())))
    assert (
        "### burst\n\nRepetitions: 5.\n\n"
        "| subject | accept, ms | drain, ms |\n"
        "| :-- | --: | --: |\n"
        "| memory | 160 (157–163) | 160 (157–163) |\n"
        "| redis | 160 (157–163) | 160 (157–163) |\n"
        "| nats | 160 (157–163) | 160 (157–163) |\n"
    ) in text
    assert "![Throughput: drain](drain-throughput.svg)" in text
    assert "| load | 0.25 at the beginning, 1.50 at the end |" in text
    assert "| version of redis-server | 7.0.15 |" in text


def test_a_run_that_was_ended_early_says_so() -> None:
    first, *_ = report(evil("x"), []).blocks
    assert isinstance(first, Paragraph)
    assert first.warning
    assert "ended early" in first.text


def test_a_comparison_begins_with_what_changed() -> None:
    old = specimen()
    slower = structs.replace(old.series[0], values=[v * 0.5 for v in old.series[0].values])
    new = structs.replace(
        old, series=[slower, *old.series[1:]], versions={"headrace": "0.2.0"}, took=1.0
    )
    document = report(new, [], old)
    text = markdown(document)
    count = len(old.series)
    assert f"Of {count} figures: 1 worse, {count - 1} within noise." in text
    assert "By chance alone at most 1.5 of them would be." in text
    assert (
        "**The runs differ in more than their figures: version of headrace 0.1.0 → 0.2.0;"
        " version of redis-server 7.0.15 → –.**" in text
    )
    assert (
        "| enqueue | way sequential | memory | throughput, jobs/s | ▼ worse |"
        " 6,110 (5,988–6,232) | 3,055 (2,994–3,116) | -50.0 % | +0.0 % |" in text
    )
    assert html(document).count('<tr class="worse">') == 1
