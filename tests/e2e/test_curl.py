"""The curl command with every option that changes how a message is framed.

It gets what it asked for at the first try, and the server has nothing to warn of.
"""

import email
import hashlib
import json
import os
import re
import shutil
import sys
from email.policy import HTTP

import pytest

from .clients import CurlClient
from .waiting import DEADLINE_S

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs the curl command")


@pytest.fixture(scope="module")
def socket_path(tmp_path_factory):
    """A path that is short enough for a unix socket."""
    return str(tmp_path_factory.mktemp("s") / "s")


@pytest.fixture(scope="module")
def server(start_shared_server, socket_path):
    binds = ["--bind=127.0.0.1:0"]
    if sys.platform != "win32":
        binds.append(f"--bind=unix:{socket_path}")
    return start_shared_server("-m", "asgiserve", "asgi_site:app", *binds, has_calm_clients=True)


@pytest.fixture
def curl():
    return CurlClient()


@pytest.fixture(scope="module")
def big_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("curl") / "big"
    path.write_bytes(os.urandom(3_000_001))
    return path


def assert_is_digest(answer, path):
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    assert json.loads(answer.body) == {"bytes": len(content), "sha256": sha256}


def test_data_is_posted(server, curl):
    (answer,) = curl.run("-d", "a=1", "-d", "b=2", f"{server.url}/echo")
    assert answer.body == b"a=1&b=2"


def test_large_data_waits_for_continue_and_arrives_whole(server, curl, big_file):
    first, last = curl.run(
        "--data-binary", f"@{big_file}", "-H", "Expect: 100-continue", f"{server.url}/digest"
    )
    assert first.status == 100
    assert_is_digest(last, big_file)


def test_large_data_without_expect_arrives_whole(server, curl, big_file):
    (answer,) = curl.run("--data-binary", f"@{big_file}", "-H", "Expect:", f"{server.url}/digest")
    assert_is_digest(answer, big_file)


def test_upload_in_chunks_arrives_whole(server, curl, big_file):
    answer = curl.run(
        "-T", str(big_file), "-H", "Transfer-Encoding: chunked", f"{server.url}/digest"
    )[-1]
    assert_is_digest(answer, big_file)


def test_upload_from_a_pipe_arrives_whole(server, curl, big_file):
    answer = curl.run("-T", "-", f"{server.url}/digest", stdin=big_file.read_bytes())[-1]
    assert_is_digest(answer, big_file)


def test_refused_upload_is_answered_without_continue(server, curl, big_file):
    (answer,) = curl.run(
        "-T", str(big_file), "-H", "Expect: 100-continue", f"{server.url}/refuse_unread"
    )
    assert (answer.status, answer.body) == (403, b"not read")


def test_empty_post_is_answered(server, curl):
    (answer,) = curl.run("-X", "POST", "-d", "", f"{server.url}/echo")
    assert (answer.status, answer.body) == (200, b"")


def test_head_ends_at_once(server, curl):
    (answer,) = curl.run("-I", f"{server.url}/hello")
    assert (answer.status, answer.header("content-length"), answer.body) == (200, "13", b"")


def test_http_1_0_is_answered_and_closed(server, curl):
    output = curl.output("--http1.0", "-i", f"{server.url}/hello")
    head, _, body = output.partition(b"\r\n\r\n")
    assert body == b"Hello, world!"
    assert b"connection: keep-alive" not in head.lower()


def test_stream_over_http_1_0_arrives_whole(server, curl):
    output = curl.output("--http1.0", "--raw", f"{server.url}/gather_sends")
    assert output.endswith(b"19;end")


def test_options_reaches_the_application(server, curl):
    assert b"'method': 'OPTIONS'" in curl.output("-X", "OPTIONS", f"{server.url}/scope")


def test_asterisk_form_reaches_the_application(server, curl):  # RFC 9112 section 3.2.4
    (answer,) = curl.run("-X", "OPTIONS", "--request-target", "*", server.url)
    assert answer.body == b"Hello, world!"


def test_absolute_form_reaches_the_application(server, curl):  # RFC 9112 section 3.2.2
    output = curl.output("--proxy", server.url, "http://elsewhere.test/scope/x?y=z")
    assert b"'raw_path': b'/scope/x'" in output
    assert b"'query_string': b'y=z'" in output


