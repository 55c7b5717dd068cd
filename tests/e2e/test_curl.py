"""The curl command with every option that changes how a message is framed."""

import hashlib
import json
import os
import shutil

import pytest

from .clients import CurlClient

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs the curl command")


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "asgi_site:app", "--port", "0")


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
    assert b"'raw_path': b'/scope/../%2e%2e//x;y=1'" in output
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
