"""The NATS JetStream broker of Headrace. `NatsBroker` is all there is to know of it."""

from headrace_nats.broker import NatsBroker

__all__ = ["NatsBroker"]
