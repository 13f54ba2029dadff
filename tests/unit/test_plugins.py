from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from headrace import InvalidURL, MemoryBroker, SchemeConflict, UnknownScheme
from headrace.plugins import GROUP, broker_from_url, pick


def entry(name: str, value: str = "package:Broker") -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_memory_is_found_like_any_other() -> None:
    assert isinstance(broker_from_url("memory://"), MemoryBroker)


def test_a_scheme_is_found_among_others() -> None:
    assert pick("b", [entry("a"), entry("b", "other:Broker")]).value == "other:Broker"


def test_the_same_entry_twice_is_one() -> None:
    """An editable install beside a wheel shows the same distribution twice."""
    assert pick("a", [entry("a"), entry("a")]).value == "package:Broker"


@pytest.mark.parametrize(
    ("scheme", "remedy"),
    [
        ("redis", r'pip install "headrace\[redis\]"'),
        ("redis+cluster", r'pip install "headrace\[redis\]"'),
        ("nats", r'pip install "headrace\[nats\]"'),
        ("kafka", "install a package with an entry point 'kafka' in the group 'headrace.brokers'"),
    ],
)
def test_an_unknown_scheme_names_what_is_there_and_the_remedy(scheme: str, remedy: str) -> None:
    with pytest.raises(UnknownScheme, match=remedy) as caught:
        pick(scheme, [entry("memory"), entry("b")])
    assert f"no broker serves {scheme}://. Installed: b://, memory://" in str(caught.value)


def test_nothing_at_all_is_installed() -> None:
    with pytest.raises(UnknownScheme, match="Installed: none"):
        pick("a", [])


def test_two_claimants_are_named() -> None:
    with pytest.raises(SchemeConflict, match=r"claimed by one:Broker and two:Broker: uninstall"):
        pick("a", [entry("a", "two:Broker"), entry("a", "one:Broker")])


def test_a_claimant_is_named_with_its_distribution() -> None:
    with pytest.raises(SchemeConflict, match=r"headrace\.memory:MemoryBroker of headrace"):
        from importlib.metadata import entry_points

        pick("memory", [*entry_points(group=GROUP), entry("memory")])


@pytest.mark.parametrize("url", ["memory", "memory:", "://", "memory://host", "memory://?a=b"])
def test_urls_that_lead_nowhere(url: str) -> None:
    with pytest.raises(InvalidURL):
        broker_from_url(url)
