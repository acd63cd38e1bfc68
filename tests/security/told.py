"""What redaction is measured by: the journal's bytes, and what a server was sent."""

from __future__ import annotations

import promptscribe
from promptscribe.testing import MemoryTransport, isolated


class Told:
    """What a program's calls left behind.

    Attributes:
        kept: All bytes of all files of the journal.
        logs: What a server was sent, decoded.
        sent: The same as bytes.
    """

    def __init__(self, kept: bytes, transport: MemoryTransport) -> None:
        self.kept = kept
        self.logs = [log for log in transport.bodies if "path" in log]
        self.sent = b"".join(request.body for request in transport.requests)

    def has(self, secret: str) -> bool:
        """Say whether a secret is anywhere, as it is or as JSON has it."""
        spelled = {secret, secret.encode("unicode_escape").decode()}
        return any(s.encode() in self.kept + self.sent for s in spelled)


def told(act, folder, **settings):
    """Do something twice: with a journal that nobody delivers, and with a server."""
    settings = {"redact": True, **settings}
    with isolated():
        promptscribe.configure(journal_dir=folder / "kept", export=False, **settings)
        act()
        promptscribe.shutdown(1)
        files = [p for p in (folder / "kept").rglob("*") if p.is_file()]
        kept = b"".join(path.read_bytes() for path in files)
    transport = MemoryTransport()
    with isolated():
        promptscribe.configure(
            journal_dir=folder / "sent", transport=transport, export=True, **settings
        )
        act()
        promptscribe.force_flush(30)
    return Told(kept, transport)