def test_path_is_taken_as_it_is(server, curl):
    output = curl.output("--path-as-is", f"{server.url}/scope/../%2e%2e//x;y=1")
    # curl 8.23 writes an escape in capitals, which is not the server's doing.
    raw_path = re.search(rb"'raw_path': b'([^']*)'", output)
    assert raw_path is not None
    assert raw_path[1].replace(b"%2E", b"%2e") == b"/scope/../%2e%2e//x;y=1"
    assert b"'path': '/scope/../..//x;y=1'" in output


def test_range_header_reaches_the_application(server, curl):
    assert b"(b'range', b'bytes=0-3,-5')" in curl.output("-r", "0-3,-5", f"{server.url}/scope")


def test_several_requests_share_one_connection(server, curl):
    urls = [f"{server.url}/{path}" for path in ("hello", "gather_sends", "echo", "hello")]
    outputs = [option for _ in urls for option in ("-o", os.devnull)]
    connects = curl.output(*outputs, "-w", "%{http_code}:%{num_connects} ", *urls)
    assert connects.split() == [b"200:1", b"200:0", b"200:0", b"200:0"]


def test_compression_is_left_to_the_application(server, curl):
    (answer,) = curl.run("--compressed", f"{server.url}/hello")
    assert answer.header("content-encoding") is None
    assert answer.body == b"Hello, world!"


def test_asking_for_h2c_is_answered_by_http_1_1(server, curl):  # RFC 9110 section 7.8
    (answer,) = curl.run("--http2", f"{server.url}/hello")
    assert (answer.status, answer.body) == (200, b"Hello, world!")


def test_trailing_slash_dot_and_empty_query_are_kept(server, curl):
    assert b"'raw_path': b'/scope/'" in curl.output(f"{server.url}/scope/?")


def test_many_fields_arrive_in_their_order(server, curl):
    fields = [option for number in range(100) for option in ("-H", f"x-{number}: {number}")]
    output = curl.output(*fields, f"{server.url}/scope").decode()
    places = [output.index(f"(b'x-{number}', b'{number}')") for number in range(100)]
    assert places == sorted(places)


# --- at the first try -----------------------------------------------------------------------------

HELLO = b"Hello, world!"
GET_HELLO = ["GET /hello 200"]

# Options, what comes of them, and what the server saw; {url} is where it is.
FRAMINGS = {
    "http1.1": (["--http1.1", "{url}/hello"], HELLO, GET_HELLO),
    "http1.0": (["-0", "{url}/hello"], HELLO, GET_HELLO),
    "http1.0-post": (["-0", "-d", "a=1", "{url}/echo"], b"a=1", ["POST /echo 200"]),
    "http0.9-allowed": (["--http0.9", "{url}/hello"], HELLO, GET_HELLO),
    "http2-upgrade": (["--http2", "{url}/hello"], HELLO, GET_HELLO),
    "http2-upgrade-post": (
        ["--http2", "-d", "a=1", "{url}/echo"],
        b"a=1",
        ["POST /echo 200"],
    ),
    "head": (["--head", "-o", os.devnull, "{url}/hello"], b"", ["HEAD /hello 200"]),
    "chunked-data": (
        ["-H", "Transfer-Encoding: chunked", "-d", "a=1", "{url}/echo"],
        b"a=1",
        ["POST /echo 200"],
    ),
    "no-keepalive": (["--no-keepalive", "{url}/hello"], HELLO, GET_HELLO),
    "close": (["-H", "Connection: close", "{url}/hello"], HELLO, GET_HELLO),
    "raw-chunks": (["--raw", "{url}/echo"], b"", ["GET /echo 200"]),
    "ignored-length": (
        ["--ignore-content-length", "-H", "Connection: close", "{url}/hello"],
        HELLO,
        GET_HELLO,
    ),
    "transfer-coding": (["--tr-encoding", "{url}/hello"], HELLO, GET_HELLO),
    "transfer-coding-of-stream": (
        ["--tr-encoding", "-d", "a=1", "{url}/echo_stream"],
        b"a=1",
        ["POST /echo_stream 200"],
    ),
    "range": (["-r", "0-4", "{url}/hello"], HELLO, GET_HELLO),
    "compressed": (
        ["--compressed", "{url}/gzipped"],
        b"many words " * 1000,
        ["GET /gzipped 200"],
    ),
    "not-compressed": (["{url}/gzipped"], b"many words " * 1000, ["GET /gzipped 200"]),
    "compressed-over-http1.0": (
        ["-0", "--compressed", "{url}/gzipped"],
        b"many words " * 1000,
        ["GET /gzipped 200"],
    ),
    "not-modified": (
        ["-H", 'If-None-Match: "one"', "{url}/unchanged"],
        b"",
        ["GET /unchanged 304"],
    ),
    "path-as-is": (["--path-as-is", "{url}/./hello"], HELLO, ["GET /./hello 200"]),
    "asterisk": (
        ["-X", "OPTIONS", "--request-target", "*", "{url}"],
        HELLO,
        ["OPTIONS * 200"],
    ),
    "trailers-not-taken": (["{url}/trailers"], b"[]", ["GET /trailers 200"]),
    "trailers-taken": (
        ["--raw", "-H", "TE: trailers", "-H", "Connection: TE", "{url}/trailers"],
        b"2\r\n[]\r\n0\r\nx-sum: 42\r\n\r\n",
        ["GET /trailers 200"],
    ),
    "early-hints": (["{url}/early_hint"], HELLO, ["GET /early_hint 200"]),
    "no-content": (["{url}/status?code=204"], b"", ["GET /status?code=204 204"]),
    "stream": (
        ["--no-buffer", "{url}/gather_sends"],
        b"".join(b"%d;" % number for number in range(20)) + b"end",
        ["GET /gather_sends 200"],
    ),
}


