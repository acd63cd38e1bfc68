"""The estate: the folders of one server's journal, one for each key, and their heirs.

Its law: what was recorded with one key is never sent with another, since that may be
the key of another project. Each key has a folder of its own, named after a mark of it;
what a dead process left there is delivered by who has that key.

But keys are replaced, and then what waits must not wait for ever. From outside, the
next key of a project looks like any key of another one. So a folder has heirs only if

* the server refused its key (the file ``refused`` says so, until it takes it again);
* the heir's folder came after that: who was there before has a project of its own;
* the heir is the same program, run in the same folder, as one that wrote there (the
  file ``programs``), or somebody has it deliver what others recorded (``drain``);
* neither of the two keys was ever used by a process beside another one that was not
  refused (the file ``several``): such a program serves several projects.

A program of several projects whose very first key is refused can still be mistaken. It
names each by the setting *project*: that folder is the project's, whatever its key is
at the time, and has no heirs. What was recorded without a key is for the programs that
wrote it, once they have one, and for who delivers for others; who does that without a
key delivers what any key recorded: it can reach nobody's project. All other folders are
left alone, until nobody has come for a lane of theirs for a week: see `Heritage`.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from pathlib import Path
from typing import ClassVar, Final

from promptscribe._interrupt import suppress
from promptscribe._journal.access import append
from promptscribe._journal.lane import is_own, prepare_root
from promptscribe.errors import JournalError

_MARK: Final = "~"
_PROJECT: Final = "~project-"
"""What divides a folder's name: the server's before it, the mark behind."""
_PROGRAMS: Final = "programs"
_REFUSED: Final = "refused"
_SEVERAL: Final = "several"
_MOST_PROGRAMS: Final = 1000
"""Lines of a file ``programs``, 33 KB: a job that runs in a new folder each time would
add one for ever. One that goes is added again when it runs the next time."""
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Estate:
    """The folders of one server, as one process may use them.

    Args:
        root: The folder of this process's key.
        program: What `this_program` says.
    """

    _apart: ClassVar[set[Path]] = set()
    """The folders that this process uses beside each other, whoever asks."""
    _untold: ClassVar[set[Path]] = set()
    """Those of them that do not say so yet."""

    def __init__(self, root: Path, program: str) -> None:
        self.root = root
        self._program = program
        self._is_refused: bool | None = None

    def register(self) -> None:
        """Leave word that this program writes here, before it does."""
        with suppress(OSError, JournalError):
            prepare_root(self.root)
            known = _lines(self.root / _PROGRAMS)
            if self._program in known:
                return
            if len(known) < _MOST_PROGRAMS:
                _append(self.root / _PROGRAMS, [self._program])
            else:
                kept = known[-_MOST_PROGRAMS // 2 :]
                _replace(self.root / _PROGRAMS, [*kept, self._program])

    def part(self, other: Estate) -> None:
        """Take note that one process uses the keys of two folders, for two projects."""
        if self.root == other.root or not self._is_beside(other.root):
            return
        for root in {self.root, other.root} - self._apart:
            if not _is_keyless(root) and _PROJECT not in root.name:
                self._apart.add(root)
                self._untold.add(root)
        self.tell_apart()

    def tell_apart(self) -> None:
        """Write down what `part` was told; what a full disk refused is tried again.

        Meanwhile at least this process inherits nothing by mistake.
        """
        for root in tuple(self._untold):
            with suppress(OSError, JournalError):
                prepare_root(root)
                _append(root / _SEVERAL, [])
                self._untold.discard(root)

    def settle(self, *, is_refused: bool) -> None:
        """Take note that the server refuses this folder's key, or takes it."""
        if is_refused is self._is_refused:
            return
        path = self.root / _REFUSED
        with suppress(OSError):
            if not is_refused:
                path.unlink(missing_ok=True)
            elif not path.exists():
                _replace(path, sorted(r.name for r in self._siblings()))
            self._is_refused = is_refused  # a disk that was full is tried again

    def inherited(self, *, is_for_others: bool = False) -> list[Path]:
        """Return the folders besides its own that this process may deliver.

        Args:
            is_for_others: Whether it delivers what other programs recorded.
        """
        return [
            root
            for root in self._siblings()
            if self.may_inherit(root, is_for_others=is_for_others)
        ]

    def others(self, *, is_for_others: bool = False) -> list[Path]:
        """Return the folders besides its own that it has to leave alone."""
        mine = self.inherited(is_for_others=is_for_others)
        return [root for root in self._siblings() if root not in mine]

    def may_inherit(self, root: Path, *, is_for_others: bool = False) -> bool:
        """Say whether what lies in another folder of the server's is for this one."""
        # What needs few files first: who changes keys every hour has many folders.
        if not self._is_beside(root) or _PROJECT in root.name or root == self.root:
            return False
        if not (_is_keyless(root) or (is_for_others and _is_keyless(self.root))):
            refused = root / _REFUSED
            if not refused.exists() or self.root.name in _lines(refused):
                return False
            if self._are_apart(self.root, root):
                return False
        if not is_own(root):
            return False
        return is_for_others or self._program in _lines(root / _PROGRAMS)

    def elsewhere(self) -> list[Path]:
        """Return the folders of other servers."""
        return self._folders(is_same_server=False)

    def _are_apart(self, *roots: Path) -> bool:
        return not self._apart.isdisjoint(roots) or any(
            (root / _SEVERAL).exists() for root in roots
        )

    def _is_beside(self, root: Path) -> bool:
        return root.parent == self.root.parent and _server(root) == _server(self.root)

    def _siblings(self) -> list[Path]:
        return self._folders(is_same_server=True)

    def _folders(self, *, is_same_server: bool) -> list[Path]:
        with suppress(OSError):
            return sorted(
                path
                for path in self.root.parent.iterdir()
                if path != self.root
                and (_server(path) == _server(self.root)) is is_same_server
                and is_own(path)
            )
        return []


def this_program() -> str:
    """Return what tells this program from others: its file, and where it was run.

    A line of text, shown to nobody.
    """
    folder = ""
    with suppress(OSError):  # it was removed
        folder = str(Path.cwd())
    file = os.path.realpath(sys.argv[0]) if sys.argv else ""
    told = f"{file}\n{folder}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(told, digest_size=16).hexdigest()


def _server(root: Path) -> str:
    return root.name.partition(_MARK)[0]


def _is_keyless(root: Path) -> bool:
    return _MARK not in root.name


def _lines(path: Path) -> list[str]:
    with suppress(OSError):
        return path.read_text("utf-8", "replace").splitlines()
    return []


def _replace(path: Path, lines: list[str]) -> None:
    """Write a file, whole or not at all: another process may be reading it."""
    new = path.with_name(f"{path.name}-{os.getpid()}-{threading.get_ident()}")
    new.unlink(missing_ok=True)  # half of one, from when the disk was full
    _append(new, lines)
    new.replace(path)


def _append(path: Path, lines: list[str]) -> None:
    fd = os.open(path, _FLAGS, 0o600)
    try:
        append(fd, "".join(f"{line}\n" for line in lines).encode())
    finally:
        os.close(fd)
