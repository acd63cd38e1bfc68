"""The identity: whose ids logs have, ours or the server's.

Its law: ours, until a server shows that it gives its own. It does so by refusing the
member ``log_id`` (it came after the first generation of the contract), or by answering
with another id than the one that was sent. From then on the member is not sent,
parents go before children, and a child names its parent as the server does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Protocol

from promptscribe._delivery import retry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptscribe._delivery.parcel import Parcel
    from promptscribe._delivery.transport import Answer

_OURS: Final = "log_"
_REFUSALS: Final = ("extra", "not permitted", "unexpected", "unknown", "forbidden")
_NONE: Final = ""
"""Stands for the server's id of a log that it refused."""
_LONGEST_WAIT: Final = 600.0
"""Seconds that a child waits for its parent, which ends after it: as long as the
longest agents run. Then it goes without."""


class Ids(Protocol):
    """Keeps the ids that a server gave; see the journal's id map."""

    def get(self, log_id: str) -> str | None:
        """Return the server's id of a log, or None; "" of one that it refused."""
        ...

    def add(self, given: Mapping[str, str]) -> None:
        """Remember the server's ids of logs, by ours."""
        ...

    def has_any(self) -> bool:
        """Say whether there are any, of an earlier process as well."""
        ...


class Identity:
    """Decides for one server.

    Attributes:
        is_servers: Whether the server gives its own ids.
    """

    def __init__(self, ids: Ids) -> None:
        self.is_servers = False
        self._is_known = False
        self._was_asked = False
        self._ids = ids
        self._learnt: dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        """Whether only the answer to a first log will tell."""
        if not self._was_asked:
            self._was_asked = True
            self.is_servers |= self._ids.has_any()
        return not (self._is_known or self.is_servers)

    @property
    def is_ours(self) -> bool:
        """Whether the server has shown that it takes the ids that it is given."""
        return self._is_known and not self.is_servers

    def notice_refusal(self, answer: Answer) -> bool:
        """Go without ``log_id`` if a log was refused for that alone; say whether."""
        if self.is_servers or answer.status != 422:
            return False
        words = _about_log_id(answer.body).lower()
        self.is_servers = any(word in words for word in _REFUSALS)
        return self.is_servers

    def is_repeat(self, parcel: Parcel, answer: Answer) -> bool:
        """Say whether a log was refused since the server has it by that very id."""
        if answer.status != 409:
            return False
        log_id = id_of(parcel)
        return retry.is_repeat(answer, log_id, may_be_stored=parcel.may_be_stored)

    def learn(self, parcel: Parcel, answer: Answer) -> None:
        """Look at the answer to a log that was delivered."""
        if self.is_ours:
            return
        given = _member(answer.body, "id")
        log_id = parcel.log_id or id_of(parcel)
        self._is_known = True
        if type(given) is not str or type(log_id) is not str:
            return
        if given != log_id:
            self.is_servers = True
            self._learnt[log_id] = given

    def forgo(self, parcel: Parcel) -> None:
        """Take note that the server never gets a log: no child has to wait for it."""
        if parcel.log_id:
            self._learnt[parcel.log_id] = _NONE

    def keep(self) -> None:
        """Have what was learnt outlive the process; before logs are acknowledged."""
        if self._learnt:
            learnt, self._learnt = self._learnt, {}
            self._ids.add(learnt)

    def make_ready(self, parcel: Parcel, now: float) -> bool:
        """Have a log named as the server names it; False while its parent is not there.

        Args:
            parcel: The log; its request is changed.
            now: Seconds on the monotonic clock.
        """
        if not self.is_servers or parcel.log_id is not None:
            return True
        body = json.loads(parcel.body)
        parent = body.get("trace_parent_id")
        if type(parent) is str and parent.startswith(_OURS):
            given = self._ids.get(parent)
            if given is None:
                parcel.waiting_since = parcel.waiting_since or now
                if now - parcel.waiting_since < _LONGEST_WAIT:
                    return False
            if given:
                body["trace_parent_id"] = given
            else:
                del body["trace_parent_id"]
        parcel.log_id = str(body.pop("log_id", ""))
        parcel.body = json.dumps(body).encode()
        return True


def id_of(parcel: Parcel) -> Any:
    """Return the id by which a log is sent; None where it is packed, or has none."""
    return _member(parcel.body, "log_id")


def _about_log_id(body: bytes) -> str:
    """Return what a refusal says of ``log_id``, as far as that can be told apart.

    FastAPI has a list of faults, each with its place. It quotes there what it was sent,
    ``log_id`` and prompts and all.
    """
    detail = _member(body, "detail")
    if type(detail) is list and all(type(f) is dict and "loc" in f for f in detail):
        faults = [f for f in detail if "log_id" in str(f["loc"])]
        return " ".join(f"{f.get('type')} {f.get('msg')}" for f in faults)
    return body.decode("utf-8", "replace") if b"log_id" in body else ""


def _member(content: bytes, name: str) -> Any:
    try:
        decoded = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return decoded.get(name) if isinstance(decoded, dict) else None
