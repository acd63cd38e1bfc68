"""Chunks that are dicts: each is kept as it came, whatever else came before."""

from __future__ import annotations

import enum
import json

import pytest

from promptscribe import force_flush, log_prompt
from promptscribe.testing import captured_logs


@log_prompt(path="deltas")
def deltas(*chunks):
    yield from chunks


class Asked(BaseException):
    """Something of the user's was run."""


class Text(str):
    __slots__ = ()

    def __str__(self):
        raise Asked

    def __len__(self):
        raise Asked

    def __eq__(self, other):
        raise Asked

    __hash__ = str.__hash__


class Mapping(dict):
    def __iter__(self):
        raise Asked

    def items(self):
        raise Asked

    def __len__(self):
        raise Asked


class Colour(enum.Enum):
    RED = "red"

    @property
    def value(self):
        raise Asked


class Meta(type):
    def __hash__(cls):
        raise Asked

    def __eq__(cls, other):
        raise Asked


class Odd(metaclass=Meta):
    def __getattribute__(self, name):
        raise Asked


def itself():
    chunk = {"a": [1]}
    chunk["a"].append(chunk)
    return chunk


def nested(depth):
    chunk = {"a": 1}
    for _ in range(depth):
        chunk = {"a": [chunk]}
    return chunk


def shared():
    chunk = {"a": 1}
    for _ in range(9):
        chunk = {str(n): chunk for n in range(9)}
    return chunk


ODD = {
    "plain": {"a": [1, 1.5, None, True, "é", {"b": []}]},
    "empty": {},
    "text": {"a": {"b": Text("t")}},
    "key": {"a": {Text("t"): 1}},
    "number as key": {1: "a", None: "b"},
    "mapping": {"a": [Mapping(b=1)]},
    "enum": {"a": {"b": Colour.RED}},
    "enum as key": {"a": {Colour.RED: 1}},
    "metaclass": {"a": [Odd()]},
    "set": {"a": {1}},
    "tuple": {"a": (1, "b")},
    "bytes": {"a": b"b"},
    "surrogate": {"a": "\ud800"},
    "large number": {"a": [2**70]},
    "not a number": {"a": [float("nan")]},
    "itself": itself(),
    "deep": nested(90),
    "shared": shared(),
    "long text": {"a": "x" * 5_000},
    "very long text": {"a": "x" * 1_000_000},
    "very long key": {"x" * 1_000_000: 1},
    "many": {"a": list(range(1_000))},
    "very many": {"a": list(range(100_000))},
    "many short texts": {str(n): "x" * 3_000 for n in range(150)},
}


@pytest.mark.parametrize("chunk", ODD.values(), ids=ODD)
def test_a_later_chunk_is_kept_as_a_first_one(chunk):
    """The quick way and the slow one give the same, and neither runs foreign code."""
    seen = []
    with captured_logs() as logs:
        seen += deltas(chunk)
        seen += deltas({"first": 1}, chunk, {"last": 2})
    alone, among = (json.loads(log.output) for log in logs)

    assert [one is chunk for one in seen] == [True, False, True, False]
    assert among == [
        {"first": 1},
        *(alone if type(alone) is list else [alone]),
        {"last": 2},
    ]
    assert [log.metadata["chunks"] for log in logs] == [1, 3]
    assert not force_flush(0).reasons
