"""The pattern: a regular expression that is compiled when it is first used.

Its law: as `re` has it, once it is. Most texts need three of the sixty patterns by
which secrets are known; to compile them all takes 12 ms, on the caller's thread.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any


class _Late:
    """A pattern; its methods become the compiled one's.

    Args:
        pattern: The expression.
        flags: As `re` has them.

    Attributes:
        pattern: The same.
    """

    def __init__(self, pattern: Any, flags: int = 0) -> None:
        self.pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # a copy's question, no use
            raise AttributeError(name)
        found = getattr(re.compile(self.pattern, self._flags), name)
        setattr(self, name, found)
        return found


if TYPE_CHECKING:
    late = re.compile
else:
    late = _Late
