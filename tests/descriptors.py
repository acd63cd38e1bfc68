"""What this process has open, by name: a count is that of other tests' threads too."""

from __future__ import annotations

import contextlib
from pathlib import Path


def open_files() -> list[str]:
    """Name the files that this process has open (Linux only)."""
    names = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile, as the folder's own is
            names.append(str(descriptor.readlink()))
    return names


def open_under(folder: Path) -> list[str]:
    """Name those that are in a folder, or are it."""
    return [name for name in open_files() if name.startswith(str(folder))]
