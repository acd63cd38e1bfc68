"""What somebody said of a log is made fit: no server refuses the log for it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promptscribe import ConfigurationError, log_prompt, start_log
from promptscribe._wire import body, member, path
from promptscribe.receiver.request import log_problems
from promptscribe.testing import captured_logs

ENDLESS = 10**400  # which JSON has a place for, and a double has none
atoms = st.sampled_from([None, True, 3, 2.0, 0.5, float("nan"), ENDLESS, "", "text"])
values = st.recursive(
    atoms,
    lambda inner: st.lists(inner) | st.dictionaries(st.just("k"), inner),
    max_leaves=4,
)


def objects(*names):
    """Draw objects with some of these members, of any type."""
    return st.dictionaries(st.sampled_from(names), values, max_size=3)


messages = objects("content", "name", "tool_call_id", "tool_calls", "thinking").map(
    lambda message: {"role": "user", **message}
)
functions = objects("name", "description", "strict", "parameters", "function", "type")
KERNEL = (
    *("endpoint", "template_language", "provider", "max_tokens", "temperature"),
    *("top_p", "stop", "presence_penalty", "frequency_penalty", "other", "seed"),
    *("response_format", "reasoning_effort", "linked_tools", "attributes"),
)
prompts = st.one_of(
    objects(*KERNEL),
    st.fixed_dictionaries({"template": values | st.lists(messages, max_size=2)}),
    st.fixed_dictionaries({"tools": values | st.lists(functions, max_size=2)}),
).map(lambda prompt: {"model": "m", **prompt})
segments = st.sampled_from(
    ["a", "b c", "", " ", ".", "..", "%2e", "%2F", "\\", "\0", "\uff0e"]
)
paths = st.text() | st.lists(segments).map("/".join) | st.text(min_size=500)


def problems(name, value):
    """Return what the receiver has against a log with this member, once it is fit."""
    made = member.coerce(name, value)
    if made is None:
        return []
    log = json.loads(json.dumps(body.jsonable({"path": "a", name: made})))
    return log_problems("prompt", log)


@given(value=paths)
@example(value="x" * 509 + "/../y")
@example(value="a/%2Fb")
def test_no_path_is_refused(value):
    """Of a path that cannot be, another is made."""
    assert problems("path", value) == []


@given(
    value=st.text() | st.text(min_size=500),
    name=st.sampled_from(["log_id", "trace_parent_id"]),
)
def test_no_id_is_refused(value, name):
    """Of an id that cannot be, another is made: always the same."""
    assert problems(name, value) == []
    assert member.coerce(name, value) == member.coerce(name, value)


@given(value=st.lists(messages, max_size=2) | messages | values)
def test_no_message_is_refused(value):
    """Neither for its content nor for its tool calls."""
    assert problems("messages", value) == []
    assert problems("output_message", value) == []


@given(value=prompts)
@example(value={"model": "m", "temperature": float("nan")})
@example(value={"model": "m", "other": 3, "template": {"role": "user", "name": 3}})
def test_no_prompt_is_refused(value):
    """What does not fit its place stands beside it."""
    assert problems("prompt", value) == []


@given(value=objects("type", "function"))
def test_no_tool_choice_is_refused(value):
    """It is said as what it is, or not at all."""
    assert problems("tool_choice", value) == []


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("/support//answer/", "support/answer"),
        ("a/../b", "a/b"),
        ("a\\b\n", "a/b"),
        ("/support/answer", "/support/answer"),
        (" ", "log"),
    ],
)
def test_a_path_stays_as_near_as_can_be(given, made):
    """The same name, without what a folder would read in it."""
    assert member.coerce("path", given) == made


@pytest.mark.parametrize(
    ("content", "made"),
    [
        ({"question": 1}, '{"question":1}'),
        (3, "3"),
        (["why?"], [{"type": "text", "text": "why?"}]),
        ([{"type": "text", "text": "why?"}], [{"type": "text", "text": "why?"}]),
    ],
)
def test_nothing_of_a_message_is_thrown_away(content, made):
    """A content that is no text and no parts becomes text, as JSON."""
    with captured_logs() as logs:

        @log_prompt
        def ask(messages):
            return "because"

        ask([{"role": "user", "content": content}])

    assert logs[0].messages == [{"role": "user", "content": made}]


def test_nothing_of_a_prompt_is_thrown_away():
    """A temperature that is no number is still told; tools are unwrapped."""
    tool = {"name": "f", "parameters": {"type": "object"}}
    prompt = {
        "model": "m",
        "temperature": "hot",
        "other": {"k": 40},
        "tools": [{"type": "function", "function": tool}],
    }
    with captured_logs() as logs:
        start_log("a", prompt=prompt).end()

    assert logs[0].prompt == {
        "model": "m",
        "other": {"k": 40, "temperature": "hot"},
        "tools": [tool],
    }


@pytest.mark.parametrize("name", ["temperature", "max_tokens", "seed"])
def test_a_number_beyond_all_bounds_costs_no_log(name):
    """It stands where nobody reckons with it, and as a cost it is none."""
    with captured_logs() as logs:
        start_log("a", prompt={"model": "m", name: ENDLESS}).end()
        with log_prompt("a") as log:
            log.update(prompt_cost=ENDLESS, provider_latency=-ENDLESS)

    first, second = logs
    assert first.prompt == {"model": "m", "other": {name: ENDLESS}}
    assert second.prompt_cost is None


def test_an_empty_id_is_none():
    """As it comes from a variable that is not set."""
    with captured_logs() as logs:
        start_log("a", log_id="", trace_parent_id="", id="", version_id="").end()

    (log,) = logs
    assert log.log_id.startswith("log_")
    assert (log.trace_parent_id, log.id, log.version_id) == (None, None, None)


def test_a_decorator_without_a_name_is_refused():
    """A blank path is a mistake; in a block it is no reason to disturb."""
    with pytest.raises(ConfigurationError, match="path: must not be blank"):
        log_prompt(" ")(len)

    with captured_logs() as logs, log_prompt(""):
        pass

    assert logs[0].path == "log"


def test_a_list_that_is_no_conversation_stays_an_argument():
    """Also where one of its items would be made fit."""
    given = [{"role": "user", "content": 3}, {"question": "why?"}]
    with captured_logs() as logs:

        @log_prompt
        def ask(messages):
            return "because"

        ask(given)

    assert (logs[0].messages, logs[0].inputs) == (None, {"messages": given})


def test_a_long_path_is_fit_and_not_remembered():
    """A thousand paths are remembered, whoever sends them; of 64 KB none."""
    long, short = "a/" * 30_000, "remembered/path"
    known = path._fault_of.cache_info().currsize

    assert len(path.fit_path(long)) < path.MAX_PATH
    assert path._fault_of.cache_info().currsize == known
    assert path.fit_path(short) == short
    assert path._fault_of.cache_info().currsize >= known
