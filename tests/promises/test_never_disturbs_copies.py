"""A decorated callable copies, pickles and binds as an undecorated one does."""

from __future__ import annotations

import copy
import functools
import pickle
import shutil
import subprocess
import sys
import textwrap

import cloudpickle
import pytest

from promptscribe import log_prompt
from promptscribe.testing import captured_logs


class Echo:
    def __init__(self):
        self.asked = 0

    def __call__(self, /, *args, **kwargs):
        self.asked += 1
        return args, kwargs


def test_callable_objects_copy_and_pickle_as_themselves():
    """A copy is a copy of the object, and it is logged as well."""
    original = log_prompt(path="echo")(Echo())
    again = [copy.copy(original), copy.deepcopy(original)]
    again.append(pickle.loads(pickle.dumps(original)))

    with captured_logs() as logs:
        for one in again:
            one(1)

    assert [one.asked for one in again] == [1, 1, 1]
    assert original.asked == 0
    assert [log.path for log in logs] == ["echo"] * 3


class Binding(Echo):
    """A callable object that binds, as a class that decorates methods makes them."""

    def __get__(self, receiver, owner=None):
        return self if receiver is None else functools.partial(self, receiver)


@functools.lru_cache
def cached(*arguments):
    return arguments


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda function: pickle.loads(pickle.dumps(function)),
}


@pytest.mark.parametrize(
    ("made", "ways"),
    [
        (functools.partial(max, 1), COPIES),
        (Binding(), COPIES),
        (cached, ["copy", "deepcopy"]),
    ],
    ids=["partial", "an object that binds", "lru_cache"],
)
def test_what_binds_in_a_way_of_its_own_copies_and_pickles_as_before(made, ways):
    """A partial does since Python 3.13; it goes into a pool of processes, say."""
    decorated = log_prompt(path="made")(made)

    for name in ways:
        plain, logged = COPIES[name](made), COPIES[name](decorated)
        with captured_logs() as logs:
            assert logged(3, 2) == plain(3, 2), name
        assert [log.path for log in logs] == ["made"], name
        assert (logged is decorated) is (plain is made), name


def test_a_callable_object_does_not_become_a_method():
    """As an attribute of a class it is called without the instance."""
    kind = type("Bot", (), {"ask": log_prompt(Echo())})

    with captured_logs():
        assert kind().ask(1) == ((1,), {})


PROGRAM = """
    import multiprocessing, sys
    from concurrent.futures import ProcessPoolExecutor
    from promptscribe import log_prompt
    from promptscribe.testing import captured_logs

    @log_prompt
    def double(n):
        return 2 * n

    class Bot:
        @log_prompt
        def triple(self, n):
            return 3 * n

        @classmethod
        @log_prompt
        def quadruple(cls, n):
            return 4 * n

    if __name__ == "__main__":
        spawn = multiprocessing.get_context("spawn")
        with captured_logs(), ProcessPoolExecutor(1, mp_context=spawn) as pool:
            for f in (double, Bot().triple, Bot.quadruple):
                print(pool.submit(f, 7).result())
"""


@pytest.mark.slow
def test_decorated_functions_go_into_a_spawned_process_pool(tmp_path):
    """Functions, methods and classmethods pickle by name, as undecorated ones do."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))

    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=False
    )

    assert done.stdout.split() == ["14", "21", "28"], done.stderr


SENDER = """
    import asyncio, sys
    from {package} import dumps, register_pickle_by_value
    from promptscribe import log_prompt
    import importable, registered

    register_pickle_by_value(registered)

    @log_prompt(path="sent/factorial", output_transform=lambda number: f"<{{number}}>")
    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    @log_prompt(path="sent/coroutine")
    async def coroutine():
        return "a"

    @log_prompt(path="sent/steps", capture_stdout=True, flush=True)
    def steps():
        yield "s"

    class Bot:
        @log_prompt(path="sent/method")
        def method(self):
            return "m"

        @classmethod
        @log_prompt(path="sent/made")
        def made(cls):
            return "c"

        @log_prompt(path="sent/static")
        @staticmethod
        def static():
            return "s"

    def nested():
        @log_prompt(path="sent/nested")
        def inner():
            return factorial(1)
        return inner

    def work():
        return [
            factorial(2), asyncio.run(coroutine()), list(steps()), Bot().method(),
            Bot.made(), Bot.static(), nested()(),
        ]

    sent = (
        work, factorial, coroutine, steps, Bot().method, Bot.made, Bot.static,
        nested(), importable.function, registered.function,
    )
    sys.stdout.buffer.write(dumps(sent))
"""

WORKER = """
    import asyncio, pickle, sys
    from promptscribe.testing import captured_logs

    (
        work, factorial, coroutine, steps, method, made, static, nested, importable,
        registered,
    ) = pickle.load(sys.stdin.buffer)

    with captured_logs() as logs:
        factorial(2), asyncio.run(coroutine()), list(steps()), method(), made()
        static(), nested(), importable(), registered()
        apart = len(logs)
        work()

    print(*(log.path for log in logs[:apart]))
    print(*(log.path for log in logs[apart:]))
    print(logs[0].output, importable is sys.modules["importable"].function)
    print("registered" in sys.modules)
"""

MODULE = """
    from promptscribe import log_prompt

    @log_prompt(path="sent/{name}")
    def function():
        return 1
"""

OWN = [f"sent/{name}" for name in ("coroutine", "steps", "method", "made", "static")]
ALL = ["sent/factorial"] * 2 + OWN + ["sent/factorial", "sent/nested"]


@pytest.mark.slow
@pytest.mark.parametrize("package", ["cloudpickle", "framework.cloudpickle"])
def test_functions_that_are_sent_with_their_code_arrive_decorated(package, tmp_path):
    """By cloudpickle, as Dask does, or a copy of it, as Ray and Spark do."""
    for name in ("importable", "registered"):
        text = textwrap.dedent(MODULE.format(name=name))
        (tmp_path / f"{name}.py").write_text(text)
    if "." in package:
        copied = tmp_path.joinpath(*package.split("."))
        shutil.copytree(cloudpickle.__path__[0], copied)
    sender = tmp_path / "sender.py"
    sender.write_text(textwrap.dedent(SENDER.format(package=package)))
    worker = tmp_path / "worker.py"
    worker.write_text(textwrap.dedent(WORKER))

    sent = subprocess.run([sys.executable, sender], capture_output=True, check=True)
    (tmp_path / "registered.py").unlink()
    done = subprocess.run(
        [sys.executable, worker], input=sent.stdout, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr.decode()
    apart, inside, *others = done.stdout.decode().splitlines()
    assert apart.split() == [*ALL, "sent/importable", "sent/registered"]
    assert inside.split() == ALL
    assert others == ["<1> True", "False"]
