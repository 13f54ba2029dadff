from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from app import add, queue
from fastapi import FastAPI, HTTPException

from headrace import JobNotFound, ResultTimeout


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    async with queue:
        yield


app = FastAPI(lifespan=lifespan)


@app.put("/sums/{name}", status_code=202)
async def begin(name: str, a: int, b: int) -> dict[str, str | bool]:
    job = await queue.enqueue(add.options(job_id=name), a, b)
    return {"id": job.id, "new": not job.duplicate}


@app.get("/sums/{name}")
async def end(name: str) -> dict[str, int]:
    try:
        return {"sum": await queue.job(name).result(timeout=10)}
    except JobNotFound as error:
        raise HTTPException(404) from error
    except ResultTimeout as error:
        raise HTTPException(503, "not yet") from error
