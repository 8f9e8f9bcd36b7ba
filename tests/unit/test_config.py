"""Settings: which source wins, what is wrong with a file, and what is never shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recollect import ConfigError, InvalidError
from recollect.config import (
    Retention,
    default_store,
    load_settings,
    masked,
    parse_duration,
    parse_size,
    user_file,
)


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def load(here, environ=None, **flags):
    return load_settings(environ=environ or {}, cwd=here, **flags)


def write_user_file(text):
    file = user_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_the_default_is_a_file_in_the_data_folder(here, hermetic):
    settings = load(here)
    assert settings.store == default_store()
    assert settings.store.startswith("sqlite:///")
    assert settings.store.endswith("recollect/recollect.db")
    assert str(hermetic) in settings.store
    assert settings.namespace is None
    assert settings.origin == {
        "store": "default",
        "namespace": "default",
        "model": "default",
        "retention": "default",
    }
    assert [found for _, found in settings.files] == [False, False]


def test_each_source_is_weaker_than_the_one_before(here):
    user = write_user_file('store = "memory:?a=user"')
    assert load(here).store == "memory:?a=user"
    assert load(here).origin["store"] == str(user)
    project = here / "recollect.toml"
    project.write_text('store = "memory:?a=project"')
    assert load(here).store == "memory:?a=project"
    assert load(here).origin["store"] == str(project)
    environ = {"RECOLLECT_STORE": "memory:?a=environment"}
    assert load(here, environ).store == "memory:?a=environment"
    assert load(here, environ).origin["store"] == "environment RECOLLECT_STORE"
    assert load(here, environ, store="memory:?a=flag").store == "memory:?a=flag"
    assert load(here, environ, store="memory:?a=flag").origin["store"] == "flag"


def test_each_value_has_its_own_source(here):
    (here / "recollect.toml").write_text('namespace = "alice"')
    settings = load(here, {"RECOLLECT_STORE": "memory:"})
    assert (settings.store, settings.namespace) == ("memory:", "alice")
    assert settings.origin["namespace"] == str(here / "recollect.toml")
    settings = load(here, {"RECOLLECT_NAMESPACE": "bob"}, namespace="carol")
    assert (settings.namespace, settings.origin["namespace"]) == ("carol", "flag")


def test_the_model_of_chats(here):
    assert load(here).model is None
    write_user_file('model = "openai:mine@http://localhost:8000/v1"')
    assert load(here).model == "openai:mine@http://localhost:8000/v1"
    (here / "recollect.toml").write_text('model = "echo"')
    assert load(here).model == "echo"
    assert load(here).to_dict()["model"] == {"value": "echo", "origin": str(here / "recollect.toml")}
    settings = load(here, {"RECOLLECT_MODEL": "openai:gpt-5-mini"})
    assert (settings.model, settings.origin["model"]) == ("openai:gpt-5-mini", "environment RECOLLECT_MODEL")
    assert load(here, model="script:x").origin["model"] == "flag"


def test_a_folder_one_happens_to_be_in_names_no_server(here):
    """It would be sent the conversations and the key."""
    file = here / "recollect.toml"
    file.write_text('# mine\nmodel = "openai:gpt-5-mini@https://example.org/v1"')
    with pytest.raises(ConfigError, match="line 2"):
        load(here)
    assert load(here, config=file).model == "openai:gpt-5-mini@https://example.org/v1"


def test_a_namespace_in_a_stronger_url_wins(here):
    environ = {"RECOLLECT_NAMESPACE": "environment"}
    settings = load(here, environ, store="memory:?namespace=url")
    assert (settings.namespace, settings.origin["namespace"]) == ("url", "flag (in the URL)")
    settings = load(here, environ, store="memory:?namespace=url", namespace="flag")
    assert settings.namespace == "flag"
    (here / "recollect.toml").write_text('store = "memory:?namespace=url"')
    assert load(here, environ).namespace == "environment"


def test_empty_variables_count_as_unset(here):
    settings = load(here, {"RECOLLECT_STORE": "", "RECOLLECT_NAMESPACE": "", "RECOLLECT_CONFIG": ""})
    assert settings.origin == {
        "store": "default",
        "namespace": "default",
        "model": "default",
        "retention": "default",
    }


def test_an_explicit_file_is_read_instead_of_the_usual_ones(here, tmp_path):
    (here / "recollect.toml").write_text("this is not TOML")
    file = tmp_path / "mine.toml"
    file.write_text('store = "memory:"')
    assert load(here, config=file).store == "memory:"
    assert load(here, {"RECOLLECT_CONFIG": str(file)}).store == "memory:"
    assert load(here, {"RECOLLECT_CONFIG": "absent"}, config=str(file)).store == "memory:"
    with pytest.raises(ConfigError, match="absent"):
        load(here, config=tmp_path / "absent.toml")


def test_relative_paths_in_a_file_count_from_its_folder(here, tmp_path):
    file = tmp_path / "odd ?%" / "recollect.toml"
    file.parent.mkdir()
    for text, expected in [
        ("sqlite:///chats.db?namespace=x", f"sqlite:///{tmp_path}/odd %3F%25/chats.db?namespace=x"),
        ("sqlite:////abs.db", "sqlite:////abs.db"),
        ("sqlite:///~/chats.db", "sqlite:///~/chats.db"),
        ("sqlite::memory:", "sqlite::memory:"),
        ("file:///abs", "file:///abs"),
    ]:
        file.write_text(f'store = "{text}"')
        assert load(here, config=file).store == expected


def test_a_relative_url_from_a_file_opens_there(tmp_path, monkeypatch):
    from recollect import Store

    folder = tmp_path / "pro ject%41"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "recollect.toml").write_text('store = "sqlite:///chats.db"\nnamespace = "alice"')
    with Store() as store:
        store.open("a")
        assert store.namespaces() == ["alice"]
    assert (folder / "chats.db").is_file()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a = 1\nstore = \n", ["recollect.toml", "line 2"]),
        ("# first\nstor = 'x'", ["'stor'", "recollect.toml, line 2", "store, namespace and model"]),
        ("\n[store]\nurl = 'x'", ["'store'", "line 2"]),
        ("namespace = 3", ["'namespace'", "line 1", "text"]),
        ("store = ''", ["'store'", "line 1"]),
        (b"store = '\xff'", ["UTF-8"]),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(here, text, parts):
    file = here / "recollect.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(here)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_folder_is_no_configuration_file(here):
    (here / "recollect.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load(here)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://alice:s3cret@host/db", "postgresql://***@host/db"),
        ("postgresql://alice:s3/cr@t@host/db?sslmode=require", "postgresql://***@host/db?sslmode=require"),
        ("redis://:s3cret@host:6379/0", "redis://***@host:6379/0"),
        ("redis://token@host", "redis://***@host"),
        ("postgresql://host/db?password=s3cret&a=1", "postgresql://host/db?password=***&a=1"),
        ("s3://bucket?secret_access_key=s3cret", "s3://bucket?secret_access_key=***"),
        ("sqlite:////var/me@home.db", "sqlite:////var/me@home.db"),
        ("file:///var/me@home", "file:///var/me@home"),
        ("memory:", "memory:"),
    ],
)
def test_secrets_are_masked(here, url, shown):
    assert masked(url) == shown
    assert load(here, store=url).to_dict()["store"] == {"value": shown, "origin": "flag"}


RETENTION = """
[retention]
max_sessions = 100
max_age = "90d"
max_total_bytes = "1GB"
keep_pinned = false
keep_tags = ["keep"]
trash_days = 7
auto = true
"""


def test_retention_is_read_with_its_origin(here):
    assert load(here).retention == Retention()
    assert not load(here).retention.limited
    user = write_user_file(RETENTION)
    settings = load(here)
    assert settings.origin["retention"] == str(user)
    assert settings.retention == Retention(100, timedelta(days=90), 10**9, False, ("keep",), 7, True)
    assert settings.to_dict()["retention"]["value"]["max_age"] == 90 * 86400


def test_no_limit_is_zero_or_absent(here):
    write_user_file('[retention]\nmax_sessions = 0\nmax_age = 0\nmax_total_bytes = "0GB"\nauto = true')
    assert load(here).retention == Retention(auto=True)
    write_user_file('[retention]\nmax_age = "0d"\nmax_total_bytes = 0')
    assert not load(here).retention.limited


def test_the_folder_one_is_in_speaks_for_its_own_store_only(here, tmp_path):
    user = write_user_file("[retention]\nmax_sessions = 5")
    project = here / "recollect.toml"
    project.write_text("[retention]\nmax_sessions = 1\nauto = true")
    assert load(here).retention == Retention(max_sessions=5)
    assert load(here).origin["retention"] == str(user)
    project.write_text('store = "memory:"\n[retention]\nmax_sessions = 1\nauto = true')
    assert load(here).retention == Retention(max_sessions=1, auto=True)
    assert load(here).origin["retention"] == str(project)
    assert load(here, store="sqlite::memory:").retention == Retention(max_sessions=5)
    assert load(here, {"RECOLLECT_STORE": "sqlite::memory:"}).retention == Retention(max_sessions=5)
    assert load(here, store="sqlite::memory:", config=project).retention.max_sessions == 1


def test_tables_of_two_files_are_not_mixed(here):
    write_user_file("[retention]\nauto = true\ntrash_days = 0")
    (here / "recollect.toml").write_text('store = "memory:"\n[retention]\nmax_sessions = 1')
    assert load(here).retention == Retention(max_sessions=1)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("max_sessions = -1", "whole number"),
        ("max_sessions = true", "whole number"),
        ('max_sessions = "100"', "whole number"),
        ('max_age = "90 moons"', "span of time"),
        ("max_age = -3", "span of time"),
        ("max_age = 1e3", "span of time"),
        ('max_total_bytes = "1 loaf"', "size"),
        ("keep_pinned = 1", "true or false"),
        ('keep_tags = "keep"', "list of tags"),
        ("trash_days = -1", "number of days"),
        ("trash_days = nan", "number of days"),
        ('auto = "yes"', "true or false"),
        ("max_sesions = 1", "There is no setting 'max_sesions'"),
    ],
)
def test_what_is_wrong_with_retention_is_said_with_its_place(here, line, part):
    write_user_file(f"[retention]\n{line}")
    with pytest.raises(ConfigError) as caught:
        load(here)
    assert part in str(caught.value)
    assert "line 2" in str(caught.value)


def test_retention_is_a_table(here):
    write_user_file("retention = 3")
    with pytest.raises(ConfigError, match="must be a table"):
        load(here)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 2592000), ("2w", 1209600), ("12h", 43200), ("45min", 2700), ("10 s", 10), ("7", 604800)],
)
def test_spans_of_time(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert parse_duration("1.5H") == timedelta(minutes=90)


@pytest.mark.parametrize("text", ["", "d", "-1d", "3m", "1d2h", "nan", "1e9d", "9" * 18 + "w", "\u0663d"])
def test_what_is_no_span_of_time(text):
    with pytest.raises(InvalidError, match="span of time"):
        parse_duration(text)


def test_sizes():
    assert parse_size("1GB") == 10**9
    assert parse_size("1.5 kB") == 1500
    assert parse_size("2MiB") == 2 * 1024**2
    assert parse_size("77") == parse_size("77b") == 77
    for text in ("", "GB", "-1", "1 loaf", "0x10"):
        with pytest.raises(InvalidError, match="size"):
            parse_size(text)
