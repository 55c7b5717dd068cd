"""Programs that stand beside a server: nginx, HAProxy, Redis. They die with their test.

A test of a program that is not installed is skipped, and says so.
"""

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .server_process import ServerProcess, die_with_parent
from .waiting import wait_until

EXAMPLES = Path(__file__).parent.parent.parent / "examples"

# Between choosing a free port and binding it, another program may take it.
MAX_TRIES = 5
PORT_IS_TAKEN = "in use"

# One process: workers would outlive a master that is killed.
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def find_program(name: str) -> str:
    """The path of *name*; skips the test where there is none."""
    # Debian's programs of administrators are not on everybody's PATH.
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def read_example(name: str, changes: dict[str, str]) -> str:
    """An example with its addresses changed to those of the test; each has to be there."""
    text = (EXAMPLES / name).read_text()
    for old, new in changes.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text


def host_and_port(server: ServerProcess) -> str:
    """Where *server* listens, as configurations write it."""
    return "{}:{}".format(*server.address)


class Programs:
    """Starts programs, in *folder*, that end with *stack*."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    def start_nginx(
        self, example: str, changes: dict[str, str], *, listen: str = "listen 80;"
    ) -> int:
        """Run nginx with *example*; the port that it has instead of that in *listen*."""
        program = find_program("nginx")
        main = self._folder / "nginx.conf"
        main.write_text(NGINX.format(folder=self._folder))

        def make_command(port: int) -> list[str]:
            ports = {listen: re.sub(r"\d+", f"127.0.0.1:{port}", listen)}
            (self._folder / "site.conf").write_text(read_example(example, {**changes, **ports}))
            return [program, "-p", str(self._folder), "-c", str(main)]

        return self._start_at_a_port(make_command)

    def start_haproxy(self, example: str, changes: dict[str, str]) -> int:
        """Run HAProxy with *example*; the port that it listens at instead of 80."""
        program = find_program("haproxy")
        config = self._folder / "haproxy.cfg"

        def make_command(port: int) -> list[str]:
            ports = {"bind :80": f"bind 127.0.0.1:{port}"}
            config.write_text(read_example(example, {**changes, **ports}))
            return [program, "-db", "-f", str(config)]

        return self._start_at_a_port(make_command)

    def start_redis(self) -> str:
        """Run Redis, which keeps nothing; its URL."""
        path = str(self._folder / "redis")
        command = [find_program("redis-server"), "--port", "0", "--unixsocket", path, "--save", ""]
        self._stack.enter_context(running(command, self._folder, path))
        return f"unix://{path}"

    def _start_at_a_port(self, make_command: Callable[[int], list[str]]) -> int:
        for _ in range(MAX_TRIES):
            port = free_port()
            try:
                program = running(make_command(port), self._folder, ("127.0.0.1", port))
                self._stack.enter_context(program)
            except OSError:
                continue
            return port
        raise AssertionError("no port stays free")


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def accepts(address: tuple[str, int] | str) -> bool:
    """Whether somebody listens at *address*."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as sock:
        return sock.connect_ex(address) == 0


@contextmanager
def running(command: list[str], folder: Path, address: tuple[str, int] | str) -> Iterator[None]:
    """Run *command* until the end of the block, which begins when *address* answers.

    Raises:
        OSError: it says that a port is in use.
    """
    log_path = folder / f"{Path(command[0]).name}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )

    def has_started() -> bool:
        if process.poll() is None:
            return accepts(address)
        text = log_path.read_text()
        if PORT_IS_TAKEN in text:
            raise OSError(text)
        raise AssertionError(f"{command[0]} ended with {process.returncode}: {text}")

    try:
        wait_until(has_started, f"{command[0]} to listen at {address}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
