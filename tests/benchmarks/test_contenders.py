"""Each server's command line is made from its data."""

from pathlib import Path

import pytest

from benchmarks.certificate import KeyFiles
from benchmarks.contenders import (
    CONTENDERS,
    DEFAULT_CONTENDERS,
    TLS_CONTENDERS,
    WEBSOCKET_CONTENDERS,
)
from benchmarks.load.scenarios import SCENARIOS


def test_command_fills_in_application_and_port():
    command = CONTENDERS["uvicorn"].command(app="main:app", port=8123, python="py")
    assert command == [
        *["py", "-m", "uvicorn", "main:app", "--host", "127.0.0.1", "--port", "8123"],
        "--no-access-log",
    ]


def test_command_switches_the_access_log_on():
    command = CONTENDERS["granian"].command(app="main:app", port=1, access_log=True)
    assert "--access-log" in command
    assert "--no-access-log" not in command


def test_command_keeps_idle_connections_only_when_asked():
    uvicorn = CONTENDERS["uvicorn"]
    assert "--timeout-keep-alive" in uvicorn.command(app="a:b", port=1, many_idle=True)
    assert "--timeout-keep-alive" not in uvicorn.command(app="a:b", port=1)


def test_command_names_the_workers_only_when_there_are_several():
    granian = CONTENDERS["granian"]
    assert granian.command(app="a:b", port=1, workers=2)[-2:] == ["--workers", "2"]
    assert "--workers" not in granian.command(app="a:b", port=1)


@pytest.mark.parametrize("name", CONTENDERS)
def test_scenarios_that_a_contender_is_limited_to_exist(name):
    assert (CONTENDERS[name].scenarios or set()) <= set(SCENARIOS)


@pytest.mark.parametrize("name", CONTENDERS)
def test_contender_is_listed_under_its_name_and_names_the_port(name):
    contender = CONTENDERS[name]
    assert contender.name == name
    assert any("8123" in part for part in contender.command(app="a:b", port=8123))


def test_columns_differ_by_environment():
    compiled, pure = CONTENDERS["asgiserve"], CONTENDERS["asgiserve-pure"]
    assert compiled.environment == {"ASGISERVE_SPEEDUPS": "require"}
    assert pure.environment == {"ASGISERVE_SPEEDUPS": "off"}
    assert compiled.arguments == pure.arguments


def test_default_contenders_exist():
    assert {*DEFAULT_CONTENDERS, *TLS_CONTENDERS, *WEBSOCKET_CONTENDERS} <= set(CONTENDERS)


@pytest.mark.parametrize("name", TLS_CONTENDERS)
def test_tls_contender_is_told_certificate_and_key_where_there_is_one(name):
    files = KeyFiles(Path("cert.pem"), Path("key.pem"))
    contender = CONTENDERS[name]
    secure = contender.command(app="a:b", port=1, key_files=files)
    plain = contender.command(app="a:b", port=1)
    assert {"cert.pem", "key.pem"} <= {*secure[len(plain) :]}
    assert not {"cert.pem", "key.pem"} & {*plain}


def test_log_contender_logs_where_the_others_do_not():
    assert "--access-log" in CONTENDERS["asgiserve-log"].command(app="a:b", port=1)
    assert "--no-access-log" in CONTENDERS["asgiserve"].command(app="a:b", port=1)
