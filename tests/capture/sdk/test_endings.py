"""How a stream of an SDK ends when nobody reads it to its end, and what is logged."""

from __future__ import annotations

import gc

import pytest

from promptscribe import log_prompt
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
