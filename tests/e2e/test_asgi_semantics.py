"""What an application sees of ASGI 3.0 (HTTP spec 2.5) over real sockets."""

import ast
import json

from .journal import read_journal, wait_for_journal
from .raw_client import RawClient
from .waiting import wait_until

SITE = "asgi_site:app"


# --- scope ----------------------------------------------------------------------------------------


def test_scope_has_every_key_with_its_type(server, raw):
    seen = ast.literal_eval(
        raw.get("/scope/caf%C3%A9/a%2Fb?x=%20y&z", "X-Two: 1", "x-two: 2").body.decode()
    )
    assert seen.pop("asgi") == {"version": "3.0", "spec_version": "2.5"}
    assert tuple(seen.pop("client")) == raw.socket.getsockname()
    assert tuple(seen.pop("server")) == server.address
    assert isinstance(seen.pop("state"), dict)
    assert isinstance(seen.pop("extensions", {}), dict)
    assert seen == {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/scope/café/a/b",
        "raw_path": b"/scope/caf%C3%A9/a%2Fb",
        "query_string": b"x=%20y&z",
        "root_path": "",
        "headers": [(b"host", b"e2e"), (b"x-two", b"1"), (b"x-two", b"2")],
    }


def test_context_variable_set_in_lifespan_is_visible_and_private_to_each_request(server, raw):
    seen = [json.loads(raw.get("/context").body) for _ in range(2)]
    assert seen == ["hello from lifespan"] * 2


# --- awaitables -----------------------------------------------------------------------------------


def test_receive_can_be_given_up_and_the_connection_lives_on(raw):
    for _ in range(2):
        seen = json.loads(raw.get("/receive_times_out").body)
        assert seen == ["http.request", "wait_for", "timeout", "move_on_after"]


def test_send_works_under_gather_and_wait_for(raw):
    body = raw.get("/gather_sends").body
    assert body == b"".join(b"%d;" % number for number in range(20)) + b"end"


def test_anyio_task_group_ends_when_the_stream_does(server, raw):
    assert raw.get("/task_group?case=group-ends").body == b"0;1;2;3;4;"
    wait_until(
        lambda: "left the group" in read_journal(server, "group-ends"), "the end of the task group"
    )
    assert raw.get("/hello").status == 200


def test_anyio_cancel_scope_ends_the_stream_when_the_client_leaves(server):
    with RawClient(server.address) as leaving:
        leaving.send(
            b"GET /task_group?case=group-cancelled&chunks=100000 HTTP/1.1\r\nhost: e2e\r\n\r\n"
        )
        leaving.read_until(b"1;")
    wait_for_journal(server, "group-cancelled", ["http.disconnect", "left the group"])


# --- disconnect -----------------------------------------------------------------------------------


def test_client_that_closes_wakes_a_waiting_receive(server):
    with RawClient(server.address) as leaving:
        leaving.send(b"GET /long_poll?case=close HTTP/1.1\r\nhost: e2e\r\n\r\n")
        wait_for_journal(server, "close", ["waiting"])
    # It may have closed one half only, and still read: send does not raise.
    wait_for_journal(server, "close", ["waiting", "http.disconnect", "answered"])


def test_client_that_is_killed_wakes_a_waiting_receive_and_send_raises(server):
    leaving = RawClient(server.address)
    leaving.send(b"GET /long_poll?case=reset HTTP/1.1\r\nhost: e2e\r\n\r\n")
    wait_for_journal(server, "reset", ["waiting"])
    leaving.reset()
    wait_for_journal(server, "reset", ["waiting", "http.disconnect", "OSError from send"])


def test_receive_gives_disconnect_after_the_answer(server, raw):
    assert raw.get("/receive_after_answer?case=after-answer").body == b"done"
    wait_for_journal(server, "after-answer", ["http.disconnect"])
    assert raw.get("/hello").status == 200


def test_send_raises_an_oserror_when_the_client_left_in_mid_stream(server):
    with RawClient(server.address) as leaving:
        leaving.send(b"GET /stream_for_ever?case=left HTTP/1.1\r\nhost: e2e\r\n\r\n")
        leaving.read_until(b"tick")
    wait_for_journal(server, "left", ["sent", "ClientDisconnected"])


def test_uncaught_oserror_from_send_is_not_logged(server):  # ASGI HTTP 2.4
    with RawClient(server.address) as leaving:
        leaving.send(b"GET /stream_uncaught HTTP/1.1\r\nhost: e2e\r\n\r\n")
        leaving.read_until(b"tick")
    with RawClient(server.address) as raw:
        assert raw.get("/hello").status == 200
    assert "Error" not in server.log_since_mark()


def test_half_closed_client_still_gets_its_answer(server, tmp_path):
    permission = tmp_path / "go"
    with RawClient(server.address) as raw:
        raw.send(
            f"GET /wait_for_file?case=half&path={permission} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode()
        )
        raw.half_close()
        wait_for_journal(server, "half", ["waiting"])
        permission.touch()
        assert raw.read_answer().body == b"finished in peace"
        assert raw.read_to_end() == b""


def test_half_closed_client_gets_the_answers_behind_a_slow_one(server, raw, tmp_path):
    permission = tmp_path / "go"
    raw.send(
        f"GET /wait_for_file?case=queue&path={permission} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode()
    )
    raw.send(b"GET /hello HTTP/1.1\r\nhost: e2e\r\n\r\n" * 3)
    raw.half_close()
    wait_for_journal(server, "queue", ["waiting"])
    permission.touch()
    assert raw.read_answer().body == b"finished in peace"
    assert [raw.read_answer().body for _ in range(3)] == [b"Hello, world!"] * 3
    assert raw.read_to_end() == b""


def test_client_that_leaves_in_mid_body_is_a_disconnect(server):
    with RawClient(server.address) as leaving:
        leaving.send(b"POST /upload_slowly?case=mid-body HTTP/1.1\r\nhost: e2e\r\n")
        leaving.send(b"content-length: 100\r\n\r\n12345")
        wait_for_journal(server, "mid-body", ["http.request"])
    wait_for_journal(server, "mid-body", ["http.request", "http.disconnect"])


# --- broken applications --------------------------------------------------------------------------


def test_exception_after_the_start_closes_in_mid_answer_with_one_traceback(server, raw):
    raw.send(b"GET /raise_after_start HTTP/1.1\r\nhost: e2e\r\n\r\n")
    rest = raw.read_to_end()
    assert b"half an answ" in rest
    assert not rest.endswith(b"0\r\n\r\n")
    server.expect_traceback("ValueError: broken after the start")


def test_broken_answer_that_ends_with_the_connection_ends_with_a_reset(server, raw):
    # RFC 9112 section 8: an orderly close would make it complete.
    raw.send(b"GET /raise_after_start HTTP/1.0\r\n\r\n")
    assert raw.ends_with_reset()
    server.expect_traceback("ValueError: broken after the start")
