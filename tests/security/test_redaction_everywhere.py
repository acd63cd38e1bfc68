"""The redaction at every door: what is in no field of a log, nor in the journal."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
from base64 import b64encode

import pydantic
import pytest
from tests.environment import clean_environment
from tests.security.told import told

import promptscribe
from promptscribe import current_log, inject, log_context, log_prompt, record_log

KEY = "sk-proj-aB3dE5gH7jK9mN1pQ4rS6tU8"
CARD = "4111111111111111"
MAIL = "ada.lovelace@example.org"
SECRETS = (KEY, CARD, MAIL)
TEXT = f"key {KEY}, card {CARD}, to {MAIL}"


def check(found, logs, *more):
    assert len(found.logs) == logs
    for secret in (*SECRETS, *more):
        assert not found.has(secret)


def test_every_member_of_a_log_is_redacted(tmp_path):
    """Given to a decorator, to a block, to its context, to it, or after the fact."""
    members = {
        "prompt": {"model": TEXT, "template": [{"role": "user", "content": TEXT}]},
        "metadata": {TEXT: [TEXT, int(CARD), float(CARD)]},
        "user": TEXT,
        "source": TEXT,
        "environment": TEXT,
        "batch_id": TEXT,
        "tool_choice": {"type": "function", "function": {"name": TEXT}},
        "inputs": {"api_key": 12345678, CARD: TEXT.encode()},
        "messages": [{"role": "user", "content": TEXT}],
        "output": TEXT,
        "output_message": {"role": "assistant", "content": TEXT},
        "stdout": TEXT,
        "error": TEXT,
        "provider_request": {"headers": [["Authorization", "Bearer canary"]]},
        "provider_response": {"set-cookie": "canary", "id": TEXT},
    }

    def act():
        with log_context(**members), log_prompt(f"a/{KEY}", **members) as log:
            log.update(**members)
            log.record_request({"model": TEXT, "x": {"password": "canary"}})
        log_prompt(path=f"b/{KEY}", **members)(lambda: None)()
        record_log(f"c/{KEY}", **members)
        promptscribe.start_log(f"d/{KEY}", **members).end(TEXT, error=TEXT)

    found = told(act, tmp_path)

    check(found, 4, "canary", "12345678")
    assert {log["path"] for log in found.logs} == {f"{n}/[redacted]" for n in "abcd"}


def test_headers_are_redacted_by_their_names(tmp_path):
    """Lists of pairs, of lists, of bytes; dicts; lists of names and values."""

    @log_prompt(path="a")
    def call(*headers):
        return None

    found = told(
        lambda: call(
            [("Authorization", "Bearer canary"), ("Accept", "text/html")],
            [["x-api-key", "canary"], ["cookie", "sid=canary"]],
            [(b"authorization", b"Bearer canary"), (b"accept", b"*/*")],
            {b"authorization": b"canary", "X-Goog-Api-Key": "canary"},
            {"headers": [{"name": "Proxy-Authorization", "value": "canary"}]},
            ("Authorization", "Canary canary"),
            ["curl", "--oauth2-bearer", "canary", "--api-key", "canary"],
            [{b"name": b"password", b"value": b"canary"}],
            [b"curl", b"--api-key", b"canary"],
        ),
        tmp_path,
    )

    check(found, 1, "canary", "Canary")
    assert found.logs[0]["inputs"]["headers"][0][1] == ["Accept", "text/html"]


HEADERS_AS_BYTES = """
import promptscribe
from promptscribe.testing import MemoryTransport

