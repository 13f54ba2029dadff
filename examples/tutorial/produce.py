import asyncio

from app import add, queue


async def main() -> None:
    async with queue:
        job = await queue.enqueue(add, 40)
        print(await job.result(timeout=10))

        jobs = await queue.enqueue_many(add.call(number) for number in range(1000))
        print(sum([await job.result(timeout=10) for job in jobs]))


asyncio.run(main())
