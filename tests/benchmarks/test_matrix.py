"""Each scenario has the servers that can run it."""

import shutil
import sys

import pytest

from benchmarks.c_program import build_program
from benchmarks.contenders import (
    CONTENDERS,
    DEFAULT_CONTENDERS,
    TLS_CONTENDERS,
    WEBSOCKET_CONTENDERS,
)
from benchmarks.load.matrix import (
    can_run,
    choose_contenders,
    choose_footprints,
    find_sources,
    make_matrix,
)
from benchmarks.load.scenarios import SCENARIOS


def test_scenario_names_the_servers_that_it_is_for():
    assert choose_contenders("http1-get-13b-c64") == DEFAULT_CONTENDERS
    assert choose_contenders("ws-echo-32b-c64") == WEBSOCKET_CONTENDERS
    assert choose_contenders("http1-tls-get-13b-c64") == TLS_CONTENDERS


def test_matrix_leaves_out_a_server_that_cannot_run_a_scenario():
    matrix = make_matrix(["http1-get-13b-c64", "http1-post-1k-c64"], None)
    assert {"floor", "nginx"} <= {*matrix["http1-get-13b-c64"]}
    assert not {"floor", "nginx"} & {*matrix["http1-post-1k-c64"]}


def test_matrix_leaves_out_a_scenario_that_no_server_can_run():
    assert make_matrix(["http1-get-64k-c64"], ["floor"]) == {}


def test_matrix_keeps_to_the_servers_that_were_named():
    matrix = make_matrix(["http1-get-13b-c64"], ["daphne", "uvicorn"])
    assert matrix == {"http1-get-13b-c64": ("daphne", "uvicorn")}


@pytest.mark.parametrize(
    ("server", "scenario"),
    [
        ("fastpysgi", "http1-get-13b-c64-log"),
        ("freastal", "http1-get-13b-c64-w2"),
        ("daphne", "http1-tls-get-13b-c64"),
        ("nginx", "ws-echo-32b-c64"),
        ("constant", "http1-pipelined-16-c64"),
    ],
)
def test_server_cannot_run_what_it_has_no_option_for(server, scenario):
    assert not can_run(CONTENDERS[server], SCENARIOS[scenario])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_asgiserve_runs_every_scenario(scenario):
    assert can_run(CONTENDERS["asgiserve"], SCENARIOS[scenario])


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)
def test_every_c_program_that_a_matrix_needs_can_be_compiled():
    sources = find_sources(make_matrix([*SCENARIOS], None))
    assert {source.name for source in sources} == {"floor.c", "http_rate.c", "ws_echo.c"}
    assert all(build_program(source).exists() for source in sources)


def test_matrix_without_c_programs_needs_no_compiler():
    assert find_sources(make_matrix(["http1-get-64k-c64"], None)) == []


def test_starts_and_memory_are_those_of_servers_that_run_an_application():
    assert choose_footprints(["nginx", "uvicorn"]) == ("uvicorn",)
    assert "asgiserve" in choose_footprints(None)
