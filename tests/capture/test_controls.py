"""Controls: what is kept of a call, and what never reaches the journal."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import weakref

import pytest
from pydantic import SecretStr

import promptscribe
from promptscribe import (
    ConfigurationError,
    current_log,
    log_context,
    log_prompt,
    record_log,
)
from promptscribe.testing import captured_logs

RESPONSE = {
    "id": "x",
    "object": "chat.completion",
    "model": "gpt-4o-mini",
    "choices": [
        {"message": {"role": "assistant", "content": "canary"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 2},
}


def test_arguments_can_be_included_or_excluded():
    """By name; the others are not recorded at all."""

    def call(question, key, style="short"):
        return key

    with captured_logs() as logs:
        log_prompt(include=["question"])(call)("q", "k")
        log_prompt(exclude=["key"])(call)("q", "k")
        log_prompt(include=["question", "key"], exclude=["key"])(call)("q", "k")

    assert [log.inputs for log in logs] == [
        {"question": "q"},
        {"question": "q", "style": "short"},
        {"question": "q"},
    ]


def test_what_is_left_out_is_so_where_no_argument_has_a_name():
    """Where more is given than the signature says, and where there is none."""

    def call(question, key):
        return key

    @functools.wraps(call)
    def wrapper(*args, user=None, **kwargs):
        return call(*args, **kwargs)

    logged = log_prompt(exclude=["key"], path="a")
    with captured_logs() as logs:
        assert logged(wrapper)("q", "k", user="u") == "k"
        assert logged(wrapper)(question="q", key="k", user="u") == "k"
        assert logged(max)("a", "B", key=str.lower) == "B"
        with pytest.raises(TypeError):
            logged(call)(key="k")

    assert [log.inputs for log in logs] == [
        {"user": "u"},
        {"question": "q", "user": "u"},
        {"kwargs": {}},
        {},
    ]


def test_the_output_can_be_transformed_for_the_log_alone():
    """The caller gets what the function returned."""

    @log_prompt(output_transform=lambda result: result["text"])
    def call():
        return {"text": "short", "rest": object}

    with captured_logs() as logs:
        result = call()

    assert result["rest"] is object
    assert logs[0].output == "short"


def test_a_transform_that_fails_costs_the_output_not_the_call(caplog):
    """The log is kept with a mark."""

    @log_prompt(output_transform=lambda result: result.missing)
    def call():
        return "secret"

    with captured_logs() as logs:
        assert call() == "secret"

    assert "secret" not in repr(logs)
    assert "output failed" in logs[0].output


def test_a_transform_that_fails_holds_on_to_nothing():
    """The result is free as soon as its caller lets go of it."""

    class Result:
        pass

    @log_prompt(output_transform=lambda result: result.missing)
    def call():
        return Result()

    gc.collect()
    gc.disable()
    try:
        with captured_logs() as logs:
            held = weakref.ref(call())

        assert held() is None
    finally:
        gc.enable()
    assert len(logs) == 1


@pytest.mark.parametrize("how", ["capture", "save"])
def test_metadata_only_keeps_tokens_and_timing_but_no_payload(how, server):
    """Neither in the log nor in the journal's frames."""
    option = {"capture": "metadata"} if how == "capture" else {"save": False}
    frames = []

    @log_prompt(prompt={"model": "m"}, **option)
    def call(question):
        current_log().update(stdout="canary", user="u", messages=[{"role": "canary"}])
        current_log().record_request({"messages": [{"role": "canary"}]})
        return RESPONSE

    @log_prompt(**option)
    def fail():
        raise ValueError("canary")

    with captured_logs() as logs:
        append = promptscribe._runtime.state.runtime.append
        with promptscribe._runtime.state.runtime.lend(
            lambda kind, payload: frames.append(payload) or append(kind, payload)
        ):
            call("canary")
            with pytest.raises(ValueError, match="canary"):
                fail()

    log = logs[0]
    assert (log.prompt_tokens, log.output_tokens, log.finish_reason) == (11, 2, "stop")
    assert (log.user, log.prompt["model"]) == ("u", "m")
    assert log.provider_latency >= 0
    assert logs[1].error == "ValueError"
    assert b"canary" not in b"".join(frames)


