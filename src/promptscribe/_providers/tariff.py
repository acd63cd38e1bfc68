"""Tariffs: what one token of a kind costs, learnt from the price list's own answers.

Its law: a tariff gives what the list would give. The list is asked once for each
name, kind of tokens, size of the prompt and quarter of an hour; it takes 100 µs to
answer, and most calls differ from the one before by their counts only.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from promptscribe._providers.facts import Usage

MOST: Final = 1_024
"""Tariffs that are kept; with one more, all are forgotten."""
_SLOT: Final = 900 * 10**9
"""Nanoseconds that a tariff is good for: a price changes at a date, or on the hour or
half of it, and a program may load a newer list while it runs."""
_PARTS: Final = ("cache_read_tokens", "cache_write_tokens")
_BARE: Final = ("input_tokens", "output_tokens")
_LINEAR: Final = frozenset({*_BARE, *_PARTS})

Counts = dict[str, int]


def counts_of(usage: Usage, *, has_answer: bool) -> Counts | None:
    """Name the counts as genai-prices does; None where they contradict each other."""
    read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    hour = usage.cache_write_1h_tokens or 0
    if read + write > (usage.prompt_tokens or 0) or hour > write:
        return None
    counts = {"input_tokens": usage.prompt_tokens or 0}
    if has_answer or usage.output_tokens:
        counts["output_tokens"] = usage.output_tokens or 0
    # A part that is 0 is left out: a model may have no rate of its own for it.
    if read:
        counts["cache_read_tokens"] = read
    if write:
        counts["cache_write_tokens"] = write
    if hour:
        counts["cache_write_1h_tokens"] = hour
        if write > hour:
            counts["cache_write_5m_tokens"] = write - hour
    _count_kinds(counts, usage)
    return counts


def _count_kinds(counts: Counts, usage: Usage) -> None:
    """Add the kinds that have the same name here and there; most calls use none."""
    if usage.cache_audio_read_tokens:
        counts["cache_audio_read_tokens"] = usage.cache_audio_read_tokens
    if usage.cache_image_read_tokens:
        counts["cache_image_read_tokens"] = usage.cache_image_read_tokens
    if usage.input_audio_tokens:
        counts["input_audio_tokens"] = usage.input_audio_tokens
    if usage.output_audio_tokens:
        counts["output_audio_tokens"] = usage.output_audio_tokens
    if usage.input_image_tokens:
        counts["input_image_tokens"] = usage.input_image_tokens
    if usage.output_image_tokens:
        counts["output_image_tokens"] = usage.output_image_tokens
    if usage.input_video_tokens:
        counts["input_video_tokens"] = usage.input_video_tokens
    if usage.output_video_tokens:
        counts["output_video_tokens"] = usage.output_video_tokens


@dataclass(frozen=True, slots=True)
class Tariff:
    """Dollars per token, for prompts of about one size.

    Attributes:
        above: Tokens of the prompt beyond which it holds.
        up_to: Tokens of the prompt up to which it holds.
        rates: For each kind of token in the prompt; a cached one's is what it adds.
        output_rate: For the answer's; 0 where there is none.
    """

    above: float
    up_to: float
    rates: tuple[tuple[str, float], ...]
    output_rate: float

    def holds(self, counts: Counts) -> bool:
        """Say whether a call of that size falls under it."""
        return self.above < counts["input_tokens"] <= self.up_to

    def charge(self, counts: Counts) -> tuple[float, float]:
        """Return the dollars for the prompt and for the answer."""
        prompt = sum([rate * counts[kind] for kind, rate in self.rates])
        return prompt, self.output_rate * counts.get("output_tokens", 0)


class Tariffs:
    """Remembers tariffs, and names that have none.

    Used by several threads: each step is one operation on a dict.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, Tariff | None] = {}

    def key(self, names: Hashable, counts: Counts, at: int) -> Hashable:
        """Return the key under which a call's tariff is kept.

        None where there is none to be kept; see `is_linear`.
        """
        if not is_linear(counts):
            return None
        kinds = _BARE if _is_bare(counts) else tuple(counts)
        return names, kinds, at // _SLOT

    def find(self, key: Hashable, counts: Counts) -> tuple[bool, Tariff | None]:
        """Return whether the price is known, and its tariff; None is no price."""
        tariff = self._known.get(key, _UNKNOWN)  # never kept: None
        if tariff is _UNKNOWN or (tariff is not None and not tariff.holds(counts)):
            return False, None
        return True, tariff

    def keep(self, key: Hashable, tariff: Tariff | None) -> None:
        """Remember a tariff, or that there is no price."""
        if key is None:
            return
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = tariff


_UNKNOWN: Final[Any] = object()


def is_linear(counts: Counts) -> bool:
    """Say whether the price is a sum of rates: no sound, no pictures, not nothing."""
    if not (counts["input_tokens"] and counts.get("output_tokens", 1)):
        return False
    return _is_bare(counts) or counts.keys() <= _LINEAR


def _is_bare(counts: Counts) -> bool:
    return len(counts) == 2 and "output_tokens" in counts


def learn(found: Any, counts: Counts, ask: Callable[[Counts], Any]) -> Tariff:
    """Return the tariff behind an answer of the list.

    Args:
        found: The answer for *counts*.
        counts: Tokens of the prompt and the answer, and cached parts of the prompt.
        ask: Gives the list's answer for other counts of the same call.
    """
    prompt = found.input_price
    rates: list[tuple[str, float]] = []
    for kind in _PARTS:
        if kind in counts:
            others = {name: count for name, count in counts.items() if name != kind}
            added = found.input_price - ask(others).input_price
            rates.append((kind, float(added / counts[kind])))
            prompt -= added
    rates.append(("input_tokens", float(prompt / counts["input_tokens"])))
    steps = _steps(found.model_price)
    place = bisect.bisect_left(steps, counts["input_tokens"])
    return Tariff(
        above=steps[place - 1] if place else 0,
        up_to=steps[place] if place < len(steps) else float("inf"),
        rates=tuple(rates),
        output_rate=float(found.output_price / counts.get("output_tokens", 1)),
    )


def _steps(model_price: Any) -> list[int]:
    """Return the sizes of a prompt beyond which another price holds."""
    prices = vars(model_price).values()
    return sorted({t.start for p in prices for t in getattr(p, "tiers", ())})
