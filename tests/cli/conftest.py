from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result

from headrace import Queue
from headrace.cli.main import main
from headrace.testing import FaultyBroker
from tests.cli import shop as shop_module
from tests.distribution import install

Command: TypeAlias = Callable[..., Result]

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    """Commands set up logging for their process; here it must not outlast the test."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder with a distribution whose brokers are found by `shop://…` and `away://…`."""
    makers = {"shop": "tests.cli.shop:connect", "away": "tests.cli.shop:disconnect"}
    install(tmp_path, "shop-broker", **makers)
    return tmp_path


@pytest.fixture
def shop(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """A busy queue: `tests.cli.shop:shop`, and at `shop://…`."""
    monkeypatch.setattr(sys, "path", [str(plugins), *sys.path])
    queue = shop_module.make()
    monkeypatch.setattr(shop_module, "shop", queue)
    asyncio.run(shop_module.deal(queue))
    return queue


@pytest.fixture
def faulty(shop: Queue) -> FaultyBroker:
    """The broker of the shop."""
    assert isinstance(shop.broker, FaultyBroker)
    return shop.broker


@pytest.fixture
def headrace() -> Command:
    """Run a command, and make sure that it does not end in a traceback."""

    def invoke(*args: str, answer: str = "") -> Result:
        result = CliRunner().invoke(main, args, input=answer, auto_envvar_prefix="HEADRACE")
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke
