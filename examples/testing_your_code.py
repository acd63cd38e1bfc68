"""Test what your code logs, with the fixture that promptscribe brings to pytest.

Run it with ``pytest testing_your_code.py``: nothing is sent anywhere.
"""

import pytest

from promptscribe import PromptLog, log_prompt


@log_prompt(path="shop/price", prompt={"model": "gpt-4o-mini"})
def price(item: str) -> str:
    """Stand for your own function."""
    if not item:
        raise ValueError("which item?")
    return f"{item}: 3 dollars"


def test_the_call_is_logged(captured_logs: list[PromptLog]) -> None:
    """The list is live: the log is there as soon as the call has returned."""
    price("tea")

    (log,) = captured_logs
    assert log.path == "shop/price"
    assert log.inputs == {"item": "tea"}
    assert log.output == "tea: 3 dollars"
    assert log.error is None


def test_a_failing_call_is_logged_too(captured_logs: list[PromptLog]) -> None:
    """The exception reaches the caller, and the log."""
    with pytest.raises(ValueError, match="which item"):
        price("")

    assert captured_logs[0].error == "ValueError: which item?"
