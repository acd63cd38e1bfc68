"""The members of a log: what value each may have, and what can be made of others.

Its law: two doors. `problem` is for what a programmer wrote down before the first
call, and is strict; `coerce` is for what turns up in calls, and never fails: a server
that follows the contract refuses a whole log for one member of the wrong type.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import msgspec

from promptscribe import _clock, schema
from promptscribe._wire import body, fitting, path, record

Check: TypeAlias = Callable[[Any], bool]
Rule: TypeAlias = tuple[Check, str]


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_object(value: Any) -> bool:
    return type(value) is dict and all(type(key) is str for key in value)


def _is_integer(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return fitting.is_number(value) and value >= 0


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _is_time(value: Any) -> bool:
    return isinstance(value, datetime)


def _is_messages(value: Any) -> bool:
    if type(value) is not list:
        return False
    for item in value:  # as `is_message`, which takes twice as long from here
        if type(item) is not dict or type(item.get("role")) is not str:
            return False
    return True


def is_message(value: Any) -> bool:
    """Say whether a value is a chat message: an object with a role."""
    return type(value) is dict and type(value.get("role")) is str


def _is_prompt(value: Any) -> bool:
    if type(value) is dict:
        return type(value.get("model")) is str
    return type(value) is str


def _is_choice(value: Any) -> bool:
    if type(value) is dict:
        return fitting.is_call(value)
    return type(value) is str and value in {"none", "auto", "required"}


_TEXT: Rule = (_is_text, "text")
_OBJECT: Rule = (_is_object, "a dict with text as keys")
_INTEGER: Rule = (_is_integer, "a whole number from 0")
_NUMBER: Rule = (_is_number, "a number from 0")
_TIME: Rule = (_is_time, "a datetime")

_SPECIAL: Final[dict[str, Rule]] = {
    "prompt": (_is_prompt, 'a dict with "model", or the text of a .prompt file'),
    "inputs": _OBJECT,
    "messages": (_is_messages, 'a list of dicts, each with "role"'),
    "output_message": (is_message, 'a dict with "role"'),
    "prompt_tokens": _INTEGER,
    "output_tokens": _INTEGER,
    "reasoning_tokens": _INTEGER,
    "prompt_cost": _NUMBER,
    "output_cost": _NUMBER,
    "provider_latency": _NUMBER,
    "tool_choice": (_is_choice, "none, auto, required or a function"),
    "start_time": _TIME,
    "end_time": _TIME,
    "created_at": _TIME,
    "provider_request": _OBJECT,
    "provider_response": _OBJECT,
    "metadata": _OBJECT,
    "save": (_is_flag, "True or False"),
}
_RULES: Final[dict[str, Rule]] = {**dict.fromkeys(schema.MEMBERS, _TEXT), **_SPECIAL}


def problem(name: str, value: Any) -> str | None:
    """Return what is wrong with a member's value, in one sentence, or None."""
    check, wanted = _RULES[name]
    if value is None or check(value):
        return None
    if name == "prompt" and type(value) is dict:
        return 'needs a "model"'
    return f"must be {wanted}, not {_short(value)}"


def coerce(name: str, value: Any) -> Any:
    """Return a member's value as the contract wants it, or None if it cannot be."""
    check, _ = _RULES[name]
    if name == "messages":
        return _to_messages(value)
    fit = _FITTED.get(name)
    if value is None or check(value):
        return value if fit is None or value is None else fit(value)
    if fit is not None:
        value = _near(name, value)
        return None if value is None else fit(value)
    if check is _is_text:
        return _to_text(value, as_json=name == "output")
    if check is _is_time:
        return _to_time(value)
    if check in {_is_integer, _is_number}:
        return _to_number(value, whole=check is _is_integer)
    if check is _is_object and type(value) is dict:
        return {str(key): item for key, item in value.items()}
    return None


def _near(name: str, value: Any) -> Any:
    """Return what is near to a value and of the right type, or None."""
    if name == "output_message":
        is_text = type(value) is str
        return {"role": "assistant", "content": value} if is_text else None
    return _to_text(value, as_json=False) if _RULES[name][0] is _is_text else None


def _to_messages(value: Any) -> list[schema.JSONObject] | None:
    if type(value) is not list:
        return [fitting.fit_message(value)] if is_message(value) else None
    fits = True
    for item in value:
        if type(item) is not dict or type(item.get("role")) is not str:
            return None
        if len(item) == 2 and type(item.get("content")) is str:
            continue  # as `is_fit`, which takes three times as long from here
        fits = fits and fitting.is_fit(item)
    return value if fits else [fitting.fit_message(m) for m in record.plain(value)]


def _fit_prompt(prompt: schema.JSONObject | str) -> schema.JSONObject | str:
    return fitting.fit_prompt(prompt) if type(prompt) is dict else prompt


_FITTED: Final[dict[str, Callable[[Any], Any]]] = {
    "path": path.fit_path,
    "log_id": fitting.fit_id,
    "trace_parent_id": fitting.fit_id,
    "output_message": fitting.fit_message,
    "prompt": _fit_prompt,
}
"""Members that can be of the right type and be refused for what is in them."""


def _to_text(value: Any, *, as_json: bool) -> str | None:
    if type(value) in {int, float, bool}:
        return str(value)
    if as_json and type(value) in {dict, list, tuple}:  # as of what a function returns
        return msgspec.json.encode(body.jsonable(value)).decode()
    return None


def _to_time(value: Any) -> datetime | None:
    if type(value) is str:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if type(value) in {int, float} and 0 <= value < 1e11:
        return _clock.from_ns(round(value * 1e6) * 1000)
    return None


def _to_number(value: Any, *, whole: bool) -> float | int | None:
    if type(value) is str:
        try:
            value = float(value)
        except ValueError:
            return None
    if not _is_number(value):
        return None
    if whole:
        return int(value) if value == int(value) else None
    return float(value)


def _short(value: Any) -> str:
    if type(value) in {str, int, float, bool}:
        text = repr(value)
        return text if len(text) < 60 else text[:57] + "..."
    return f"a {type(value).__name__}"


def without_content(metadata: schema.JSONObject) -> schema.JSONObject:
    """Return what of our own notes does not quote the content of a call."""
    kept = {k: v for k, v in metadata.items() if k not in {"traceback", "choices"}}
    otel = kept.get("otel")
    if type(otel) is dict:
        said = {"attributes", "events"}
        kept["otel"] = {k: v for k, v in otel.items() if k not in said}
    return kept
