import sys

import pytest

from promptscribe.demo.model import choose_model
from promptscribe.demo.scripted_server import ScriptedServer


@pytest.fixture(scope="module")
def scripted():
    with ScriptedServer(pace=0) as running:
        yield running


def test_a_key_chooses_the_provider_itself(scripted):
    """With no address, the client's own default is used."""
    model = choose_model(scripted, {"OPENAI_API_KEY": "sk-1"})

    assert (model.name, model.base_url, model.api_key) == ("gpt-4o-mini", None, "sk-1")
    assert not model.is_here
    assert "sk-1" not in repr(model)


def test_an_address_alone_is_enough(scripted):
    """Many servers of one's own ask for no key."""
    model = choose_model(scripted, {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})

    assert model.base_url == "http://127.0.0.1:1/v1"
    assert model.api_key == "none"


def test_a_model_that_was_named_gets_no_options(scripted):
    """Reasoning models refuse a temperature."""
    named = choose_model(scripted, {"OPENAI_API_KEY": "k", "OPENAI_MODEL": "o9"})
    default = choose_model(scripted, {"OPENAI_API_KEY": "k"})

    assert (named.name, named.options) == ("o9", {})
    assert default.options["temperature"] == 0.2


def test_without_anything_the_script_answers_and_says_so(scripted, monkeypatch):
    """Nobody is to take the script for a model."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    model = choose_model(scripted, {})

    assert model.base_url == scripted.url
    assert "SCRIPTED" in model.note
