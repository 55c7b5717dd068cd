"""Callgrind's files are read by function."""

import pytest

from benchmarks.wire.call_graph import parse_call_graph, read_call_graph

FILE = """\
# callgrind format
positions: line
events: Ir

ob=(1) /usr/lib/libpython3.13.so.1.0
fl=(1) ceval.c
fn=(1) _PyEval_EvalFrameDefault'2
16 400
fi=(2) object.h
+3 50
cob=(2) /lib/x.so
cfi=(3) x.c
cfn=(2) std::pair<int, int> f(int)
calls=2 50
* 1000
fe=(1)
-1 7

fl=(3)
fn=(2)
50 990
* 10

totals: 1457
"""


def test_call_graph_tells_a_functions_own_instructions_from_those_it_calls():
    graph = parse_call_graph(FILE.splitlines(keepends=True))
    assert graph.own == {"_PyEval_EvalFrameDefault'2": 457, "std::pair<int, int> f(int)": 1000}
    assert graph.inclusive == {
        "_PyEval_EvalFrameDefault'2": 1457,
        "std::pair<int, int> f(int)": 1000,
    }
    assert graph.count() == 1457


def test_call_graph_of_a_run_has_all_its_processes(tmp_path):
    (tmp_path / "callgrind.out.1").write_text(FILE)
    (tmp_path / "callgrind.out.2").write_text("fn=(9) main\n1 3\n")
    graph = read_call_graph(tmp_path)
    assert graph.own["main"] == 3
    assert graph.count() == 1460


def test_call_graph_refuses_a_function_without_a_number():
    with pytest.raises(ValueError, match="not a function"):
        parse_call_graph(["fn=main\n"])
