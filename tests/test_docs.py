"""The README: its programs run, and its figures are what the last run printed."""

from __future__ import annotations

import pathlib

import pytest
from pytest_examples import find_examples

ROOT = pathlib.Path(__file__).parents[1]


PROGRAMS = [e for e in find_examples(ROOT / "README.md") if e.prefix == "python"]


@pytest.mark.parametrize("example", PROGRAMS, ids=lambda e: str(e.start_line))
def test_every_program_in_the_readme_prints_what_it_says(example, eval_example):
    """Each Python block, with the output beside it."""
    eval_example.run_print_check(example)


def test_the_readme_names_both_commands():
    """One runs the main job, one passes the tests."""
    text = (ROOT / "README.md").read_text("utf-8")

    assert "\npip install -e '.[receiver]' && promptscribe demo\n" in text
    assert "\npip install -e '.[receiver,dev]' && pytest\n" in text
