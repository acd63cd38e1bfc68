"""The agent: a customer's question, answered with three calls to a model.

Its law: ordinary code with `log_prompt` on it, such as a user would write. It shows
calls at the same time, a stream, and a call that fails and is made again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import openai

from promptscribe import current_log, log_context, log_prompt

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    from promptscribe.demo.model import Model
    from promptscribe.schema import JSONObject

QUESTION: Final = "My order 4711 was due on Friday and is not here. Where is it?"
EVENTS: Final = (
    "Mon 09:12 order 4711 paid",
    "Tue 18:40 handed to the carrier",
    "Wed 07:05 held at the depot: label damaged",
    "Thu 10:30 sent on with a new label",
)

CLASSIFY: Final = "Name the topic of the message in one word: delivery, payment, other."
SUM_UP: Final = "Sum up what happened to an order in one sentence."
ANSWER: Final = (
    "You answer customers of a shop: friendly, three sentences at most."
    " The topic is {{topic}}. What we know: {{facts}}"
)
_ANSWER_TEMPLATE: Final = [
    {"role": "system", "content": ANSWER},
    {"role": "user", "content": "{{question}}"},
]

_TIMEOUT: Final = 60.0


class Agent:
    """Answers a customer, for as long as its ``async with`` block lasts.

    Args:
        model: Who thinks for it.
        busy_url: A server that turns every request away. Providers do not fail on
            demand, so the first attempt to sum up goes there: the 429 comes over a
            real connection through the real client, and the retry, the agent's own,
            goes to the model.
        show: Called with each piece of the answer as it arrives.

    Attributes:
        log_id: Id of the log of `reply`, once it was called.
    """

    def __init__(
        self, model: Model, busy_url: str, show: Callable[[str], None]
    ) -> None:
        self.log_id: str | None = None
        self._model = model
        self._show = show
        # No retries by the client: they would not be seen as calls of their own.
        self._client = openai.AsyncOpenAI(
            base_url=model.base_url,
            api_key=model.api_key,
            max_retries=0,
            timeout=_TIMEOUT,
            http_client=_direct() if model.is_here else None,
        )
        self._busy_client = openai.AsyncOpenAI(
            base_url=busy_url, api_key="none", max_retries=0, http_client=_direct()
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.close()
        await self._busy_client.close()

    async def serve(self, question: str, events: list[str]) -> str:
        """Answer a question, with what all logs of it are to say about the caller."""
        async with log_context(
            user="customer-4711", metadata={"channel": "email", "plan": "pro"}
        ):
            return await self.reply(question, events)

    @log_prompt(path="support/agent")
    async def reply(self, question: str, events: list[str]) -> str:
        """Answer a question."""
        self.log_id = current_log().id
        topic, facts = await asyncio.gather(
            self.classify(question), self._sum_up_patiently(events)
        )
        answer = ""
        async for chunk in await self.answer(question, _text(topic), facts):
            piece = chunk.choices[0].delta.content if chunk.choices else None
            if piece:
                answer += piece
                self._show(piece)
        return answer

    @log_prompt(path="support/classify")
    async def classify(self, question: str) -> ChatCompletion:
        """Find out what a question is about."""
        return await self._complete(self._client, CLASSIFY, question)

    async def _sum_up_patiently(self, events: list[str]) -> str:
        try:
            summary = await self.sum_up(events, attempt=1)
        except openai.RateLimitError as busy:
            wanted = busy.response.headers.get("retry-after-ms", "100")
            await asyncio.sleep(int(wanted) / 1000)
            summary = await self.sum_up(events, attempt=2)
        return _text(summary)

    @log_prompt(path="support/sum-up", metadata={"retries": "by the agent"})
    async def sum_up(self, events: list[str], attempt: int) -> ChatCompletion:
        """Sum up what happened to an order."""
        client = self._busy_client if attempt == 1 else self._client
        return await self._complete(client, SUM_UP, "\n".join(events))

    @log_prompt(path="support/answer")
    async def answer(
        self, question: str, topic: str, facts: str
    ) -> openai.AsyncStream[ChatCompletionChunk]:
        """Write the answer; it is logged while somebody reads the stream."""
        system = ANSWER.replace("{{topic}}", topic).replace("{{facts}}", facts)
        request = self._request(system, question)
        current_log().record_request(request)
        current_log().update(
            prompt={
                "model": self._model.name,
                "template": _ANSWER_TEMPLATE,
                **self._model.options,
            }
        )
        return await self._client.chat.completions.create(
            **request, stream=True, stream_options={"include_usage": True}
        )

    async def _complete(
        self, client: openai.AsyncOpenAI, system: str, text: str
    ) -> ChatCompletion:
        request = self._request(system, text)
        current_log().record_request(request)
        completion: ChatCompletion = await client.chat.completions.create(**request)
        return completion

    def _request(self, system: str, text: str) -> JSONObject:
        return {
            "model": self._model.name,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": text},
            ],
            **self._model.options,
        }


def _text(completion: ChatCompletion) -> str:
    return (completion.choices[0].message.content or "").strip()


def _direct() -> openai.DefaultAsyncHttpxClient:
    """Return a client that heeds no proxy: the server is on this machine."""
    return openai.DefaultAsyncHttpxClient(trust_env=False)
