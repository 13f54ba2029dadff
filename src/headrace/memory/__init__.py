"""The memory broker: the reference implementation of the contract, in this process."""

from headrace.memory.broker import MemoryBroker

__all__ = ["MemoryBroker"]
