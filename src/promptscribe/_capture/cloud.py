"""The cloud: functions that are sent to workers with their code, by cloudpickle.

Its law: cloudpickle, and the copies of it that come with Ray, Spark and joblib, take
every function apart that is no module's own, or ``__main__``'s. What says that it is a
function would arrive as the bare one inside of it, and nothing would be recorded. So
these alone hear of a decorated function what it is: something that `wrap` makes of a
function, which arrives with its code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_NAME: Final = "cloudpickle"
_REGISTERED: Final = "list_registry_pickle_by_value"
"""What tells the modules for which ``cloudpickle.register_pickle_by_value`` asked."""


def is_asking(frame: FrameType) -> bool:
    """Say whether a frame is one of cloudpickle's, or of a copy of it."""
    name = frame.f_globals.get("__name__")
    return type(name) is str and name.rpartition(".")[2].startswith(_NAME)


def takes_code(frame: FrameType, module: str) -> bool:
    """Say whether a frame is one of cloudpickle's that takes a module's code along."""
    if not is_asking(frame):
        return False
    registered = frame.f_globals.get(_REGISTERED)
    names = {"__main__", *(() if registered is None else registered())}
    return any(module == name or module.startswith(f"{name}.") for name in names)
