"""The first call: what stands in the place of what that has to load.

Its law: it gets out of the way. Whoever took it before goes through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptscribe._runtime.state import Append, Runtime


class First:
    """Starts the pipeline with the first frame under new settings.

    A call that began here ends here, whatever settings are in force by then.

    Attributes:
        append: Takes what comes after the first frame.
    """

    __slots__ = ("_runtime", "append")

    def __init__(self, runtime: Runtime) -> None:
        self.append: Append | None = None
        self._runtime = runtime

    def __call__(self, kind: int, payload: bytes) -> bool | None:
        if self.append is None:
            return self._runtime.take_first(self, kind, payload)
        return self.append(kind, payload)


class Unasked:
    """Stands for the settings until they are read: the first call has to look."""

    __slots__ = ("_runtime",)

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime.settings, name)
