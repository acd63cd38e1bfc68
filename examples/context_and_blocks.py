"""Log without a decorator: blocks, logs that are ended by hand, calls of the past."""

from datetime import UTC, datetime, timedelta

import promptscribe
from promptscribe import log_context, log_prompt, record_log, start_log


def main() -> None:
    """Make one log in each way; all of them know the user."""
    with log_context(user="user-7", metadata={"plan": "pro"}):
        with log_prompt("blocks/outer", inputs={"question": "why?"}) as outer:
            with log_prompt("blocks/inner") as inner:
                inner.update(output="because", prompt_tokens=9, output_tokens=1)
            outer.update(output="It is because.", metadata={"steps": 1})

        # For a call that begins here and ends somewhere else, in a callback perhaps.
        log = start_log("blocks/by-hand", prompt={"model": "gpt-4o-mini"})
        log.end("done")

        try:
            with log_prompt("blocks/failing"):
                raise TimeoutError("the provider did not answer")  # noqa: TRY301
        except TimeoutError as error:
            print("caught as ever:", error)

        ended = datetime.now(UTC)
        record_log(
            "blocks/past",
            output="found in an old file",
            start_time=ended - timedelta(seconds=2),
            end_time=ended,
        )


if __name__ == "__main__":
    main()
    print(promptscribe.force_flush().delivered, "delivered")
