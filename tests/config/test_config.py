"""Settings: where they come from, and what is refused."""

from __future__ import annotations

import pwd
import sys

import pytest

import promptscribe
from promptscribe import ConfigurationError, _config
from promptscribe._secret import Secret


def resolve(code=None, environ=None):
    return _config.resolve(code or {}, environ=environ or {})


@pytest.fixture
def pyproject(tmp_path, monkeypatch):
    def write(text):
        file = tmp_path / "pyproject.toml"
        file.write_text(text, "utf-8", "surrogateescape")
        (tmp_path / "src").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "src")

    write("")
    return write


def test_the_default_is_the_receiver_on_this_machine(pyproject):
    """Nothing configured means ``promptscribe serve`` at its default port."""
    assert resolve().base_url == "http://127.0.0.1:8420"


def test_the_whole_address_of_the_contract_will_do():
    """Who copies it with its path means the same server."""
    whole = resolve({"base_url": "https://logs.example/v5/prompts/log"})

    assert whole.base_url == "https://logs.example/v5"


def test_code_beats_environment_beats_pyproject_beats_default(pyproject):
    """One setting at a time."""
    pyproject(
        '[tool.promptscribe]\nsource = "toml"\nenvironment = "toml"\nflush_timeout = 9'
    )
    environ = {"PROMPTSCRIBE_SOURCE": "env", "PROMPTSCRIBE_ENVIRONMENT": "env"}

    settings = resolve({"source": "code"}, environ)

    assert settings.source == "code"
    assert settings.environment == "env"
    assert settings.flush_timeout == 9
    assert settings.export is True


def test_the_hosted_services_variables_are_understood(pyproject):
    """Moving in takes no new variable; our own names win."""
    environ = {"HUMANLOOP_API_KEY": "old", "HUMANLOOP_BASE_URL": "https://a.example/v5"}

    assert resolve(environ=environ).api_key == Secret("old")
    assert resolve(environ=environ).base_url == "https://a.example/v5"
    assert resolve(environ=environ | {"PROMPTSCRIBE_API_KEY": "new"}).api_key == Secret(
        "new"
    )


