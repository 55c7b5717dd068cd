"""callgrind_annotate's lists are read by function."""

from benchmarks.wire.functions import parse_annotation

LIST = """
Ir                   file:function
--------------------------------------------------------------------------------
308,640,773 (100.0%)  PROGRAM TOTALS
22,089,110 ( 7.16%)  /build/Python/ceval.c:_PyEval_EvalFrameDefault'2
   216,688 ( 0.07%)  /project/uvloop/loop.c:on_read [/lib/uvloop/loop.so]
   145,192 ( 0.05%)  /include/object.h:on_read
        24 ( 0.00%)  ???:std::pair<int, int> f(int) [/lib/x.so]
"""


def test_annotation_is_read_by_function():
    assert parse_annotation(LIST) == {
        "_PyEval_EvalFrameDefault'2": 22_089_110,
        "on_read": 216_688 + 145_192,
        "std::pair<int, int> f(int)": 24,
    }
