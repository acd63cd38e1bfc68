"""The attached: contexts of OpenTelemetry that we made active, to be left again.

Its law: who leaves in another context than it entered in disturbs nobody.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from opentelemetry.context import Context


class Attached:
    """The contexts that one log made active, the last one on top."""

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens: list[Any] = []

    def enter(self, context: Context) -> None:
        """Make a context active."""
        self._tokens.append(otel_context.attach(context))

    def leave(self) -> None:
        """Make active what was before; in another context, there is no need to."""
        if self._tokens:
            token = self._tokens.pop()
            # Not `detach`: it writes an error into the application's log.
            with suppress(ValueError, RuntimeError, AttributeError):
                token.var.reset(token)
