"""`log_prompt` as a decorator, on every kind of callable."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import re
import traceback

import pytest

from promptscribe import ConfigurationError, current_log, log_prompt
from promptscribe.testing import captured_logs


@log_prompt
def bare(question, style="short"):
    """Answer."""
    return f"{question}:{style}"


@log_prompt(path="called/path")
def called(question, style="short"):
    return f"{question}:{style}"


@log_prompt
async def coroutine(question, style="short"):
    await asyncio.sleep(0)
    return f"{question}:{style}"


class Bot:
    @log_prompt
    def method(self, question, style="short"):
        return f"{question}:{style}"

    @log_prompt
    async def async_method(self, question, style="short"):
        return f"{question}:{style}"

    @classmethod
    @log_prompt
    def inner_classmethod(cls, question, style="short"):
        return f"{question}:{style}"

    @log_prompt
    @classmethod
    def outer_classmethod(cls, question, style="short"):
        return f"{question}:{style}"

    @staticmethod
    @log_prompt
    def inner_staticmethod(question, style="short"):
        return f"{question}:{style}"

    @log_prompt
    @staticmethod
    def outer_staticmethod(question, style="short"):
        return f"{question}:{style}"

    def __call__(self, question, style="short"):
        return f"{question}:{style}"


CALLABLES = {
    "bare": (bare, f"{__name__}/bare"),
    "called": (called, "called/path"),
    "coroutine": (coroutine, f"{__name__}/coroutine"),
    "method": (Bot().method, f"{__name__}/Bot/method"),
    "method through the class": (functools.partial(Bot.method, Bot()), None),
    "async method": (Bot().async_method, None),
    "classmethod over": (Bot.inner_classmethod, None),
    "classmethod over, instance": (Bot().inner_classmethod, None),
    "classmethod under": (Bot.outer_classmethod, None),
    "staticmethod over": (Bot.inner_staticmethod, None),
    "staticmethod over, instance": (Bot().inner_staticmethod, None),
    "staticmethod under": (Bot.outer_staticmethod, None),
    "callable object": (log_prompt(Bot()), None),
    "partial": (
        log_prompt(
            functools.partial(
                lambda q, question, style="short": f"{question}:{style}", 1
            )
        ),
        None,
    ),
    "lambda": (log_prompt(lambda question, style="short": f"{question}:{style}"), None),
    "bound method": (log_prompt(Bot().__call__), None),
    "decorated twice": (
        log_prompt(
            log_prompt(path="x")(lambda question, style="short": f"{question}:{style}")
        ),
        None,
    ),
}


def call(function, *args, **kwargs):
    result = function(*args, **kwargs)
    return asyncio.run(result) if inspect.isawaitable(result) else result


@pytest.mark.parametrize(("function", "path"), CALLABLES.values(), ids=CALLABLES)
def test_every_kind_of_callable_is_logged_with_its_arguments(function, path):
    """Inputs are the bound arguments with defaults, without self and cls."""
    with captured_logs() as logs:
        result = call(function, "why")

    assert result == "why:short"
    assert logs[0].inputs == {"question": "why", "style": "short"}
    assert logs[0].output == "why:short"
    assert path is None or logs[0].path == path.replace(".", "/")


@pytest.mark.parametrize(("function", "_path"), CALLABLES.values(), ids=CALLABLES)
def test_wrong_arguments_are_refused_in_the_functions_own_words(function, _path):
    """A call that does not fit raises at once what the function itself raises."""
    undecorated = (
        inspect.unwrap(function)
        if not isinstance(function, functools.partial)
        else function
    )

    with captured_logs() as logs, pytest.raises(TypeError) as caught:
        function(nonsense=1)
    with pytest.raises(TypeError) as expected:
        undecorated(nonsense=1)

    if "self" not in str(expected.value) and "question" in str(expected.value):
        assert str(caught.value) == str(expected.value)
    assert logs[0].error.startswith("TypeError: ")


def test_a_result_keeps_its_identity():
    """What the caller gets is the very object that the function returned."""
    value = object()

    assert log_prompt(lambda: value)() is value


def test_an_exception_passes_through_as_itself_with_a_clean_traceback():
    """The same object, and no line of ours between caller and function."""
    error = ValueError("no")

    @log_prompt
    def fail():
        raise error

    with captured_logs() as logs, pytest.raises(ValueError, match="no") as caught:
        fail()

    assert caught.value is error
    assert [f.name for f in traceback.extract_tb(error.__traceback__)][1:] == ["fail"]
    assert logs[0].error == "ValueError: no"
    assert "in fail" in logs[0].metadata["traceback"]


@pytest.mark.parametrize(
    "kind", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]
)
def test_exceptions_that_are_no_errors_are_logged_and_pass(kind):
    """Every BaseException reaches the caller, and the log says which it was."""

    @log_prompt
    def fail():
        raise kind

    with captured_logs() as logs, pytest.raises(kind):
        fail()

    assert logs[0].error == kind.__name__
    assert not current_log()


def test_an_exception_whose_text_fails_still_passes():
    """``__str__`` of a user's exception may raise; the exception is what counts."""

    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError("not even this")

    @log_prompt
    def fail():
        raise Hostile

    with captured_logs() as logs, pytest.raises(Hostile):
        fail()

    assert logs[0].error.startswith("Hostile: ")


