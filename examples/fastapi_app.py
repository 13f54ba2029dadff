"""A FastAPI app that hands work to a queue, waits for results, and tells whether it is well.

`$HEADRACE_URL` names the broker, such as `redis://localhost:6379/0`. In one terminal, in another
one, and to try it:

    headrace worker examples.fastapi_app:queue
    uvicorn examples.fastapi_app:app

    curl -X PUT localhost:8000/invoices/7 -H 'Content-Type: application/json' \
        -d '{"item": "wheel", "count": 3, "price": "19.90"}'
    curl 'localhost:8000/invoices/7?wait=10'
    curl localhost:8000/health

It needs `fastapi` and `uvicorn`.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Response, status

from headrace import BrokerError, JobFailed, JobNotFound, Queue, Reject, ResultTimeout

queue = Queue(name="invoices")


@dataclass
class Order:
    """What is ordered; the body of a request and an argument of a job."""

    item: str
    count: int
    price: Decimal


@queue.task(timeout=30)
async def write_invoice(number: int, order: Order) -> str:
    """Write an invoice. In earnest it would take a while."""
    if order.count < 1:
        reason = "nothing was ordered"
        raise Reject(reason)
    return f"invoice {number}: {order.count} x {order.item}, {order.count * order.price} EUR"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    """Keep the queue open while the app serves."""
    async with queue:
        yield


app = FastAPI(lifespan=lifespan)


@app.put("/invoices/{number}", status_code=status.HTTP_202_ACCEPTED)
async def accept(number: int, order: Order) -> dict[str, str | bool]:
    """Store a job. The number is its id, so that the same request again is the same job."""
    task = write_invoice.options(job_id=f"invoice-{number}")
    job = await queue.enqueue(task, number, order)
    return {"job": job.id, "new": not job.duplicate}


@app.get("/invoices/{number}")
async def read(
    number: int, response: Response, wait: Annotated[float, Query(ge=0, le=30)] = 0
) -> dict[str, str]:
    """Return the invoice, or how far it is; wait for it so many seconds."""
    job = queue.job(f"invoice-{number}")
    try:
        return {"invoice": await job.result(timeout=wait)}
    except ResultTimeout:
        response.status_code = status.HTTP_202_ACCEPTED
        return {"state": await job.status()}
    except JobNotFound as error:
        raise HTTPException(status.HTTP_404_NOT_FOUND) from error
    except JobFailed as error:
        raise HTTPException(status.HTTP_409_CONFLICT, error.reason) from error


@app.get("/health")
async def health() -> dict[str, int]:
    """Tell how many jobs there are, or that the broker does not answer."""
    try:
        stats = await queue.stats()
    except BrokerError as error:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, str(error)) from error
    return {"ready": sum(stats.ready), "running": stats.running, "dead": stats.dead}
