"""What is said of an exception: Python's own words, unless very much hangs on it."""

from __future__ import annotations

import array
import collections
import sys
import traceback

import pytest

from promptscribe import log_prompt
from promptscribe._capture import failure
from promptscribe.testing import captured_logs

LONG = "lorem ipsum " * 1_000_000

asked = []


class Counting(Exception):
    """Counts how often it is asked what it says."""

    def __str__(self):
        asked.append(self)
        return f"number {len(asked)}"


def throw(error, cause):
    raise error from cause


def raised(error, cause=None):
    return caught(throw, error, cause)


def chain(count, link):
    error = Counting()
    for _ in range(count):
        following = Counting()
        setattr(following, link, error)
        error = following
    return error


def groups(levels):
    error = Counting()
    for _ in range(levels):
        error = BaseExceptionGroup("some", [error] * 9)
    return error


def with_notes(error, notes):
    error.__notes__ = notes
    return error


def fall(levels):
    if levels:
        fall(levels - 1)
    raise ValueError("down")


def syntax_error():
    try:
        compile("a = = 1", "file", "exec")
    except SyntaxError as error:
        return error


def in_a_handler():
    try:
        {}["key"]
    except KeyError:
        raise ValueError("handled") from None


def caught(function, *arguments):
    try:
        function(*arguments)
    except BaseException as error:  # noqa: BLE001 - any
        return error


@pytest.mark.parametrize(
    "make",
    [
        lambda: raised(ValueError("plain")),
        lambda: raised(ValueError("one", 2)),
        lambda: raised(KeyError("key"), raised(OSError(2, "gone", "file"))),
        lambda: raised(with_notes(ValueError("noted"), ["a", "b"])),
        lambda: raised(ExceptionGroup("some", [raised(ValueError(1)), OSError()])),
        syntax_error,
        lambda: caught(in_a_handler),
        lambda: caught(lambda: [].appendix),
        lambda: caught(eval, "unknown"),
        lambda: caught(fall, 20),
    ],
    ids=[
        "message", "arguments", "cause", "notes", "group", "syntax", "suppressed",
        "attribute", "name", "frames",
    ],
)  # fmt: skip
def test_a_traceback_is_pythons_own(make):
    """With causes, notes, groups and the lines of a syntax error."""
    error = make()

    _, message, text = failure.describe(error)

    assert message == str(error)
    assert text == "".join(traceback.format_exception(error, limit=-50))


@pytest.mark.parametrize(
    "make",
    [
        lambda: chain(20_000, "__cause__"),
        lambda: chain(20_000, "__context__"),
        lambda: BaseExceptionGroup("some", [Counting() for _ in range(20_000)]),
        lambda: groups(40),
        lambda: raised(OSError(), groups(40)),
    ],
    ids=["causes", "contexts", "wide group", "shared groups", "groups as cause"],
)
def test_a_call_asks_a_few_exceptions_only_what_they_say(make):
    """Python's own traceback asks each one, as often as it is referred to."""
    error = make()
    asked.clear()

    with captured_logs() as logs, pytest.raises(type(error)) as seen:
        log_prompt(path="fails")(lambda: (_ for _ in ()).throw(error))()

    assert seen.value is error
    assert len(asked) <= 60
    told = logs[0].metadata["traceback"]
    assert "cut]" in told or "(9 sub-exceptions)" in told


def test_of_a_long_chain_the_two_ends_are_told():
    """What came first is most often the reason."""
    error = ValueError("the first")
    for n in range(500):
        error = raised(RuntimeError(f"retry {n}"), error)

    text = failure.describe(error)[2]

    assert text.index("the first") < text.index("cut]") < text.index("retry 499")
    assert "direct cause" in text
    assert "line" in text