@pytest.mark.parametrize("option", [{"capture": "metadata"}, {"save": False}])
@pytest.mark.parametrize("give", ["return", "stream", "record", "update", "record_log"])
def test_without_payload_the_other_choices_are_not_kept_either(give, option):
    """Neither in the log nor in the journal; else, they are told in *metadata*."""
    frames = []
    said = [{"role": "assistant", "content": f"canary {n}"} for n in range(3)]
    answer = {"object": "chat.completion", "model": "m"}
    part = {"object": "chat.completion.chunk", "model": "m"}
    answer["choices"] = [{"index": n, "message": said[n]} for n in range(3)]
    part["choices"] = [{"index": n, "delta": said[n]} for n in range(3)]

    def stream():
        yield part

    def call():
        if give == "return":
            log_prompt(path="a", **option)(lambda: answer)()
        elif give == "stream":
            list(log_prompt(path="a", **option)(stream)())
        else:
            with log_prompt("a", **option) as log:
                if give == "record":
                    log.record(answer)
                elif give == "update":
                    log.update(provider_response=answer)
                else:
                    record_log("a", provider_response=answer, save=False)

    with captured_logs() as logs:
        append = promptscribe._runtime.state.runtime.append
        with promptscribe._runtime.state.runtime.lend(
            lambda kind, payload: frames.append(payload) or append(kind, payload)
        ):
            call()

    assert logs[0].prompt["model"] == "m"
    assert b"canary" not in b"".join(frames)
    assert "canary" not in repr(logs)


def test_a_stream_without_payload_still_counts_its_tokens():
    """The chunks are read, and not kept."""
    chunk = {"object": "chat.completion.chunk", "model": "m"}

    @log_prompt(capture="metadata")
    def stream():
        yield {**chunk, "choices": [{"index": 0, "delta": {"content": "canary"}}]}
        yield {**chunk, "choices": [], "usage": RESPONSE["usage"]}

    with captured_logs() as logs:
        list(stream())

    assert logs[0].prompt_tokens == 11
    assert "canary" not in repr(logs)


def test_capture_none_logs_nothing_and_keeps_the_nesting():
    """The call inside hangs under what is around it."""
    inner = log_prompt(path="inner")(lambda: None)
    middle = log_prompt(capture="none")(inner)

    with captured_logs() as logs, log_prompt("outer") as outer:
        middle()

    assert [log.path for log in logs] == ["inner", "outer"]
    assert logs[0].trace_parent_id == outer.id


def test_disabled_at_the_decorator_is_the_function_itself():
    """No wrapper, no cost."""

    def call():
        return 1

    assert log_prompt(enabled=False)(call) is call
    with captured_logs() as logs, log_prompt("x", enabled=False) as log:
        assert not log
    assert logs == []


