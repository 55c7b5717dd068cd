"""The options of TLS at work: certificates by name and of clients, new ones, mistakes, stopping."""

import re
import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from tests.certificates import encrypt_key

from .raw_client import RawClient
from .server_process import LOOPS
from .tls_clients import TRANSPORTS, TlsClient, scope_of, serve, stack_of
from .waiting import DEADLINE_S


@pytest.fixture(scope="module")
def files(authority):
    return authority.issue("localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def stack(column):
    """For what depends little on it: the plainest for one column, the quickest for the other."""
    index = 0 if column == "pure" else -1
    return stack_of(LOOPS[index], TRANSPORTS[index])


# Clients that are none.


def test_plain_http_gets_an_answer_and_a_line_in_the_log(start_server, stack, files, authority):
    server = serve(start_server, stack, files)
    with RawClient(server.address) as plain:
        answer = plain.get("/")
        assert answer.status == 400
        assert b"https" in answer.body
        assert plain.read_to_end() == b""
        host, port = plain.socket.getsockname()
    server.wait_for_log(rf"INFO:.* {host}:{port} - sent plain HTTP to a port that speaks TLS")
    with RawClient(server.address) as plain:
        assert plain.get("/").status == 400
    with TlsClient(server, authority.client_context()) as client:
        assert client.get("/hello").status == 200
    assert server.log().count("sent plain HTTP") == 1


@pytest.mark.parametrize("sent_bytes", [0, 5, 100])
def test_handshake_that_never_ends_is_cut_off(start_server, stack, files, authority, sent_bytes):
    options = ["--timeout-tls-handshake", "0.3", "--log-level", "debug"]
    server = serve(start_server, stack, files, *options)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = authority.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    with RawClient(server.address) as idle:
        idle.send(outgoing.read()[:sent_bytes])
        assert idle.read_to_end() == b""
    server.wait_for_log("DEBUG:.* - no TLS handshake in 0.3 s")


# Options.


def test_client_certificates_are_asked_for_and_told(start_server, stack, files, authority):
    options = ["--ssl-ca-certs", authority.path, "--ssl-cert-reqs", "required"]
    server = serve(start_server, stack, files, *options, "--log-level", "debug")
    ann = authority.issue("ann@example.com", common_name="Ann")
    with TlsClient(server, authority.client_context(ann)) as client:
        tls = scope_of(client)["extensions"]["tls"]
    assert tls["client_cert_chain"][0] == ann.certificate_pem
    assert tls["client_cert_name"].startswith("CN=Ann,")
    # By TLS 1.3 a client learns only after its handshake that it should have shown one.
    # A RuntimeError is how PyPy's ssl stumbles over a reset.
    errors = (ssl.SSLError, ConnectionError, EOFError, RuntimeError)
    with pytest.raises(errors), TlsClient(server, authority.client_context()) as client:
        client.get("/hello")
    server.wait_for_log("DEBUG:.*TLS handshake failed: .*PEER_DID_NOT_RETURN_A_CERTIFICATE")


def test_names_get_their_certificates(start_server, stack, files, authority):
    other, wild = authority.issue("other.example"), authority.issue("*.example.org")
    options = [
        *["--ssl-sni", f"other.example={other.certificate}:{other.key}"],
        *["--ssl-sni", f"*.example.org={wild.certificate}:{wild.key}"],
    ]
    server = serve(start_server, stack, files, *options)
    for name, its_files in (
        ("other.example", other),
        ("a.example.org", wild),
        ("localhost", files),
    ):
        with TlsClient(server, authority.client_context(), name=name) as client:
            assert client.certificate_pem == its_files.certificate_pem
            assert scope_of(client)["extensions"]["tls"]["server_cert"] == its_files.certificate_pem


def test_factory_makes_the_context(start_server, stack, files, authority):
    factory = """
import ssl
def only_1_2(config, make_default):
    context = make_default()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context
"""
    stack = {**stack, "files": {**stack["files"], "factories.py": factory}}
    server = serve(start_server, stack, files, "--ssl-context-factory", "factories:only_1_2")
    with TlsClient(server, authority.client_context()) as client:
        assert client.tls.version() == "TLSv1.2"
        assert scope_of(client)["extensions"]["tls"]["tls_version"] == 0x0303


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_unix_socket_speaks_tls(start_server, stack, files, authority, tmp_path):
    path = tmp_path / "tls.sock"
    options = ["--ssl-certfile", files.certificate, "--ssl-keyfile", files.key]
    command = ["-m", "asgiserve", "websocket_site:app", "--uds", path, *options]
    server = start_server(*command, *stack["arguments"], files=stack["files"], wait=False)
    server.wait_for_log(r"serves unix:")
    command = ["curl", "-s", "--cacert", authority.path, "--unix-socket", path]
    finished = subprocess.run(
        [*map(str, command), "https://localhost/hello"], capture_output=True, timeout=DEADLINE_S
    )
    assert finished.stdout == b"Hello, world!"


# New certificates.


def test_hangup_brings_a_new_certificate_and_leaves_connections_open(
    start_server, stack, authority
):
    files, new = authority.issue("localhost"), authority.issue("localhost")
    server = serve(start_server, stack, files)
    context = authority.client_context()
    with TlsClient(server, context) as old:
        assert old.get("/hello").status == 200
        files.replace_by(new)
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("Reloaded the TLS certificates")
        assert old.get("/hello").status == 200
        with TlsClient(server, context) as client:
            assert client.certificate_pem == new.certificate_pem
        files.key.write_text("")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("Keeping the TLS certificates that are in use: .*no private key")
        with TlsClient(server, context) as client:
            assert client.certificate_pem == new.certificate_pem
        assert old.get("/hello").status == 200


def test_new_file_is_found_without_a_signal_by_looks_that_are_3_s_apart(start_server, authority):
    files, new = authority.issue("localhost"), authority.issue("localhost")
    server = serve(start_server, stack_of("auto", TRANSPORTS[-1]), files)
    files.replace_by(new)
    server.wait_for_log("Reloaded the TLS certificates")
    with TlsClient(server, authority.client_context()) as client:
        assert client.certificate_pem == new.certificate_pem


# Stopping.


def test_stop_is_not_held_up_by_a_client_that_never_says_goodbye(
    start_server, stack, files, authority
):
    if stack["is_asyncio"]:
        pytest.skip("only aiofastnet's transports tell that everything is sent")
    server = serve(start_server, stack, files, "--timeout-graceful-shutdown", "60")
    with TlsClient(server, authority.client_context()) as idle:
        idle.get("/hello")
        assert server.terminate() == 0
    assert "Stopped server process" in server.log()


def test_request_in_flight_is_answered_when_the_server_stops(start_server, stack, files, authority):
    server = serve(start_server, stack, files)
    with TlsClient(server, authority.client_context()) as client:
        client.send(b"POST /digest HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab")
        with TlsClient(server, authority.client_context()) as other:
            other.get("/hello")
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("Shutting down")
        client.send(b"cd")
        assert client.read_answer().status == 200
        assert client.socket.recv(1) == b""
    assert server.exit_status() == 0


# Mistakes.


@pytest.mark.parametrize(
    ("mistake", "status", "told"),
    [
        ("no key", 2, "ssl_certfile: there is no private key"),
        ("other key", 2, "ssl_keyfile: .* is not that of the certificate"),
        ("locked key", 2, "ssl_keyfile: .* is encrypted: give ssl_keyfile_password"),
        ("wrong password", 2, "ssl_keyfile_password: does not open the key"),
        ("no certificate", 2, "ssl_certfile: there is no certificate"),
        ("no such file", 2, "ssl.certfile"),
    ],
)
def test_mistake_ends_the_start_in_one_line(start_server, authority, files, mistake, status, told):
    mine = authority.issue("localhost")
    options = ["--ssl-certfile", mine.certificate, "--ssl-keyfile", mine.key]
    if mistake == "no key":
        options = options[:2]
    elif mistake == "other key":
        options[3] = files.key
    elif mistake == "no certificate":
        options[1] = mine.key
    elif mistake == "no such file":
        options[1] = "/no/such/file"
    else:
        encrypt_key(mine.key, "secret")
        if mistake == "wrong password":
            options += ["--ssl-keyfile-password", "guess"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # Said before the port, which is in use, is looked at.
        port = taken.getsockname()[1]
        command = ["-m", "asgiserve", "asgi_site:app", "--port", port, *options]
        server = start_server(*command, wait=False)
        assert server.exit_status() == status
    lines = [line for line in server.log().splitlines() if "rror" in line]
    assert len(lines) == 1, server.log()
    assert re.search(told, lines[0])
