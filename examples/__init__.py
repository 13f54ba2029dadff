"""Small programs on Headrace, run as their docstrings say; each is tested on Redis and on NATS."""
