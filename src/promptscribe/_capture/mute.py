"""The mute: generators of which their code tells that they return nothing.

Its law: what is not certain to be mute is not.
"""

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import CodeType

_MOST_CODES: Final = 1_000
"""Functions made at run time, from the input of a REPL, say, must not pile up."""
_known: Final[dict[int, tuple[CodeType, bool]]] = {}
"""By the code's id, since to hash it takes long: the code, which is so kept alive, and
whether it is mute."""


def is_mute(generator: Any) -> bool:
    """Say whether this is a generator of Python's own that can return but None."""
    if type(generator) is not GeneratorType:
        return False
    code = generator.gi_code
    known = _known.get(id(code))
    if known is None:
        known = code, _returns_none(code)
        if len(_known) < _MOST_CODES:
            _known[id(code)] = known
    return known[1]


def _returns_none(code: CodeType) -> bool:
    """Say whether a function returns None, wherever it does.

    A ``return`` is ``RETURN_VALUE`` after ``LOAD_CONST``, if nothing jumps between
    them; in Python 3.12 and 3.13 it may be one instruction, ``RETURN_CONST``.
    """
    import dis

    before = None
    for step in dis.get_instructions(code):
        name = step.opname
        if name == "RETURN_CONST":
            if step.argval is not None:
                return False
        elif name.startswith("RETURN_") and name != "RETURN_GENERATOR":
            if step.is_jump_target or before is None:
                return False
            if before.opname != "LOAD_CONST" or before.argval is not None:
                return False
        before = step
    return True
