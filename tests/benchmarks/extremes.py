"""What a call costs that is given, returns, yields or raises something extreme.

``python tests/benchmarks/extremes.py [WORD …]`` prints the milliseconds of the caller's
thread for each value whose name holds one of the words: as the first such value of a
process, as argument, result and chunk, and as argument where secrets go out. Each row
runs in a process of its own; rows of packages that are not there are left out.
"""

from __future__ import annotations

import collections
import dataclasses
import decimal
import fractions
import gc
import json
import os
import pathlib
import signal
import sys
import tempfile
import threading
import time
import types

import promptscribe
from promptscribe import log_prompt

LIMIT = 20.0
"""Milliseconds that a call may take longer."""
PATIENCE = 120
"""Seconds after which a row is given up."""

ROWS = {}


def row(name):
    def add(make):
        ROWS[name] = make
        return make

    return add


def rows(**made):
    for name, make in made.items():
        row(name.replace("_", " "))(make)


MEGABYTE = "lorem ipsum dolor sit amet, " * 37_450
PICTURE = "data:image/png;base64," + "iVBORw0KGgoAAAAN" * 62_500


def deep(levels, around):
    value = None
    for _ in range(levels):
        value = around(value)
    return value


rows(
    text_10_MB=lambda: MEGABYTE * 10,
    text_100_MB=lambda: MEGABYTE * 100,
    text_100_MB_not_ASCII=lambda: "né " * 33_000_000,
    text_10_MB_of_surrogates=lambda: "\ud800a" * 5_000_000,
    text_10_MB_of_escapes=lambda: '\\"\n\x00' * 2_500_000,
    text_10_MB_of_one_letter=lambda: "x" * 10_000_000,
    text_10_MB_of_emoji=lambda: "\U0001f600" * 10_000_000,
    text_10_MB_of_JSON=lambda: json.dumps([{"name": "n", "v": [1, 2]}] * 300_000),
    text_200_KB_of_secrets=lambda: "password=hunter2hunter2, a@b.com " * 6_500,
    text_1_MB_of_digits=lambda: "4111 1111 1111 1111 " * 50_000,
    texts_100_of_900_KB=lambda: [MEGABYTE[n : n + 900_000] for n in range(100)],
    texts_20000_of_1_KB=lambda: [MEGABYTE[n : n + 1_000] for n in range(20_000)],
    texts_10000_of_100_KB=lambda: [MEGABYTE[:100_000] for n in range(10_000)],
    bytes_100_MB=lambda: bytes(100_000_000),
    bytearray_100_MB=lambda: bytearray(100_000_000),
    memoryview_100_MB=lambda: memoryview(bytearray(100_000_000)),
    bytearray_8_MB=lambda: bytearray(8_000_000),
    bytearrays_20_of_8_MB=lambda: [bytearray(8_000_000) for _ in range(20)],
    bytes_60_of_200_KB=lambda: [bytes([n]) * 200_000 for n in range(60)],
    bytes_that_are_no_text_250_KB=lambda: b"\xff" + b"text and more of it " * 12_500,
    bytes_60_of_6_MB=lambda: [bytes([n]) * 6_000_000 for n in range(60)],
)


def chat(urls):
    return [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": u}} for u in urls],
        }
    ]


rows(
    data_URL_8_MB=lambda: PICTURE * 1 + PICTURE[22:] * 7,
    images_20_of_750_KB=lambda: chat([PICTURE[: -n * 4] for n in range(1, 21)]),
    image_20_times_the_same=lambda: chat([PICTURE] * 20),
    references_60_to_a_9_MB_text=lambda: [MEGABYTE * 9] * 60,
    base64_in_a_block_8_MB=lambda: {
        "data": PICTURE[22:] * 8,
        "media_type": "image/png",
    },
    base64_that_is_none_8_MB=lambda: {"data": MEGABYTE * 8},
    data_URLs_100_of_8_MB=lambda: chat([PICTURE + PICTURE[22:] * 7] * 100),
)

