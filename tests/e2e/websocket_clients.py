"""The real WebSocket clients, each behind the same calls, so that a test can be driven by all."""

import asyncio
import socket
from importlib.util import find_spec
from typing import Any, Protocol

import aiohttp
import websockets
from websockets.asyncio.client import connect as connect_websockets
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_blocking

from .raw_client import RawClient
from .server_process import ServerProcess
from .waiting import DEADLINE_S

MAX_BYTES = 16 * 1024 * 1024

__all__ = [
    "WEBSOCKET_CLIENTS",
    "Closed",
    "Refused",
    "WebSocketClient",
    "open_websocket",
    "open_websocket_at",
]


class Refused(Exception):
    """The handshake was answered, but not with 101."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Closed(Exception):
    """The server has closed, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class WebSocketClient(Protocol):
    """One WebSocket; ``connect`` raises Refused, ``receive`` Closed."""

    subprotocol: str | None
    headers: list[tuple[str, str]]

    async def connect(self, url: str, subprotocols: tuple[str, ...] = ()) -> None: ...

    async def send(self, message: str | bytes) -> None: ...

    async def receive(self) -> str | bytes: ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


class WebsocketsClient:
    """websockets, with its asyncio face."""

    async def connect(self, url: str, subprotocols: tuple[str, ...] = ()) -> None:
        address = url.split("/")[2].rsplit(":", 1)
        # With a socket of our own there is no proxy in between, in any version.
        own_socket = socket.create_connection((address[0], int(address[1])), DEADLINE_S)
        try:
            self._socket = await connect_websockets(
                url, sock=own_socket, subprotocols=list(subprotocols) or None, max_size=MAX_BYTES
            )
        except websockets.InvalidStatus as refusal:
            raise Refused(refusal.response.status_code) from None
        self.subprotocol = self._socket.subprotocol
        assert self._socket.response is not None
        self.headers = list(self._socket.response.headers.raw_items())

    async def send(self, message: str | bytes) -> None:
        await self._socket.send(message)

    async def receive(self) -> str | bytes:
        try:
            return await asyncio.wait_for(self._socket.recv(), DEADLINE_S)
        except websockets.ConnectionClosed as end:
            if end.rcvd is None:
                raise
            raise Closed(end.rcvd.code, end.rcvd.reason) from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._socket.close(code, reason)


class AiohttpClient:
    """aiohttp, which does without compression unless it is asked to."""

    async def connect(self, url: str, subprotocols: tuple[str, ...] = ()) -> None:
        self._session = aiohttp.ClientSession()
        try:
            self._socket = await self._session.ws_connect(
                url, protocols=subprotocols, compress=15, max_msg_size=MAX_BYTES
            )
        except aiohttp.WSServerHandshakeError as refusal:
            await self._session.close()
            raise Refused(refusal.status) from None
        self.subprotocol = self._socket.protocol
        self.headers = list(self._socket._response.headers.items())

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._socket.send_str(message)
        else:
            await self._socket.send_bytes(message)

    async def receive(self) -> str | bytes:
        message = await self._socket.receive(DEADLINE_S)
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            return message.data
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        raise Closed(message.data, message.extra or "")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._socket.close(code=code, message=reason.encode())
        await self._session.close()


class PicowsClient:
    """picows, which has no compression."""

    async def connect(self, url: str, subprotocols: tuple[str, ...] = ()) -> None:
        import picows

        fields = {"sec-websocket-protocol": ", ".join(subprotocols)} if subprotocols else {}
        self._picows: Any = picows
        self._received: asyncio.Queue[str | bytes | Closed] = asyncio.Queue()
        try:
            self._transport, _ = await picows.ws_connect(
                self._make_listener, url, extra_headers=fields, max_frame_size=MAX_BYTES
            )
        except picows.WSInvalidStatusError as refusal:
            raise Refused(refusal.response.status) from None
        self.headers = list(self._transport.response.headers.items())
        self.subprotocol = self._transport.response.headers.get("sec-websocket-protocol")

    def _make_listener(self) -> Any:
        picows, received = self._picows, self._received

        class Listener(picows.WSListener):
            def on_ws_frame(self, transport: Any, frame: Any) -> None:
                assert frame.fin, "the server does not fragment"
                if frame.msg_type == picows.WSMsgType.TEXT:
                    received.put_nowait(frame.get_payload_as_utf8_text())
                elif frame.msg_type == picows.WSMsgType.BINARY:
                    received.put_nowait(frame.get_payload_as_bytes())
                elif frame.msg_type == picows.WSMsgType.CLOSE:
                    code = int(frame.get_close_code())
                    received.put_nowait(Closed(code, frame.get_close_reason() or ""))
                    transport.send_close(frame.get_close_code())
                    transport.disconnect()

        return Listener()

    async def send(self, message: str | bytes) -> None:
        kinds = self._picows.WSMsgType
        is_text = isinstance(message, str)
        data = message.encode() if isinstance(message, str) else message
        self._transport.send(kinds.TEXT if is_text else kinds.BINARY, data)

    async def receive(self) -> str | bytes:
        received = await asyncio.wait_for(self._received.get(), DEADLINE_S)
        if isinstance(received, Closed):
            raise received
        return received

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._transport.send_close(code, reason.encode())
        await asyncio.wait_for(self._transport.wait_disconnected(), DEADLINE_S)


WEBSOCKET_CLIENTS: dict[str, type[WebSocketClient]] = {
    "aiohttp": AiohttpClient,
    "websockets": WebsocketsClient,
}
if find_spec("picows"):  # for CPython only
    WEBSOCKET_CLIENTS["picows"] = PicowsClient


def open_websocket(server: ServerProcess, target: str, **options: Any) -> ClientConnection:
    """A WebSocket of the client that blocks, of websockets; *options* are its."""
    return open_websocket_at(server.address, target, **options)


def open_websocket_at(address: tuple[str, int], target: str, **options: Any) -> ClientConnection:
    """As `open_websocket`, for whoever listens at *address*."""
    raw = RawClient(address)
    url = "ws://{}:{}{}".format(*address, target)
    return connect_blocking(url, sock=raw.socket, open_timeout=DEADLINE_S, **options)