def test_introspection_sees_the_function():
    """Name, docstring, signature and kind are the function's own."""
    assert bare.__name__ == "bare"
    assert bare.__doc__ == "Answer."
    assert str(inspect.signature(bare)) == "(question, style='short')"
    assert inspect.iscoroutinefunction(coroutine)
    assert not inspect.iscoroutinefunction(bare)
    assert inspect.iscoroutinefunction(Bot.async_method)


@pytest.mark.parametrize(
    "function",
    [
        bare,
        called,
        coroutine,
        Bot.method,
        Bot.inner_classmethod,
        Bot.inner_staticmethod,
    ],
)
def test_decorated_functions_pickle_and_copy_like_functions(function):
    """They come back as the same function, in this and in other processes."""
    again = pickle.loads(pickle.dumps(function))

    assert (
        call(again, *((Bot(),) if function.__name__ == "method" else ()), "a")
        == "a:short"
    )
    assert copy.copy(bare) is bare
    assert copy.deepcopy(bare) is bare


def test_a_bound_method_pickles_with_its_receiver():
    """As any bound method does."""
    assert pickle.loads(pickle.dumps(Bot().method))("a") == "a:short"


def test_the_call_that_was_never_awaited_is_named_as_the_function():
    """The warning of a forgotten ``await`` names what was forgotten, once."""
    with pytest.warns(
        RuntimeWarning, match="coroutine 'coroutine' was never"
    ) as caught:
        coroutine("a")

    assert len(caught) == 1


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"pth": "a"}, "pth"),
        ({"path": 3}, "path"),
        ({"prompt": {"temperature": 1}}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"metadata": "x"}, "metadata"),
        ({"user": 7}, "user"),
        ({"messages": ["hi"]}, "messages"),
        ({"prompt_tokens": -1}, "prompt_tokens"),
        ({"save": "yes"}, "save"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"start_time": "now"}, "start_time"),
    ],
)
def test_a_wrong_argument_is_refused_by_name_when_decorating(members, name):
    """Before the first call, and saying which one."""
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        log_prompt(**members)(lambda: None)


@pytest.mark.parametrize("target", [3, ["a"], {"path": "a"}])
def test_what_cannot_be_called_cannot_be_decorated(target):
    """Neither a path nor a function; what it holds may be a secret."""
    said = f"log_prompt: needs a function or a path, not a {type(target).__name__}"
    with pytest.raises(ConfigurationError, match=f"^{re.escape(said)}$"):
        log_prompt(target)


def test_a_class_cannot_be_decorated():
    """Its instances would be no longer what they are."""
    with pytest.raises(ConfigurationError, match="not a type: decorate its methods"):
        log_prompt(Bot)


@pytest.mark.parametrize(
    "make",
    [property, functools.cached_property, functools.singledispatchmethod],
    ids=lambda make: make.__name__,
)
@pytest.mark.parametrize("decorate", [log_prompt, log_prompt(path="p")])
def test_what_is_made_of_a_function_is_told_from_a_path(make, decorate):
    """The order of two decorators is the mistake, and is said."""
    with pytest.raises(ConfigurationError, match=f"function, under @{make.__name__}"):
        decorate(make(lambda self: 1))


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"model": "gpt-4o"}, "it is part of the prompt: prompt={'model': …}"),
        ({"temperature": 1}, "it is part of the prompt"),
        ({"exlude": ["key"]}, "did you mean 'exclude'"),
        ({"redakt": True}, "did you mean 'redact'"),
        ({"name": "answer"}, "did you mean 'path'"),
        ({"session_id": "7"}, "it has a place in metadata={'session_id': …}"),
    ],
)
def test_what_belongs_elsewhere_is_said(given, hint):
    """Details of the prompt, and options that are misspelled."""
    with pytest.raises(ConfigurationError, match=re.escape(hint)):
        log_prompt(**given)


