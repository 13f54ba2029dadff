"""Two services that share a queue: the shop knows of billing only the names of its tasks.

`$HEADRACE_URL` names the broker, such as `redis://localhost:6379/0`. In one terminal, and in
another one, which could be another repository with other dependencies:

    headrace worker examples.two_services.billing:queue
    python -m examples.two_services.shop
"""
