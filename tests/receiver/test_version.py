"""Which details are the same version."""

import pytest

from promptscribe.receiver.version import (
    canonical_details,
    new_id,
    new_log_id,
    template_inputs,
    version_id,
)

MESSAGE = {"role": "user", "content": "{{q}}"}
TOOL = {"name": "f", "description": "d"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"model": "m", "seed": 1}, {"seed": 1, "model": "m"}),
        ({"model": "m", "temperature": 1}, {"model": "m", "temperature": 1.0}),
        ({"model": "m", "stop": None}, {"model": "m"}),
        ({"model": "m", "temperature": 1.0, "top_p": 1}, {"model": "m"}),
        ({"model": "m", "provider": "openai", "endpoint": "chat"}, {"model": "m"}),
        ({"model": "m", "max_tokens": -1, "other": {}}, {"model": "m"}),
        ({"model": "m", "unknown": 1}, {"model": "m"}),
        (
            {"model": "m", "template": [MESSAGE | {"name": None}]},
            {"model": "m", "template": [MESSAGE]},
        ),
        (
            {"model": "m", "tools": [TOOL | {"strict": False, "parameters": None}]},
            {"model": "m", "tools": [TOOL]},
        ),
        (
            {"model": "m", "other": {"a": 1, "b": [2.0]}},
            {"model": "m", "other": {"b": [2], "a": 1.0}},
        ),
    ],
)
def test_the_same_details_are_one_version(one, other):
    """Key order, 1 and 1.0, null and absent, default and absent make no difference."""
    assert canonical_details("prompt", one) == canonical_details("prompt", other)


@pytest.mark.parametrize(
    "other",
    [
        {"model": "n"},
        {"model": "m", "temperature": 0.5},
        {"model": "m", "template": "hello"},
        {"model": "m", "tools": [TOOL]},
        {"model": "m", "attributes": {"team": "a"}},
        {"model": "m", "other": {"a": None}},
        {"model": "m", "stop": ["a", "b"]},
        {"model": "m", "stop": ["b", "a"]},
        "---\nmodel: m\n---\nhello",
        None,
    ],
)
def test_other_details_are_another_version(other):
    """Template, model, parameters, tools and attributes tell versions apart."""
    assert canonical_details("prompt", other) != canonical_details(
        "prompt", {"model": "m"}
    )


def test_a_prompt_file_names_its_model():
    """The text of a .prompt file is kept whole, and its model is read."""
    details = canonical_details("prompt", '---\nmodel: "gpt-4o"\n---\n<user>hi</user>')

    assert '"model":"gpt-4o"' in details.canonical
    assert "<user>hi</user>" in details.canonical


def test_version_ids_follow_from_the_details():
    """The same details of the same file have the same id in any process."""
    details = canonical_details("prompt", {"model": "m"})

    first = version_id("prompt", "pr_1", details)

    assert first == version_id("prompt", "pr_1", details)
    assert first.startswith("prv_")
    assert first != version_id("prompt", "pr_2", details)


def test_new_ids_differ():
    """Ids are drawn at random."""
    assert len({new_id("log") for _ in range(1000)}) == 1000
    assert len({new_log_id(1_700_000_000_000_000) for _ in range(1000)}) == 1000


def test_ids_of_logs_sort_by_time():
    """What came later stands later in an index, so that a large one stays quick."""
    seconds = [0, 1, 2, 61, 1_700_000_000, 1_764_000_000, 5_000_000_000]

    ids = [new_log_id(second * 1_000_000) for second in seconds]

    assert ids == sorted(ids)
    assert {len(log_id) for log_id in ids} == {len("log_LRqMSYvJYLVMC5Ty")}


def test_inputs_of_a_template_are_listed_once():
    """A file's inputs are the variables of its template, in order."""
    template = [{"role": "system", "content": "{{b}} {{ a }} {{b}}"}]

    assert template_inputs(template) == [{"name": "b"}, {"name": "a"}]
    assert template_inputs(None) == []