server = MemoryTransport()
promptscribe.configure(
    journal_dir="journal", transport=server, export=True, redact=True
)
headers = [
    (b"authorization", b"Bearer canary"),
    (b"accept", b"*/*"),
    {b"name": b"x-api-key", b"value": b"Bearer canary"},
    {b"name": b"x-plain", b"value": b"plain"},
    [b"--api-key", b"Bearer canary", b"--plain"],
]
promptscribe.log_prompt(path="a")(lambda headers: None)(headers)
promptscribe.force_flush(30)
print(server.bodies[0]["inputs"])
"""


def test_headers_as_bytes_are_kept_where_python_compares_no_bytes(tmp_path):
    """``python -bb``, and headers as ASGI has them."""
    done = subprocess.run(
        [sys.executable, "-bb", "-c", HEADERS_AS_BYTES],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    for kept in (b"*/*", b"plain", b"--plain"):
        assert b64encode(kept).decode() in done.stdout
    assert b64encode(b"Bearer canary").decode() not in done.stdout


def test_of_very_much_the_beginning_is_read_and_the_rest_is_not_kept(tmp_path):
    """What nobody has looked through is no more in the journal than a secret is."""
    mails = [f"row {n}: write to ada{n:06}@example.org" for n in range(15_000)]

    values = mails, dict.fromkeys(mails, "x"), json.dumps(mails)

    @log_prompt(path="a")
    def call(value):
        return value

    found = told(lambda: [call(value) for value in values], tmp_path)

    check(found, 3, *mails[::500], mails[-1], "ada0", "ada1")
    rows, by_row, _ = [log["inputs"]["value"] for log in found.logs]
    assert rows[:2] == [f"row {n}: write to [redacted]" for n in range(2)]
    assert "more values" in str(rows[-1])
    assert next(iter(by_row)) == rows[0]
    assert max(len(rows), len(by_row)) < 10_000


def test_what_an_answer_cost_is_kept_behind_the_odds_of_very_many_words(tmp_path):
    """The usage stands behind them, and no text of it has to be looked through."""
    odds = [
        {"token": f"word {n} and more", "logprob": -0.5, "bytes": None}
        for n in range(4_000)
    ]
    message = {"role": "assistant", "content": f"ask {MAIL}"}
    choice = {"index": 0, "message": message, "logprobs": {"content": odds}}
    answer = {
        "object": "chat.completion",
        "model": "gpt-4o-mini",
        "choices": [choice | {"finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 4_000},
    }

    found = told(log_prompt(path="a")(lambda: answer), tmp_path)

    check(found, 1)
    (log,) = found.logs
    assert (log["prompt_tokens"], log["output_tokens"]) == (12, 4_000)
    assert log["output"] == "ask [redacted]"


def test_numbers_that_are_cards_go_and_others_stay(tmp_path):
    """As whole numbers, as floats, as keys; times, counts and ids stay."""
    others = {"time": 1764344350123456, "id": 123456789012345678, "n": 1.5, "max": 7}

    @log_prompt(path="a")
    def call(cards, others):
        return int(CARD)

    cards = [int(CARD), float(CARD), {int(CARD): "x"}, json.dumps({"n": int(CARD)})]
    found = told(lambda: call(cards, others), tmp_path)

    check(found, 1)
    assert found.logs[0]["inputs"]["others"] == others


class Unspeakable(Exception):
    """Made anew below, under the name of a secret."""


def test_an_exception_is_redacted_as_a_whole(tmp_path):
    """Type, message, notes, causes, contexts, groups, and the lines of the source."""
    named = type(f"Bad{KEY}", (Unspeakable,), {})

    @log_prompt(path="a")
    def fail():
        try:
            raise KeyError(TEXT)  # noqa: TRY301 - as a cause
        except KeyError as cause:
            error = named(TEXT)
            error.add_note(f"Authorization: Bearer canary {TEXT}")
            group = ExceptionGroup(TEXT, [error, ValueError({"password": "canary"})])
            raise group from cause

    @log_prompt(path="b")
    def fail_anew():
        raise named("password=canary1")  # api_key="canary"

    def act():
        for function in (fail, fail_anew):
            with contextlib.suppress(ExceptionGroup, Unspeakable):
                function()

    check(told(act, tmp_path), 2, "canary")


def test_names_in_models_and_dataclasses_are_redacted(tmp_path):
    """Whatever stands there; what pydantic calls a secret is never written down."""

    class Model(pydantic.BaseModel):
        api_key: str
        pin_password: int
        secret: pydantic.SecretStr
        note: str

    @dataclasses.dataclass
    class Settings:
        access_token: str
        note: str

    @log_prompt(path="a")
    def call(*values):
        return values[0]

    model = Model(
        api_key="canary",
        pin_password=12345678,
        secret=pydantic.SecretStr("canary"),
        note=TEXT,
    )
    values = [
        Settings("canary", TEXT),
        pydantic.SecretStr("canary"),
        pydantic.SecretBytes(b"canary"),
        {"x": pydantic.SecretStr("canary")},
    ]
    for settings in ({}, {"redact": False}):
        found = told(
            lambda: call(model, *values), tmp_path / str(len(settings)), **settings
        )
        assert len(found.logs) == 1
        if not settings:
            check(found, 1, "12345678")
        assert b"SecretStr" in found.kept or b"*****" in found.kept
        assert b"secret" in found.kept
        revealed = found.kept.count(b"canary")
        assert revealed == 0 or settings  # a plain field without redaction


def test_a_secret_type_is_never_written_down(tmp_path):
    """With redaction or without, alone, in containers, in models, in errors."""

    class Model(pydantic.BaseModel):
        one: pydantic.SecretStr
        two: pydantic.SecretBytes
        three: pydantic.Secret[int]

    secret = pydantic.SecretStr("canary")
    model = Model(
        one=secret,
        two=pydantic.SecretBytes(b"canary"),
        three=pydantic.Secret[int](12345678),
    )

    @log_prompt(path="a")
    def call(*values):
        raise ValueError(values)

    def act():
        with log_context(metadata={"s": secret}), contextlib.suppress(ValueError):
            call(secret, [model, {"s": secret}], {secret: 1})

    for redact in (True, False):
        check(told(act, tmp_path / str(redact), redact=redact), 1, "canary", "12345678")


@pytest.mark.parametrize("kind", ["text", "bytes", "unknown", "recorded", "openai"])
def test_a_secret_split_over_chunks_is_one_secret(kind, tmp_path):
    """Of texts, of bytes, of chunks of any shape, of a stream given to `record`."""
    parts = [TEXT[at : at + 5] for at in range(0, len(TEXT), 5)]
    chunks = {
        "text": parts,
        "bytes": [part.encode() for part in parts],
        "unknown": [{"n": 1, "delta": {"said": [part]}} for part in parts],
        "recorded": parts,
        "openai": [
            {
                "object": "chat.completion.chunk",
                "model": "m",
                "choices": [{"index": 0, "delta": {"content": part}}],
            }
            for part in parts
        ],
    }[kind]

    @log_prompt(path="a")
    def stream():
        yield from chunks

    def act():
        if kind == "recorded":
            with log_prompt("a") as log:
                list(log.record(part for part in chunks))
        else:
            list(stream())

    found = told(act, tmp_path)

    check(found, 1, "aB3dE5gH", "41111", "ada.l")
    assert b"[redacted]" in found.kept


def test_arguments_of_tools_stay_json(tmp_path):
    """Also of a response, with what stands under the names of secrets gone."""
    said = json.dumps({"api_key": "canary", "password": "x canary", "city": "Bern"})
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": said}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    response = {"object": "chat.completion", "choices": [{"message": message}]}

    found = told(
        lambda: log_prompt(path="a")(lambda messages: response)([message]), tmp_path
    )

    check(found, 1, "canary")
    for kept in (found.logs[0]["messages"][0], found.logs[0]["output_message"]):
        arguments = json.loads(kept["tool_calls"][0]["function"]["arguments"])
        assert arguments == {
            "api_key": "[redacted]",
            "password": "[redacted]",
            "city": "Bern",
        }


def test_tools_and_their_schemas_stay_as_they_are(tmp_path):
    """A parameter that is named like a secret is none, but for its examples."""
    field = {"type": "string", "description": "The password of the user"}
    schema = {
        "type": "object",
        "properties": {"password": field, "token": {"type": "string", "default": "x9"}},
        "required": ["password", "token"],
    }
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    logprobs = {"content": [{"token": "Hello", "logprob": -0.1, "top_logprobs": []}]}

    @log_prompt(path="a", prompt={"model": "m", "tools": tools})
    def call(logprobs):
        return None

    log = told(lambda: call(logprobs), tmp_path).logs[0]

    kept = log["prompt"]["tools"][0]["parameters"]
    assert kept["properties"]["password"] == field
    assert kept["properties"]["token"] == {"type": "string", "default": "[redacted]"}
    assert kept["required"] == schema["required"]
    assert log["inputs"]["logprobs"] == logprobs


def test_media_stay_as_they_are(tmp_path):
    """Base64 and bytes of images are no text."""
    media = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk" * 40
    message = {"role": "user", "content": [{"type": "image", "data": media}]}
    url = f"data:image/png;base64,{media}=="

    @log_prompt(path="a")
    def call(messages, url, raw):
        return None

    log = told(lambda: call([message], url, bytes(range(256))), tmp_path).logs[0]

    assert log["messages"] == [message]
    assert log["inputs"]["url"] == url


def test_text_in_bytes_that_are_none_as_a_whole_is_redacted(tmp_path):
    """In another encoding, or among binary data; the rest stays."""
    latin = f"Schl\xfcssel: {KEY}".encode("latin-1")

    found = told(lambda: log_prompt(path="a")(lambda raw: None)(latin), tmp_path)

    check(found, 1)
    assert "Schl\xfcssel: [redacted]".encode("latin-1") in found.kept


def test_keys_that_are_the_same_afterwards_are_all_kept(tmp_path):
    """Two secrets as keys are two keys."""
    value = {KEY: 1, KEY + "x": 2, "n": 3}

    log = told(lambda: log_prompt(path="a")(lambda v: None)(value), tmp_path).logs[0]

    assert sorted(log["inputs"]["v"].values()) == [1, 2, 3]


def test_a_hook_of_ones_own_gets_every_text(tmp_path):
    """Keys, bytes, paths, types of errors; and it alone decides."""

    def hook(text):
        return text.replace("canary", "[bird]").replace("Canary", "[bird]")

    class CanaryError(Exception):
        pass

    @log_prompt(path="a/canary", metadata={"canary": {"canary": "canary"}})
    def call(value):
        current_log().update(user="canary")
        raise CanaryError("canary")

    def act():
        with contextlib.suppress(CanaryError):
            call([{b"canary": b"a canary"}, bytearray(b"canary"), {"api_key": "x"}])

    found = told(act, tmp_path, redact=hook)

    check(found, 1, "canary", "Canary")
    assert found.logs[0]["path"] == "a/[bird]"
    assert found.logs[0]["inputs"]["value"][2] == {"api_key": "x"}


def test_a_hook_that_fails_leaves_a_log_without_anything(tmp_path):
    """Also where it fails on a path: a log without one would be refused."""

    def hook(text):
        raise RuntimeError(text)

    @log_prompt(path="a/canary")
    def call(value):
        yield "canary"
        raise ValueError("canary")

    def act():
        with contextlib.suppress(ValueError):
            list(call({"canary": [b"canary"]}))

    found = told(act, tmp_path, redact=hook)

    check(found, 1, "canary")
    assert found.logs[0]["path"] == "[redacted]"


def test_the_arguments_of_generators_are_chosen_as_those_of_functions(tmp_path):
    """Excluded ones are not recorded; a prompt is made of the bound arguments."""

    @log_prompt(exclude=["key"], prompt=lambda q: {"model": q}, path="a")
    def stream(q, key):
        yield q

    found = told(lambda: list(stream("question", "canary")), tmp_path, redact=False)

    assert not found.has("canary")
    assert found.logs[0]["inputs"] == {"q": "question"}
    assert found.logs[0]["prompt"] == {"model": "question"}


@pytest.mark.parametrize("by", ["settings", "decorator"])
def test_what_is_redacted_does_not_travel_in_baggage(by, tmp_path):
    """Neither where the settings say so nor where the decorator does."""
    promptscribe.configure(
        redact=by == "settings", journal_dir=tmp_path / "journal", export=False
    )
    headers = {}

    @log_prompt(path="a", redact=True)
    def call():
        inject(headers)

    with log_context(
        user=MAIL,
        metadata={"note": KEY, "db": "redis://:canary@h", "plan": "pro", "to": MAIL},
    ):
        call()

    assert "promptscribe.metadata.plan=pro" in headers["baggage"]
    for secret in ("lovelace", "sk-proj", "canary"):
        assert secret not in headers["baggage"]


@pytest.mark.parametrize("redact", [True, lambda text: text.replace("canary", "-")])
def test_what_is_made_inside_of_a_redacted_log_is_redacted(redact, tmp_path):
    """It is about what that was called with; unless it says otherwise itself."""
    secret = "password=canary"  # noqa: S105 - made up

    @log_prompt(path="inner")
    def inner(text):
        return text

    @log_prompt(path="open", redact=False)
    def opened(text):
        return text

    @log_prompt(path="outer", redact=redact)
    def outer(text, *, all_of_it):
        inner(text)
        with log_context(user=text), log_prompt("block", inputs={"t": text}) as log:
            log.record({"role": "assistant", "content": text})
            inner(text)
        record_log("recorded", output=text)
        promptscribe.start_log("started", inputs={"t": text}).end(text)
        if all_of_it:
            opened("open words")

    found = told(lambda: outer(secret, all_of_it=True), tmp_path, redact=None)

    check(found, 7, "canary")
    assert "open words" in str(found.logs)


def test_a_field_of_a_schema_whose_name_is_a_secret_costs_the_others_nothing(tmp_path):
    """Here an address; what stands under it stays."""
    fields = {f"of {MAIL}": {"type": "string"}, "city": {"type": "string"}}

    @log_prompt(path="a")
    def call(schema):
        return None

    log = told(lambda: call({"properties": fields}), tmp_path).logs[0]

    kept = log["inputs"]["schema"]["properties"]
    assert kept == {"of [redacted]": fields["city"], "city": fields["city"]}
