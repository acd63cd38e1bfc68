"""What a log costs the whole process, delivery included, and what a backlog costs.

``python tests/benchmarks/export.py [ROUNDS]``. Every subject runs in a process of its
own, in turn, several rounds. CPU is user and system time of the whole process, by
``getrusage``, from the first call after a warm-up to the last log's acknowledgement:
capture, journal, reading it, rendering, sending, marking, removing, the garbage
collector. The calls come as fast as they can, so nearly all logs wait in a backlog
first, whose memory is let go of and whose checksums are added: paced calls cost less.

What is printed is the least of the rounds, whatever else the machine is doing, and its
ratio to that of OpenTelemetry's own SDK in the same run. Trust the ratio.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
from subject import MESSAGES, RESPONSE  # noqa: E402

CALLS = {"records": 20_000, "bulk": 20_000, "single": 4_000}
"""Calls of each round, by what the server takes: the journal's records, as our own
receiver does; many logs as lines of JSON; one log a request, as the contract has it."""
QUEUED = 1_000_000
ANSWERS = {
    "plain": "y" * 800,
    "chat": RESPONSE | {"model": "a-model-of-ones-own"},
    "chat with prices": RESPONSE,
}


def cpu() -> float:
    """Return the seconds of CPU that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def anonymous_kb() -> int:
    """Return the anonymous memory of this process in KB."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    raise OSError("this kernel does not say")


def decorated(kind: str, port: int, **settings):
    """Return a logged function whose logs go to that port."""
    import promptscribe

    promptscribe.configure(base_url=f"http://127.0.0.1:{port}", **settings)
    answer = ANSWERS[kind]
    model = answer["model"] if isinstance(answer, dict) else "gpt-4o-mini"

    @promptscribe.log_prompt(path="bench/answer", prompt={"model": model})
    def ask(question, messages):
        return answer

    return ask, promptscribe


def per_log(kind: str, port: int, calls: int, folder: str) -> dict[str, float]:
    """Measure a burst of calls and its delivery."""
    ask, promptscribe = decorated(kind, port, journal_dir=folder)
    for _ in range(300):
        ask("why?", MESSAGES)
    promptscribe.force_flush(60)
    used, begun = cpu(), time.perf_counter()
    for _ in range(calls):
        ask("why?", MESSAGES)
    result = promptscribe.force_flush(600)
    used, took = cpu() - used, time.perf_counter() - begun
    assert result.delivered == calls + 300, result
    return {"cpu": used / calls * 1e6, "rate": calls / took}


def raw_otel(port: int, calls: int) -> dict[str, float]:
    """Measure the same with OpenTelemetry's own SDK and its OTLP exporter."""
    import subject
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider, export

    exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}/v1/traces")
    processor = export.BatchSpanProcessor(exporter, max_queue_size=10 * calls)
    provider = TracerProvider()
    provider.add_span_processor(processor)
    export.BatchSpanProcessor = lambda _exporter: processor  # what `subject` makes
    ask = subject.otel(subject.answer, port)
    del provider
    for _ in range(300):
        ask("why?", MESSAGES)
    processor.force_flush(60_000)
    used, begun = cpu(), time.perf_counter()
    for _ in range(calls):
        ask("why?", MESSAGES)
    processor.force_flush(600_000)
    used, took = cpu() - used, time.perf_counter() - begun
    return {"cpu": used / calls * 1e6, "rate": calls / took}


def backlog(port: int, folder: str, calls: int) -> dict[str, float]:
    """Measure a million logs while nobody listens, and the exit after them."""
    settings = {"journal_dir": folder, "journal_max_bytes": 16 << 30}
    ask, promptscribe = decorated("plain", port, **settings)
    for _ in range(300):
        ask("why?", MESSAGES)
    promptscribe.force_flush(1)
    before = anonymous_kb()
    most = 0
    for number in range(calls):
        ask("why?", MESSAGES)
        if number % 10_000 == 0:
            most = max(most, anonymous_kb())
    most = max(most, anonymous_kb())
    result = promptscribe.stats()
    assert result.pending == calls + 300, result
    return {"grown": (most - before) / 1024}


