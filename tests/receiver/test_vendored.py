"""What is not ours: unchanged, with its licence, and known by its hash."""

import hashlib
import re
from pathlib import Path

import promptscribe.receiver
from promptscribe.receiver.template import HERE

HTMX = HERE / "static" / "htmx"


def test_the_one_foreign_script_is_what_its_makers_published():
    """The file has the hash that is written beside it; another one is ours."""
    script, ours = sorted(HERE.rglob("*.js"))
    said = re.search(r"sha256 (\w{64})", (HTMX / "SOURCE").read_text("utf-8"))[1]

    assert script == HTMX / "htmx.min.js"
    assert ours == HERE / "static" / "pages.js"
    assert hashlib.sha256(script.read_bytes()).hexdigest() == said


def test_its_licence_is_with_it():
    """Zero-Clause BSD, as its makers wrote it."""
    assert (HTMX / "LICENSE").read_text("utf-8").startswith("Zero-Clause BSD")


def test_no_template_has_a_script_or_a_style_of_its_own():
    """The policy would refuse it: two scripts, one sheet, all from here."""
    for template in HERE.joinpath("templates").glob("*.html"):
        text = template.read_text("utf-8")
        assert re.findall(r"<script[^>]*>", text) in (
            [],
            [
                '<script src="/static/htmx/htmx.min.js" defer>',
                '<script src="/static/pages.js" defer>',
            ],
        )
        assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|hx-vals|js:", text)
    assert Path(promptscribe.receiver.__file__).parent == HERE


def test_what_the_script_may_do_is_said_on_every_page(client):
    """No eval, no inline style, no script in what it fetches, no storage."""
    page = client.get("/").text

    for setting in (
        '"allowEval": false',
        '"allowScriptTags": false',
        '"includeIndicatorStyles": false',
        '"historyCacheSize": 0',
        '"selfRequestsOnly": true',
    ):
        assert setting in page
