"""Log the calls of two functions: one decorated bare, one with a path of its own.

Start ``promptscribe serve`` before, during or after this: the logs arrive.
"""

import promptscribe
from promptscribe import log_prompt


def complete(text: str) -> dict[str, object]:
    """Answer as a provider's API does; put your client's call here."""
    message = {"role": "assistant", "content": text}
    return {
        "object": "chat.completion",
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
    }


@log_prompt
def greet(name: str) -> str:
    """Become a log named after module and function."""
    return f"Hello {name}"


@log_prompt(path="quickstart/answer", prompt={"model": "gpt-4o-mini"})
def answer(question: str) -> dict[str, object]:
    """Become a log with output, tokens and finish reason of the response."""
    return complete(f"You asked: {question}")


if __name__ == "__main__":
    print(greet("Ada"))
    print(answer("What is a log?"))
    result = promptscribe.force_flush()
    print(f"{result.delivered} delivered, {result.pending} pending")
