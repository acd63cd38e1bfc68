"""The options: how a decorated function's calls are recorded, not what is said of them.

Its law: wrong ones are refused by name before the first call. A plan without any costs
a call nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias, TypedDict, get_args

import msgspec

from promptscribe import schema
from promptscribe._capture import snapshot
from promptscribe._capture.arguments import unwrapped
from promptscribe._capture.template import of as template_of
from promptscribe.errors import ConfigurationError
from promptscribe.schema import JSONObject  # noqa: TC001 - a TypedDict reads it

Capture: TypeAlias = Literal["all", "metadata", "none"]
"""``metadata`` keeps tokens, cost, timing and configuration but no payload; ``none``
does not log the call."""

Redact: TypeAlias = bool | Callable[[str], str]
"""True for the built-in patterns; a function that returns a text without secrets."""

CAPTURES: Final = get_args(Capture)

_NEAR: Final = 0.8
"""How alike a name and a slip of the pen are, from 0 to 1."""


class LogOptions(TypedDict, total=False):
    """Options by keyword; see `log_prompt`."""

    include: Iterable[str] | None
    exclude: Iterable[str] | None
    output_transform: Callable[[Any], Any] | None
    capture: Capture | None
    redact: Redact | None
    sample_rate: float | None
    capture_stdout: bool
    flush: bool
    enabled: bool


class LogArguments(LogOptions, schema.LogFacts, total=False):
    """Everything that `log_prompt` takes by keyword."""

    path: str | None
    prompt: JSONObject | str | Callable[..., JSONObject] | None


NAMES: Final = frozenset(LogOptions.__annotations__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of one decorator; None is "as configured".

    Attributes:
        include: Arguments that are recorded; None is all of them.
        exclude: Arguments that are not.
        rest: Where the function has arguments of any name: ``kwargs``.
        output_transform: Makes what is logged of what the function returned.
        capture: How much is kept.
        redact: Takes secrets out before anything is written.
        sample_rate: Part of the traces that is kept, 0 to 1.
        capture_stdout: Whether what the call prints is recorded.
        flush: Whether the log is delivered before the caller goes on.
        enabled: False leaves the function alone.
    """

    include: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    rest: str | None = None
    output_transform: Callable[[Any], Any] | None = None
    capture: Capture | None = None
    redact: Redact | None = None
    sample_rate: float | None = None
    capture_stdout: bool = False
    flush: bool = False
    enabled: bool = True


NO_OPTIONS: Final = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a decorator makes of its arguments, once.

    Attributes:
        members: Members of a log, as given.
        declared: The same, encoded; None if there are none.
        options: How to record.
        make_prompt: Makes the prompt's details of the bound arguments, or None.
        template: The prompt's template, or None.
        controlled: Whether a call has to look at any of this.
    """

    members: dict[str, Any] = field(default_factory=dict)
    declared: msgspec.Raw | None = None
    options: Options = NO_OPTIONS
    make_prompt: Callable[[Any], Any] | None = None
    template: Any = None
    controlled: bool = False


NO_PLAN: Final = Plan()


def make_plan(members: dict[str, Any], options: Options) -> Plan:
    """Return the plan for these members and options."""
    members = {name: value for name, value in members.items() if value is not None}
    prompt = members.get("prompt")
    make_prompt = None
    if callable(prompt):
        make_prompt = _caller_of(members.pop("prompt"))
    template = template_of(prompt)
    return Plan(
        members=members,
        declared=msgspec.Raw(snapshot.encode(members)) if members else None,
        options=options,
        make_prompt=make_prompt,
        template=template,
        controlled=(
            options != NO_OPTIONS
            or make_prompt is not None
            or template is not None
            or members.get("save") is False
        ),
    )


def _caller_of(prompt: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return what calls *prompt* with those of the arguments that it has names for."""
    try:
        parameters = inspect.signature(prompt).parameters.values()
    except (ValueError, TypeError):
        return prompt
    names = {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)

    def call(inputs: Any) -> Any:
        known = inputs if type(inputs) is dict else {}
        if len(names) == 1 and not names & known.keys():
            return prompt(inputs)  # a function of all of them in one dict
        return prompt(**{n: v for n, v in known.items() if takes_all or n in names})

    return call


def take_options(given: dict[str, Any]) -> Options:
    """Take the options out of a decorator's keyword arguments.

    Raises:
        ConfigurationError: One is wrong; names it.
    """
    found = {name: given.pop(name) for name in NAMES & given.keys()}
    found = {name: value for name, value in found.items() if value is not None}
    for name in ("include", "exclude"):
        if name in found:
            found[name] = _names(name, found[name])
    for name, value in found.items():
        problem = _problem(name, value)
        if problem is not None:
            raise ConfigurationError(name, problem)
    return Options(**found) if found else NO_OPTIONS


def fit_to(options: Options, prompt: Any, function: Any) -> Options:
    """Return the options as they are for a function, whose arguments some may name.

    One decorator may serve several functions, and a template's arguments may have any
    name, see `Recording.populate`: what is refused is nearly the name of one.

    Raises:
        ConfigurationError: Names an option, and the argument that was meant.
    """
    named = {"include": options.include or frozenset(), "exclude": options.exclude}
    if not any(named.values()):
        return options
    try:
        parameters = inspect.signature(unwrapped(function)).parameters
    except (ValueError, TypeError):  # a builtin's: none has a name
        return replace(options, exclude=options.exclude | {"args"}, rest="kwargs")
    rest = [name for name, p in parameters.items() if p.kind is p.VAR_KEYWORD]
    if rest:
        return replace(options, rest=rest[0])
    if callable(prompt) or template_of(prompt) is not None:
        return options
    import difflib

    for option, names in named.items():
        for name in sorted(names - parameters.keys()):
            near = difflib.get_close_matches(name, parameters, 1, _NEAR)
            if near:
                hint = f"; did you mean {near[0]!r}?"
                raise ConfigurationError(
                    option, f"the function has no argument {name!r}{hint}"
                )
    return options


def _problem(name: str, value: Any) -> str | None:
    if name == "output_transform" and not callable(value):
        return "must be a function of what was returned"
    if name == "redact" and not (isinstance(value, bool) or callable(value)):
        return "must be True, or a function from text to text"
    if name == "capture" and value not in CAPTURES:
        return f"must be one of {', '.join(CAPTURES)}, not {value!r}"
    if name == "sample_rate" and not is_rate(value):
        return f"must be a number from 0 to 1, not {value!r}"
    if name in {"capture_stdout", "enabled", "flush"} and not isinstance(value, bool):
        return f"must be True or False, not {value!r}"
    return None


def is_rate(value: Any) -> bool:
    """Say whether a value can be a sample rate."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= 1


def _names(option: str, value: Any) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError(option, "must be names of arguments, in a list")
    names = frozenset(value)
    if not all(isinstance(name, str) for name in names):
        raise ConfigurationError(option, "must be names of arguments, in a list")
    return names