@pytest.mark.parametrize("name", FRAMINGS)
def test_first_try_gets_the_answer(server, curl, seen_requests, name):
    arguments, output, requests = FRAMINGS[name]
    got = curl.output(*(each.format(url=server.url) for each in arguments))
    assert got == output
    assert seen_requests() == requests


def test_stream_is_framed_in_chunks_over_http_1_1(server, curl):  # RFC 9112 section 7.1
    pieces = [b"%d;" % number for number in range(20)] + [b"end"]
    output = curl.output("--raw", f"{server.url}/gather_sends")
    # Chunks may be joined, so only what a decoder makes of them is certain.
    decoded = b""
    while output:
        size, _, rest = output.partition(b"\r\n")
        decoded += rest[: int(size, 16)]
        output = rest[int(size, 16) + 2 :]
    assert decoded == b"".join(pieces)


def test_data_of_stdin_is_posted_as_it_is(server, curl, seen_requests, big_file):
    (answer,) = curl.run(
        *("--data-binary", "@-", "-H", "Expect:"),
        f"{server.url}/digest",
        stdin=big_file.read_bytes(),
    )
    assert_is_digest(answer, big_file)
    assert seen_requests() == ["POST /digest 200"]


def test_upload_waits_for_continue_as_long_as_it_takes(server, curl, seen_requests, big_file):
    # It would go on after the time-out, and the answer would come all the same, but so late.
    interim, answer = curl.run(
        *("-T", str(big_file), "-H", "Expect: 100-continue"),
        *("--expect100-timeout", str(2 * DEADLINE_S)),
        f"{server.url}/digest",
    )
    assert interim.status == 100
    assert_is_digest(answer, big_file)
    assert seen_requests() == ["PUT /digest 200"]


def test_upload_does_not_wait_where_continue_takes_too_long(server, curl, seen_requests, big_file):
    *_, answer = curl.run(
        *("-T", str(big_file), "-H", "Expect: 100-continue", "--expect100-timeout", "0.001"),
        f"{server.url}/digest",
    )
    assert_is_digest(answer, big_file)
    assert seen_requests() == ["PUT /digest 200"]


@pytest.mark.parametrize("framing", [[], ["-H", "Transfer-Encoding: chunked"], ["-0"]])
def test_form_of_several_parts_arrives_whole(server, curl, seen_requests, framing):
    fields = ["-F", "name=many words", "-F", "file=@-;filename=x.bin;type=application/x-e2e"]
    content = bytes(range(256)) * 100
    output = curl.output(*fields, *framing, f"{server.url}/echo", stdin=content)
    boundary = output.split(b"\r\n", 1)[0][2:]
    head = b"content-type: multipart/form-data; boundary=" + boundary + b"\r\n\r\n"
    form = email.message_from_bytes(head + output, policy=HTTP)
    name, file = form.iter_parts()
    assert name.get_content().strip() == "many words"
    assert (file.get_filename(), file.get_content()) == ("x.bin", content)
    assert seen_requests() == ["POST /echo 200"]


