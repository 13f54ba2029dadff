import asyncio

from headrace import Queue, Worker

queue = Queue("memory://")


@queue.task
async def add(a: int, b: int = 2) -> int:
    return a + b


async def main() -> None:
    async with queue:
        job = await queue.enqueue(add, 40)
        print(await job.status())

        worker = Worker(queue)
        running = asyncio.create_task(worker.run(signals=False))
        print(await job.result(timeout=10))

        worker.stop()
        await running


asyncio.run(main())
