"""The pages of Prompts: the list, the versions, and what one changed."""

import pytest

from promptscribe.receiver.difference import difference, readable

HOSTILE = "<script>alert(1)</script>\"'{{7*191}}"


@pytest.fixture
def prompt(client):
    """A Prompt with two versions, the first deployed."""

    def put(**body):
        return client.post("/prompts", json={"path": "support/answer"} | body).json()

    template = [{"role": "system", "content": "Be kind.\nBe brief."}]
    put(model="gpt-4o", template=template, version_name="first")
    template = [{"role": "system", "content": "Be kind.\nBe exact."}]
    return put(model="gpt-4o", temperature=0.5, template=template)


def test_prompts_are_listed(client, prompt, post):
    """With model, deployment, and how often each was used."""
    post(path="support/answer")

    page = client.get("/library").text

    for shown in ("answer", "gpt-4o", "production", f"/library/{prompt['id']}"):
        assert shown in page
    assert "Nothing matches" in client.get("/library?name=nothing").text


def test_the_newest_version_is_compared_with_the_one_before(client, prompt):
    """Line by line, with the message's text as text."""
    page = client.get(f"/library/{prompt['id']}").text

    assert page.count("prv_") >= 2
    assert (
        '<div class="removed"><span aria-hidden="true">-</span>Be brief.</div>' in page
    )
    assert '<div class="added"><span aria-hidden="true">+</span>Be exact.</div>' in page
    assert '<div class="same"><span aria-hidden="true"> </span>Be kind.</div>' in page


def test_any_two_versions_can_be_compared(client, prompt):
    """The query chooses both."""
    versions = client.get(f"/prompts/{prompt['id']}/versions").json()["records"]
    new, old = (version["version_id"] for version in versions)
    route = f"/library/{prompt['id']}"

    turned = client.get(route, params={"version": old, "against": new}).text
    same = client.get(route, params={"version": new, "against": new}).text

    assert '<span aria-hidden="true">+</span>Be brief.' in turned
    assert 'class="added"' not in same


def test_details_are_escaped(client):
    """A Prompt is somebody's text as much as a log is."""
    made = client.post(
        "/prompts",
        json={
            "path": HOSTILE.replace("/", "-"),
            "model": HOSTILE,
            "template": HOSTILE + "\n" + HOSTILE,
            "attributes": {HOSTILE: HOSTILE},
            "version_name": HOSTILE,
            "description": HOSTILE,
        },
    ).json()

    for page in ("/library", f"/library/{made['id']}"):
        text = client.get(page).text
        assert text.count("<script") == 2  # those of every page
        assert "1337" not in text


def test_a_file_without_details_and_an_unknown_one_have_a_page(client, post):
    """Neither is an error."""
    log = post(path="plain")

    page = client.get(f"/library/{log['prompt_id']}")

    assert "No details are known" in page.text
    assert client.get("/library/pr_nope").status_code == 404


def test_long_members_are_shown_as_lines():
    """Short ones on a line of their own, before them."""
    details = {"model": "m", "stop": ["a"], "source": 1, "template": "one\ntwo"}

    lines = readable("prompt", details)

    assert lines == ["model: m", "", "template:", "one", "two", "", "stop:", '"a"']
    assert [line.change for line in difference(["a", "b"], ["a", "c"])] == [
        "same",
        "removed",
        "added",
    ]
