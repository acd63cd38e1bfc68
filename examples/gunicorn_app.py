"""Log the calls of a web application behind gunicorn, with nothing to set up.

Run ``gunicorn --preload --workers 4 gunicorn_app:app``. Each worker is forked from the
application that was loaded, and starts a journal of its own with its first log; what
a worker leaves that is killed is delivered by the others.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from promptscribe import log_prompt


@log_prompt(path="web/answer")
def answer(question: str) -> str:
    """Stand for a call of a model."""
    return f"You asked: {question}"


answer("at start, before the workers are forked")


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer ``GET /?q=…``."""
    question = parse_qs(environ["QUERY_STRING"]).get("q", ["nothing"])[0]
    body = answer(question).encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [body]
