import asyncio

from headrace import JobFailed, Queue, RetryPolicy, Worker

queue = Queue("memory://")


@queue.task(retry=RetryPolicy(attempts=2, base=1))
async def divide(a: int, b: int) -> float:
    return a / b


async def main() -> None:
    async with queue:
        worker = Worker(queue)
        running = asyncio.create_task(worker.run(signals=False))

        job = await queue.enqueue(divide, 1, 0)
        try:
            await job.result(timeout=10)
        except JobFailed as error:
            print(error.reason)

        async for letter in queue.dead_letters():
            print(letter.task, [failure.message for failure in letter.failures])

        worker.stop()
        await running


asyncio.run(main())