rows(
    ints_1e6=lambda: list(range(1_000_000)),
    floats_1e6=lambda: [n / 7 for n in range(1_000_000)],
    floats_20000=lambda: [n / 7 for n in range(19_000)],
    Nones_1e6=lambda: [None] * 1_000_000,
    texts_1e6=lambda: [str(n) for n in range(1_000_000)],
    dicts_1e6=lambda: [{"a": n} for n in range(1_000_000)],
    lists_of_lists_3000x3000=lambda: [list(range(3_000)) for _ in range(3_000)],
    embeddings_100_of_1536=lambda: [[n / 7 for n in range(1_536)] for _ in range(100)],
    messages_10000=lambda: [
        {"role": "user", "content": f"what is {n}?"} for n in range(10_000)
    ],
    objects_1e6=lambda: [object()] * 1_000_000,
    objects_20000=lambda: [object() for _ in range(20_000)],
    mixed_20000=lambda: [{"a": n, "b": object()} for n in range(20_000)],
    namespaces_20000=lambda: [types.SimpleNamespace(a=n) for n in range(20_000)],
    odd_dicts_of_odd_dicts=lambda: [
        {"a": {"b": {"c": object(), "d": [n, object()]}}} for n in range(10_000)
    ],
    set_1e6=lambda: set(range(1_000_000)),
    frozenset_1e6=lambda: frozenset(range(1_000_000)),
    deque_1e6=lambda: collections.deque(range(1_000_000)),
    tuple_1e6=lambda: tuple(range(1_000_000)),
    range_1e18=lambda: range(10**18),
    keys_1e5=lambda: {f"key {n}": n for n in range(100_000)},
    keys_1e6_ints=lambda: {n: n for n in range(1_000_000)},
    keys_20000_tuples=lambda: {(n, n): n for n in range(20_000)},
    key_10_MB=lambda: {MEGABYTE * 10: 1},
    keys_300_of_1_MB=lambda: {MEGABYTE + str(n): n for n in range(300)},
    keys_of_huge_ints=lambda: {2**4_000 + n: n for n in range(20_000)},
    defaultdict_1e6=lambda: collections.defaultdict(
        int, {n: n for n in range(1_000_000)}
    ),
    counter_1e5=lambda: collections.Counter(str(n) for n in range(100_000)),
    chainmap_of_1000=lambda: collections.ChainMap(
        *[{f"{n}": n for n in range(1_000)} for _ in range(1_000)]
    ),
    proxy_1e6=lambda: types.MappingProxyType({n: n for n in range(1_000_000)}),
    wide_and_deep=lambda: deep(
        60, lambda inner: {f"k{n}": inner if n == 5 else n for n in range(300)}
    ),
    deep_list_10000=lambda: deep(10_000, lambda inner: [inner]),
    deep_dict_10000=lambda: deep(10_000, lambda inner: {"a": inner}),
    deep_mixed_10000=lambda: deep(10_000, lambda inner: ({"a": [inner]},)),
    deep_dataclasses_10000=lambda: deep(10_000, Row),
    shared_60_deep=lambda: deep(60, lambda inner: [inner, inner]),
    YAML_laughs=lambda: deep(9, lambda inner: [inner or "lol"] * 9),
    laughs_of_objects=lambda: deep(9, lambda inner: [inner or object()] * 9),
    laughs_of_dataclasses=lambda: deep(9, lambda inner: Row([inner] * 9)),
)


@dataclasses.dataclass
class Row:
    x: object = None


@row("circular everything")
def _circular():
    one, two = [], {}
    holder = Row(one)
    one += [two, holder, types.SimpleNamespace(x=one), collections.deque([one])] * 2_000
    two.update({str(n): one for n in range(1_000)})
    return one


rows(
    int_of_100000_bits=lambda: 2**100_000,
    ints_of_100000_bits_1000=lambda: [2**100_000 + n for n in range(1_000)],
    ints_of_4000_bits_19000=lambda: [2**4_000 + n for n in range(19_000)],
    ints_of_200_bits_19000=lambda: [2**200 + n for n in range(19_000)],
    ints_of_64_bits_19000=lambda: [2**64 + n for n in range(19_000)],
    decimal_1e999999=lambda: decimal.Decimal("1e999999"),
    decimals_of_30_digits_19000=lambda: [
        decimal.Decimal(10**30 + n) for n in range(19_000)
    ],
    decimal_of_1e6_digits=lambda: decimal.Decimal("1" * 1_000_000),
    decimals_of_1e6_digits_20=lambda: [decimal.Decimal("1" * 1_000_000)] * 20,
    fraction_of_100000_bits=lambda: fractions.Fraction(3**60_000, 2**100_000),
    fractions_of_4000_bits_19000=lambda: (
        [fractions.Fraction(2**4_000 + n, 3) for n in range(1_900)] * 10
    ),
    NaN_and_inf_19000=lambda: [float("nan"), float("inf"), -0.0] * 6_300,
    array_of_1e6=lambda: __import__("array").array("d", bytes(8_000_000)),
    range_of_huge_ints=lambda: range(2**100_000, 2**100_001),
    timedeltas_19000=lambda: [
        __import__("datetime").timedelta(n) for n in range(19_000)
    ],
    UUIDs_19000=lambda: [__import__("uuid").UUID(int=n) for n in range(19_000)],
    paths_19000=lambda: [pathlib.Path("a") / str(n) for n in range(19_000)],
    path_10_MB=lambda: pathlib.PurePosixPath("x/" * 5_000_000),
    paths_100_of_1_MB=lambda: [pathlib.PurePosixPath("x/" * 500_000)] * 100,
    pattern_10_MB=lambda: __import__("re").compile("x" * 1_000_000),
)


