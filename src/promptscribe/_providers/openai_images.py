"""OpenAI's images API, and all that speak it: pictures made, edited or streamed.

Its law: pure. Sources: https://platform.openai.com/docs/api-reference/images/object and
https://platform.openai.com/docs/api-reference/images-streaming.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.facts import Usage
from promptscribe._providers.media import base64_image
from promptscribe._providers.message import answered, image_part
from promptscribe._providers.model import maker_of
from promptscribe._providers.openai_usage import read_cost
from promptscribe._providers.value import at, count, table, tables, word

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue

EVENTS: Final = ("image_generation.", "image_edit.")
_PARTIAL: Final = ".partial_image"
_COMPLETED: Final = ".completed"

_ABOUT: Final = ("background", "created", "output_format", "quality", "size", "usage")
"""What is said of the pictures, once for them all."""


def detect(response: JSONValue) -> bool:
    """Say whether *response* is pictures: as a URL, or as base64."""
    pictures = tables(at(response, "data"))
    return "created" in table(response) and any(map(_is_picture, pictures))


def _is_picture(row: JSONObject) -> bool:
    return any(word(row.get(name)) is not None for name in ("b64_json", "url"))


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is an event of a stream of pictures."""
    return (word(at(chunk, "type")) or "").startswith(EVENTS)


def interpret(response: JSONValue) -> ResponseFacts:
    """Read the pictures as content of one message."""
    body = table(response)
    form = word(body.get("output_format")) or "png"
    content = [
        image_part(word(row.get("url")) or base64_image(row.get("b64_json"), form))
        for row in tables(body.get("data"))
        if _is_picture(row)
    ]
    message = {"role": "assistant", "content": content}
    model = word(body.get("model"))  # of other servers; OpenAI does not repeat it
    return answered(
        [message] if content else [],
        usage=read_usage(body),
        model=model,
        provider=maker_of(model),
    )


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage; text and pictures are parts of the two counts.

    Of the answer, where nothing is said apart, all is pictures (openai 3.57.0,
    types/image_gen_completed_event.py: "the number of image tokens in the output").
    """
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    output = count(usage.get("output_tokens"))
    apart = usage.get("output_tokens_details")
    pictures = count(at(apart, "image_tokens")) if isinstance(apart, dict) else output
    return Usage(
        prompt_tokens=count(usage.get("input_tokens")),
        output_tokens=output,
        cache_read_tokens=count(
            at(usage, "input_tokens_details", "cached_tokens")
            or usage.get("cached_tokens")  # the tool's that draws for a response
        ),
        cache_image_read_tokens=count(
            at(usage, "cached_tokens_details", "cached_image_tokens")
        ),
        input_image_tokens=count(at(usage, "input_tokens_details", "image_tokens")),
        output_image_tokens=pictures,
        total_cost=read_cost(usage),  # xAI
    )


def join(chunks: list[JSONValue]) -> JSONValue:
    """Give the pictures that were completed; of a cut stream, the last draft."""
    whole: JSONObject = {"created": None}
    done: list[JSONValue] = []
    draft: list[JSONValue] = []
    for event in filter(is_chunk, chunks):
        whole |= {name: event[name] for name in _ABOUT if name in event}
        whole["created"] = event.get("created_at", whole["created"])
        picture: JSONObject = {"b64_json": event.get("b64_json")}
        if event["type"].endswith(_COMPLETED):
            done.append(picture)
        elif event["type"].endswith(_PARTIAL):
            draft = [picture]
    whole["data"] = done or draft
    return whole
