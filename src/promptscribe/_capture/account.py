"""The account: what is said of an exception, its message and its traceback.

Its law: bounded, whatever hangs on the exception. Python's own traceback follows every
cause, note and member of a group, each as often as it is referred to: nine groups of
the same nine, seven deep, are five million. Where there is little of all that, the text
is Python's own; else it tells what is nearest to the exception, and what came first.

Only ``__str__`` and ``__repr__`` of the exceptions are the user's to run.
"""

from __future__ import annotations

import array
import collections
import itertools
import reprlib
import traceback
import types
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import adapter, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Clean = Callable[[str], str]

LONGEST_MESSAGE: Final = 8_192
MOST_FRAMES: Final = 50
"""Of the exception itself; those that it hangs on have as many together."""

_MOST_VALUES: Final = 2_000
"""Values in an exception's arguments that a message is made of as Python has it."""
_LONG: Final = 64 << 10
_MOST_LINKED: Final = 16
"""Exceptions that are told of: half of them the nearest, half those that came first."""
_FARTHEST: Final = 1_000
"""Links that are followed to find what came first."""
_MOST_NOTES: Final = 16

_arguments_of: Final = BaseException.__dict__["args"].__get__
_traceback_of: Final = BaseException.__dict__["__traceback__"].__get__
_cause_of: Final = BaseException.__dict__["__cause__"].__get__
_context_of: Final = BaseException.__dict__["__context__"].__get__
_is_suppressed: Final = BaseException.__dict__["__suppress_context__"].__get__
_members_of: Final = BaseExceptionGroup.__dict__["exceptions"].__get__
_line_of: Final = SyntaxError.__dict__["text"].__get__
_wanted_of: Final = ImportError.__dict__.get("name_from")
"""From Python 3.12 on: what a module does not have."""
_object_of: Final = AttributeError.__dict__["obj"].__get__

_MAPPINGS: Final = frozenset(
    {dict, collections.Counter, collections.OrderedDict, collections.defaultdict}
)
_VIEWS: Final = frozenset(map(type, ({}.keys(), {}.values(), {}.items())))
_SERIES: Final = frozenset({list, tuple, set, frozenset, collections.deque, *_VIEWS})
"""Containers that tell how much is in them; Python writes out all of it."""

_STR: Final = BaseException.__dict__["__str__"]
_KEY_STR: Final = KeyError.__dict__["__str__"]
_DIRS: Final = tuple(kind.__dict__["__dir__"] for kind in (object, type))
_CAUSE: Final = (
    "\nThe above exception was the direct cause of the following exception:\n\n"
)
_CONTEXT: Final = (
    "\nDuring handling of the above exception, another exception occurred:\n\n"
)


def message_of(error: BaseException, clean: Clean | None) -> str:
    """Return what an exception says, shortened where its arguments are very many.

    Args:
        error: The exception.
        clean: Takes the secrets out of a text: no text is cut through one of them.

    Raises:
        BaseException: Whatever its ``__str__`` does.
    """
    arguments = _arguments_of(error)
    told = adapter.lookup(type(error), "__str__")
    if (told is _STR or told is _KEY_STR) and _is_much(arguments):
        if len(arguments) > 1:
            return _Short(clean).repr(arguments)
        only = arguments[0]
        is_text = told is _STR and type(only) is str
        return only if is_text else _Short(clean).repr(only)
    return str.__str__(str(error))  # of a subclass: without its methods


