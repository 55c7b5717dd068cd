"""Servers that speak TLS, and clients of theirs: by hand, and OpenSSL's own."""

import ast
import socket
import ssl
import subprocess
from importlib.util import find_spec

from .raw_client import RawClient
from .server_process import LOOPS, ServerProcess
from .waiting import DEADLINE_S

TRANSPORTS = ["own", *(["aiofastnet"] if find_spec("aiofastnet") else [])]
# What can make connections: event loop, and whose TLS.
STACKS = [(loop, name) for loop in LOOPS for name in TRANSPORTS]

# Hides the package aiofastnet from a server that is started in this file's folder: its connections
# get the event loop's own TLS.
NO_AIOFASTNET = {"aiofastnet.py": "raise ImportError('hidden by the test')\n"}


def stack_of(loop, transports):
    """What makes the connections: event loop, and whose TLS."""
    return {
        "arguments": ["--loop", loop],
        "files": {} if transports == "aiofastnet" else NO_AIOFASTNET,
        "is_asyncio": (loop, transports) == ("asyncio", "own"),
    }


def serve(start, stack, files, *arguments, app="websocket_site:app", **details):
    """Start a server that shows the certificate of *files*."""
    options = ["--ssl-certfile", files.certificate, "--ssl-keyfile", files.key]
    command = ["-m", "asgiserve", app, "--port", "0", *options, *stack["arguments"], *arguments]
    return start(*command, files=stack["files"], **details)


class TlsClient(RawClient):
    """A raw client over TLS; its handshake is over when it is made."""

    def __init__(
        self,
        server: ServerProcess,
        context: ssl.SSLContext,
        *,
        name: str = "localhost",
        receive_buffer_bytes: int = 0,
    ) -> None:
        super().__init__(server.address, receive_buffer_bytes=receive_buffer_bytes)
        plain = self.socket
        try:
            self.tls = context.wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False)
        except BaseException:
            plain.close()
            raise
        self.socket = self.tls

    @property
    def certificate_pem(self) -> str:
        """What the server has shown."""
        der = self.tls.getpeercert(True)
        assert der is not None
        return ssl.DER_cert_to_PEM_cert(der)

    def end_plainly(self) -> None:
        """Close the socket without a word of TLS, as a client that is killed does."""
        socket.socket(fileno=self.tls.detach()).close()


def run_s_client(server: ServerProcess, request: bytes, *arguments: str) -> str:
    """Send *request* with ``openssl s_client``; all that it prints."""
    host, port = server.address
    command = ["openssl", "s_client", "-ign_eof", "-connect", f"{host}:{port}", *arguments]
    finished = subprocess.run(
        command,
        input=request,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE_S,
    )
    return finished.stdout.decode("latin-1")


def scope_of(client):
    return ast.literal_eval(client.get("/scope").body.decode())
