"""The line between a supervisor and one worker process: a pair of sockets.

Down it go requests to stop, one byte each, and its end when the supervisor is gone, however it
went: the kernel closes it. Up it goes one byte when the worker serves. Signals could not say that
much: one that reaches both processes would count twice, and a worker that still imports its tasks
would die of it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from headrace.worker.signals import Requests, listening

logger: logging.Logger = logging.getLogger("headrace.worker")

_STOP = b"s"
_READY = b"r"


class Leash:
    """The supervisor's end. Both ends are open from the start; what is sent waits to be read.

    Attributes:
        theirs: The other end, for the process to inherit.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._ours = ours
        self.theirs: socket.socket = theirs
        self._ours.setblocking(False)

    def ask_to_stop(self) -> None:
        """Send a request to stop. Nothing happens if nobody is there any more."""
        with suppress(OSError):
            self._ours.send(_STOP)

    async def ready(self) -> bool:
        """Wait until the worker serves. A cancelled call leaves the line as it was.

        Returns:
            Whether it does; if not, it has let go of its end.
        """
        try:
            return await asyncio.get_running_loop().sock_recv(self._ours, 1) == _READY
        except OSError:
            return False

    def close(self) -> None:
        """Let go of both ends. Harmless when that was done."""
        self._ours.close()
        self.theirs.close()


@contextmanager
def on_leash(number: int, stop: Callable[[], object]) -> Generator[Callable[[], None]]:
    """Be the supervised one: stop when the supervisor asks, and when it is gone.

    SIGTERM and SIGINT ask too; one request that comes by both ways is heeded once. SIGHUP, which
    is for the supervisor, does nothing.

    Args:
        number: The file descriptor of the inherited end.
        stop: Called at the first and the second request; the third ends the process at once.

    Yields:
        What is to be called when the worker serves.
    """
    requests = Requests(stop)
    loop = asyncio.get_running_loop()
    with socket.socket(fileno=number) as line, listening(requests, lambda: None):
        line.setblocking(False)
        line.set_inheritable(False)

        def heed() -> None:
            # A supervisor that died with something unread resets the line instead of ending it.
            try:
                said = line.recv(1)
            except BlockingIOError:
                return
            except OSError:
                said = b""
            if said:
                requests.come("supervisor")
                return
            loop.remove_reader(line)
            logger.warning("supervisor is gone, worker stops")
            requests.come("end of supervisor")

        def report() -> None:
            with suppress(OSError):
                line.send(_READY)

        loop.add_reader(line, heed)
        heed()
        try:
            yield report
        finally:
            loop.remove_reader(line)