SECRETS = {
    "openai": "sk-proj-abcdefghijklmnop0123456789",
    "bearer": "Bearer abcdef.0123456789",
    "e-mail": "ada.lovelace@example.org",
    "card": "4111 1111 1111 1111",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "github": "ghp_abcdefghijklmnopqrstuvwxyz012345",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_the_built_in_redaction_finds_secrets_in_every_field(secret):
    """Arguments, keys, messages, output, errors with notes, stdout, context."""
    promptscribe.configure(redact=True, export=True)
    error = ValueError(f"bad {secret}")
    error.add_note(f"note {secret}")

    @log_prompt(metadata={"static": secret})
    def call(question, messages):
        current_log().update(stdout=secret, metadata={secret: secret})
        current_log().record_request({"headers": {"x": secret}, "model": "m"})
        return {"choices": [{"message": {"role": "assistant", "content": secret}}]}

    @log_prompt
    def fail():
        raise error

    with captured_logs() as logs:
        with log_context(user=secret), log_prompt("b", inputs={"q": [secret]}):
            call({secret: secret}, [{"role": "user", "content": f"a {secret} b"}])
        with pytest.raises(ValueError, match="bad"):
            fail()
        record_log("r", output=secret)

    assert len(logs) == 4
    assert secret not in repr(logs)
    assert logs[0].messages == [{"role": "user", "content": "a [redacted] b"}]


def test_a_secret_split_over_chunks_does_not_slip_through():
    """A stream's text is redacted joined."""
    secret = SECRETS["openai"]
    chunk = {"object": "chat.completion.chunk", "model": "m"}

    @log_prompt(redact=True)
    def stream():
        for part in (secret[:9], secret[9:]):
            yield {**chunk, "choices": [{"index": 0, "delta": {"content": part}}]}

    @log_prompt(redact=True)
    def texts():
        yield secret[:9]
        yield secret[9:]

    with captured_logs() as logs:
        list(stream())
        list(texts())

    assert [log.output for log in logs] == ["[redacted]", "[redacted]"]
    assert secret[9:] not in repr(logs)


def test_what_stands_under_a_secret_name_is_redacted():
    """Whatever it looks like; counts of tokens stay."""

    @log_prompt(redact=True)
    def call(config):
        return None

    with captured_logs() as logs:
        call(
            {"api_key": "abc", "X-Api-Key": "abc", "max_token": 7, "password": {"a": 1}}
        )

    assert logs[0].inputs["config"] == {
        "api_key": "[redacted]",
        "X-Api-Key": "[redacted]",
        "max_token": 7,
        "password": "[redacted]",
    }


def test_numbers_that_are_no_cards_stay():
    """Only what passes the cards' own check digit goes."""

    @log_prompt(redact=True)
    def call(a, b):
        return None

    with captured_logs() as logs:
        call("1234567890123456", "2026-11-25 02:18:33.123456789")

    assert logs[0].inputs == {
        "a": "1234567890123456",
        "b": "2026-11-25 02:18:33.123456789",
    }


@pytest.mark.parametrize("hook", [lambda text: 1 / 0, lambda text: None])
def test_a_redaction_that_fails_keeps_nothing(hook):
    """It fails closed: marks in place of content, and the log stays."""

    @log_prompt(redact=hook, metadata={"m": "canary"})
    def call(question):
        current_log().update(stdout="canary")
        return "canary"

    with captured_logs() as logs:
        assert call("canary") == "canary"

    assert len(logs) == 1
    assert "canary" not in repr(logs)


def test_a_hook_of_ones_own_sees_every_text():
    """Text in, text out."""

    @log_prompt(redact=lambda text: text.replace("Ada", "A."))
    def call(name):
        return f"Hello {name}"

    with captured_logs() as logs:
        call("Ada")

    assert (logs[0].inputs, logs[0].output) == ({"name": "A."}, "Hello A.")


def test_secret_values_and_receivers_are_never_recorded():
    """A SecretStr of pydantic's, and a ``self`` that holds a key."""

    @dataclasses.dataclass
    class Client:
        api_key: str

        @log_prompt
        def ask(self, question, key):
            return question

    with captured_logs() as logs:
        Client("canary").ask("q", SecretStr("canary"))

    assert "canary" not in repr(logs)


def test_sampling_decides_once_a_trace_and_keeps_errors():
    """All of a trace or nothing; what raises is kept whatever was decided."""
    promptscribe.configure(sample_rate=0.5, export=True)

    @log_prompt
    def child(n):
        if n % 10 == 0:
            raise ValueError(n)

    @log_prompt
    def parent(n):
        with contextlib.suppress(ValueError):
            child(n)
        with log_context(user="u"):
            child(n + 1)

    with captured_logs() as logs:
        for n in range(0, 2000, 10):
            parent(n)

    errors = [log for log in logs if log.error]
    assert len(errors) == 200
    traces = {}
    for log in logs:
        if not log.error:
            traces.setdefault(log.log_id[:36], []).append(log)
    assert 60 < len(traces) < 140
    assert all(len(logs) == 2 for logs in traces.values())


def test_a_decorators_own_rate_counts_for_the_trace_below_it():
    """Zero keeps nothing, and the plain calls inside are left out as well."""
    inner = log_prompt(path="inner")(lambda: record_log("recorded", output="x"))

    with captured_logs() as logs:
        log_prompt(sample_rate=0.0)(inner)()

    assert logs == []


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"include": "question"}, "include"),
        ({"exclude": [1]}, "exclude"),
        ({"output_transform": "str"}, "output_transform"),
        ({"capture": "some"}, "capture"),
        ({"redact": "yes"}, "redact"),
        ({"sample_rate": 2}, "sample_rate"),
        ({"enabled": 1}, "enabled"),
        ({"capture_stdout": 1}, "capture_stdout"),
    ],
)
def test_a_wrong_option_is_refused_by_name(options, name):
    """When decorating."""
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        log_prompt(**options)


