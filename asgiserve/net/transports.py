"""From sockets to transports: plain ones are the event loop's own, TLS is put on here.

TLS transports are those of aiofastnet where it is installed, else the event loop's own.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from asgiserve.net.transport_loop import TransportLoop

if TYPE_CHECKING:
    from asgiserve.net.tls import TlsSettings

__all__ = ["connect_plain", "start_tls"]

logger = logging.getLogger("asgiserve.error")

Factory: TypeAlias = Callable[[], asyncio.Protocol]
Loop: TypeAlias = asyncio.AbstractEventLoop | TransportLoop

# A TLS connection begins with a record of this type (RFC 8446 section 5.1).
HANDSHAKE_RECORD = b"\x16"

PLAIN_REASON = b"This port speaks TLS: use https.\n"
PLAIN_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(PLAIN_REASON), PLAIN_REASON)
)
READ_BYTES = 65536
# How long a client may go on sending before its socket is closed, which could reset it and so take
# the answer away from it.
LINGER_S = 2.0

# Enough for four records of the largest size (RFC 8446 section 5.2) in either direction; aiofastnet
# would take four times as much for each connection.
BIO_BYTES = 4 * (16 * 1024 + 256)


async def connect_plain(
    loop: asyncio.AbstractEventLoop, factory: Factory, sock: socket.socket
) -> None:
    """Make a connection of *sock*, which was accepted, and is owned by this from now on."""
    try:
        await loop.connect_accepted_socket(factory, sock)
    except OSError as exc:
        logger.debug("A connection was lost before it began: %s", exc)


async def start_tls(
    loop: TransportLoop,
    factory: Factory,
    sock: socket.socket,
    client: str,
    tls: TlsSettings,
    *,
    can_watch: bool = True,
) -> None:
    """Shake hands with *client* at *sock*, or tell it that it does not speak TLS.

    What a peer does wrong is logged, never raised.

    Args:
        loop: around the one that runs this.
        sock: accepted and non-blocking; owned by this from now on.
        client: what the log calls the peer.
        can_watch: *loop* can watch sockets; else nobody is told that the port speaks TLS.
    """
    is_ours = True
    try:
        async with asyncio.timeout(tls.handshake_timeout_s):
            first = await peek(loop, sock) if can_watch else HANDSHAKE_RECORD
            if first == HANDSHAKE_RECORD:
                is_ours = False
                await connect(loop, factory, sock, tls, can_watch=can_watch)
            elif first:
                await refuse_plain(loop, sock, client, tls)
    except TimeoutError:
        logger.debug("%s - no TLS handshake in %g s", client, tls.handshake_timeout_s)
    except OSError as exc:
        logger.debug("%s - TLS handshake failed: %s", client, str(exc) or type(exc).__name__)
    finally:
        # A transport closes its socket itself: later, when others may have its number already.
        if is_ours:
            sock.close()


async def connect(
    loop: TransportLoop,
    factory: Factory,
    sock: socket.socket,
    tls: TlsSettings,
    *,
    can_watch: bool,
) -> None:
    """Shake hands, and connect the protocol.

    Raises:
        OSError: the handshake has failed; the socket is closed.
    """
    aiofastnet = import_aiofastnet() if can_watch else None
    try:
        # Its transports hold OpenSSL's connections without Python's objects around them, which a
        # function that OpenSSL calls back would be given: the process would crash.
        if aiofastnet is None or not tls.is_bare:
            await loop.connect_accepted_socket(
                factory,
                sock,
                ssl=tls.context,
                ssl_handshake_timeout=tls.handshake_timeout_s,
                ssl_shutdown_timeout=tls.shutdown_timeout_s,
            )
            return
        await aiofastnet.connect_accepted_socket(
            loop,
            factory,
            sock,
            ssl=tls.context,
            ssl_handshake_timeout=tls.handshake_timeout_s,
            ssl_shutdown_timeout=tls.shutdown_timeout_s,
            ssl_incoming_bio_size=BIO_BYTES,
            ssl_outgoing_bio_size=BIO_BYTES,
        )
    except OSError as exc:
        # The transport keeps the error, and the traceback the transport: both would stay until the
        # garbage collector comes, with BIO_BYTES twice.
        exc.__traceback__ = None
        raise


@cache
def import_aiofastnet() -> Any:
    """The package aiofastnet, if it is here and found the OpenSSL that `ssl` stands on."""
    try:
        aiofastnet = importlib.import_module("aiofastnet")
    except ImportError:
        return None
    return aiofastnet if aiofastnet.OPENSSL_DYN_LIBS is not None else None


async def peek(loop: Loop, sock: socket.socket) -> bytes:
    """The first byte that the peer sends, which stays where it is; empty when it ends."""
    while True:
        try:
            return sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            await wait_readable(loop, sock)


async def wait_readable(loop: Loop, sock: socket.socket) -> None:
    """Wait until *sock* has something to read, or its peer has ended."""
    readable = asyncio.Event()
    loop.add_reader(sock.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sock.fileno())


async def refuse_plain(
    loop: TransportLoop, sock: socket.socket, client: str, tls: TlsSettings
) -> None:
    """Answer a client that speaks HTTP, in the only language that it understands here."""
    if not (await loop.sock_recv(sock, READ_BYTES))[:1].isalpha():
        logger.debug("%s - speaks no TLS", client)
        return
    tls.report_plain(client)
    await loop.sock_sendall(sock, PLAIN_ANSWER)
    sock.shutdown(socket.SHUT_WR)
    try:
        async with asyncio.timeout(LINGER_S):
            while await loop.sock_recv(sock, READ_BYTES):
                pass
    except TimeoutError:
        pass
