"""The bounds: whatever is given, a snapshot stays small, and is made in little time."""

from __future__ import annotations

import base64
import collections
import decimal
import fractions
import hashlib
import pathlib
import time
import types

import pytest
from pydantic import BaseModel

from promptscribe import log_prompt
from promptscribe._capture import digest, snapshot
from promptscribe._wire import record
from promptscribe.testing import captured_logs

LONG = "x" * 1_000_000
ROW = {"text": "x" * 100_000}
PAGES = ("x " * 25_000,) * 10


def deep(levels, kind):
    value = None
    for _ in range(levels):
        value = kind(value)
    return value


class Model(BaseModel):
    x: object = None


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
        lambda: [list(range(3_000)) for _ in range(3_000)],
        lambda: [{"a": n} for n in range(1_000_000)],
        lambda: {2**4_000 + n: n for n in range(20_000)},
        lambda: [2**4_000 + n for n in range(20_000)],
        lambda: [fractions.Fraction(2**4_000, 3)] * 20_000,
        lambda: [decimal.Decimal("1" * 1_000_000)] * 20,
        lambda: [pathlib.PurePosixPath("x/" * 500_000)] * 100,
        lambda: collections.ChainMap(
            *[{f"{n}": n for n in range(1_000)} for _ in range(1_000)]
        ),
        lambda: [bytearray(8_000_000) for _ in range(20)],
        lambda: ["data:image/png;base64," + "A" * 8_000_000] * 100,
        lambda: ["\ud800a" * 500_000] * 20,
        lambda: ["\U0001f600" * 1_000_000] * 20,
        lambda: [str(n) * 200 for n in range(100_000)],
        lambda: [Model(x=n) for n in range(100_000)],
        lambda: Model(x=[LONG * 10] * 60),
    ],
    ids=[
        "text", "bytes", "bytearray", "memoryview", "non-ascii", "data URL", "base64",
        "many images", "shared text", "list", "shared dict", "defaultdict", "deque",
        "deep list", "deep dict", "deep tuple", "shared lists", "shared rows",
        "shared tuples", "many objects", "many namespaces", "long keys",
        "shared key", "bytes as key", "lists of lists", "dicts", "huge keys",
        "huge integers", "fractions", "decimals", "paths", "chain of maps",
        "bytearrays", "the same URL", "surrogates", "emoji", "texts", "models",
        "model",
    ],
)  # fmt: skip
def test_a_snapshot_is_small_and_made_in_little_time(make):
    """Under the 10 MB that a receiver takes, in the time of some 200,000 additions."""
    value = make()

    took = min(timed(snapshot.encode, value) for _ in range(3))

    assert len(snapshot.encode(value)) < 8_000_000
    assert took < 12 * min(timed(count) for _ in range(3))


@pytest.mark.parametrize("levels", [64, 199, 201, 300, 500, 700, 990])
@pytest.mark.parametrize(
    "kind",
    [lambda i: [i], lambda i: {"a": i}, lambda i: [{"a": i}], lambda i: Model(x=i)],
    ids=["list", "dict", "rows", "model"],
)
def test_what_is_deep_is_read_again(levels, kind):
    """An encoder goes twice as deep as its decoder comes back."""
    value = deep(levels, kind)
    with captured_logs() as logs:

        @log_prompt
        def same(given):
            return given

        same(value)
        same([value, len])  # one that is odd has the rest looked at part by part

        @log_prompt
        def pieces():
            yield value

        list(pieces())

    assert len(logs) == 3


def timed(function, *arguments):
    """Return the CPU seconds of a call: other threads and programs take none of it."""
    began = time.thread_time()
    function(*arguments)
    return time.thread_time() - began


def count():
    number = 0
    for step in range(200_000):
        number += step


def media(text):
    return {"data": text, "media_type": "image/png"}


def kept(value):
    return record.plain(record.decode(snapshot.encode(value)))


