from headrace import Queue

queue = Queue()


@queue.task
async def add(a: int, b: int = 2) -> int:
    return a + b