@pytest.mark.parametrize(
    "error",
    [
        ValueError(LONG),
        ValueError(*range(1_000_000)),
        ValueError([[n] * 3 for n in range(100_000)], "x"),
        ValueError(bytes(10_000_000), 1),
        ValueError(array.array("d", bytes(8_000_000))),
        ValueError(collections.deque(range(1_000_000)), 1),
        ValueError({str(n) for n in range(1_000_000)}),
        ValueError([frozenset(range(1_000_000))]),
        ValueError(collections.Counter(range(1_000_000))),
        ValueError({"a": collections.defaultdict(int, dict.fromkeys(range(10**6)))}),
        KeyError(dict.fromkeys(range(1_000_000)).keys()),
        KeyError(LONG),
        KeyError(list(range(1_000_000))),
        with_notes(ValueError(), [LONG] * 3),
        with_notes(ValueError(), ["note"] * 1_000_000),
        with_notes(ValueError(), LONG),
        raised(ValueError("x"), KeyError(LONG)),
        SyntaxError("bad", ("file", 1, 1, LONG, 1, 9)),
    ],
    ids=[
        "text", "arguments", "nested", "bytes", "array", "deque", "set", "frozenset",
        "counter", "defaultdict", "keys", "key", "list as key", "long notes",
        "many notes", "odd notes", "in a cause", "line",
    ],
)  # fmt: skip
def test_what_is_very_long_is_not_written_out(error):
    """As little as is kept: no text is made that is much longer."""
    peak = traced(lambda: failure.describe(error))

    name, message, text = failure.describe(error)
    assert name == type(error).__name__
    assert len(message) <= 8_400
    assert 0 < len(text) <= 17_000
    assert peak < 1_000_000


def test_what_is_empty_is_written_as_python_writes_it():
    """Beside what is too long to be."""
    error = ValueError([], (), {}, set(), frozenset(), {1}, frozenset({2}), LONG)

    _, message, _ = failure.describe(error)

    assert message.startswith("([], (), {}, set(), frozenset(), {1}, frozenset([2]), ")


def traced(function):
    """Return the most bytes that a call allocates."""
    import tracemalloc

    function()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_attribute_error_does_not_have_its_object_list_what_it_has():
    """Python does so from 3.12 on, to find a similar name."""
    listed = []

    class Proxy:
        def __dir__(self):
            listed.append("listed")
            return []

    proxy = Proxy()

    def fail():
        return proxy.missing

    with captured_logs() as logs, pytest.raises(AttributeError):
        log_prompt(path="fails")(fail)()

    assert listed == []
    assert "no attribute 'missing'" in logs[0].metadata["traceback"]


def test_a_name_error_does_not_have_a_methods_object_look_for_the_name():
    """Python does so from 3.12 on: an object that stands for a remote one would ask."""
    looked = []

    class Proxy:
        def __getattr__(self, name):
            looked.append(name)
            raise AttributeError(name)

        @log_prompt(path="fails")
        def call(self):
            return missing  # noqa: F821 - that is it

    with captured_logs() as logs, pytest.raises(NameError):
        Proxy().call()

    assert looked == []
    assert "name 'missing' is not defined" in logs[0].metadata["traceback"]


def test_an_import_error_does_not_have_its_module_imported_again(tmp_path, monkeypatch):
    """Python does so from 3.12 on, if it is gone meanwhile."""
    (tmp_path / "imported_once.py").write_text("import sys; sys.imported.append(1)")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "imported", [], raising=False)

    @log_prompt(path="fails")
    def load():
        try:
            from imported_once import missing  # noqa: F401
        finally:
            del sys.modules["imported_once"]

    with captured_logs() as logs, pytest.raises(ImportError):
        load()

    assert sys.imported == [1]
    assert "cannot import name 'missing'" in logs[0].metadata["traceback"]


def test_deep_recursion_is_told_by_its_last_frames():
    """Frames are read off the end; what they hold is not looked at."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(5_000)
    try:
        error = caught(fall, 3_000)
    finally:
        sys.setrecursionlimit(before)

    text = failure.describe(error)[2]

    assert text.count("in fall") <= 50
    assert text.endswith("ValueError: down\n")
