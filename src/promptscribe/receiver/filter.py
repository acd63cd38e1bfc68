"""Which logs a query string asks for.

Its law: pure functions; a value that does not fit is a problem, an unknown name
is passed over, as the contract's own servers did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from promptscribe.receiver.check import Problem
from promptscribe.receiver.ingest import BadRequest
from promptscribe.receiver.instant import parse_instant
from promptscribe.receiver.log_entry import LABELS, LogQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import QueryParams
    from starlette.requests import Request

W = TypeVar("W", bound=str)

MAX_PAGE_SIZE: Final = 10_000
MAX_PAGE: Final = 2**31
_WORDS: Final = {"true": True, "1": True, "false": False, "0": False}
EQUAL: Final = (*LABELS, "trace_id")

# What clients of the seed's generation ask for; every version here is committed.
STATUSES: Final = ("committed", "uncommitted", "deleted")


class QueryReader:
    """Reads values from a query string and gathers what is wrong with them."""

    def __init__(self, params: QueryParams) -> None:
        self._params = params
        self.problems: list[Problem] = []

    def text(self, name: str) -> str | None:
        """Return a text, or None where it is absent or empty."""
        return self._params.get(name) or None

    def page(self) -> int:
        """Return the number of the page, from 1."""
        return self._number("page", 1, 1, MAX_PAGE)

    def size(self, default: int) -> int:
        """Return how many there are to be on a page."""
        return self._number("size", default, 0, MAX_PAGE_SIZE)

    def sample(self) -> int | None:
        """Return how many logs are to be drawn, or None where all are wanted."""
        drawn = self._number("sample", -1, 0, MAX_PAGE)
        return None if drawn < 0 else drawn

    def words(self, name: str, known: Sequence[W]) -> list[W]:
        """Return the words given, each one of those that are known."""
        given = [value for value in self._params.getlist(name) if value]
        if not set(given) <= set(known):
            message = f"Input should be one of {', '.join(known)}"
            self._complain(name, message, "enum")
        return [word for word in known if word in given]

    def wants_committed(self, name: str) -> bool:
        """Return whether committed versions are wanted, which all are here."""
        return self.words(name, STATUSES) in ([], ["committed"])

    def finish(self) -> None:
        """Raise what is wrong.

        Raises:
            BadRequest: With every value that does not fit.
        """
        if self.problems:
            raise BadRequest(self.problems)

    def _number(self, name: str, default: int, least: int, most: int) -> int:
        given = self._params.get(name)
        if given is None:
            return default
        # int() takes more than digits: underscores, blanks, other scripts.
        number = int(given) if given.isascii() and given.isdigit() else least - 1
        if not least <= number <= most:
            message = f"Input should be an integer from {least} to {most}"
            self._complain(name, message, "int_type")
            return default
        return number

    def flag(self, name: str) -> bool | None:
        """Return true or false, or None where it is absent or both."""
        # in_trace_filter may be given twice, with both values: then it is no filter.
        given = {value.lower() for value in self._params.getlist(name) if value}
        unknown = given - _WORDS.keys()
        if unknown:
            self._complain(name, "Input should be true or false", "bool_parsing")
        values = {_WORDS[value] for value in given - unknown}
        return values.pop() if len(values) == 1 else None

    def instant(self, name: str) -> int | None:
        """Return a time in µs since 1970, or None where it is absent."""
        given = self.text(name)
        if given is None:
            return None
        try:
            return parse_instant(given)
        except ValueError as error:
            self._complain(name, f"Input should be a time: {error}", "datetime_parsing")
            return None

    def _complain(self, name: str, message: str, kind: str) -> None:
        self.problems.append(Problem(("query", name), message, kind))


def log_query(params: QueryParams, default_size: int = 10) -> LogQuery:
    """Return the query that a query string stands for.

    Args:
        params: The query string, as the contract and the pages have it.
        default_size: Logs on a page where the string does not say.

    Raises:
        BadRequest: With every value that does not fit.
    """
    reader = QueryReader(params)
    # Of evaluators' logs alone, as the contract has it: there are none here.
    reader.flag("include_parent")
    query = LogQuery(
        file_id=reader.text("file_id"),
        path=reader.text("path"),
        version_id=reader.text("version_id"),
        ids=tuple(params.getlist("id")),
        search=reader.text("search"),
        metadata_search=reader.text("metadata_search"),
        start_us=reader.instant("start_date"),
        end_us=reader.instant("end_date"),
        in_trace=reader.flag("in_trace_filter"),
        roots=reader.flag("roots") or False,
        failed=reader.flag("failed"),
        equal=tuple((name, params[name]) for name in EQUAL if params.get(name)),
        sample=reader.sample(),
        nothing=not reader.wants_committed("version_status"),
        page=reader.page(),
        size=reader.size(default_size),
    )
    reader.finish()
    return query


def log_id_of(request: Request) -> str:
    """Return which log an address names: in its path, else as ``?id=``.

    The path can have every id but ``.`` and ``..``, which clients take away.
    """
    return str(request.path_params["id"]) or request.query_params.get("id", "")
