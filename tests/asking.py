"""Asks a broker that is in trouble, until it answers."""

from __future__ import annotations

import asyncio
from typing import Any

from headrace import Queue
from headrace.errors import BrokerError


async def result_of(handle: Any, patience: float = 30.0) -> Any:
    """Wait for a result, whatever happens to the way to it."""
    async with asyncio.timeout(patience):
        while True:
            try:
                return await handle.result()
            except BrokerError:
                continue


async def settled(queue: Queue) -> None:
    """Wait until no job is left, and see that none was left behind."""
    async with asyncio.timeout(20):
        while True:
            try:
                stats = await queue.stats()
            except BrokerError:
                continue
            if not (sum(stats.ready) or stats.delayed or stats.running):
                return
            await queue.broker.clock.sleep(0.02)


async def insisted(queue: Queue) -> None:
    """Ask until there is an answer: connections that the server closed are used up first."""
    async with asyncio.timeout(20):
        while True:
            try:
                await queue.stats()
            except BrokerError:
                continue
            return
