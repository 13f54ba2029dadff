"""The driver's client, which does not give up and cannot be talked out of TLS."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import nats.aio.client
from nats.errors import Error, ProtocolError, SecureConnWantedError
from nats.protocol.parser import PERMISSIONS_ERR


class Client(nats.aio.client.Client):
    """The driver's client. Told to speak TLS or to try for ever, it does.

    By itself the driver speaks TLS only if the server asks for it, in a greeting that is not
    encrypted yet: whoever can change that greeting could have the credentials sent in the clear,
    or name servers of his own. It closes for good when the server ends a connection with a reason,
    and waits without a limit for the end of connections that are broken. Where it cannot read what
    came, it reads no more and takes the connection for a good one.
    """

    def _connect_command(self) -> bytes:
        if "tls" in self.options and not self._server_info.get("tls_required"):
            raise SecureConnWantedError
        return super()._connect_command()

    async def _process_info(
        self,
        info: dict[str, Any],
        initial_connection: bool = False,  # noqa: FBT001, FBT002 - as the driver has it
    ) -> None:
        if initial_connection and "tls" in self.options:
            # The server names the others again when the connection is safe.
            info = {**info, "connect_urls": None}
        await super()._process_info(info, initial_connection)

    async def _process_connect_init(self) -> None:
        # What a connection that broke had sent last was read behind its end, and is no beginning.
        self._ps.reset()
        try:
            await super()._process_connect_init()
        except BaseException:
            # The driver would wait for the end of a connection that failed in its TLS handshake,
            # and is never told of it.
            self._abort()
            self._transport = None
            raise

    async def _read_loop(self) -> None:
        await super()._read_loop()
        driver: Any = self
        if self.is_connected and driver._reading_task is asyncio.current_task():  # noqa: SLF001
            # At an error that it does not know the driver reads no more, and stays connected.
            await self._process_op_err(ProtocolError())

    async def _process_err(self, err_msg: str) -> None:
        if PERMISSIONS_ERR in err_msg:
            await super()._process_err(err_msg)
            return
        # Credentials ran out, the server is full, it thinks us slow: it hangs up, and may have us
        # back in a moment.
        error = Error(f"nats: {err_msg.strip(chr(39))}")
        await self._error_cb(error)
        await self._process_op_err(error)

    async def _flush_pending(self, force_flush: bool = False) -> Any:  # noqa: FBT001, FBT002
        if self.is_connected and self._is_cut:
            message = "the connection is cut, and the driver has not noticed yet"
            raise ConnectionResetError(message)
        return await super()._flush_pending(force_flush)

    async def _ping_interval(self) -> None:
        # Nobody waits for these pings, and who reads is told of the end of the connection too.
        with suppress(ConnectionResetError):
            await super()._ping_interval()

    async def _close(self, status: int, do_cbs: bool = True) -> None:  # noqa: FBT001, FBT002
        if self._is_cut:
            self._pending, self._pending_data_size = [], 0
        await super()._close(status, do_cbs)

    async def _attempt_reconnect(self) -> None:
        # The driver would wait for the other end to agree, which may be gone.
        self._abort()
        await super()._attempt_reconnect()

    def _abort(self) -> None:
        if self._wire is not None:
            self._wire.abort()

    @property
    def _is_cut(self) -> bool:
        """Whether nothing can be written: uvloop has an error of its own for who tries."""
        return self._wire is not None and self._wire.is_closing()

    @property
    def _wire(self) -> asyncio.WriteTransport | None:
        writer: asyncio.StreamWriter | None = getattr(self._transport, "_io_writer", None)
        return writer.transport if writer is not None else None
