"""The run: the demo from beginning to end, and how it ends.

Its law: every way out is a sentence and an exit code. It keeps no log itself; that
nothing is lost when it is killed is the library's doing.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import promptscribe
from promptscribe._runtime.state import runtime
from promptscribe.demo.fetch import read_trace
from promptscribe.demo.reception import open_reception
from promptscribe.demo.terminal import Paragraph, Terminal
from promptscribe.demo.trouble import Trouble, missing_package
from promptscribe.errors import ConfigurationError

if TYPE_CHECKING:
    from promptscribe.demo.agent import Agent
    from promptscribe.demo.model import Model
    from promptscribe.demo.reception import Reception
    from promptscribe.schema import JSONObject

DEFAULT_PORT: Final = 8420
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it

_FLUSH_TIMEOUT: Final = 20.0
"""Seconds: what earlier programs left for this receiver is delivered as well."""
_SHUTDOWN_TIMEOUT: Final = 2.0

_SNIPPET: Final = """\
from promptscribe import log_prompt

@log_prompt
def answer(question: str): ...      # whatever it returns, raises or yields"""


def run_demo(
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    db: Path | str | None = None,
    keep_serving: bool | None = None,
) -> int:
    """Run a small agent, and show what promptscribe made of it.

    Args:
        host: Address of the receiver.
        port: Port of the receiver; 0 takes any that is free.
        db: The receiver's SQLite file; None for the one in the user's data directory.
        keep_serving: Whether the receiver goes on until Ctrl-C, so that its pages can
            be looked at; None for as long as there is a terminal to press it on.

    Returns:
        The exit code: 0, or 1 where something is wrong and a sentence said what.
    """
    terminal = Terminal(sys.stdout)
    keep_serving = terminal.is_tty if keep_serving is None else keep_serving
    try:
        with contextlib.ExitStack() as stack:
            reception = _open(stack, terminal, host, port, db)
            _demonstrate(stack, terminal, reception)
            if keep_serving:
                _keep_serving(terminal, reception)
    except Trouble as trouble:
        Terminal(sys.stderr).say(f"promptscribe demo: {trouble}", "bad")
        return 1
    except KeyboardInterrupt:
        terminal.say()
        terminal.say("Stopped. What was logged so far is safe: the next run brings it.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; see docs.python.org/3/library/signal.html,
        # "Note on SIGPIPE", for why stdout must not be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _open(
    stack: contextlib.ExitStack,
    terminal: Terminal,
    host: str,
    port: int,
    db: Path | str | None,
) -> Reception:
    """Find or start the receiver, and have promptscribe log to it."""
    terminal.say(
        "promptscribe demo: an agent makes calls, each one becomes a log", "bold"
    )
    terminal.say()
    try:
        reception = open_reception(
            host, port, None if db is None else Path(db), _api_key(), terminal.say
        )
        if reception.receiver is not None:
            stack.callback(reception.receiver.stop)
        # Before that, so that the last logs still find the receiver.
        stack.callback(promptscribe.shutdown, _SHUTDOWN_TIMEOUT)
        promptscribe.configure(
            base_url=reception.url,
            source="promptscribe-demo",
            environment="demo",
            enabled=True,
            export=True,
        )
    except ConfigurationError as wrong:
        raise Trouble(f"A setting is wrong: {wrong}") from None
    terminal.say_fact("receiver", f"{reception.url} ({reception.note})")
    return reception


def _demonstrate(
    stack: contextlib.ExitStack, terminal: Terminal, reception: Reception
) -> None:
    """Run the agent and show its trace, even if the agent failed."""
    try:
        from promptscribe.demo.agent import Agent
    except ImportError as missing:
        raise missing_package(missing) from None
    from promptscribe.demo.model import choose_model
    from promptscribe.demo.scripted_server import ScriptedServer

    scripted = stack.enter_context(ScriptedServer())
    model = choose_model(scripted)
    terminal.say_fact("model", f"{model.name} ({model.note})")
    terminal.say()
    paragraph = Paragraph(terminal, "agent")
    agent = Agent(model, scripted.busy_url, paragraph.add)
    failure = _converse(terminal, agent, paragraph)
    terminal.say()
    _show(terminal, reception, agent.log_id or "", model)
    if failure is not None:
        raise Trouble(f"The model could not be used: {failure}")


def _converse(terminal: Terminal, agent: Agent, paragraph: Paragraph) -> str | None:
    """Have the agent answer; return what went wrong with the provider, if anything."""
    import openai

    from promptscribe.demo.agent import EVENTS, QUESTION

    async def answer() -> None:
        async with agent:
            await agent.serve(QUESTION, list(EVENTS))

    terminal.say_fact("customer", QUESTION)
    try:
        asyncio.run(answer())
    except openai.OpenAIError as error:
        return " ".join(str(error).split())
    finally:
        paragraph.end()
    return None


def _show(terminal: Terminal, reception: Reception, log_id: str, model: Model) -> None:
    """Deliver, read the trace back over HTTP, and print it."""
    from promptscribe.demo.tree import draw

    result = promptscribe.force_flush(_FLUSH_TIMEOUT)
    unfinished = (
        f"{result.pending} logs are still on their way to {reception.url},"
        f" {result.rejected} were rejected and {result.dropped} dropped"
        f" ({', '.join(sorted(result.reasons)) or 'no reason known'})."
        " Those on their way are safe in the journal: the next run delivers them."
    )
    try:
        trace = read_trace(reception.url, log_id, _api_key())
    except Trouble as trouble:
        raise Trouble(f"{trouble} {'' if result else unfinished}".strip()) from None
    for line in draw(trace, terminal.width):
        terminal.say(line.text, line.style)
    terminal.say()
    _point_out(terminal, reception, trace, model)
    if not result:
        raise Trouble(unfinished)


def _point_out(
    terminal: Terminal, reception: Reception, trace: JSONObject, model: Model
) -> None:
    """Say where to look and what to try."""
    terminal.say_fact("open", f"{reception.url}/trace/{trace['id']}")
    if model.is_priced and importlib.util.find_spec("genai_prices") is None:
        terminal.say_fact("costs", "come with: pip install 'promptscribe[prices]'")
    elif model.is_priced and model.is_here:
        terminal.say_fact("costs", "are the real model's; the script takes no money")
    terminal.say_fact("next", "promptscribe serve    # then log your own calls:")
    terminal.say()
    for line in _SNIPPET.splitlines():
        terminal.say(f"    {line}".rstrip(), "dim")


def _keep_serving(terminal: Terminal, reception: Reception) -> None:
    """Wait for Ctrl-C, if there is a receiver that would end with the demo."""
    if reception.receiver is None:
        return
    terminal.say()
    terminal.say("The receiver stays up until you press Ctrl-C.")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    terminal.say()


def _api_key() -> str | None:
    key = runtime.settings.api_key
    return None if key is None else key.reveal()


def main() -> int:
    """Run the demo with its defaults."""
    return run_demo()