@pytest.mark.parametrize(
    ("code", "spelled"),
    [
        ({"base_url": "ftp://a.example"}, "base_url"),
        ({"base_url": "https://user:pass@a.example"}, "base_url"),
        ({"base_url": "https://a.example/?key=1"}, "base_url"),
        ({"base_url": "https://a.example\r\nX: y"}, "base_url"),
        ({"base_url": "https://[bad"}, "base_url"),
        ({"base_url": "http://a.example"}, "base_url"),
        ({"base_url": 8420}, "base_url"),
        ({"api_key": "ключ"}, "api_key"),
        ({"api_key": "a\nb"}, "api_key"),
        ({"api_key": " a"}, "api_key"),
        ({"journal_dir": 3}, "journal_dir"),
        ({"journal_max_bytes": -1}, "journal_max_bytes"),
        ({"journal_max_bytes": "many"}, "journal_max_bytes"),
        ({"flush_timeout": True}, "flush_timeout"),
        ({"export": "perhaps"}, "export"),
        ({"enabled": 3}, "enabled"),
        ({"source": 3}, "source"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(code, spelled):
    """At `configure`, before anything is recorded with it."""
    with pytest.raises(ConfigurationError, match=rf"^{spelled}: "):
        promptscribe.configure(**code)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ({"api_key": ""}, "must be printable ASCII text, not empty"),
        ({"sample_rate": "half"}, "must be a number from 0 to 1, not 'half'"),
        ({"sample_rate": 2}, "must be a number from 0 to 1, not 2"),
        ({"redact": "all"}, "must be true, false or a function of text, not 'all'"),
        ({"journal_max_bytes": "1M"}, "must be a number of bytes, from 65536, not"),
        ({"journal_max_bytes": 5}, "must be a number of bytes, from 65536, not 5"),
        (
            {"base_url": "logs.example"},
            "https:// and name a host, for example http://1",
        ),
        ({"flush_timeout": "2s"}, "must be a number of seconds, from 0, not '2s'"),
        ({"flush_timeout": 10**400}, "must be a number of seconds, from 0"),
    ],
)
def test_a_wrong_setting_is_told_what_would_be_right(code, sentence):
    """In the words of that setting."""
    with pytest.raises(ConfigurationError, match=sentence):
        promptscribe.configure(**code)


@pytest.mark.parametrize("timeout", [None, "soon", float("nan")])
def test_a_timeout_that_is_none_is_refused(timeout):
    """By its name, and not for what was made of it."""
    with pytest.raises(
        ConfigurationError, match="timeout: must be a number of seconds"
    ):
        promptscribe.force_flush(timeout)
    with pytest.raises(
        ConfigurationError, match="timeout: must be a number of seconds"
    ):
        promptscribe.shutdown(timeout)


def test_a_timeout_may_be_endless():
    """It waits for as long as it takes: here nothing is to be waited for."""
    assert promptscribe.force_flush(float("inf")).pending == 0
    assert promptscribe.force_flush(-1).pending == 0


def test_a_wrong_variable_is_refused_by_its_own_name(pyproject):
    """The message says what the user typed."""
    with pytest.raises(ConfigurationError, match=r"^PROMPTSCRIBE_EXPORT: "):
        resolve(environ={"PROMPTSCRIBE_EXPORT": "perhaps"})


STRANGE = {
    "PROMPTSCRIBE_BASE_URI": "http://127.0.0.1:1",
    "PROMPTSCRIBE_X": "",
    "PROMPTSCRIBE_OTEL": "false",
}
SAID = "PROMPTSCRIBE_BASE_URI: there is no such setting; did you mean PROMPTSCRIBE_"


def test_a_mistyped_variable_is_told(pyproject, caplog):
    """Once, and it is no reason to stop: another version may know it."""
    complaints = []

    settings = resolve(environ=STRANGE)
    resolve(environ=STRANGE)
    _config.resolve({}, environ=STRANGE, complain=complaints.append)

    assert settings.base_url == "http://127.0.0.1:8420"
    assert caplog.messages == [f"promptscribe: setting passed over: {SAID}BASE_URL?"]
    assert [str(complaint) for complaint in complaints] == [f"{SAID}BASE_URL?"]


def test_an_unknown_setting_in_pyproject_is_refused(pyproject):
    """With the list of those that exist."""
    pyproject('[tool.promptscribe]\nbase_uri = "x"')

    sentence = r"^\[tool\.promptscribe\] base_uri: there is no such"
    with pytest.raises(ConfigurationError, match=sentence):
        resolve()


@pytest.mark.parametrize(
    "text",
    [
        "[tool]\npromptscribe = 3  # tool.promptscribe",
        "tool = 3  # tool.promptscribe",
        "[tool.promptscribe]\nsource = '\udce4'",
    ],
)
def test_a_pyproject_of_another_form_is_refused_by_its_name(pyproject, text):
    """In a sentence; in calls it is passed over, as one that is not TOML."""
    pyproject(text)
    complaints = []

    with pytest.raises(ConfigurationError, match=r"pyproject\.toml: "):
        resolve()
    settings = _config.resolve({}, environ={}, complain=complaints.append)

    assert settings.source is None
    assert len(complaints) == 1


def test_anybody_elses_pyproject_may_be_as_it_likes(pyproject):
    """Where there is no table for us nothing is read, in whatever encoding."""
    pyproject("[tool.other]\nname = '\udce4'")

    assert resolve().source is None


def test_a_broken_pyproject_is_told_and_passed_over_in_calls(pyproject):
    """While a decorated function is being called nothing is raised."""
    pyproject("[tool.promptscribe\n")
    complaints = []

    settings = _config.resolve(
        {}, environ={"PROMPTSCRIBE_EXPORT": "x"}, complain=complaints.append
    )

    assert settings.base_url == "http://127.0.0.1:8420"
    assert [c.name.rpartition("/")[2] for c in complaints] == [
        "pyproject.toml",
        "PROMPTSCRIBE_EXPORT",
    ]


def test_a_folder_that_was_removed_holds_nothing_up(tmp_path, monkeypatch):
    """A program goes on in one, and records: only no pyproject.toml is looked for."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert resolve().base_url == "http://127.0.0.1:8420"
    with pytest.raises(ConfigurationError, match="journal_dir: leads nowhere"):
        resolve({"journal_dir": "logs"})


def test_a_journal_stays_where_it_is_when_the_program_goes_elsewhere(
    tmp_path, monkeypatch
):
    """A path is taken from where the program was when it was told."""
    monkeypatch.chdir(tmp_path)

    assert resolve({"journal_dir": "logs"}).journal_dir == tmp_path / "logs"


def test_a_home_that_nobody_has_is_refused_by_name():
    """And in a call told and passed over, as is any other wrong value."""
    with pytest.raises(ConfigurationError, match="journal_dir"):
        resolve({"journal_dir": "~nobody-of-this-name/logs"})


def test_plain_http_to_another_machine_needs_saying_so(pyproject):
    """Prompts and key would travel in the open."""
    url = {"base_url": "http://receiver.internal:8420"}

    with pytest.raises(ConfigurationError, match="allow_insecure"):
        resolve(url)
    with pytest.raises(
        ConfigurationError,
        match=r"^PROMPTSCRIBE_BASE_URL: .* or set PROMPTSCRIBE_ALLOW_INSECURE to true",
    ):
        resolve(environ={"PROMPTSCRIBE_BASE_URL": url["base_url"]})
    assert resolve(url | {"allow_insecure": True}).base_url == url["base_url"]
    for host in ("localhost", "127.0.0.1", "127.9.9.9", "[::1]"):
        assert resolve({"base_url": f"http://{host}:1"})


def test_under_pytest_nothing_is_kept_or_sent_unless_asked_for(pyproject):
    """A test run is this process; what a test starts is the real thing."""
    environ = {"PYTEST_VERSION": "9"}

    assert "pytest" in sys.modules
    assert resolve(environ=environ).keep is False
    assert (
        resolve(
            environ=environ | {"PROMPTSCRIBE_BASE_URL": "https://prod.example"}
        ).keep
        is False
    )
    assert resolve({"base_url": "http://127.0.0.1:1"}, environ).keep is True
    assert resolve({"export": True}, environ).keep is True
    assert resolve(environ=environ | {"PROMPTSCRIBE_EXPORT": "1"}).keep is True
    assert resolve(environ={}).keep is True


def test_under_pytest_a_decorated_call_leaves_no_trace_on_disk(tmp_path):
    """No journal, no thread, no request; the fixture is the way to see logs."""
    assert promptscribe.log_prompt(lambda: 1)() == 1
    assert promptscribe.force_flush(0.1).delivered == 0
    assert not list(tmp_path.rglob("*.seg"))


def test_the_key_is_shown_to_nobody():
    """Not by repr, str, format, nor in the settings."""
    settings = resolve({"api_key": "canary-key"})

    assert "canary-key" not in f"{settings!r}{settings}{settings.api_key}"
    assert settings.api_key.reveal() == "canary-key"


def test_each_server_has_a_journal_of_its_own(tmp_path):
    """Logs for one server are never delivered to another."""
    roots = {
        resolve({"base_url": url, "journal_dir": tmp_path}).journal_root()
        for url in (
            "https://a.example",
            "https://b.example",
            "https://a.example:444",
            "https://a.example/v5",
        )
    }

    assert len(roots) == 4
    assert {root.parent for root in roots} == {tmp_path}


def test_a_user_without_a_home_has_a_journal_that_cannot_be_written(monkeypatch):
    """Nor an entry, as in a container with a number for a user: told, not raised."""

    def nobody(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(NotADirectoryError, match="no-home-folder"):
        resolve().journal_root().mkdir(parents=True)


def test_disabled_records_nothing(server):
    """``enabled=False`` hands calls straight to the function."""
    promptscribe.configure(enabled=False)

    promptscribe.log_prompt(lambda: 1)()

    assert promptscribe.force_flush(1).pending == 0
    assert server.requests == []