@row("files, sockets, locks, generators, modules, classes")
def _handles():
    import asyncio
    import logging
    import socket

    async def coroutine():
        pass

    waiting = coroutine()
    waiting.close()
    return [
        pathlib.Path(os.devnull).open(), socket.socket(), threading.Lock(),
        threading.RLock(), (n for n in range(3)), waiting, os, sys, logging, Row, len,
        _handles, lambda: None, asyncio.Queue, memoryview(b"x"), sys._getframe(),
        threading.current_thread(), NotImplemented, ..., slice(1, 2), property(),
    ]  # fmt: skip


@row("numpy arrays")
def _numpy():
    import numpy as np

    return [np.zeros((10_000, 10_000), "u1"), np.arange(10), np.array(["x"] * 9)] * 100


@row("numpy objects")
def _numpy_objects():
    import numpy as np

    made = np.empty(1_000_000, object)
    made[:] = "x"
    return made


@row("numpy numbers 19000")
def _numpy_numbers():
    import numpy as np

    return list(np.arange(19_000) / 7)


@row("pandas 10000 columns")
def _pandas():
    import pandas as pd

    return pd.DataFrame([range(10_000)] * 100)


@row("PIL image 100 megapixels")
def _pillow():
    import PIL.Image

    return [PIL.Image.new("L", (10_000, 10_000))] * 100


@row("tensor-like")
def _tensor():
    class Tensor:
        def __init__(self):
            self.data = [0.0] * 1_000_000
            self.grad = self

        def __getattr__(self, name):
            return Tensor()

        def __len__(self):
            return 10**9

        def __iter__(self):
            while True:
                yield self

    return [Tensor() for _ in range(10)]


def models():
    import attrs
    import pydantic

    @attrs.define
    class Point:
        x: object = None

    class Model(pydantic.BaseModel):
        x: object = None

    class Mail(pydantic.BaseModel):
        name: str = "n"
        tags: list[str] = []
        more: dict[str, object] = {}

    return Point, Model, Mail


rows(
    attrs_deep_10000=lambda: deep(10_000, models()[0]),
    attrs_wide_1e5=lambda: [make(n) for make in [models()[0]] for n in range(100_000)],
    dataclasses_wide_1e5=lambda: [Row(n) for n in range(100_000)],
    dataclass_with_1e5_items=lambda: Row({str(n): n for n in range(100_000)}),
    pydantic_deep_10000=lambda: [
        deep(10_000, lambda x, make=make: make.model_construct(x=x))
        for make in [models()[1]]
    ],
    pydantic_wide_1e5=lambda: [
        make.model_construct(x=n) for make in [models()[1]] for n in range(100_000)
    ],
    pydantic_mails_5000=lambda: [
        make(name=str(n), tags=["a", "b"], more={"a": n})
        for make in [models()[2]]
        for n in range(5_000)
    ],
    pydantic_10_MB_of_text=lambda: models()[1](x=MEGABYTE * 10),
    pydantic_with_an_image=lambda: models()[1](x=PICTURE + PICTURE[22:] * 7),
    pydantic_with_1e6_values=lambda: models()[1](x=list(range(1_000_000))),
    msgspec_wide_1e5=lambda: [
        make(n)
        for make in [__import__("msgspec").defstruct("S", ["x"])]
        for n in range(100_000)
    ],
)


def completion(content, count=1):
    from openai.types.chat import ChatCompletion

    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": content},
    }
    return ChatCompletion.model_validate(
        {
            "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o",
            "choices": [choice] * count,
        }
    )  # fmt: skip


rows(
    completion_of_10_MB=lambda: completion(MEGABYTE * 10),
    completion_with_an_image=lambda: completion(PICTURE + PICTURE[22:] * 7),
    completion_of_5000_choices=lambda: completion("hello", 5_000),
    completion_of_300_KB=lambda: completion(MEGABYTE[:300_000]),
    completion_of_3_MB=lambda: completion(MEGABYTE * 3),
    completions_100_of_900_KB=lambda: [completion(MEGABYTE[:900_000])] * 100,
)


def chained(count, link):
    error = ValueError("first")
    for n in range(count):
        following = ValueError(f"number {n}")
        setattr(following, link, error)
        error = following
    return error


def fallen(levels):
    def fall(left):
        held = [str(left)] * 10_000
        if left:
            fall(left - 1)
        raise ValueError(len(held))

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * levels)
    try:
        fall(levels)
    except ValueError as error:
        return error
    finally:
        sys.setrecursionlimit(before)


