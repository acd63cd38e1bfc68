"""Log an agent: calls that it makes, also at the same time, are nested under it."""

import asyncio

import promptscribe
from promptscribe import current_log, log_prompt


@log_prompt(path="agent/search")
async def search(place: str, query: str) -> list[str]:
    """Look a query up in one place."""
    await asyncio.sleep(0.02)
    return [f"{place} on {query}"]


@log_prompt(path="agent/write")
async def write(question: str, findings: list[str]) -> str:
    """Write an answer from what was found."""
    await asyncio.sleep(0.02)
    return f"{question} {len(findings)} places say so."


@log_prompt(path="agent")
async def agent(question: str) -> str:
    """Search three places at once, then write."""
    found = await asyncio.gather(
        *(search(place, question) for place in ("wiki", "mail", "files"))
    )
    current_log().update(metadata={"places": len(found)})
    return await write(question, [line for lines in found for line in lines])


if __name__ == "__main__":
    print(asyncio.run(agent("Why?")))
    result = promptscribe.force_flush()
    print(f"{result.delivered} delivered, {result.pending} pending")
