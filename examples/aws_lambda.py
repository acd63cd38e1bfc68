"""Log calls in AWS Lambda: delivered before the handler returns.

Lambda freezes the process then, and its background threads with it. Only ``/tmp`` can
be written: set ``PROMPTSCRIBE_JOURNAL_DIR=/tmp/promptscribe``. What could not be
delivered within ``PROMPTSCRIBE_FLUSH_TIMEOUT`` (2 seconds) stays there for the next
call of a warm instance; what is on a cold one is lost with it.
"""

from typing import Any

from promptscribe import log_prompt


@log_prompt(path="lambda/answer")
def answer(question: str) -> str:
    """Stand for a call of a model."""
    return f"You asked: {question}"


@log_prompt(path="lambda/handler", flush=True)
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer; the logs of this call and of those inside it are delivered then."""
    return {"statusCode": 200, "body": answer(event["question"])}
