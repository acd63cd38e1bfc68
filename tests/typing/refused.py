"""What type checkers must refuse: each line carries the error that it has to give.

mypy reports an ignore that is not needed, so a line that passes is an error here.
"""

from __future__ import annotations

import promptscribe
from promptscribe import log_prompt, start_log


@log_prompt
def bare(question: str) -> int:
    return len(question)


@log_prompt(path="a/b")
def called(question: str, *, style: str = "short") -> int:
    return len(question + style)


bare(3)  # type: ignore[arg-type]
called("a", "b")  # type: ignore[call-arg]
log_prompt(pth="a")  # type: ignore[call-overload]
log_prompt("a", prompt_tokens="many")  # type: ignore[call-overload]
start_log("a", nonsense=1)  # type: ignore[call-arg]
promptscribe.configure(base_uri="x")  # type: ignore[call-arg]