def noted(error, notes):
    error.__notes__ = notes
    return error


class Telling(Exception):
    def __str__(self):
        return MEGABYTE * 10


rows(
    error_with_10_MB=lambda: ValueError(MEGABYTE * 10),
    error_with_1e6_arguments=lambda: ValueError(*range(1_000_000)),
    error_with_a_long_str=Telling,
    error_with_1000_notes=lambda: noted(ValueError("x"), ["note"] * 1_000),
    error_with_1e6_notes=lambda: noted(ValueError("x"), ["note"] * 1_000_000),
    error_with_a_note_of_10_MB=lambda: noted(ValueError("x"), [MEGABYTE * 10]),
    error_with_10000_causes=lambda: chained(10_000, "__cause__"),
    error_with_10000_contexts=lambda: chained(10_000, "__context__"),
    error_with_900_causes=lambda: chained(900, "__cause__"),
    error_group_of_1e5=lambda: BaseExceptionGroup(
        "all", [ValueError(n) for n in range(100_000)]
    ),
    error_groups_deep_1000=lambda: deep(
        1_000, lambda inner: ExceptionGroup("g", [inner or ValueError("x")])
    ),
    error_group_of_groups=lambda: deep(
        7, lambda inner: ExceptionGroup("g", [inner or ValueError("x")] * 9)
    ),
    error_of_1000_frames=lambda: fallen(1_000),
    error_with_a_long_line=lambda: SyntaxError(
        "bad", ("file", 1, 1, MEGABYTE * 10, 1, 9)
    ),
    error_KeyError_of_10_MB=lambda: KeyError(MEGABYTE * 10),
    error_KeyError_of_1e6=lambda: KeyError(list(range(1_000_000))),
)


def take(value):
    """Take a value."""


def give(value):
    return VALUE[0]


def stream(value):
    yield VALUE[0]


def fail(value):
    raise VALUE[0]


VALUE = [None]


def timed(call, *arguments, repeats=3):
    """Return the least milliseconds of CPU that this thread spends on a call."""
    took = []
    for _ in range(repeats):
        gc.collect()
        begun = time.thread_time()
        call(*arguments)
        took.append((time.thread_time() - begun) * 1e3)
    return min(took)


def consume(made):
    for _ in made("x"):
        pass


def try_out(call):
    try:
        call("x")
    except BaseException:  # noqa: BLE001 - any
        return


def measure(name):
    """Print the times of a row as JSON."""
    promptscribe.configure(
        journal_dir=tempfile.mkdtemp(), export=False, journal_max_bytes=1 << 30
    )
    log_prompt(take)("x")
    value = VALUE[0] = ROWS[name]()
    found = {}
    if isinstance(value, BaseException):
        failing = log_prompt(fail)
        found["first raised"] = timed(try_out, failing, repeats=1)
        found["raised"] = timed(try_out, failing)
        found["first redacted"] = timed(
            try_out, log_prompt(redact=True)(fail), repeats=1
        )
        found["raised redacted"] = timed(try_out, log_prompt(redact=True)(fail))
    found["first"] = timed(log_prompt(take), value, repeats=1)
    found["argument"] = timed(log_prompt(take), value)
    found["result"] = timed(log_prompt(give), "x")
    found["chunk"] = timed(consume, log_prompt(stream))
    hidden = log_prompt(redact=True)(take)
    found["first redacted"] = timed(hidden, value, repeats=1)
    found["redacted"] = timed(hidden, value)
    print(json.dumps(found))
    sys.stdout.flush()


def run(name):
    """Return the times of a row, measured in a process of its own, or the reason."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        signal.alarm(PATIENCE)
        try:
            measure(name)
            os._exit(0)
        except ImportError:
            os._exit(3)
        except BaseException:  # noqa: BLE001 - told, and the next one is tried
            import traceback

            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = told.read()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == 3:
        return None
    return json.loads(said) if said else {"failed": float("inf")}


COLUMNS = ("first", "argument", "result", "chunk", "first redacted", "redacted")


def main(words):
    print(f"{'ms of the caller':44}", *(f"{c:>9.9}" for c in COLUMNS), sep=" ")
    over = []
    for name in ROWS:
        if words and not any(word in name for word in words):
            continue
        found = run(name)
        if found is None:
            continue
        cells = [f"{found.get(c, float('nan')):9.1f}" for c in COLUMNS]
        others = {k: round(v, 1) for k, v in found.items() if k not in COLUMNS}
        print(f"{name:44}", *cells, others or "", flush=True)
        over += [f"{name}: {k} {v:.0f}" for k, v in found.items() if v > LIMIT]
    print(f"{len(over)} over {LIMIT:.0f} ms", *over, sep="\n  ")


if __name__ == "__main__":
    main(sys.argv[1:])
