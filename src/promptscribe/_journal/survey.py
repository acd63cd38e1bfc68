"""The survey: what lies in a journal, for people.

Its law: read only. Locks are taken to see whether others have them, and given back.
A living writer may go on meanwhile: what is told is what was there a moment ago.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptscribe._journal import access, damage, frame
from promptscribe._journal.lane import Lane, find_lanes
from promptscribe._journal.segment import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from mmap import mmap
    from pathlib import Path

    from promptscribe._journal.segment import Segment

    Buffer = bytes | mmap


@dataclass(slots=True)
class LaneReport:
    """What one lane holds.

    Attributes:
        name: Its folder's name.
        is_alive: Whether a process writes or reads it at the moment.
        is_read: Whether another process delivers it.
        segments: Files in it.
        size_bytes: Their size together.
        waiting: Logs that are not delivered yet.
        damaged_bytes: Bytes that were frames.
        unopened: Files that cannot be read, and why.
    """

    name: str
    is_alive: bool
    is_read: bool
    segments: int = 0
    size_bytes: int = 0
    waiting: int = 0
    damaged_bytes: int = 0
    unopened: list[str] = field(default_factory=list)


def report(root: Path) -> Iterator[LaneReport]:
    """Return what each lane holds, oldest first."""
    for path in find_lanes(root):
        lane, is_read = None, False
        with contextlib.suppress(OSError):
            lane = Lane.follow(path)
            is_read = lane is None
        is_alive = lane is None or not lane.inherit()
        found = LaneReport(path.name, is_alive=is_alive, is_read=is_read)
        if lane is not None:
            lane.abandon()  # only asked; nothing was changed
        opened: set[bytes] = set()
        for content in _segments(path, found.unopened):
            found.segments += 1
            found.size_bytes += len(content)
            wrecks = damage.within(content)
            found.damaged_bytes += sum(w.until - w.offset for w in wrecks)
            for each in frame.frames(content):
                key = frame.key_of(content, each)
                if each.acknowledged:
                    continue
                if each.kind == frame.START:
                    opened.add(key)
                else:
                    opened.discard(key)
                    found.waiting += 1
        found.waiting += 0 if found.is_alive else len(opened)
        yield found


def logs(root: Path) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Return start and end of each log that waits; no end for one that has none."""
    for path in find_lanes(root):
        starts: dict[bytes, bytes] = {}
        for content in _segments(path):
            for each in frame.frames(content):
                if each.acknowledged:
                    continue
                payload = frame.payload_of(content, each)
                if each.kind == frame.START:
                    starts[payload[frame.KEY]] = payload
                else:
                    yield starts.pop(payload[frame.KEY], None), payload
        for payload in starts.values():
            yield payload, None


def count_waiting(segments: Iterable[Segment]) -> int:
    """Return how many logs of a writer's own segments nobody has taken care of.

    Others acknowledge in the very files that the writer has mapped, and remove one in
    which they have done all.
    """
    waiting = 0
    for segment in segments:
        content: Buffer | None = segment.map
        if not segment.is_there():
            continue
        if content is None and segment.path is not None:
            with contextlib.suppress(OSError):
                content = segment.path.read_bytes()
        if content is not None:
            waiting += sum(
                each.kind != frame.START and not each.acknowledged
                for each in frame.frames(content)
            )
    return waiting


def count_memory_only(segments: Iterable[Segment]) -> int:
    """Return how many logs end with the process, as their segments have no file.

    One that began on disk is not among them: it is found there, as interrupted.
    """
    logs, begun = 0, set()
    for segment in segments:
        content = segment.map
        if segment.path is not None or content is None:
            continue
        for each in frame.frames(content):
            if each.acknowledged:
                continue
            key = frame.key_of(content, each)
            if each.kind == frame.START:
                begun.add(key)
            else:
                logs += each.kind == frame.WHOLE or key in begun
    return logs


def _segments(path: Path, unopened: list[str] | None = None) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        for segment in sorted(p for p in path.iterdir() if p.suffix == SUFFIX):
            try:
                yield access.read(segment)
            except FileNotFoundError:
                pass  # it was delivered just now
            except OSError as problem:
                if unopened is not None:
                    unopened.append(f"{segment.name}: {problem.strerror}")
