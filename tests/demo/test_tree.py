import pytest

from promptscribe.demo.tree import draw
from promptscribe.receiver.figure import UNKNOWN

ROOT = {
    "prompt": {"path": "a"},
    "start_time": "2025-01-01T00:00:00.000000Z",
    "end_time": "2025-01-01T00:00:02.500000Z",
}


def log(path, *children, **more):
    return {"prompt": {"path": path}, "trace_children": list(children), **more}


def texts(trace, width=80):
    return [line.text for line in draw(trace, width)]


def test_branches_show_who_called_whom():
    """Every depth has its own lines, and the last child a corner."""
    trace = ROOT | {
        "trace_children": [log("b", log("c"), log("d", log("e"))), log("f", log("g"))]
    }

    # The figures take the last 44 columns.
    assert [text[:-44].rstrip() for text in texts(trace)[1:-1]] == [
        "a",
        "├─ b",
        "│  ├─ c",
        "│  └─ d",
        "│     └─ e",
        "└─ f",
        "   └─ g",
    ]


def test_what_is_unknown_is_a_dash():
    """No time, no tokens and no cost are not zero."""
    (line,) = texts(log("alone"))[1:-1]

    assert line.split() == ["alone", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]


def test_figures_stand_in_columns():
    """Start counts from the top's start; a half-known pair shows its half."""
    child = log(
        "b",
        start_time="2025-01-01T00:00:01Z",
        end_time="2025-01-01T00:00:01.250000Z",
        prompt_tokens=1200,
        prompt_cost=0.25,
        output_cost=1.0,
    )

    lines = texts(ROOT | {"trace_children": [child]})
    assert lines[2].split("b", 1)[1].split() == (
        ["1.00", "s", "250", "ms", "1,200", "/", UNKNOWN, "$1.25"]
    )
    assert lines[3].split("error")[1].split() == [
        "2.50",
        "s",
        "1,200",
        "/",
        UNKNOWN,
        "$1.25",
    ]
    assert {len(line) for line in lines} == {80}


def test_an_error_stands_under_its_log_in_one_line():
    """However long it is, and whatever it holds."""
    bad = log("b", error="ValueError: no\n\n\x1b[31m" + "x" * 200)

    lines = draw(ROOT | {"trace_children": [bad]}, 80)
    assert [line.style for line in lines] == ["dim", "plain", "bad", "bad", "bold"]
    assert lines[3].text.startswith("        ValueError: no  [31mxxx")
    assert lines[3].text.endswith("x…")
    assert len(lines[3].text) == 80
    assert lines[4].text.startswith("2 logs, 1 with an error")


def test_a_note_of_a_parent_leaves_the_line_to_its_children():
    """The line goes on beside the note."""
    trace = ROOT | {
        "metadata": {"time_to_first_token": 0.25},
        "trace_children": [log("b")],
    }

    assert texts(trace)[2] == "│    streamed, first piece after 250 ms"


@pytest.mark.parametrize("width", [72, 100])
def test_a_long_path_is_cut(width):
    """The columns stay where they are."""
    lines = texts(log("p" * 200), width)

    assert {len(line) for line in lines} == {width}
    assert "p…" in lines[1]
