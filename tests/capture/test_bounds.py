"""The bounds: whatever is given, a snapshot stays small, and is made in little time."""

from __future__ import annotations

import collections
import time
import types

import pytest

from promptscribe._capture import snapshot

LONG = "x" * 1_000_000
ROW = {"text": "x" * 100_000}
PAGES = ("x " * 25_000,) * 10


def deep(levels, kind):
    value = None
    for _ in range(levels):
        value = kind(value)
    return value


def laughs():
    value = ["x" * 1_000] * 1_000
    for _ in range(4):
        value = [value] * 1_000
    return value


@pytest.mark.parametrize(
    "make",
    [
        lambda: LONG * 100,
        lambda: LONG.encode() * 100,
        lambda: bytearray(100_000_000),
        lambda: memoryview(bytearray(100_000_000)),
        lambda: "é" * 50_000_000,
        lambda: "data:image/png;base64," + "A" * 50_000_000,
        lambda: {"data": "A" * 50_000_000, "media_type": "image/png"},
        lambda: [{"data": LONG, "media_type": "x"} for _ in range(20)],
        lambda: [LONG * 10] * 60,
        lambda: [0] * 10_000_000,
        lambda: {"deep": [{"deeper": dict.fromkeys(range(1_000_000))}] * 9},
        lambda: collections.defaultdict(int, dict.fromkeys(range(1_000_000))),
        lambda: collections.deque(range(1_000_000)),
        lambda: deep(100_000, lambda inner: [inner]),
        lambda: deep(100_000, lambda inner: {"a": inner}),
        lambda: deep(100_000, lambda inner: (inner,)),
        laughs,
        lambda: {str(n): ROW for n in range(1_000)},
        lambda: (PAGES,) * 100,
        lambda: [{"a": n, "b": object()} for n in range(20_000)],
        lambda: [types.SimpleNamespace(a=n) for n in range(20_000)],
        lambda: {str(n) + LONG: 1 for n in range(300)},
        lambda: [{LONG: n} for n in range(2_000)],
        lambda: {LONG.encode(): 1},
    ],
    ids=[
        "text", "bytes", "bytearray", "memoryview", "non-ascii", "data URL", "base64",
        "many images", "shared text", "list", "shared dict", "defaultdict", "deque",
        "deep list", "deep dict", "deep tuple", "shared lists", "shared rows",
        "shared tuples", "many objects", "many namespaces", "long keys",
        "shared key", "bytes as key",
    ],
)  # fmt: skip
def test_a_snapshot_is_small_and_made_in_little_time(make):
    """Under the 10 MB that a receiver takes; the time is a slow machine's."""
    value = make()

    took = min(timed(value) for _ in range(3))

    assert len(snapshot.encode(value)) < 8_000_000
    assert took < 0.25


def timed(value):
    began = time.thread_time()
    snapshot.encode(value)
    return time.thread_time() - began


def test_media_is_told_by_type_and_size_if_there_is_too_much_for_a_digest():
    """A digest takes 2 ms a megabyte."""
    from promptscribe._wire import record

    kept = record.decode(
        snapshot.encode([{"data": "A" * 20_000_000, "media_type": "image/png"}])
    )

    assert kept == [
        {
            "data": "$promptscribe:media;type=image/png;bytes=15000000",
            "media_type": "image/png",
        }
    ]
