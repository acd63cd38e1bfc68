"""The usage: token counts that a span told, and what they cost, as members of a log.

Its law: pure; prices come from the providers' room, and an unknown one is none.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._dialects.draft import USAGE
from promptscribe._providers.bill import COSTS, bill
from promptscribe._providers.facts import ResponseFacts, Usage
from promptscribe._providers.value import table, word

if TYPE_CHECKING:
    from datetime import datetime

FACTS: Final = "$facts"


def read_facts(told: dict[str, Any]) -> ResponseFacts | None:
    """Return the token counts of what `translation.read_call` gave.

    Or of what `promptscribe._runtime.answer.read_response` did, which keeps what else
    sets the price under ``$facts``.
    """
    usage = told.get(USAGE)
    if type(usage) is not dict:
        return None
    if FACTS in told:
        with contextlib.suppress(ValueError):
            return msgspec.convert(
                {**table(told[FACTS]), "usage": usage}, ResponseFacts
            )
    response, metadata = told.get("provider_response"), told.get("metadata")
    model = response.get("model") if type(response) is dict else None
    tier = metadata.get("service_tier") if type(metadata) is dict else None
    with contextlib.suppress(ValueError):
        return msgspec.convert(
            {"usage": usage, "model": model, "service_tier": tier}, ResponseFacts
        )
    with contextlib.suppress(ValueError):
        return ResponseFacts(usage=msgspec.convert(usage, Usage))
    return None


def settle(told: dict[str, Any], at: datetime | None = None) -> dict[str, Any]:
    """Return the members with the token counts in their places, and priced.

    Args:
        told: What `translation.read_call` gave.
        at: When the call was made; prices change.
    """
    members = {name: value for name, value in told.items() if name != USAGE}
    facts = read_facts(told)
    if facts is None or facts.usage is None:
        return members
    prompt, metadata = table(members.get("prompt")), table(members.get("metadata"))
    found, notes = bill(
        facts,
        model=word(prompt.get("model")),
        provider=word(prompt.get("provider")),
        at=at,
        is_priced=COSTS.isdisjoint(members),
    )
    return {**members, **found, "metadata": {**notes, **metadata}}
