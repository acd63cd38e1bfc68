"""The key: whatever is printed, copied or raised, it is not in it."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import socket
import traceback

import msgspec
import pytest

import promptscribe
from promptscribe._delivery import patience
from promptscribe._delivery.transport import HttpTransport, Request
from promptscribe._runtime.state import runtime
from promptscribe._secret import Secret
from promptscribe.errors import ConfigurationError, Unreachable

CANARY = "psk_canary_9c41"
SECRET = Secret(CANARY)


@dataclasses.dataclass
class Holder:
    """Something of the user's, or of a debugger's, that has a key in it."""

    key: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        format,
        lambda key: f"{key!s:>40}",
        lambda key: "%s %r" % (key, key),  # noqa: UP031 - that is the point
        lambda key: json.dumps({"key": key}, default=str),
        lambda key: str(dataclasses.asdict(Holder(key))),
        lambda key: str(dataclasses.replace(Holder(key))),
        lambda key: str(copy.copy(key)) + str(copy.deepcopy([key])),
        lambda key: str(msgspec.to_builtins({"key": key}, enc_hook=str)),
    ],
)
def test_it_shows_as_stars(show):
    """However a key is turned into text."""
    shown = show(SECRET)

    assert CANARY not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "write",
    [pickle.dumps, json.dumps, msgspec.json.encode, msgspec.msgpack.encode, vars],
)
def test_it_is_not_written_down(write):
    """Where there is no text to be shown instead: an error that does not tell it."""
    with pytest.raises((TypeError, ValueError)) as raised:
        write(SECRET)

    assert CANARY not in str(raised.value)


def test_settings_do_not_show_it(monkeypatch):
    """Nor any way of looking at them; a copy of it is as good as the key."""
    promptscribe.configure(api_key=CANARY)
    settings = runtime.settings

    for shown in (settings, dataclasses.asdict(settings), copy.deepcopy(settings)):
        assert CANARY not in repr(shown)
    assert copy.deepcopy(settings.api_key).reveal() == CANARY
    monkeypatch.setenv("PROMPTSCRIBE_API_KEY", CANARY + "\x07")
    with pytest.raises(ConfigurationError) as raised:
        promptscribe.configure(api_key=CANARY + "\x07")
    assert CANARY not in str(raised.value) + repr(raised.value)


def _nobody(stack):
    return "http://127.0.0.1:1"


def _silence(stack):
    listening = socket.create_server(("127.0.0.1", 0))
    stack.append(listening)
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("use_proxy", [False, True])
@pytest.mark.parametrize("where", [_nobody, _silence, lambda _: "http://name.invalid"])
def test_no_failure_shows_it_not_even_with_the_values_of_variables(
    where, use_proxy, monkeypatch
):
    """As tools show them that report errors: refused, silent, nowhere."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setattr(patience, "_ANSWER_SECONDS", 0.1)
    opened = []
    url = where(opened)
    transport = HttpTransport(url, Secret(CANARY), timeout=0.1, use_proxy=use_proxy)
    try:
        with pytest.raises(Unreachable) as raised:
            transport.send(Request("/prompts/log", {}, b"{}"))
    finally:
        transport.close()
        for each in opened:
            each.close()

    told = traceback.TracebackException.from_exception(
        raised.value, capture_locals=True
    )
    assert CANARY not in "".join(told.format())
