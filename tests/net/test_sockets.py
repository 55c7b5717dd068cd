"""Binding: every form of an address, what is left behind, and what a refusal says."""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from asgiserve.config.config import Config
from asgiserve.connection.unsent_limit import STRANGER_BYTES
from asgiserve.errors import ConfigError, StartupError
from asgiserve.net.acceptor import addresses_of
from asgiserve.net.listener import Listener
from asgiserve.net.sockets import bind_listeners, open_fd
from asgiserve.supervisor.listener_sets import bind_beside
from tests.apps import answer

Bind = Callable[..., list[Listener]]

needs_unix_sockets = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows' sockets module has no AF_UNIX"
)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture
def bind() -> Iterator[Bind]:
    """Bind as the options say; what was bound is closed at the end of the test."""
    with ExitStack() as cleanup:

        def bind(**options: Any) -> list[Listener]:
            listeners = bind_listeners(Config(answer, **options))
            for listener in listeners:
                cleanup.callback(listener.close)
            return listeners

        yield bind


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port of 127.0.0.1 on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


@pytest.fixture
def passed_socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A listening socket, passed on as systemd does but for the number of its descriptor."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        monkeypatch.setattr("asgiserve.process.systemd.FIRST_FD", sock.fileno())
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", "1")
        monkeypatch.setenv("LISTEN_FDNAMES", "web")
        yield sock


@pytest.fixture
def socket_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose path is short enough for unix sockets (about 100 bytes)."""
    return tmp_path_factory.mktemp("s")


def resolve_to(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Let every name stand for *hosts*."""

    def getaddrinfo(host: str | None, port: int, **options: Any) -> list[Any]:
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in hosts
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def addresses(listeners: list[Listener]) -> list[Any]:
    return [listener.sock.getsockname()[:2] for listener in listeners]


