"""Any signature, any call, any option: it does what it did undecorated."""

from __future__ import annotations

import inspect
import traceback

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from promptscribe import ConfigurationError, log_prompt
from promptscribe.testing import captured_logs

pytestmark = pytest.mark.slow

NAMES = [
    "self", "cls", "func", "function", "args", "kwargs", "wrapped", "instance", "bind",
    "inputs", "messages", "prompt", "path", "declared", "token", "recording", "type",
    "list", "dict", "a", "b", "_default_0", "result", "error", "é", "match", "_", "id",
    "save", "metadata", "this", "__x", "include", "print", "options", "outer", "append",
]  # fmt: skip
names = st.sampled_from(NAMES)
VALUES = [
    1, "x", None, [1], {"a": [2]}, (3,), b"y", 2.5, object(), len, 2**70, "\ud800"
]  # fmt: skip
values = st.sampled_from(VALUES)

KINDS = {
    "function": "def f({}):\n    return dict(locals())",
    "coroutine": "async def f({}):\n    return dict(locals())",
    "generator": "def f({}):\n    yield dict(locals())\n    return 5",
    "async generator": "async def f({}):\n    yield dict(locals())",
}


@st.composite
def signatures(draw):
    """Draw the text between the parentheses, and the defaults that it names."""
    chosen = draw(st.lists(names, max_size=6, unique=True))
    first, second = sorted(draw(st.tuples(*[st.integers(0, len(chosen))] * 2)))
    star = draw(st.sampled_from([None, "args", "rest", "self"]))
    stars = draw(st.sampled_from([None, "kwargs", "more", "options"]))
    with_default = draw(st.integers(0, second))
    annotation = draw(st.sampled_from(["", ": 'nonsense['", ": int"]))
    defaults = {}
    parts = []
    for place, name in enumerate(chosen):
        part = f"{name}{annotation}"
        if draw(st.booleans()) if place >= second else place >= with_default:
            default = f"D{place}"
            defaults[default] = draw(values)
            part += f" = {default}"
        if place == second:
            parts.append(f"*{star}" if star and star not in chosen else "*")
        parts.append(part)
        if place == first - 1:
            parts.append("/")
    if second == len(chosen) and star and star not in chosen:
        parts.append(f"*{star}")
    if stars and stars not in chosen:
        parts.append(f"**{stars}")
    return ", ".join(parts), defaults


FORMS = {
    "function": lambda f, d: d(f),
    "decorated twice": lambda f, d: d(d(f)),
    "method": lambda f, d: in_class(d(f))(),
    "through the class": lambda f, d: in_class(d(f)),
    "under a classmethod": lambda f, d: in_class(classmethod(d(f))),
    "over a classmethod": lambda f, d: in_class(d(classmethod(f)))(),
    "under a staticmethod": lambda f, d: in_class(staticmethod(d(f)))(),
    "over a staticmethod": lambda f, d: in_class(d(staticmethod(f))),
}


class Bot:
    """Keeps its instances alike, so that what two of them were given is equal."""

    def __eq__(self, other):
        return isinstance(other, Bot)

    def __hash__(self):
        return 1


def in_class(method):
    Bot.ask = method
    return Bot


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "include": st.lists(names, max_size=3),
        "exclude": st.lists(names, max_size=3),
        "capture": st.sampled_from(["all", "metadata", "none"]),
        "save": st.booleans(),
        "capture_stdout": st.booleans(),
        "redact": st.sampled_from([True, False, str.upper]),
        "sample_rate": st.sampled_from([0, 0.5, 1]),
        "enabled": st.booleans(),
        "output_transform": st.sampled_from([str, lambda _: None, lambda _: 1 // 0]),
        "prompt": st.sampled_from([{"model": "m"}, lambda: 1 // 0]),
    },
)


def outcome(make, form, decorate, args, kwargs):
    """Return what a call gives, or raises, and from which frames."""
    called = form(make(), decorate)
    called = getattr(called, "ask", called)
    made = None
    try:
        made = called(*args, **kwargs)
        return type(made), read(made)
    except TypeError as error:
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        is_late = made is not None
        return is_late, str(error), frames[1:], error.__context__, error.__cause__


def read(made):
    """Bring a result to its end by hand: it has nothing to wait for."""
    if inspect.isasyncgen(made):
        made = made.__anext__()
    elif not (inspect.iscoroutine(made) or inspect.isgenerator(made)):
        return made
    given = []
    try:
        while True:
            given.append(made.send(None))
    except StopIteration as stop:
        return given, stop.value


def look(make, form, decorate):
    """Return what `inspect` says of it."""
    called = form(make(), decorate)
    called = getattr(called, "ask", called)
    try:
        return str(inspect.signature(called)), inspect.getfullargspec(called)
    except (TypeError, ValueError) as error:
        return str(error)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    signatures(),
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(sorted(FORMS)),
    st.lists(values, max_size=5),
    st.dictionaries(names, values, max_size=4),
    OPTIONS,
)
@example(("*args, a", {}), "coroutine", "method", [], {}, {})
def test_it_takes_gives_and_refuses_what_it_did(  # noqa: PLR0917
    signature, kind, form, args, kwargs, options
):
    """And each call that is to be logged has one log for each decorator."""
    text, defaults = signature

    def make():
        space = dict(defaults)
        exec(KINDS[kind].format(text), space)  # noqa: S102
        return space["f"]

    case = make, FORMS[form]
    with captured_logs() as logs:
        try:
            seen = look(*case, log_prompt(**options))
        except ConfigurationError:  # nearly the name of an argument
            return
        decorated = outcome(*case, log_prompt(**options), args, kwargs)
    undecorated = outcome(*case, lambda f: f, args, kwargs)

    assert decorated == undecorated
    assert seen == look(*case, lambda f: f)
    is_off = options.get("enabled") is False or options.get("capture") == "none"
    count = 0 if is_off else 2 if form == "decorated twice" else 1
    if "sample_rate" not in options and kind != "async generator":
        assert len(logs) == count