def test_prompt_details_can_be_made_of_the_arguments():
    """By the names it takes, or from all of them in one dict."""

    def call(question, model="gpt-4o", temperature=0.1):
        return question

    with captured_logs() as logs:
        log_prompt(
            prompt=lambda model, temperature: {
                "model": model,
                "temperature": temperature,
            }
        )(call)("q")
        log_prompt(prompt=lambda given: {"model": given["model"]})(call)("q", "o3")
        log_prompt(prompt=lambda missing, other: {"model": missing})(call)("q")

    assert logs[0].prompt == {"model": "gpt-4o", "temperature": 0.1}
    assert logs[1].prompt == {"model": "o3"}
    assert logs[2].prompt is None
    assert logs[2].output == "q"


def test_a_template_is_filled_and_logged_apart_from_its_inputs():
    """`populate` gives the messages for the provider."""
    template = [
        {"role": "system", "content": "You are {{ persona }}."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "{{question}} {{unknown}}"}],
        },
    ]

    @log_prompt(prompt={"model": "m", "template": template})
    def call(question):
        return current_log().populate(persona="a pirate")[0]["content"]

    with captured_logs() as logs:
        assert call("why?") == "You are a pirate."

    log = logs[0]
    assert log.prompt["template"] == template
    assert log.messages[1]["content"] == [{"type": "text", "text": "why? {{unknown}}"}]
    assert log.inputs == {"question": "why?", "persona": "a pirate"}


def test_a_block_has_a_template_too():
    """Its inputs are the ones it was given."""
    prompt = {"model": "m", "template": "Say {{word}}"}

    with (
        captured_logs() as logs,
        log_prompt("b", prompt=prompt, inputs={"word": "hi"}) as log,
    ):
        messages = log.populate()

    assert messages == [{"role": "user", "content": "Say hi"}]
    assert logs[0].messages == messages


PROMPT_FILE = """---
model: gpt-4o
temperature: 0.5
---
<system>
You are {{persona}}.
</system>

<user>
  {{question}}
</user>
"""


@pytest.mark.parametrize(
    ("prompt", "messages"),
    [
        (
            PROMPT_FILE,
            [
                {"role": "system", "content": "You are a pirate."},
                {"role": "user", "content": "  why?"},
            ],
        ),
        (
            "---\nmodel: m\n---\nSay {{question}}",
            [{"role": "user", "content": "Say why?"}],
        ),
        ("---\nmodel: m\n---\n", []),
        (
            lambda question: {"model": "m", "template": f"{question} {{{{persona}}}}"},
            [{"role": "user", "content": "why? a pirate"}],
        ),
    ],
    ids=["messages", "text", "nothing", "made of the arguments"],
)
def test_the_template_of_a_prompt_file_or_function_is_filled(prompt, messages):
    """Wherever the prompt comes from."""

    @log_prompt(prompt=prompt)
    def call(question):
        return current_log().populate(persona="a pirate")

    with captured_logs() as logs:
        assert call("why?") == messages

    assert logs[0].messages == (messages or None)
    if isinstance(prompt, str):
        assert logs[0].prompt == prompt


@pytest.mark.parametrize(
    "text", ["Pay with 378282246310005.", "4111-1111-1111-1111. Thanks"]
)
def test_a_card_at_the_end_of_a_sentence_goes(text):
    @log_prompt(redact=True)
    def ask(question):
        return "ok"

    with captured_logs() as logs:
        ask(text)

    assert "[redacted]" in logs[0].inputs["question"]


@pytest.mark.parametrize(
    "name", ["accessToken", "clientSecret", "secret_key", "secretKey", "passphrase"]
)
def test_more_names_of_secrets_are_known(name):
    @log_prompt(redact=True)
    def ask(settings):
        return "ok"

    with captured_logs() as logs:
        ask({name: "plain-value", "max_token": "plain-value"})

    assert logs[0].inputs["settings"] == {
        name: "[redacted]",
        "max_token": "plain-value",
    }
