"""The arguments: a call's values under the names of the function's parameters.

Its law: a binder is made once a function, as source that Python compiles, and costs
0.1 µs a call where `inspect.Signature.bind` costs 2 to 8. It runs none of the user's
code. A call that does not fit the signature makes it raise `TypeError`; the function
itself then raises its own, with its own words.
"""

from __future__ import annotations

import inspect
import keyword
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Binder: TypeAlias = "Callable[..., dict[str, Any]]"


def make_binder(function: Callable[..., Any], *, receives: bool = False) -> Binder:
    """Return a function that takes a call's arguments and names them.

    Args:
        function: What is called.
        receives: Leave the first argument out: the receiver of a method.

    Returns:
        A function of the same signature that returns a dict: parameter names with
        the values bound to them, defaults included, ``*args`` as a list and
        ``**kwargs`` as a dict under their own names.
    """
    nameless = _bind_rest if receives else _bind_nameless
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return nameless
    parameters = list(signature.parameters.values())
    if any(keyword.iskeyword(p.name) for p in parameters):
        return nameless
    binder = _compile(parameters, skipped=int(receives))
    binder.__dict__["nameless"] = nameless
    return binder


def without_names(bind: Binder) -> Binder:
    """Return what takes the arguments that do not fit, less the receiver."""
    nameless: Binder = getattr(bind, "nameless", bind)
    return nameless


def has_receiver(function: Any) -> bool:
    """Say whether a plain function was written as a method that gets a receiver.

    ``Bot.answer(bot, …)`` passes it as an ordinary first argument, and so does, from
    3.13 on, ``classmethod`` over a decorated function; this tells it apart. It goes by
    where the function was defined and by its first parameter's conventional name.
    """
    if type(function) is not FunctionType:
        return False
    qualname = getattr(function, "__qualname__", "")
    owner = qualname.rpartition(".")[0]
    if not owner or owner.endswith("<locals>"):
        return False
    code = getattr(function, "__code__", None)
    names: tuple[str, ...] = getattr(code, "co_varnames", ())
    return bool(names) and names[0] in {"self", "cls", "mcs", "mcls"}


def unwrapped(function: Any) -> Any:
    """Return the function that a classmethod or staticmethod holds."""
    if isinstance(function, classmethod | staticmethod):
        return function.__func__
    return function


def _bind_nameless(*args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"args": list(args), "kwargs": kwargs}


def _bind_rest(*args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"args": list(args[1:]), "kwargs": kwargs}


def _compile(parameters: list[inspect.Parameter], *, skipped: int) -> Binder:
    """Compile ``def bind(a, b=d0, *c, **d): return {"a": a, …}``."""
    defaults: dict[str, Any] = {}
    signature: list[str] = []
    previous: inspect.Parameter | None = None
    for parameter in parameters:
        _separate(signature, previous, parameter)
        text = parameter.name
        if parameter.kind is parameter.VAR_POSITIONAL:
            text = f"*{text}"
        elif parameter.kind is parameter.VAR_KEYWORD:
            text = f"**{text}"
        if parameter.default is not parameter.empty:
            name = f"_default_{len(defaults)}"
            defaults[name] = parameter.default
            text = f"{text}={name}"
        signature.append(text)
        previous = parameter
    if previous is not None and previous.kind is previous.POSITIONAL_ONLY:
        signature.append("/")
    named = [(p.name, p.name) for p in parameters]
    if skipped and parameters and parameters[0].kind is parameters[0].VAR_POSITIONAL:
        named[0] = (parameters[0].name, f"{parameters[0].name}[1:]")
    else:
        del named[:skipped]
    names = ", ".join(f"{name!r}: {value}" for name, value in named)
    source = f"def bind({', '.join(signature)}):\n    return {{{names}}}\n"
    namespace: dict[str, Any] = defaults
    exec(source, namespace)  # noqa: S102 - built from identifiers alone
    binder: Callable[..., dict[str, Any]] = namespace["bind"]
    return binder


def _separate(
    signature: list[str],
    previous: inspect.Parameter | None,
    parameter: inspect.Parameter,
) -> None:
    before = None if previous is None else previous.kind
    if before is parameter.POSITIONAL_ONLY and parameter.kind is not before:
        signature.append("/")
    starts_keywords = (
        parameter.kind is parameter.KEYWORD_ONLY and before is not parameter.kind
    )
    if starts_keywords and before is not parameter.VAR_POSITIONAL:
        signature.append("*")
