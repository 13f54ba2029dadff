"""The Redis and Valkey broker of Headrace. `RedisBroker` is all there is to know of it."""

from headrace_redis.broker import RedisBroker

__all__ = ["RedisBroker"]