def test_media_is_told_by_type_and_size_if_there_is_too_much_for_a_digest():
    """A digest takes 1.3 ms a megabyte."""
    assert kept([media("A" * 20_000_000)]) == [
        {
            "data": "$promptscribe:media;type=image/png;bytes=15000000",
            "media_type": "image/png",
        }
    ]


def test_digests_are_made_of_the_first_media_only():
    """Of 40 pictures of 500 KB, of which no two are the same."""
    pictures = [bytes([n]) * 500_000 for n in range(40)]
    urls = [
        f"data:image/png;base64,{base64.b64encode(each).decode()}" for each in pictures
    ]

    told = kept(urls)

    digested = [each for each in told if ";sha256=" in each]
    assert told[: len(digested)] == digested
    assert len(digested) == digest.MOST_HASHED // 500_000
    assert digested[-1].endswith(
        hashlib.sha256(pictures[len(digested) - 1]).hexdigest()
    )
    assert all(";bytes=500000" in each for each in told)


def test_media_that_are_there_many_times_are_read_once():
    """A picture in each turn of a chat: all of them have their digest."""
    content = bytes(range(256)) * 4_000
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"

    told = kept({"chat": [url] * 50, "block": [media(url[22:])] * 50, "raw": content})

    mark = hashlib.sha256(content).hexdigest()
    assert all(each.endswith(mark) for each in [*told["chat"], told["raw"]])
    assert all(block["data"].endswith(mark) for block in told["block"])


@pytest.mark.parametrize(
    "write",
    [
        base64.b64encode,
        base64.encodebytes,
        lambda content: base64.encodebytes(content).replace(b"\n", b"\r\n"),
    ],
    ids=["one line", "lines", "lines of mail"],
)
@pytest.mark.parametrize("size", [400_000, 400_001, 400_002])
def test_the_digest_is_that_of_what_the_base64_says(write, size):
    """Padded or not, in one line or as MIME has it."""
    content = (bytes(range(256)) * 1_600)[:size]

    told = kept(media(write(content).decode()))["data"]

    assert told == (
        f"$promptscribe:media;type=image/png;bytes={size}"
        f";sha256={hashlib.sha256(content).hexdigest()}"
    )


@pytest.mark.parametrize(
    "text",
    ["no base64 " * 40_000, "A" * 400_001, "A" * 400_000 + "\ud800", "é" * 400_000],
    ids=["words", "odd length", "surrogate", "accents"],
)
def test_what_is_no_base64_stays_a_text(text):
    """Whatever the name that it stands under."""
    assert kept(media(text))["data"][:100] == text[:100]


def test_a_memory_that_is_large_is_digested_where_it_lies():
    """A bytearray, a view of it, and of every other byte."""
    memory = bytearray(range(256)) * 4_000

    told = kept([memory, memoryview(memory), memoryview(memory)[::2]])

    mark = hashlib.sha256(memory).hexdigest()
    assert [each.endswith(mark) for each in told[:2]] == [True, True]
    assert told[2]["bytes"] == len(memory) // 2


def test_many_plain_values_are_kept_beside_odd_ones():
    """In blocks: one that is odd costs none of the others."""
    rows = [{"n": n, "text": f"row {n}"} for n in range(5_000)]
    rows[2_000]["odd"] = object()

    told = kept({"rows": rows, "numbers": dict.fromkeys(map(str, range(5_000)), 1.5)})

    assert told["rows"][:2_000] == rows[:2_000]
    assert told["rows"][2_001:] == rows[2_001:]
    assert told["rows"][2_000]["odd"]["type"] == "object"
    assert list(told["numbers"]) == [str(n) for n in range(5_000)]


def test_an_embedding_for_each_of_fifty_texts_is_kept():
    """Numbers are little work: 1,536 in each."""
    embeddings = [[n / 7 + row for n in range(1_536)] for row in range(38)]

    assert kept({"embeddings": embeddings, "o": object()})["embeddings"] == embeddings
