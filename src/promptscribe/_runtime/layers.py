"""The layers: what was said of a log by its program, as one set of members.

Its law: what somebody said is made fit for the contract when it comes in, or is kept
out and told in metadata; what we work out ourselves is fit as it is. The decorator and
`log_context` say the same of many calls: what they say is read once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe import schema
from promptscribe._runtime.usual import make_form
from promptscribe._wire import body, member, record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptscribe._runtime.usual import Form

Members = dict[str, Any]

MOST: Final = 256
LARGEST: Final = 16 << 10
BUDGET: Final = 512 << 10
"""Layers that are remembered, the bytes of one, and of all of them as they were
recorded. Of a byte that means harm, which is an empty list, 150 become."""

_MEMBERS: Final = frozenset(schema.MEMBERS)
_IDS: Final = frozenset(
    {"id", "log_id", "trace_parent_id", "version_id", "version_environment"}
)
"""Members that name something: an empty one, of a variable that is not set, nothing."""


class Draft:
    """The members of a log while it is read.

    Attributes:
        members: What is known so far. A value that cannot be sent is among them until
            the end: nothing else takes its place.
        unfit: The names of those.
        form: What the usual logs with these members are like; None in a copy.
        is_hasty: Whether somebody waits for it: nothing is loaded then.
    """

    __slots__ = ("_prompt", "_written", "form", "is_hasty", "members", "unfit")

    def __init__(self) -> None:
        self.members: Members = {}
        self.unfit: set[str] = set()
        self.is_hasty = False
        self.form: Form | None = None
        self._prompt: Any = None
        self._written: msgspec.Raw | None = None

    def copy(self) -> Draft:
        """Return one that can be changed without changing this one."""
        other = Draft.__new__(Draft)
        other.members = members = self.members.copy()
        other.unfit = self.unfit.copy()
        other.is_hasty = False
        other.form = None
        other._prompt, other._written = self._prompt, self._written
        if "metadata" in members and type(members["metadata"]) is dict:
            members["metadata"] = members["metadata"].copy()
        return other

    def say(self, layer: Members | None) -> None:
        """Take what one layer says; it wins over what was said before."""
        for name, value in (layer or {}).items():
            if value is None or name not in _MEMBERS or (value == "" and name in _IDS):
                continue
            if name == "metadata":
                self._say_metadata(value)
            else:
                self._put(name, value)

    def _put(self, name: str, value: Any) -> None:
        settled = member.coerce(name, record.plain(value))
        if settled is None:
            self.unfit.add(name)
        else:
            self.unfit.discard(name)
        self.members[name] = value if settled is None else settled

    def _say_metadata(self, value: Any) -> None:
        before = self.members.get("metadata")
        if type(value) is dict:
            if value:
                known = before if type(before) is dict else {}
                self._put("metadata", {**known, **value})
        elif type(before) is not dict:
            self._put("metadata", value)

    def fill(self, name: str, value: Any) -> None:
        """Set a member that nobody gave."""
        if value is not None:
            self.members.setdefault(name, value)

    def fill_said(self, name: str, value: Any) -> None:
        """Set a member that nobody gave to what somebody else says of it."""
        if value is not None and name in _MEMBERS and name not in self.members:
            self._put(name, value)

    def note(self, name: str, value: Any) -> None:
        """Set something in metadata that is not there."""
        if value is None:
            return
        metadata = self.members.setdefault("metadata", {})
        if type(metadata) is dict:
            metadata.setdefault(name, value)

    def finish(self) -> Members:
        """Return the members as they are sent; the unfit ones are told in metadata."""
        members = self.members
        if self.unfit and (unfit := sorted(self.unfit & members.keys())):
            told = {n: f"a {type(members.pop(n)).__name__}" for n in unfit}
            self.note("not_recorded", told)
        return members

    def remember_prompt(self) -> None:
        """Write down the prompt, which is that of many logs."""
        self._prompt = prompt = self.members.get("prompt")
        if type(prompt) is dict:
            self._written = msgspec.Raw(msgspec.json.encode(body.jsonable(prompt)))
        if not self.unfit:
            self.form = make_form(self.members, self._written or prompt)

    def write_prompt(self) -> None:
        """Put the prompt as it was written down in its place, if it is still that."""
        if self._written is not None and self.members.get("prompt") is self._prompt:
            self.members["prompt"] = self._written


_known: Final[dict[tuple[bytes, bytes], Draft]] = {}
_room: Final = [BUDGET]
"""Bytes that may be remembered yet. Two threads at once may count one layer twice, or
not at all: the next clearing sets that right."""


def read(first: record.Start) -> Draft:
    """Return what context, decorator and the call's own arguments say."""
    return take(find(first), first)


def take(said: Draft, first: record.Start) -> Draft:
    """Return a copy of what these say, and what the call's own arguments do."""
    draft = said.copy()
    if first.given:
        draft.say(first.given)
    return draft


def find(first: record.Start) -> Draft:
    """Return what context and decorator say; it is that of many logs."""
    return _find((bytes(first.context), bytes(first.declared)))


def is_usual(said: tuple[bytes, bytes]) -> bool:
    """Say whether context and decorator say nothing that a call says by itself.

    Args:
        said: What they say, as it was recorded.
    """
    return _find(said).form is not None


def _find(key: tuple[bytes, bytes]) -> Draft:
    draft = _known.get(key)
    if draft is None:
        draft = _read(key)
        size = len(key[0]) + len(key[1])
        if size <= LARGEST:
            if len(_known) >= MOST or size > _room[0]:
                _known.clear()
                _room[0] = BUDGET
            _known[key] = draft
            _room[0] -= size
    return draft


def read_anew(first: record.Start) -> Draft:
    """Return the same, sharing nothing with any other log."""
    draft = _read((bytes(first.context), bytes(first.declared)))
    draft.say(first.given)
    return draft


def combine(updates: Iterable[Members]) -> Members:
    """Return what all updates say under each name, the last one in full."""
    combined: Members = {}
    for update in updates:
        combined.update(update)
    return combined


def _read(layers: tuple[bytes, bytes]) -> Draft:
    draft = Draft()
    for layer in layers:
        said = record.decode(layer)
        draft.say(said if type(said) is dict else None)
    draft.remember_prompt()
    return draft
