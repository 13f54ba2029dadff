"""A Litestar app that hands work to a queue, waits for results, and tells whether it is well.

`$HEADRACE_URL` names the broker, such as `redis://localhost:6379/0`. In one terminal, in another
one, and to try it:

    headrace worker examples.litestar_app:queue
    uvicorn examples.litestar_app:app

    curl -X PUT localhost:8000/invoices/7 -H 'Content-Type: application/json' \
        -d '{"item": "wheel", "count": 3, "price": "19.90"}'
    curl 'localhost:8000/invoices/7?wait=10'
    curl localhost:8000/health

It needs `litestar` and `uvicorn`.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated

from litestar import Litestar, Response, get, put
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from headrace import BrokerError, JobFailed, JobNotFound, Queue, Reject, ResultTimeout

queue = Queue(name="invoices")


class Order(Struct):
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
async def lifespan(_: Litestar) -> AsyncGenerator[None]:
    """Keep the queue open while the app serves."""
    async with queue:
        yield


@put("/invoices/{number:int}", status_code=202)
async def accept(number: FromPath[int], data: JSONBody[Order]) -> dict[str, str | bool]:
    """Store a job. The number is its id, so that the same request again is the same job."""
    task = write_invoice.options(job_id=f"invoice-{number}")
    job = await queue.enqueue(task, number, data)
    return {"job": job.id, "new": not job.duplicate}


@get("/invoices/{number:int}")
async def read(
    number: FromPath[int], wait: Annotated[float, QueryParameter(ge=0, le=30)] = 0
) -> Response[dict[str, str]]:
    """Return the invoice, or how far it is; wait for it so many seconds."""
    job = queue.job(f"invoice-{number}")
    try:
        return Response({"invoice": await job.result(timeout=wait)})
    except ResultTimeout:
        return Response({"state": await job.status()}, status_code=202)
    except JobNotFound as error:
        raise NotFoundException from error
    except JobFailed as error:
        raise HTTPException(error.reason, status_code=409) from error


@get("/health")
async def health() -> dict[str, int]:
    """Tell how many jobs there are, or that the broker does not answer."""
    try:
        stats = await queue.stats()
    except BrokerError as error:
        raise HTTPException(str(error), status_code=503) from error
    return {"ready": sum(stats.ready), "running": stats.running, "dead": stats.dead}


app = Litestar([accept, read, health], lifespan=[lifespan])
