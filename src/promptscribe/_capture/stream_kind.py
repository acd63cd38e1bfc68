"""The stream kinds: which objects of which SDKs are streams, and how they are read.

Its law: a table. A class is known by its package and its name; nothing is imported,
nothing is patched, and an object is asked for nothing to find out.
"""

from __future__ import annotations

from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Final, Literal, TypeAlias

from promptscribe._capture import adapter

StreamKind: TypeAlias = Literal[
    "iterator",
    "iterable",
    "async iterable",
    "async iterator",
    "both",
    "manager",
    "response",
    "async response",
    "raw",
    "generator",
    "async generator",
    "coroutine",
]
"""An ``iterable`` has no ``__next__`` to be called; ``both`` is read either way;
a ``manager`` gives the stream when it is entered, a ``response`` when it is asked to
``parse()``; what is ``raw`` is no stream: it has the parsed response beside it."""

_STAINLESS: Final[dict[str, StreamKind]] = {
    "Stream": "iterator",
    "AsyncStream": "async iterator",
    "LegacyAPIResponse": "response",
    "APIResponse": "response",
    "AsyncAPIResponse": "async response",
    "ResponseContextManager": "manager",
    "AsyncResponseContextManager": "manager",
}
"""What the SDKs that Stainless generates have in common (``_streaming.py``,
``_response.py``, openai's ``_legacy_response.py``)."""

_CLASSES: Final[dict[str, dict[str, StreamKind]]] = {
    "openai": {
        **_STAINLESS,
        "ChatCompletionStream": "iterator",  # openai/lib/streaming/chat
        "AsyncChatCompletionStream": "async iterator",
        "ChatCompletionStreamManager": "manager",
        "AsyncChatCompletionStreamManager": "manager",
        "ResponseStream": "iterator",  # openai/lib/streaming/responses
        "AsyncResponseStream": "async iterator",
        "ResponseStreamManager": "manager",
        "AsyncResponseStreamManager": "manager",
    },
    "anthropic": {
        **_STAINLESS,
        "MessageStream": "iterator",  # anthropic/lib/streaming
        "AsyncMessageStream": "async iterator",
        "MessageStreamManager": "manager",
        "AsyncMessageStreamManager": "manager",
        "BetaMessageStream": "iterator",
        "BetaAsyncMessageStream": "async iterator",
        "BetaMessageStreamManager": "manager",
        "BetaAsyncMessageStreamManager": "manager",
        "BetaToolRunner": "iterator",  # anthropic/lib/tools, of whole messages
        "BetaAsyncToolRunner": "async iterator",
    },
    "cerebras": _STAINLESS,
    "fireworks": _STAINLESS,
    "groq": _STAINLESS,
    "perplexity": _STAINLESS,
    "together": _STAINLESS,
    "writerai": _STAINLESS,
    "mistralai": {  # client/utils/eventstreaming.py
        "EventStream": "iterator",
        "EventStreamAsync": "async iterator",
    },
    "cohere": {"HttpResponse": "raw", "AsyncHttpResponse": "raw"},  # core/
    "litellm": {
        "CustomStreamWrapper": "both",  # litellm_core_utils
        "TextCompletionStreamWrapper": "both",  # text_completions
        "SyncResponsesAPIStreamingIterator": "iterator",  # responses
        "ResponsesAPIStreamingIterator": "async iterator",
        "LiteLLMCompletionStreamingIterator": "both",
        "CachedResponsesAPIStreamingIterator": "both",
    },
    "google.genai": {  # _gaos/utils, of its interactions
        "Stream": "iterator",
        "AsyncStream": "async iterator",
        "APIResponse": "response",
        "AsyncAPIResponse": "async response",
        "StreamedAPIResponse": "response",
        "AsyncStreamedAPIResponse": "async response",
        "_StreamingContextManagerProxy": "manager",  # _gaos/lib/compat_errors.py
        "_AsyncStreamingContextManagerProxy": "manager",
    },
    "botocore": {"EventStream": "iterable"},  # botocore/eventstream.py
    "aiobotocore": {"AioEventStream": "async iterable"},  # which is a botocore's, too
}

_GENERATORS: Final = (
    "aiobotocore",
    "anthropic",
    "cerebras",
    "cohere",
    "fireworks",
    "google.genai",
    "groq",
    "huggingface_hub",
    "langchain_core",
    "litellm",
    "llama_index",
    "mistralai",
    "ollama",
    "openai",
    "perplexity",
    "together",
    "vertexai",
)
"""Packages whose generators are streams, and whose coroutines give responses. Those of
the user's own code are neither: a plain function hands on the very object."""

RUNNING: Final = frozenset({"generator", "async generator", "coroutine"})
"""Kinds that are Python's own; whose they are tells the code that runs."""

_MOST_TYPES: Final = 1_000

known: Final[dict[type, StreamKind | None]] = {
    GeneratorType: "generator",
    AsyncGeneratorType: "async generator",
    CoroutineType: "coroutine",
}
"""Classes seen so far; what stands for a stream enters itself."""


def kind_of(value: Any) -> StreamKind | None:
    """Return what kind of stream a value is, a user's generator included.

    Returns:
        The kind; None for what is no stream that is known.
    """
    kind = type(value)
    if type(kind) is not type and not adapter.is_hashed_as_usual(kind):
        return _look_up(kind)
    try:
        return known[kind]
    except KeyError:
        found = _look_up(kind)
        if len(known) < _MOST_TYPES:  # types made at run time must not pile up here
            known[kind] = found
        return found


def is_providers(running: Any) -> bool:
    """Say whether a generator or a coroutine runs code of a provider's SDK."""
    names = ("gi_frame", "ag_frame", "cr_frame")
    frame = next((getattr(running, n) for n in names if hasattr(running, n)), None)
    if frame is None:
        return False
    module = frame.f_globals.get("__name__")
    return type(module) is str and any(
        module == package or module.startswith(f"{package}.") for package in _GENERATORS
    )


def _look_up(kind: type) -> StreamKind | None:
    for base in adapter.mro_of(kind):
        names = adapter.full_name(base).split(".")
        classes = _CLASSES.get(names[0]) or _CLASSES.get(".".join(names[:2]), {})
        found = classes.get(adapter.kind_name(base))
        if found is not None:
            return found
    return None
