"""What the trials import, but nothing of the project: they begin with it in memory."""

import asyncio  # noqa: F401
import logging  # noqa: F401

import anyio  # noqa: F401
import cronsim  # noqa: F401
import msgspec  # noqa: F401
import orjson  # noqa: F401
import redis.asyncio  # noqa: F401
import rich  # noqa: F401
import uvloop  # noqa: F401
