"""How a stream of an SDK ends when nobody reads it to its end, and what is logged."""

from __future__ import annotations

import copy
import gc
import pickle

import pytest

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs

openai = pytest.importorskip("openai")

STREAM = {
    "model": "gpt-5-mini",
    "messages": [{"role": "user", "content": "Weather?"}],
    "stream": True,
}


def closed(stream):
    stream.close()


def left(stream):
    with stream:
        return


def thrown_away(stream):
    del stream
    gc.collect()


@pytest.mark.parametrize(
    ("end", "marker"),
    [(closed, "closed early"), (left, "closed early"), (thrown_away, "abandoned")],
)
def test_a_stream_that_is_not_read_to_its_end_says_so(client, end, marker):
    """One log, with what came; without usage there are no tokens."""
    with captured_logs() as logs:
        stream = log_prompt(client.chat.completions.create)(**STREAM)
        for _ in range(4):
            next(stream)
        end(stream)
        del stream

    assert len(logs) == 1
    assert "Let me look.".startswith(logs[0].output)
    assert (logs[0].error, logs[0].metadata["stream"]) == (None, marker)
    assert logs[0].prompt_tokens is logs[0].output_tokens is None
    assert logs[0].metadata["usage_missing"] is True


def test_a_connection_that_breaks_mid_stream_is_the_logs_error(provider):
    """The SDK's own exception, and the part that had come."""
    client = openai.OpenAI(base_url=f"{provider}/cut/v1", max_retries=0)

    with client, captured_logs() as logs:
        stream = log_prompt(client.chat.completions.create)(**STREAM)
        with pytest.raises(Exception) as caught:  # noqa: PT011 - SDKs differ
            list(stream)
        del stream

    assert logs[0].error.startswith(type(caught.value).__name__)
    assert logs[0].metadata["chunks"] > 0
    assert "stand_in.py" not in str(caught.getrepr(chain=False))
    assert len(logs) == 1


def test_the_manager_may_go_while_its_stream_is_read(client):
    """So may a raw response: what is held is the stream."""
    create = client.chat.completions.with_raw_response.create

    def enter(manager):
        return manager.__enter__()

    ask = {name: value for name, value in STREAM.items() if name != "stream"}
    with captured_logs() as logs:
        raw = log_prompt(create)(**STREAM).parse()
        entered = enter(log_prompt(client.chat.completions.stream)(**ask))
        gc.collect()
        list(raw)
        list(entered)

    assert [log.output for log in logs] == ["Let me look."] * 2
    assert not any("stream" in log.metadata for log in logs)


def test_a_stream_handed_on_through_two_decorated_functions_is_in_both_logs(client):
    """The outer one's log is as complete as the inner one's, and ends with it."""
    inner = log_prompt(path="inner")(client.chat.completions.create)
    outer = log_prompt(path="outer")(lambda: inner(**STREAM))

    with captured_logs() as logs:
        stream = outer()
        assert isinstance(stream, openai.Stream)
        list(stream)

    assert {log.path: log.output for log in logs} == {
        "inner": "Let me look.",
        "outer": "Let me look.",
    }
    by_path = {log.path: log for log in logs}
    assert by_path["inner"].trace_parent_id == by_path["outer"].log_id


def test_a_recorded_stream_that_is_returned_ends_its_log_when_it_ends(client):
    """`return current_log().record(stream)`."""

    @log_prompt
    def ask():
        return current_log().record(client.chat.completions.create(**STREAM))

    with captured_logs() as logs:
        stream = ask()
        assert logs == []
        list(stream)

    assert [log.output for log in logs] == ["Let me look."]
    assert logs[0].metadata["chunks"] == 13


def test_a_stream_is_copied_and_pickled_as_without_us(client):
    """Copied it reads on; pickled it cannot be, with the same error."""

    def see(ask):
        with ask(**STREAM) as stream:
            first, second = next(stream), next(copy.copy(stream))
            with pytest.raises(TypeError) as pickled:
                pickle.dumps(stream)
            is_one = isinstance(copy.copy(stream), openai.Stream)
            rest = list(stream)
        return first, second, str(pickled.value), is_one, rest

    create = client.chat.completions.create
    with captured_logs() as logs:
        assert see(log_prompt(create)) == see(create)
    assert [log.output for log in logs] == ["Let me look."]
    assert logs[0].metadata["chunks"] == 13
