"""The model: who answers the agent, chosen from what this machine has.

Its law: the real provider if the environment names one, else a local model if one is
installed, else the scripted server; and it always says which.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from promptscribe.demo import local_model, script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptscribe.demo.scripted_server import ScriptedServer
    from promptscribe.schema import JSONObject

_NO_KEY: Final = "none"
"""What servers get that ask for no key; the client insists on one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model behind a server that speaks OpenAI's protocol.

    Attributes:
        name: What requests call it.
        note: Where it runs and why it was chosen, for the person who watches.
        base_url: The server; None for OpenAI's own.
        api_key: The key to send.
        is_here: Whether the server runs on this machine, so that no proxy is used.
        options: Members of every request. None of them are sent to a model that was
            named by the user: reasoning models refuse a temperature.
        is_priced: Whether there may be a price for it.
        keeper: What must live as long as the model is used.
    """

    name: str
    note: str
    base_url: str | None
    api_key: str = field(default=_NO_KEY, repr=False)
    is_here: bool = True
    options: JSONObject = field(default_factory=dict)
    is_priced: bool = True
    keeper: object = None


def choose_model(
    scripted: ScriptedServer, environ: Mapping[str, str] | None = None
) -> Model:
    """Return the model that the agent is to use.

    Args:
        scripted: The server to fall back to, running.
        environ: Environment variables; those of the process if None.

    Raises:
        Trouble: A local model is installed and cannot be loaded.
    """
    environ = os.environ if environ is None else environ
    base_url, api_key = environ.get("OPENAI_BASE_URL"), environ.get("OPENAI_API_KEY")
    chosen = environ.get("OPENAI_MODEL")
    if base_url or api_key:
        return Model(
            name=chosen or script.MODEL,
            note=f"at {base_url or 'OpenAI'}, as the environment says (OPENAI_…)",
            base_url=base_url or None,
            api_key=api_key or _NO_KEY,
            is_here=False,
            options={} if chosen else {"temperature": 0.2, "max_tokens": 120},
        )
    if local_model.is_installed():
        local = local_model.LocalModel()
        return Model(
            name=local_model.NAME,
            note="a small model on this machine; its answers are what they are",
            base_url=local.url,
            options={"temperature": 0.2},
            is_priced=False,
            keeper=local,
        )
    return Model(
        name=script.MODEL,
        note="SCRIPTED: neither OPENAI_API_KEY nor a local model is here, so a server"
        " that ships with promptscribe plays the provider",
        base_url=scripted.url,
        options={"temperature": 0.2},
    )
