"""The shop: has none of billing's code. What it sends is plain data, and so is what comes back."""

import asyncio

from headrace import JobFailed, Queue

queue = Queue(name="billing")
charge = queue.remote("billing.charge")


async def main() -> None:
    """Have an order charged; then one that billing cannot read."""
    lines = [{"item": "wheel", "price": "19.90", "count": 2}, {"item": "bell", "price": "5.00"}]
    async with queue:
        # The order's number makes it one job, however often it is sent.
        job = await queue.enqueue(charge.options(job_id="order-42"), 42, lines)
        receipt = await job.result(timeout=10)
        print(f"order {receipt['order']}: {receipt['total']} EUR")

        # Arguments are checked by who has the code: here that is the worker.
        job = await queue.enqueue("billing.charge", 43, [{"item": "bell"}])
        try:
            await job.result(timeout=10)
        except JobFailed as error:
            print(f"order 43: {error.reason}")


if __name__ == "__main__":
    asyncio.run(main())
