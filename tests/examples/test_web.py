"""The web apps: the same requests get the same answers from both."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.examples.conftest import Open
from tests.examples.terminal import Terminal
from tests.faults.site import Site
from tests.servers import free_port

ORDER = {"item": "wheel", "count": 3, "price": "19.90"}


@pytest.fixture(params=["fastapi_app", "litestar_app"])
def module(request: pytest.FixtureRequest) -> str:
    return f"examples.{request.param}"


@pytest.fixture
def web(module: str, terminal: Open) -> Iterator[httpx.Client]:
    server, port = terminal(), free_port()
    server.type(f"uvicorn {module}:app --port {port}")
    server.read_until("Application startup complete")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    _, lines = server.interrupt()
    assert any("Application shutdown complete" in line for line in lines), lines


def test_an_order_becomes_an_invoice(
    web: httpx.Client, module: str, site: Site, worker: Callable[..., Terminal]
) -> None:
    assert web.get("/invoices/7").status_code == 404
    accepted = web.put("/invoices/7", json=ORDER)
    assert (accepted.status_code, accepted.json()) == (202, {"job": "invoice-7", "new": True})
    again = web.put("/invoices/7", json=ORDER)
    assert (again.status_code, again.json()) == (202, {"job": "invoice-7", "new": False})
    assert web.put("/invoices/8", json={**ORDER, "count": "many"}).status_code in (400, 422)
    assert web.get("/invoices/7", params={"wait": 31}).status_code in (400, 422)

    waiting = web.get("/invoices/7")
    assert (waiting.status_code, waiting.json()) == (202, {"state": "queued"})
    assert web.get("/health").json() == {"ready": 1, "running": 0, "dead": 0}

    working = worker(f"{module}:queue")
    invoice = web.get("/invoices/7", params={"wait": 30})
    assert invoice.status_code == 200
    assert invoice.json() == {"invoice": "invoice 7: 3 x wheel, 59.70 EUR"}

    web.put("/invoices/9", json={**ORDER, "count": 0})
    refused = web.get("/invoices/9", params={"wait": 30})
    assert refused.status_code == 409
    assert refused.json()["detail"] == "rejected by its task: nothing was ordered"
    assert web.get("/health").json()["dead"] == 1
    assert working.interrupt()[0] == 0

    site.kill()
    assert web.get("/health").status_code == 503
    site.start()
    # A client of NATS needs a moment until it is connected again.
    while web.get("/health").status_code == 503:
        pass
    assert web.get("/health").json()["dead"] == 1
