"""A decorated callable copies, pickles and binds as an undecorated one does."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import textwrap

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
