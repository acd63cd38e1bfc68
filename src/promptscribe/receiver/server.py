"""The running receiver: a process of its own, or a thread for demos and tests.

Its law: it owns the store and the socket, and gives both back.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import platformdirs
import uvicorn

from promptscribe._clock import SystemClock
from promptscribe.errors import ConfigurationError
from promptscribe.receiver.access import Access
from promptscribe.receiver.app import create_app
from promptscribe.receiver.body import MIN_RATE
from promptscribe.receiver.cutoff import MAX_HEADER_BYTES, CutoffProtocol
from promptscribe.receiver.guard import known_hosts
from promptscribe.receiver.metrics import Metrics
from promptscribe.receiver.retention import Keeper
from promptscribe.receiver.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from starlette.applications import Starlette

    from promptscribe.receiver.bulk import RecordReader

DEFAULT_PORT: Final = 8420
_GC_THRESHOLD: Final = 10_000  # new objects before the youngest are looked through
_SHUTDOWN_TIMEOUT: Final = 10  # whole seconds for requests that are under way


def default_db() -> Path:
    """Return where logs are kept unless told otherwise."""
    return Path(platformdirs.user_data_dir("promptscribe")) / "logs.db"


class _Server(uvicorn.Server):
    """A uvicorn server that says when it listens, and returns when it is told to."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            # Else uvicorn raises the signal again and the process ends on the spot,
            # with the store still open.
            self._captured_signals.clear()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


class Receiver:
    """A receiver that is ready to run, once.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        db: The SQLite file; None for `default_db`.
        api_keys: Keys that pass, besides those in the file; while there are
            none at all, none is asked for on this machine.
        hosts: More names to answer to than the loopback's.
        rate_limit: Requests a second for each key, more than 0; None sets no limit.
        min_rate: Bytes a second that a request's body has to come with at least,
            but for its first 5 KB; more than 0.
        max_bytes: How large the file may become; None sets no limit.
        keep_days: How long logs are kept, in days from their ``created_at``;
            None keeps them for ever.
        reader: Reads records, for clients that send these; None takes JSON only.
        announce: Called with the URL once the receiver listens.

    Attributes:
        url: Where the receiver is reached.

    Raises:
        ConfigurationError: Reachable from outside, and no key is asked for; a rate
            of nothing, a key that no header can carry, a host that is no name.
        OSError: The address is in use, or the file cannot be opened.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        db: Path | str | None = None,
        *,
        api_keys: Iterable[str] = (),
        hosts: Collection[str] = (),
        rate_limit: float | None = None,
        min_rate: float = MIN_RATE,
        max_bytes: int | None = None,
        keep_days: float | None = None,
        reader: RecordReader | None = None,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        for name, rate in [("rate_limit", rate_limit), ("min_rate", min_rate)]:
            if rate is not None and not rate > 0:
                raise ConfigurationError(name, f"not more than 0: {rate}")
        answered = known_hosts({host, *hosts}) if _is_loopback(host) else None
        self._socket = _listen(host, port)
        self.url = _url(host, self._socket.getsockname()[1])
        try:
            self._store, access = _open(host, db, api_keys, max_bytes)
        except BaseException:
            self._socket.close()
            raise
        metrics = Metrics()
        app = create_app(
            self._store,
            metrics=metrics,
            access=access,
            rate_limit=rate_limit,
            min_rate=min_rate,
            hosts=answered,
            reader=reader,
        )
        self._server = _Server(_config(app), self._ready)
        self._keeper: Keeper | None = None
        if keep_days is not None:
            self._keeper = Keeper(keep_days, self._store, metrics, SystemClock())
        self._announce = announce
        self._started = threading.Event()
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, or until `stop`."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self._store.close()
            self._started.set()

    def start(self) -> Receiver:
        """Serve in a thread; return once the receiver listens."""
        self._thread = threading.Thread(
            target=self.run, name="promptscribe-receiver", daemon=True
        )
        self._thread.start()
        self._started.wait()
        return self

    def stop(self) -> None:
        """Answer what is under way, close the store, end the thread."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()

    def _ready(self) -> None:
        self._store.begin()
        if self._keeper is not None:
            # Ends with the loop, which cancels what is left when it closes.
            self._keeping = asyncio.get_running_loop().create_task(self._keeper.run())
        self._started.set()
        if self._announce is not None:
            self._announce(self.url)


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=CutoffProtocol,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",  # what a client did wrong is in its answer
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
    )


def _open(
    host: str,
    db: Path | str | None,
    api_keys: Iterable[str],
    max_bytes: int | None,
) -> tuple[SqliteStore, Access]:
    path = default_db() if db is None else Path(db)
    store = SqliteStore(path, max_bytes=max_bytes)
    try:
        access = Access(api_keys, store)
        _check_door(host, access)
    except BaseException:
        store.close()
        raise
    return store, access


def _check_door(host: str, access: Access) -> None:
    if not _is_loopback(host) and asyncio.run(access.is_open()):
        problem = f"{host or 'each address'} is reachable from outside: make an API key"
        problem += " first, with `promptscribe keys add NAME` or --api-key KEY"
        raise ConfigurationError("host", problem)


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, since asyncio sets TCP_NODELAY only then: without it
    # each answer on a kept connection waits 40 ms for a delayed ACK (measured).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(receiver: Receiver) -> None:
    """Run a receiver until SIGINT or SIGTERM, in a process that does nothing else.

    The process's garbage collector is set for it.
    """
    # What was imported stays: not looked through again for each 700 new objects,
    # which logs come in by (7 % of the time in bulk intake).
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    receiver.run()


def start_in_thread(
    host: str = "127.0.0.1", port: int = 0, db: Path | str | None = None, **options: Any
) -> Receiver:
    """Return a receiver that listens already; the options are those of `Receiver`."""
    return Receiver(host, port, db, **options).start()
