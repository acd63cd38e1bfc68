"""The mapping: an open file as memory, with no descriptor behind it.

Its law: a mapping holds its file by itself (mmap(2)). CPython's keeps a duplicate of
the descriptor all the same, and closes that number when it goes: where a program has
closed all its descriptors meanwhile, as daemons do, that is a file of the program's.

From 3.13 on it can be told not to. Before that, a place in memory is reserved, of which
it has no descriptor, and the file is mapped over it.
"""

from __future__ import annotations

import functools
import mmap
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_MAP_FIXED: Final = 0x10
"""Linux, ``include/uapi/asm-generic/mman-common.h``: safe where the place was reserved
by whoever says so (mmap(2))."""
_CAN_RESERVE: Final = (
    sys.platform == "linux"
    and sys.implementation.name == "cpython"
    and sys.maxsize > 1 << 32  # an offset is a long
)


def map_open(fd: int, size: int, access: int) -> mmap.mmap:
    """Return an open file's mapping; the descriptor is the caller's to close.

    Args:
        fd: The open file.
        size: Bytes from its beginning; 0 for all of it.
        access: ``ACCESS_READ`` or ``ACCESS_WRITE``.

    Raises:
        OSError: It cannot be mapped.
        ValueError: It is empty.
    """
    if sys.version_info >= (3, 13):
        return mmap.mmap(fd, size, access=access, trackfd=False)
    mapping = mmap.mmap(fd, size, access=access)
    map_over = _load() if _CAN_RESERVE else None
    if map_over is None:
        return mapping
    protection = mmap.PROT_READ | (mmap.PROT_WRITE * (access == mmap.ACCESS_WRITE))
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    place = mmap.mmap(-1, len(mapping), flags=flags, prot=protection)
    if not map_over(place, protection, fd):
        return mapping
    mapping.close()
    return place


@functools.cache
def _load() -> Callable[[mmap.mmap, int, int], bool] | None:
    """Return what maps a file over a place; None where C cannot be called."""
    try:
        import ctypes

        # It keeps the interpreter lock: a caller of the user's may need a segment now.
        system = ctypes.PyDLL(None)
        system_map, keep = system.mmap, system.Py_IncRef
        get_buffer, release = system.PyObject_GetBuffer, system.PyBuffer_Release
    except Exception:  # noqa: BLE001 - left out, linked in unseen, or forbidden by SELinux
        return None
    system_map.restype = ctypes.c_void_p
    system_map.argtypes = [
        *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int),
        *(ctypes.c_int, ctypes.c_long),
    ]

    def map_over(place: mmap.mmap, protection: int, fd: int) -> bool:
        view = ctypes.create_string_buffer(256)  # a Py_buffer, 80 bytes; address first
        get_buffer(ctypes.py_object(place), view, 0)
        address = ctypes.c_void_p.from_buffer(view).value
        release(view)
        how: Any = protection, mmap.MAP_SHARED | _MAP_FIXED, fd, 0
        if system_map(address, len(place), *how) == address:
            return True
        # What was reserved may be another's by now: nobody must give it back.
        keep(ctypes.py_object(place))
        return False

    return map_over
