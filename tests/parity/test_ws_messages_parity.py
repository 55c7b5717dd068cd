"""The two message readers answer alike: same bytes, same pieces, same events, codes and reasons.

The inputs are those of ``frame_bytes.py``; how many, from which seed on, and how to run them under
AddressSanitizer is told in ``test_http1_parser_parity.py``.
"""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asgiserve.codecs.ws_deflate import DeflateParams, Inflater
from asgiserve.errors import WebSocketError
from tests.columns import COLUMNS, load_namespace
from tests.parity.frame_bytes import FrameSample, make_frames
from tests.parity.test_http1_parser_parity import FAULTS, FIRST_SEED, INPUT_COUNT

pytestmark = pytest.mark.skipif(
    "compiled" not in COLUMNS, reason="only one column is here to be compared"
)


def observe(
    impl: SimpleNamespace, sample: FrameSample, calls_of: Random | None, has_faults: bool = False
) -> list[Any]:
    """Feed *sample* to the reader of one column, and list all that can be seen of it.

    Args:
        calls_of: decides what the sink calls back; None for nothing.
        has_faults: the sink raises, too.
    """
    seen: list[Any] = []

    def call_back() -> None:
        if calls_of is not None and calls_of.random() < 0.4:
            name = calls_of.choice(("pause", "pause", "pause", "resume", "feed", "detach"))
            if has_faults and calls_of.randrange(2):
                name = "raise"
            seen.append(name)
            if name == "raise":
                raise calls_of.choice(FAULTS)("the sink's")
            getattr(reader, name)(*([b"\x89\x80abcd"] if name == "feed" else ()))

    class Sink(impl.ws_messages.MessageSink):  # type: ignore[misc, name-defined]
        def on_message(self, message: Any) -> None:
            seen.append(message)
            call_back()

        def on_ping(self, payload: bytes) -> None:
            seen.append(("ping", payload))
            call_back()

        def on_pong(self, payload: bytes) -> None:
            seen.append(("pong", payload))
            call_back()

        def on_close(self, code: int, reason: str) -> None:
            seen.append(("close", code, reason))
            call_back()

    inflater = Inflater(DeflateParams(False, False, 12, 12)) if sample.is_deflated else None
    reader = impl.ws_messages.MessageReader(Sink(), sample.max_size, inflater)
    try:
        for piece in sample.pieces:
            seen.append(("feed", len(piece)))
            reader.feed(piece)
            seen.append((reader.buffered, reader.has_open_message))
            if calls_of is not None and calls_of.randrange(2):
                seen.append("resume")
                reader.resume()
        while reader.buffered:
            seen.append("resume")
            reader.resume()
    except WebSocketError as error:
        seen.append(("error", error.code, error.reason, reader.buffered, reader.has_open_message))
        reader.feed(b"\x89\x80abcd")
    except FAULTS as error:
        seen.append(("fault", type(error), reader.buffered, reader.has_open_message))
        for piece in sample.pieces:
            reader.feed(piece)
        reader.resume()
    seen.append((reader.buffered, reader.has_open_message))
    return seen


def observe_both(
    sample: FrameSample, calls_seed: int | None, has_faults: bool = False
) -> list[list[Any]]:
    """What can be seen of each column, the pure one first."""

    def calls() -> Random | None:
        return None if calls_seed is None else Random(calls_seed)

    return [
        observe(load_namespace(name), sample, calls(), has_faults) for name in ("pure", "compiled")
    ]


def test_readers_answer_alike() -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + INPUT_COUNT):
        sample = make_frames(Random(seed))
        pure, compiled = observe_both(sample, seed if seed % 2 else None)
        assert compiled == pure, f"seed {seed}: {sample}"


def test_readers_answer_alike_whatever_their_sinks_raise() -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + INPUT_COUNT // 2):
        sample = make_frames(Random(seed))
        pure, compiled = observe_both(sample, seed, has_faults=True)
        assert compiled == pure, f"seed {seed}: {sample}"


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), calls_seed=st.none() | st.integers(0, 255))
def test_readers_answer_alike_where_inputs_can_be_shrunk(
    random: Random, calls_seed: int | None
) -> None:
    pure, compiled = observe_both(make_frames(random), calls_seed)
    assert compiled == pure


def test_framers_answer_alike() -> None:
    pure, compiled = (load_namespace(name).ws_frames for name in ("pure", "compiled"))
    for seed in range(FIRST_SEED, FIRST_SEED + INPUT_COUNT // 10):
        random = Random(seed)
        text = "x" * random.randrange(20000) + random.choice("aé€🌍") * random.randrange(9000)
        code, cut = random.randrange(1000, 5000), random.randrange(300)
        for name, arguments in (
            ("frame_text", (text,)),
            ("frame_binary", (text.encode(),)),
            ("frame_compressed", (random.choice((1, 2)), text.encode())),
            ("frame_control", (random.choice((8, 9, 10)), text.encode()[:125])),
            ("frame_close", (code, text[-cut:])),
        ):
            assert getattr(compiled, name)(*arguments) == getattr(pure, name)(*arguments), seed
