"""What is fuzzed: every property of what comes from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from hypothesis import is_hypothesis_test

INSTRUMENTED = ["headrace", "headrace_nats", "headrace_redis"]
"""Whose branches guide what is tried next."""

MODULES = (
    "tests.unit.test_hostile_bytes",
    "tests.unit.test_codec",
    "tests.unit.test_secrets",
    "tests.unit.test_urls",
    "brokers.nats.tests.test_address",
    "brokers.nats.tests.test_hostile_bytes",
    "brokers.nats.tests.test_parser",
    "brokers.redis.tests.test_address",
    "brokers.redis.tests.test_hostile",
)
"""Where the properties of bytes, URLs and secrets stand."""


def properties(module: str) -> Iterator[str]:
    """Yield the names of a module's properties, such as `tests.unit.test_codec:test_a`."""
    for name, value in vars(import_module(module)).items():
        if name.startswith("test_") and is_hypothesis_test(value):
            yield f"{module}:{name}"


def entry(target: str) -> Callable[[bytes], None]:
    """Return what takes a fuzzer's bytes, draws a property's arguments from them, and checks it."""
    module, _, name = target.partition(":")
    fuzz: Callable[[bytes], None] = getattr(import_module(module), name).hypothesis.fuzz_one_input
    return fuzz