def is_listening(listener: Listener) -> bool:
    return bool(listener.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def open_sockets() -> set[str]:
    """The sockets that this process has open."""
    return {
        target
        for number in os.listdir("/proc/self/fd")
        if os.path.islink(f"/proc/self/fd/{number}")
        and (target := os.readlink(f"/proc/self/fd/{number}")).startswith("socket:")
    }


def test_host_and_port_are_bound_and_named(bind: Bind) -> None:
    (listener,) = bind(host="127.0.0.1", port=0)
    host, port = listener.sock.getsockname()
    assert host == "127.0.0.1"
    assert port != 0
    assert listener.text == f"http://127.0.0.1:{port}"


def test_socket_refuses_connections_until_it_listens(bind: Bind) -> None:
    (listener,) = bind(port=0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(listener.sock.getsockname(), timeout=5)


@pytest.mark.parametrize(
    "options", [{"port": 0}, pytest.param({"uds": "site.sock"}, marks=needs_unix_sockets)]
)
def test_connection_is_accepted_as_the_socket_itself_would(
    bind: Bind, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (listener,) = bind(**options)
    listener.listen(2)
    with pytest.raises(BlockingIOError):
        listener.accept()
    kind = listener.sock.family, listener.sock.type, listener.sock.proto
    with socket.socket(*kind) as first, socket.socket(*kind) as second:
        for client in (first, second):
            client.connect(listener.sock.getsockname())
        listener.accept()[0].close()
        accepted, peer = listener.accept()
        with accepted:
            assert (accepted.family, accepted.type, accepted.proto) == kind
            assert peer == second.getsockname()
            assert not accepted.get_inheritable()


def test_accepted_connections_do_not_wait_to_fill_packets(bind: Bind) -> None:
    with socket.socket() as given:  # its protocol number is 0, for which asyncio does nothing
        given.bind(("127.0.0.1", 0))
        for listener in (*bind(port=0), Listener(given)):
            listener.listen(1)
            with socket.create_connection(listener.sock.getsockname(), timeout=5):
                accepted, _ = listener.accept()
                with accepted:
                    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no limit")
def test_kernel_holds_little_for_a_reader_that_does_not_read(bind: Bind) -> None:
    (listener,) = bind(port=0)
    listener.listen(1)
    with socket.create_connection(listener.sock.getsockname(), timeout=5) as deaf:
        accepted, _ = listener.sock.accept()
        with accepted:
            held_bytes = fill(accepted)
        # The rest has found room in the buffer of the reader.
        room_bytes = deaf.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert held_bytes <= room_bytes + 2 * STRANGER_BYTES


def fill(sock: socket.socket) -> int:
    """Send until the kernel takes no more; how many bytes it has taken."""
    sock.setblocking(False)
    sent_bytes = 0
    while True:
        try:
            sent_bytes += sock.send(bytes(65536))
        except BlockingIOError:
            return sent_bytes


@needs_unix_sockets
def test_unix_socket_taken_over_before_it_listens_is_one_clear_line(
    bind: Bind, socket_dir: Path
) -> None:
    (listener,) = bind(uds=socket_dir / "app.sock")
    bind(uds=socket_dir / "app.sock")
    with pytest.raises(StartupError, match="another server took it over"):
        listener.listen(1)


def test_name_with_several_addresses_is_bound_at_each_with_one_port(
    bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.1", "127.0.0.2", "127.0.0.1")
    (_, port), second = addresses(bind(host="several.test", port=0))
    assert second == ("127.0.0.2", port)


def test_port_is_drawn_again_when_another_address_does_not_have_it(
    bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.1", "127.0.0.2")
    refused: list[int] = []

    class PickySocket(socket.socket):
        def bind(self, address: Any) -> None:
            if address[0] == "127.0.0.2" and len(refused) < 3:
                refused.append(address[1])
                raise OSError(errno.EADDRINUSE, "Address already in use")
            super().bind(address)

    monkeypatch.setattr(socket, "socket", PickySocket)
    (_, port), second = addresses(bind(host="several.test", port=0))
    assert second == ("127.0.0.2", port)
    assert len(refused) == 3


def test_address_that_this_machine_lacks_is_left_out_beside_another(
    bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "2001:db8::1", "127.0.0.1")
    ((host, port),) = addresses(bind(host="several.test", port=0))
    assert host == "127.0.0.1"
    assert port != 0


def test_address_that_this_machine_lacks_is_an_error_alone(bind: Bind) -> None:
    with pytest.raises(StartupError, match=r"^cannot bind 192\.0\.2\.1:80: "):
        bind(host="192.0.2.1", port=80)


@needs_ipv6
def test_ipv6_host_is_bound_for_ipv6_alone(bind: Bind) -> None:
    (listener,) = bind(bind=["[::1]:0"])
    assert listener.sock.family == socket.AF_INET6
    assert listener.sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    assert listener.text == f"http://[::1]:{listener.sock.getsockname()[1]}"


@needs_ipv6
def test_every_interface_of_ipv6_is_that_of_ipv4_too(bind: Bind) -> None:
    (listener,) = bind(host="::", port=0)
    listener.listen(1)
    port = listener.sock.getsockname()[1]
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, port)):
            sock, peer = accept(listener)
            with sock:
                assert addresses_of(sock, peer).client == (host, peer[1])
                assert addresses_of(sock, peer).server == (host, port)


@needs_ipv6
@pytest.mark.parametrize("other", ["0.0.0.0", "127.0.0.1"])
def test_every_interface_of_ipv6_leaves_ipv4_to_another_bind(bind: Bind, other: str) -> None:
    (probe,) = bind(host="::", port=0)
    port = probe.sock.getsockname()[1]
    probe.close()
    dual, single = bind(bind=[f"[::]:{port}", f"{other}:{port}"])
    assert dual.sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    for listener in (dual, single):
        listener.listen(1)


@needs_ipv6
def test_every_interface_of_ipv6_leaves_ipv4_to_another_process(bind: Bind) -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]
        (listener,) = bind(host="::", port=port)
        assert listener.sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        listener.listen(1)
        with pytest.raises(StartupError, match="already in use"):
            bind(host="::", port=port)


@needs_ipv6
def test_socket_beside_that_of_every_interface_is_like_it(bind: Bind) -> None:
    (listener,) = bind(host="::", port=0, reuse_port=True)
    other = bind_beside(listener)
    assert not other.sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    other.close()


def test_address_of_one_link_is_bound_and_named_with_its_zone(bind: Bind) -> None:
    address, zone = link_local()
    if socket.getaddrinfo(f"{address}%{zone}", 0)[0][4][3] == 0:
        pytest.skip("zones are not told")
    (listener,) = bind(bind=[f"[{address}%{zone}]:0"])
    assert listener.text == f"http://[{address}%{zone}]:{listener.sock.getsockname()[1]}"
    (other,) = bind(host=f"{address}%{zone}", port=0)
    assert other.sock.getsockname()[3] == socket.if_nametoindex(zone)


def link_local() -> tuple[str, str]:
    """An address that is no machine's without its interface; skips the test if there is none."""
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        digits, _, _, scope, _, zone = line.split()
        if scope == "20":
            return str(IPv6Address(bytes.fromhex(digits))), zone
    pytest.skip("no interface has a link-local address")


def accept(listener: Listener) -> tuple[socket.socket, Any]:
    """Take the connection that has been made."""
    select.select([listener.sock], [], [], 10)
    return listener.accept()


def test_port_in_use_is_one_clear_line(bind: Bind, taken_port: int) -> None:
    with pytest.raises(StartupError) as caught:
        bind(port=taken_port)
    assert str(caught.value) == f"cannot bind 127.0.0.1:{taken_port}: address already in use"


def test_name_that_does_not_resolve_is_one_clear_line(
    bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(StartupError) as caught:
        bind(host="nowhere.test", port=80)
    assert str(caught.value) == "cannot bind nowhere.test:80: name or service not known"


def test_name_that_is_no_name_is_one_clear_line(bind: Bind) -> None:
    with pytest.raises(StartupError, match=r"^cannot bind a\.+b:80: "):
        bind(host="a..b", port=80)


def test_several_binds_are_all_bound(bind: Bind, socket_dir: Path) -> None:
    listeners = bind(bind=["127.0.0.1:0", "127.0.0.2:0"])
    assert [host for host, _ in addresses(listeners)] == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_stays_open_when_a_later_bind_fails(
    bind: Bind, taken_port: int, socket_dir: Path
) -> None:
    before = open_sockets()
    path = socket_dir / "app.sock"
    with pytest.raises(StartupError):
        bind(bind=["127.0.0.1:0", f"unix:{path}", f"127.0.0.1:{taken_port}"])
    assert open_sockets() == before
    assert not path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_stays_open_when_a_later_address_of_a_name_fails(
    bind: Bind, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.2", "127.0.0.1")
    before = open_sockets()
    with pytest.raises(StartupError):
        bind(host="several.test", port=taken_port)
    assert open_sockets() == before


@needs_unix_sockets
def test_unix_socket_gets_its_permissions(bind: Bind, socket_dir: Path) -> None:
    path = socket_dir / "app.sock"
    (listener,) = bind(uds=path, uds_permissions="640")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert listener.text == f"unix:{path}"


@needs_unix_sockets
def test_unix_socket_is_removed_when_it_is_closed(bind: Bind, socket_dir: Path) -> None:
    path = socket_dir / "app.sock"
    (listener,) = bind(bind=[f"unix:{path}"])
    listener.close()
    assert not path.exists()


@needs_unix_sockets
def test_unix_socket_is_removed_after_a_change_of_directory(
    bind: Bind, socket_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(socket_dir)
    (listener,) = bind(uds="app.sock")
    monkeypatch.chdir(tmp_path)
    listener.close()
    assert not (socket_dir / "app.sock").exists()


@needs_unix_sockets
def test_stale_unix_socket_is_taken_over(bind: Bind, socket_dir: Path) -> None:
    path = socket_dir / "app.sock"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    (listener,) = bind(uds=path)
    listener.sock.listen()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@needs_unix_sockets
def test_unix_socket_in_use_is_left_alone(bind: Bind, socket_dir: Path) -> None:
    path = socket_dir / "app.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen(0)
        # The second try finds the queue full of the first one's probe.
        for _ in range(2):
            with pytest.raises(StartupError) as caught:
                bind(uds=path)
            assert str(caught.value) == f"cannot bind unix:{path}: address already in use"
    assert path.exists()


@needs_unix_sockets
def test_file_that_is_no_socket_is_left_alone(bind: Bind, socket_dir: Path) -> None:
    path = socket_dir / "app.sock"
    path.write_text("precious")
    with pytest.raises(StartupError, match="a file that is not a socket is there"):
        bind(uds=path)
    assert path.read_text() == "precious"


@needs_unix_sockets
def test_unix_socket_taken_over_by_another_server_is_not_removed(
    bind: Bind, socket_dir: Path
) -> None:
    path = socket_dir / "app.sock"
    (listener,) = bind(uds=path)
    assert not listener.has_lost_path()
    bind(uds=path)  # the first one does not listen yet, so it looks stale
    assert listener.has_lost_path()
    listener.close()
    assert path.exists()


@needs_unix_sockets
def test_unix_socket_without_directory_is_one_clear_line(bind: Bind, socket_dir: Path) -> None:
    path = socket_dir / "missing" / "app.sock"
    with pytest.raises(StartupError) as caught:
        bind(uds=path)
    assert str(caught.value) == f"cannot bind unix:{path}: no such file or directory"


@needs_unix_sockets
def test_unix_socket_with_too_long_a_path_is_one_clear_line(bind: Bind) -> None:
    with pytest.raises(StartupError, match=r": AF_UNIX path too long$"):
        bind(uds="/" + "a" * 200)


@needs_unix_sockets
def test_unix_socket_is_given_to_the_user_who_serves(
    bind: Bind, socket_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    monkeypatch.setattr(os, "chown", lambda *arguments, **options: given.append(arguments))
    path = socket_dir / "app.sock"
    bind(uds=path, user=54321, group=54322)
    assert given == [(str(path), 54321, 54322)]


@needs_unix_sockets
def test_unix_socket_that_cannot_be_given_away_is_one_clear_line(
    bind: Bind, socket_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    path = socket_dir / "app.sock"
    with pytest.raises(StartupError) as caught:
        bind(uds=path, user=54321, group=54322)
    assert str(caught.value) == f"cannot bind unix:{path}: operation not permitted"
    assert not path.exists()


def test_user_is_looked_up_before_anything_is_bound(bind: Bind, taken_port: int) -> None:
    with pytest.raises(ConfigError, match=r"^user: there is no user"):
        bind(port=taken_port, user="no-such-user")


def test_fd_is_duplicated_and_stays_open(bind: Bind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        (listener,) = bind(bind=[f"fd://{opened.fileno()}"])
        assert listener.sock.getsockname() == opened.getsockname()
        assert is_listening(listener)
        assert listener.text.endswith(f" (fd {opened.fileno()})")
        listener.close()
        with socket.create_connection(opened.getsockname(), timeout=5):
            pass


def test_fd_that_is_not_open_is_one_clear_line(bind: Bind) -> None:
    with pytest.raises(StartupError, match=r"^cannot listen on fd 999: bad file descriptor$"):
        bind(fd=999)


def test_fd_that_is_no_socket_is_one_clear_line(bind: Bind, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(StartupError, match="cannot listen"):
        bind(fd=file.fileno())


def test_fd_of_a_datagram_socket_is_refused(bind: Bind) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with pytest.raises(StartupError, match="not a stream socket"):
            bind(fd=sock.fileno())
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_DGRAM


def test_sockets_of_systemd_are_taken_when_no_address_is_given(
    bind: Bind, passed_socket: socket.socket
) -> None:
    (listener,) = bind()
    port = passed_socket.getsockname()[1]
    assert listener.sock.getsockname()[1] == port
    assert listener.text == f"http://127.0.0.1:{port} (systemd web)"


@pytest.mark.parametrize("options", [{"port": 0}, {"bind": ["127.0.0.1:0"]}])
def test_sockets_of_systemd_are_left_alone_when_an_address_is_given(
    bind: Bind, passed_socket: socket.socket, options: dict[str, Any]
) -> None:
    (listener,) = bind(**options)
    assert listener.sock.getsockname() != passed_socket.getsockname()


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_fd_of_an_abstract_socket_is_named_with_an_at_sign(bind: Bind) -> None:
    name = f"asgiserve-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(f"\0{name}")
        (listener,) = bind(fd=opened.fileno())
        assert listener.text == f"unix:@{name} (fd {opened.fileno()})"


def test_fd_of_another_family_is_refused(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asgiserve.net.sockets.FAMILIES", [socket.AF_INET6])
    with (
        socket.create_server(("127.0.0.1", 0)) as opened,
        pytest.raises(StartupError, match="not a stream socket of TCP or unix"),
    ):
        bind(fd=opened.fileno())


@pytest.mark.skipif(sys.platform == "win32", reason="asks for the mode as POSIX has it")
def test_socket_that_others_share_never_blocks_in_them(bind: Bind) -> None:
    # The mode belongs to the socket, not to the descriptor: another process would wait in accept().
    with socket.socket() as theirs:
        theirs.bind(("127.0.0.1", 0))
        theirs.setblocking(False)
        (listener,) = bind(fd=theirs.fileno())
        assert not os.get_blocking(theirs.fileno())
        listener.sock.dup().close()
        assert not os.get_blocking(theirs.fileno())
        open_fd(os.dup(theirs.fileno())).close()
        assert not os.get_blocking(theirs.fileno())