def test_the_hint_names_the_member_that_was_meant():
    """A typing mistake is answered with the nearest name."""
    with pytest.raises(ConfigurationError, match="did you mean 'metadata'"):
        log_prompt(metdata={})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"exclude": ["quesion"]}, "exclude: the function has no argument 'quesion'"),
        ({"include": ["ky"]}, "did you mean 'key'"),
        ({"prompt": "answer.prompt"}, "read_text"),
        ({"prompt": "prompts/an answer.prompt"}, "must be the text of the file"),
        ({"prompt": "gpt-4o"}, "That is {\"model\": 'gpt-4o'}"),
        ({"prompt": "openai/gpt"}, "That is {\"model\": 'openai/gpt'}"),
    ],
)
def test_what_cannot_have_been_meant_is_said_where_a_function_is_decorated(
    options, said
):
    """A secret that is to be left out is not kept for a slip of the pen."""

    class Bot:
        def answer(self, question, *, key):
            return question

    with pytest.raises(ConfigurationError, match=said):
        log_prompt(**options)(Bot.answer)
    with pytest.raises(ConfigurationError, match=said):
        log_prompt(**options)(functools.partial(Bot.answer, None))


def test_one_word_is_a_prompt():
    """A text with nothing to fill in."""
    with captured_logs() as logs:
        log_prompt(prompt="Continue!")(lambda: None)()

    assert logs[0].prompt == "Continue!"


def test_one_decorator_serves_functions_that_have_other_arguments():
    """Also a wrapper that takes one besides those of the function in it."""
    logged = log_prompt(include=["question", "user"], exclude=["api_key"])

    @functools.wraps(bare)
    def wrapper(*args, user=None, **kwargs):
        return bare(*args, **kwargs)

    assert logged(lambda question, api_key: question)("q", "k") == "q"
    assert logged(lambda text: text)("t") == "t"
    assert logged(len)("four") == 4
    assert logged(wrapper)("q", user="ada") == "q:short"


def test_the_receiver_of_a_cached_method_is_not_recorded():
    """However it is called: by the object, or by the class."""

    class Bot:
        @log_prompt
        @functools.lru_cache  # noqa: B019 - the method is what is tried
        def answer(self, question):
            return question

    with captured_logs() as logs:
        assert Bot().answer("a") == "a"
        assert Bot.answer(Bot(), "b") == "b"

    assert [log.inputs for log in logs] == [{"question": "a"}, {"question": "b"}]


def test_arguments_that_a_function_may_have_are_left_out():
    """Of any name, or to its template."""
    template = {"model": "m", "template": "about {{topic}}, {{key}}"}

    def call(question, **more):
        return more

    @log_prompt(exclude=["key"], path="b", prompt=template)
    def fill(topic):
        return current_log().populate(key="k")[0]["content"]

    with captured_logs() as logs:
        log_prompt(exclude=["key"])(call)("q", key="k", other=1)
        log_prompt(include=["other"])(call)("q", key="k", other=1)
        log_prompt(include=["more"], exclude=["key"])(call)("q", key="k", other=1)
        log_prompt(exclude=["more"])(call)("q", key="k", other=1)
        log_prompt(include=["question"])(call)("q")
        log_prompt(include=["question"])(call)("q", key="k", other=1)
        log_prompt(include=["question", "more"])(call)("q")
        filled = fill("x")

    assert filled == "about x, k"
    assert [log.inputs for log in logs] == [
        {"question": "q", "more": {"other": 1}},
        {"more": {"other": 1}},
        {"more": {"other": 1}},
        {"question": "q"},
        {"question": "q"},
        {"question": "q"},
        {"question": "q", "more": {}},
        {"topic": "x"},
    ]


def test_the_snapshot_is_taken_at_entry():
    """What happens to the arguments later does not change the log."""

    @log_prompt
    def mutate(messages):
        messages.append({"role": "user", "content": "later"})
        return "done"

    with captured_logs() as logs:
        mutate([{"role": "user", "content": "now"}])

    assert logs[0].messages == [{"role": "user", "content": "now"}]
