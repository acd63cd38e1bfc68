"""Log calls in AWS Lambda: deliver before the handler returns.

Lambda freezes the process then, and its background threads with it. Only ``/tmp`` can
be written: set ``PROMPTSCRIBE_JOURNAL_DIR=/tmp/promptscribe``. What could not be
delivered in time stays there for the next call of a warm instance; what is on a cold
one is lost with it, so give the time that you can afford.
"""

from typing import Any

import promptscribe
from promptscribe import log_prompt


@log_prompt(path="lambda/answer")
def answer(question: str) -> str:
    """Stand for a call of a model."""
    return f"You asked: {question}"


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer, then deliver: for two seconds at most, and never past the deadline."""
    text = answer(event["question"])
    left = context.get_remaining_time_in_millis() / 1000
    result = promptscribe.force_flush(timeout=min(2.0, left / 2))
    return {"statusCode": 200, "body": text, "delivered": result.delivered}