def traceback_of(error: BaseException, message: str, clean: Clean | None) -> str:
    """Return an exception's traceback, with those that it hangs on.

    Args:
        error: The exception.
        message: What it says.
        clean: Takes the secrets out of a text: no text is cut through one of them.
    """
    if len(message) <= _LONG and _is_ordinary(error):
        frames = traceback.TracebackException(
            type(error), error, error.__traceback__, limit=-MOST_FRAMES
        )
        return "".join(frames.format())
    linked = _follow(error)
    frames_of_others = max(MOST_FRAMES // len(linked), 1)
    told = []
    for before, each in linked:
        most = MOST_FRAMES if each is error else frames_of_others
        said = message if each is error else None
        told += [*_tell(each, said, most, clean), before]
    return "".join(reversed(told))


def _is_ordinary(error: BaseException) -> bool:
    """Say whether there is little of all that Python's traceback would follow."""
    left = _MOST_LINKED
    following = [error]
    while following:
        each = following.pop()
        left -= 1
        if left < 0 or _is_much(_arguments_of(each)) or not _is_one_ordinary(each):
            return False
        links = _cause_of(each), _context_of(each), *_members(each)
        following += [link for link in links[: left + 2] if link is not None]
    return True


def _is_one_ordinary(error: BaseException) -> bool:
    notes = adapter.instance_dict(error).get("__notes__", ())
    if type(notes) not in {list, tuple} or len(notes) > _MOST_NOTES:
        return False
    if any(type(note) is not str or len(note) > _LONG for note in notes):
        return False
    if len(_members(error)) > _MOST_LINKED:
        return False
    if issubclass(type(error), SyntaxError):
        line = _line_of(error)
        return type(line) is not str or len(line) <= _LONG
    if issubclass(type(error), ImportError):  # Python may import the module again
        return _wanted_of is None or _wanted_of.__get__(error) is None
    if issubclass(type(error), NameError):  # Python 3.12 asks ``self`` for the name
        return not _is_in_method(error)
    if issubclass(type(error), AttributeError):  # Python asks for similar names
        about = _object_of(error)
        listed = adapter.lookup(type(about), "__dir__")
        return any(listed is usual for usual in _DIRS) and not (
            len(adapter.instance_dict(about)) > _MOST_VALUES
            or type(about) is types.ModuleType
        )
    return True


def _is_in_method(error: BaseException) -> bool:
    """Say whether an exception was raised where something is called ``self``."""
    stack = _traceback_of(error)
    if stack is None:
        return False
    while stack.tb_next is not None:
        stack = stack.tb_next
    code = stack.tb_frame.f_code
    return "self" in code.co_varnames or "self" in code.co_freevars


def _members(error: BaseException) -> tuple[BaseException, ...]:
    """Return what is in a group; nothing, of any other exception."""
    if not issubclass(type(error), BaseExceptionGroup):
        return ()
    members: tuple[BaseException, ...] = _members_of(error)
    return members


def _follow(error: BaseException) -> list[tuple[str, BaseException]]:
    """Return an exception and those before it, each with what stands between them."""
    linked: list[tuple[str, BaseException]] = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen and len(linked) < _FARTHEST:
        seen.add(id(each))
        cause, context = _cause_of(each), _context_of(each)
        before, between = None, ""
        if cause is not None:
            before, between = cause, _CAUSE
        elif context is not None and not _is_suppressed(each):
            before, between = context, _CONTEXT
        linked.append((between, each))
        each = before
    if each is not None:
        linked[-1] = ("", linked[-1][1])
    if len(linked) > _MOST_LINKED:
        half = _MOST_LINKED // 2
        missing = len(linked) - _MOST_LINKED
        near, far = linked[:half], linked[-half:]
        near[-1] = (f"\n… [{missing} exceptions cut]\n\n", near[-1][1])
        return [*near, *far]
    return linked


def _tell(
    error: BaseException, message: str | None, frames: int, clean: Clean | None
) -> Iterator[str]:
    """Tell of one exception, last lines first."""
    yield from reversed(_tell_notes(error, clean))
    members = _members(error)
    if len(members) > _MOST_LINKED:
        yield f"  … [{len(members) - _MOST_LINKED} exceptions cut]\n"
    for member in reversed(members[:_MOST_LINKED]):
        yield f"  - {_line(member, None, clean)}"
    yield _line(error, message, clean)
    stack = _traceback_of(error)
    if stack is not None:
        yield "".join(traceback.format_tb(stack, -frames))
        yield "Traceback (most recent call last):\n"


def _line(error: BaseException, message: str | None, clean: Clean | None) -> str:
    if message is None:
        try:
            message = message_of(error, clean)
        except Exception:  # noqa: BLE001 - the user's __str__
            message = "<no message: its __str__ failed>"
    name = adapter.full_name(type(error))
    shortened = cut.middle(message, LONGEST_MESSAGE, clean)
    return f"{name}: {shortened}\n" if shortened else f"{name}\n"


def _tell_notes(error: BaseException, clean: Clean | None) -> list[str]:
    notes = adapter.instance_dict(error).get("__notes__")
    if type(notes) is not list:
        return []
    texts = [note for note in notes[:_MOST_NOTES] if type(note) is str]
    told = [f"{cut.middle(text, LONGEST_MESSAGE, clean)}\n" for text in texts]
    if len(notes) > len(texts):
        told.append(f"… [{len(notes) - len(texts)} notes cut]\n")
    return told


def _is_much(arguments: tuple[Any, ...]) -> bool:
    """Say whether there are more values or characters than a message should take."""
    left = _MOST_VALUES
    parts: list[Any] = [arguments]
    while parts:
        part = parts.pop()
        kind = type(part)
        if kind is str or kind is bytes or kind is bytearray:
            if len(part) > _LONG:
                return True
            left -= len(part) >> 10
        elif type(kind) is type and (
            kind in _SERIES or kind in _MAPPINGS or kind is array.array
        ):
            left -= len(part)
            if left < 0:
                return True
            if kind is not array.array:
                parts += part.values() if kind in _MAPPINGS else part
    return left < 0


class _Short(reprlib.Repr):
    """Writes the beginning of what is very long."""

    def __init__(self, clean: Clean | None) -> None:
        super().__init__()
        self._clean = clean
        self.maxlist = self.maxtuple = self.maxdict = self.maxarray = 40
        self.maxlevel = 3
        self.maxstring = self.maxother = 1_000

    def repr1(self, x: Any, level: int) -> str:
        """Return how the beginning of a value is written.

        The library's own sorts all of a set and of a dict, and writes out what it
        does not know.
        """
        kind = type(x)
        if type(kind) is not type or level <= 0:
            return super().repr1(x, level)
        if kind in _MAPPINGS:
            head = dict(itertools.islice(x.items(), self.maxdict + 1))
            said = super().repr_dict(head, level)
            return said if kind is dict else f"{kind.__name__}({said})"
        if (kind is set or kind is frozenset) and not x:
            return repr(x)
        if kind in _SERIES and kind is not list and kind is not tuple:
            first = list(itertools.islice(x, self.maxlist + 1))
            said = super().repr_list(first, level)
            return f"{{{said[1:-1]}}}" if kind is set else f"{kind.__name__}({said})"
        return super().repr1(x, level)

    def repr_str(self, x: str, level: int) -> str:
        """Return how the beginning of a text is written."""
        del level
        return repr(x) if len(x) <= self.maxstring else f"{self._head(x)!r}…"

    def repr_bytes(self, value: bytes, _level: int) -> str:
        """Return how the beginning of bytes is written."""
        near = bytes(value[: self.maxstring + cut.MARGIN]).decode("latin-1")
        return f"{self._head(near).encode('latin-1')!r}…"

    def _head(self, text: str) -> str:
        return cut.head(text, self.maxstring, self._clean)

    repr_bytearray = repr_bytes