def drained(port: int, folder: str) -> dict[str, float]:
    """Measure the delivery of what another process left, and the memory it takes."""
    _, promptscribe = decorated(
        "plain", port, journal_dir=folder, journal_max_bytes=16 << 30
    )
    before, begun = anonymous_kb(), time.perf_counter()
    used = cpu()
    # Adopts what is there; nothing of its own is recorded but this.
    promptscribe.log_prompt(path="bench/last")(lambda: None)()
    result = promptscribe.force_flush(1_800)
    took = time.perf_counter() - begun
    assert not result.pending, result
    return {
        "rate": result.delivered / took,
        "cpu": (cpu() - used) / result.delivered * 1e6,
        "grown": (anonymous_kb() - before) / 1024,
    }


def subject(*words: object, folder: str | None = None) -> dict[str, float]:
    """Run one subject in a process of its own; return what it measured."""
    place = folder or tempfile.mkdtemp()
    try:
        done = subprocess.run(
            [sys.executable, __file__, "--subject", place, *map(str, words)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    found: dict[str, float] = json.loads(done.stdout)
    found["exit"] = time.monotonic() - found["ended"]
    return found


def run_subject(folder: str, name: str, *words: str) -> None:
    """Measure one subject, in this process, and print what came of it."""
    if name == "otel":
        found = raw_otel(int(words[0]), int(words[1]))
    elif name == "backlog":
        found = backlog(int(words[0]), folder, int(words[1]))
    elif name == "drain":
        found = drained(int(words[0]), folder)
    else:
        found = per_log(name, int(words[0]), int(words[1]), folder)
    print(json.dumps(found | {"ended": time.monotonic()}), flush=True)
    if name != "backlog":
        os._exit(0)  # there, the exit is measured as well


def print_costs(ports: dict[str, str], rounds: int) -> None:
    """Print what a log costs, for each kind of answer and each route."""
    print(f"{'CPU of the process per log':<26}", end="")
    print("".join(f" {route:>8} {'of OTel':>8} {'logs/s':>7}" for route in CALLS))
    names = [*ANSWERS, "otel"]
    runs: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(rounds):
        for name in names:
            for route, calls in CALLS.items():
                if name == "otel" and route != "bulk":
                    continue
                found = subject(name, ports[route], calls)
                runs.setdefault((name, route), []).append(found)
    least = {key: min(run["cpu"] for run in found) for key, found in runs.items()}
    for name in names:
        line = f"{'raw OTel SDK, OTLP/HTTP' if name == 'otel' else name:<26}"
        for route in CALLS:
            if found := runs.get((name, route)):
                used = least[name, route]
                line += f" {used:>5.0f} µs {used / least['otel', 'bulk']:>8.2f}"
                line += f" {max(run['rate'] for run in found):>7.0f}"
            else:
                line += " " * 26
        print(line.rstrip())


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def start_sink(*words: object) -> tuple[subprocess.Popen[str], str]:
    """Start a server; return it and its port."""
    sink = subprocess.Popen(
        [sys.executable, HERE / "sink.py", *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sink.stdout is not None
    return sink, sink.stdout.readline().strip()


def print_backlog(queued: int) -> None:
    """Print what a backlog costs in memory, at exit, and in delivery."""
    folder, port = tempfile.mkdtemp(), free_port()
    sink = None
    try:
        kept = subject("backlog", port, queued, folder=folder)
        print(f"{queued:,} logs queued, nobody listens: ", end="")
        print(f"{kept['grown']:+.1f} MB of memory, exit after {kept['exit']:.2f} s")
        sink, _ = start_sink("records", port)
        sent = subject("drain", port, folder=folder)
        print(f"delivered by the next process: {sent['rate']:.0f} logs/s, ", end="")
        print(f"{sent['cpu']:.0f} µs each, {sent['grown']:+.1f} MB of memory")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if sink is not None:
            sink.kill()
            sink.wait()


def main(rounds: int, queued: int) -> None:
    """Print the tables."""
    sinks = {route: start_sink(route) for route in CALLS}
    try:
        print_costs({route: port for route, (_, port) in sinks.items()}, rounds)
    finally:
        for sink, _ in sinks.values():
            sink.kill()
            sink.wait()
    print_backlog(queued)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--subject"]:
        run_subject(*sys.argv[2:])
    else:
        words = [int(word) for word in sys.argv[1:]]
        main(words[0] if words else 3, words[1] if len(words) > 1 else QUEUED)
