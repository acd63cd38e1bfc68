"""The guise: what runs in the place of a generator or a coroutine, under its name.

Its law: who looks at one that is suspended, by its attributes, in a traceback or in
what an event loop says of its tasks, sees names and line of the one that was decorated.

An error that is thrown into a generator before its first step is raised by the
interpreter itself: no code of ours runs that could take its own frame out of the
traceback, as `generator.hide_frame` does. So that frame says what it stands for.
"""

from __future__ import annotations

from inspect import CO_ITERABLE_COROUTINE
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
)
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_PASSED: Final = "importlib_bootstrap"
_OF_CALLERS: Final = frozenset({"warn", "stacklevel"})
_MOST_CODES: Final = 1_000
"""Functions made at run time, from the input of a REPL, say, must not pile up."""
_drivers: Final[dict[tuple[CodeType, FunctionType], FunctionType]] = {}


def driver_for(stream: Any, drive: Any) -> Callable[..., Any]:
    """Return *drive* as if it stood where the code of a generator is defined.

    Args:
        stream: The generator, or the `stdout.Steps` of one, or a coroutine; of
            something else, there is nothing to show.
        drive: `generator.drive` or its like.
    """
    if type(stream) not in {GeneratorType, AsyncGeneratorType, CoroutineType}:
        stream = getattr(stream, "_generator", None)
    kind = type(stream)
    code: Any = None
    frame: Any = None
    if kind is GeneratorType:
        code, frame = stream.gi_code, stream.gi_frame
    elif kind is AsyncGeneratorType:
        code, frame = stream.ag_code, stream.ag_frame
    elif kind is CoroutineType:
        code, frame = stream.cr_code, stream.cr_frame
    if frame is None:  # or it has ended
        known: Callable[..., Any] = drive
        return known
    try:
        return _drivers[code, drive]
    except KeyError:
        pass
    made = disguise(drive, code, frame.f_globals.get("__name__"))
    if len(_drivers) < _MOST_CODES:
        _drivers[code, drive] = made
    return made


def disguise(function: FunctionType, code: CodeType, module: Any) -> FunctionType:
    """Return a function as if it stood where *code* is defined, in that module."""
    name = code.co_filename
    disguised = function.__code__.replace(
        co_filename=_passed(name) if _tells_of_callers(code) else name,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_firstlineno=code.co_firstlineno,
        co_linetable=_one_line(len(function.__code__.co_code) // 2),
    )
    # Warnings, and trio, name a module by the first; who shows a line, by the others.
    known = {**function.__globals__, "__name__": module}
    known |= {"__spec__": None, "__loader__": _Source(name)}
    return FunctionType(disguised, known, code.co_name, None, function.__closure__)


def _passed(name: str) -> str:
    """Return another name of a file, for a frame that `warnings` and `logging` pass.

    They pass over those in whose file's name stand two words, see
    `importlib_bootstrap`. Who makes a path of this one comes to the file itself. An
    exact text: of another one debuggers, profilers and C know less than they need.
    """
    folder, slash, file = name.rpartition("/")
    if name[:1] == "<":  # one that is typed in: <stdin>
        return f"<{_PASSED} {name[1:]}"
    return f"{folder}{slash}{_PASSED}/../{file}"


def passing(function: F) -> F:
    """Have `warnings` and `logging` pass over a function of ours, and those in it.

    For what options put between a caller and a function, beside `importlib_bootstrap`.
    """
    target: Any = function
    target.__code__ = _as_passed(target.__code__)
    return function


def _as_passed(code: CodeType) -> CodeType:
    inner = (_as_passed(c) if type(c) is CodeType else c for c in code.co_consts)
    return code.replace(co_filename=_passed(code.co_filename), co_consts=tuple(inner))


def _tells_of_callers(code: CodeType) -> bool:
    """Say whether a function warns or logs in its caller's name: ``stacklevel=2``.

    Only then is it worth a name that looks odd where an event loop tells of a task.
    """
    named = [each for each in code.co_consts if type(each) is tuple]  # by keyword
    said = [name for each in (code.co_names, *named) for name in each]
    # Others may be bytes, which ``python -bb`` refuses to compare.
    return not _OF_CALLERS.isdisjoint(name for name in said if type(name) is str)


class _Source:
    """Gives `linecache` the lines of a file that has a name of ours as well."""

    def __init__(self, name: str) -> None:
        self._name = name

    def get_source(self, _module: str) -> str:
        """Return the text of the file."""
        import linecache

        return "".join(linecache.getlines(self._name))


def _one_line(units: int) -> bytes:
    """Return the table that puts so many code units on the line of the definition.

    An entry is 8 units at most: a byte with the top bit set, the kind of entry (13: a
    line, no columns) and the number of units less one; then the step to the next line
    (CPython, ``Objects/locations.md``, since 3.11).
    """
    table = bytearray()
    while units > 0:
        table += bytes((0x80 | 13 << 3 | min(units, 8) - 1, 0))
        units -= 8
    return bytes(table)


def is_awaited(made: Any) -> bool:
    """Say whether a generator is a coroutine: made by ``types.coroutine``."""
    return (
        type(made) is GeneratorType
        and made.gi_code.co_flags & CO_ITERABLE_COROUTINE != 0
    )


def named_as(recorded: Any, stream: Any) -> Any:
    """Return what runs in another's place under that one's name."""
    recorded.__name__ = stream.__name__
    recorded.__qualname__ = stream.__qualname__
    return recorded
