"""Instructions are split by stage at the functions in which stages begin."""

import pytest

from benchmarks.wire.call_graph import parse_call_graph
from benchmarks.wire.measure import DIFFERENCE
from benchmarks.wire.stages import BORDERS, STAGES, Border, split_by_stage, split_run

FEED = "__pyx_f_9asgiserve_9_speedups_12http1_parser_13RequestParser_feed"
DATA_RECEIVED = "__pyx_pw_9asgiserve_9_speedups_16http1_connection_15Http1Connection_5data_received"
PARSER_BORDERS = (
    Border("rest", "Http1Connection.data_received", None, is_def=True),
    Border("parse", "RequestParser.feed", "Http1Connection.data_received"),
    Border("application", "PyIter_Send", "RequestParser.feed"),
)


def make_graph():
    """A loop costs 100, the connection below it 30, its parser 60, the application 500."""
    text = (
        f"fn=(1) uv_run\n1 100\ncfn=(2) {DATA_RECEIVED}\ncalls=1 1\n1 590\n"
        f"fn=(2)\n1 30\ncfn=(3) {FEED}\ncalls=1 1\n1 560\n"
        "fn=(3)\n1 60\ncfn=(4) PyIter_Send\ncalls=1 1\n1 500\n"
        "fn=(4)\n1 500\n"
    )
    return parse_call_graph(text.splitlines(keepends=True))


def test_stages_are_what_borders_cost_less_what_is_called_below_them():
    stages = split_by_stage(make_graph(), PARSER_BORDERS)
    nothing = dict.fromkeys(STAGES, 0)
    assert stages == {**nothing, "transport": 100, "rest": 30, "parse": 60, "application": 500}


def test_stages_add_up_to_all_instructions():
    graph = make_graph()
    assert sum(split_by_stage(graph, PARSER_BORDERS).values()) == graph.count() == 690


def test_stages_refuse_a_border_that_is_not_called():
    borders = (*PARSER_BORDERS, Border("scope", "ScopeFactory.http", "RequestParser.feed"))
    with pytest.raises(ValueError, match=r"ScopeFactory\.http is not called"):
        split_by_stage(make_graph(), borders)


def test_run_is_split_per_request_with_the_harness_taken_off_the_transport(tmp_path):
    write_run(tmp_path / "server", write_get())
    write_run(tmp_path / "harness", f"fn=(1) main\n1 {40 * DIFFERENCE}\n")
    stages = split_run(tmp_path / "server", None)
    own_borders = [border.stage for border in BORDERS]
    assert stages == {
        stage: 10.0 * own_borders.count(stage) + (100 if stage == "transport" else 0)
        for stage in STAGES
    }
    split = split_run(tmp_path / "server", tmp_path / "harness")
    assert split == {**stages, "transport": stages["transport"] - 40}


def write_get():
    """A long run in which each border costs 10 a request by itself, and main 100."""
    text = f"fn=(100) main\n1 {100 * DIFFERENCE}\n{write_calls(None)}"
    for number, border in enumerate(BORDERS):
        text += f"fn=({number}) {spell(border)}\n1 {10 * DIFFERENCE}\n"
        text += write_calls(border.function)
    return text


def spell(border):
    kind = "pw" if border.is_def else "f"
    owner, dot, method = border.function.partition(".")
    return f"__pyx_{kind}_9asgiserve_9_speedups_1x_10{owner}_{method}" if dot else owner


def write_calls(function):
    return "".join(
        f"cfn=({number}) {spell(border)}\ncalls=1 1\n1 {count_inclusive(border)}\n"
        for number, border in enumerate(BORDERS)
        if border.below == function
    )


def count_inclusive(border):
    inner = [each for each in BORDERS if each.below == border.function]
    return 10 * DIFFERENCE + sum(map(count_inclusive, inner))


def write_run(folder, text):
    """The files of a run whose short part has cost nothing."""
    for part in ("short", "long"):
        (folder / part).mkdir(parents=True)
    (folder / "short" / "callgrind.out.1").write_text("fn=(1) main\n1 0\n")
    (folder / "long" / "callgrind.out.1").write_text(text)
