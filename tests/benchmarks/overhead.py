"""What a decorated call costs, against nothing, wrapt alone and the raw OTel SDK.

``python tests/benchmarks/overhead.py [ROUNDS]``. Every subject runs in a process of
its own, in turn, several rounds; what is printed is the median over the rounds of
each percentile, less that of the undecorated call. Trust the ratios.
"""

from __future__ import annotations

import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
VARIANTS = ("undecorated", "wrapt", "promptscribe", "otel")
SCENARIOS = (
    "burst", "async burst", "nested x3", "64 KB", "8 threads", "busy thread",
    "paced 200/s",
)  # fmt: skip


def measure(variant: str, scenario: str, port: str) -> dict[str, float]:
    """Return the 50th and 99th percentile of one run, in µs."""
    done = subprocess.run(
        [sys.executable, HERE / "subject.py", variant, scenario, port],
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def import_times(rounds: int) -> dict[str, float]:
    """Return how long the interpreter takes, with an import and without, in ms."""
    programs = {
        "nothing": "pass",
        "wrapt": "import wrapt",
        "promptscribe": "import promptscribe",
        "promptscribe, in use": "from promptscribe import log_prompt",
        "otel": "import opentelemetry.sdk.trace.export",
    }
    clock = "import time; t = time.perf_counter(); %s; print(time.perf_counter() - t)"
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds * 3):
        for name, program in programs.items():
            done = subprocess.run(
                [sys.executable, "-c", clock % program],
                capture_output=True,
                text=True,
                check=True,
            )
            times[name].append(float(done.stdout) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def main(rounds: int) -> None:
    """Print the tables."""
    sink = subprocess.Popen(
        [sys.executable, HERE / "sink.py"], stdout=subprocess.PIPE, text=True
    )
    assert sink.stdout is not None
    port = sink.stdout.readline().strip()
    print(
        "µs added to a call     wrapt  promptscribe (99th)     raw OTel (99th)   ratio"
    )
    try:
        for scenario in SCENARIOS:
            runs: dict[str, list[dict[str, float]]] = {v: [] for v in VARIANTS}
            for _ in range(rounds):
                for variant in VARIANTS:
                    runs[variant].append(measure(variant, scenario, port))
            typical = {
                v: {p: statistics.median(r[p] for r in runs[v]) for p in ("50", "99")}
                for v in VARIANTS
            }
            base = typical["undecorated"]
            added = {
                v: {p: typical[v][p] - base[p] for p in base} for v in VARIANTS[1:]
            }
            ours, theirs = added["promptscribe"], added["otel"]
            print(
                f"{scenario:<18} {added['wrapt']['50']:>10.2f}"
                f" {ours['50']:>11.2f} ({ours['99']:>8.2f})"
                f" {theirs['50']:>9.2f} ({theirs['99']:>8.2f})"
                f" {theirs['50'] / ours['50']:>6.1f}x",
                flush=True,
            )
    finally:
        sink.kill()
        sink.wait()
    print("import, ms: ", end="")
    print(", ".join(f"{name} {ms:.0f}" for name, ms in import_times(rounds).items()))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
