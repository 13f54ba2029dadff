"""Billing: has the tasks, and runs the worker. Their names and arguments are its interface."""

from decimal import Decimal

from msgspec import Struct

from headrace import Queue

queue = Queue(name="billing")


class Line(Struct):
    """One line of an order."""

    item: str
    price: Decimal
    count: int = 1


class Receipt(Struct):
    """What the shop is told."""

    order: int
    total: Decimal


@queue.task(name="billing.charge")
async def charge(order: int, lines: list[Line]) -> Receipt:
    """Charge for an order."""
    return Receipt(order, sum((line.price * line.count for line in lines), Decimal(0)))
