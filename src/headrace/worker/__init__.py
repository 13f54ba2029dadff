"""The worker: services around a queue, put together in `worker.py`."""