def test_limited_rate_takes_the_whole_up_and_down(server, curl, seen_requests):
    content = os.urandom(300_000)
    output = curl.output(*("--limit-rate", "1M", "-T", "-", f"{server.url}/echo"), stdin=content)
    assert output == content
    assert seen_requests() == ["PUT /echo 200"]


def test_answer_that_is_too_large_for_curl_is_left_alone(server, curl, seen_requests):
    curl.output("--max-filesize", "5", f"{server.url}/hello", status=63)
    assert seen_requests() == ["GET /hello 200"]


def test_client_that_stops_in_a_stream_is_no_trouble(server, curl):
    case = "curl-leaves"
    curl.output(
        *("--max-time", "0.3", "-o", os.devnull),
        f"{server.url}/stream_for_ever?case={case}",
        status=28,
    )
    server.wait_for_log("stream: OSError from send")


def test_next_request_has_its_own_options_and_the_same_connection(server, curl, seen_requests):
    told = ["-w", "%{num_connects}:%{num_redirects} "]
    output = curl.output(
        *("-d", "a=1", *told, f"{server.url}/echo"),
        "--next",
        *("-I", "-o", os.devnull, *told, f"{server.url}/hello"),
        "--next",
        *("-T", "-", *told, f"{server.url}/echo"),
        stdin=b"up",
    )
    assert output == b"a=11:0 0:0 up0:0 "
    assert seen_requests() == ["POST /echo 200", "HEAD /hello 200", "PUT /echo 200"]


def test_parallel_requests_are_each_answered_once(server, curl, seen_requests):
    urls = [f"{server.url}/hello?{number}" for number in range(20)]
    outputs = [option for _ in urls for option in ("-o", os.devnull)]
    codes = curl.output("--parallel", *outputs, "-w", "%{http_code} ", *urls)
    assert codes.split() == [b"200"] * 20
    assert sorted(seen_requests()) == sorted(f"GET /hello?{n} 200" for n in range(20))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no unix sockets")
def test_unix_socket_is_asked_as_a_port_is(server, curl, seen_requests, socket_path):
    output = curl.output("--unix-socket", socket_path, "-d", "a=1", "http://e2e/echo")
    assert output == b"a=1"
    assert seen_requests() == ["POST /echo 200"]


# --- what is refused ------------------------------------------------------------------------------


def test_request_of_http_0_9_is_refused(server, curl, seen_requests):  # RFC 9112 appendix C.1
    host, port = server.address
    output = curl.output(f"telnet://{host}:{port}", stdin=b"GET /hello\r\n")
    assert output.startswith(b"HTTP/1.1 400 ")
    assert seen_requests() == ["- - 400"]


def test_http_2_without_asking_is_refused(server, curl, seen_requests):
    # It is no HTTP/2 that it gets for an answer; how curl says so depends on its version.
    curl.output("--http2-prior-knowledge", f"{server.url}/hello", status=None)
    assert seen_requests() == ["- - 505"]


# --- servers of other kinds -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls_server(start_shared_server, authority):
    files = authority.issue("localhost")
    options = ["--port=0", "--ssl-certfile", files.certificate, "--ssl-keyfile", files.key]
    return start_shared_server("-m", "asgiserve", "asgi_site:app", *options, has_calm_clients=True)


@pytest.mark.parametrize(
    ("options", "version"),
    [(["--tlsv1.2", "--tls-max", "1.2"], 0x0303), (["--tlsv1.3"], 0x0304)],
    ids=["1.2", "1.3"],
)
@pytest.mark.parametrize("http", ["--http1.0", "--http1.1", "--http2"])
def test_each_version_of_tls_gets_the_answer(tls_server, curl, authority, options, version, http):
    port = tls_server.address[1]
    urls = [f"https://localhost:{port}/scope", f"https://localhost:{port}/hello"]
    output = curl.output(*options, http, "--cacert", str(authority.path), "--noproxy", "*", *urls)
    assert f"'tls_version': {version}".encode() in output
    assert output.endswith(HELLO)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a loop that watches sockets")
def test_proxy_protocol_of_curl_names_its_address(start_server, curl):
    options = ["--port=0", "--proxy-protocol"]
    server = start_server("-m", "asgiserve", "asgi_site:app", *options, has_calm_clients=True)
    urls = [f"{server.url}/scope", f"{server.url}/hello"]
    output = curl.output("--haproxy-protocol", *urls)
    assert b"'client': ('127.0.0.1', " in output
    assert output.endswith(HELLO)
    server.wait_for_log(r'"GET /hello HTTP/1.1" 200')
