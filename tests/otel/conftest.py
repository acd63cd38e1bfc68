"""What the tests of spans share: spans that real instrumentations emitted."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from promptscribe._dialects.span import Span

RECORDED = Path(__file__).parent / "recorded"


def _load(name):
    recording = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    spans = [
        {key: value for key, value in span.items() if value is not None}
        for span in recording["spans"]
    ]
    return msgspec.convert(spans, list[Span])


@pytest.fixture
def recorded():
    """Give the spans of one recorded call, in the order in which they ended."""
    return _load


@pytest.fixture
def make_span():
    """Build a span of attributes alone."""

    def make(attributes=None, **members):
        given = {"trace_id": "a" * 32, "span_id": "b" * 16, "name": "s"} | members
        return Span(attributes=attributes or {}, **given)

    return make
