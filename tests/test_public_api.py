"""The public surface: which names there are, that each is explained, and that both stores agree."""

from __future__ import annotations

import importlib.resources
import inspect
import re
import subprocess
import sys

import pytest

import recollect
from recollect import errors

PUBLIC = [
    "AccessError",
    "AmbiguousError",
    "AsyncChat",
    "AsyncReplyStream",
    "AsyncSession",
    "AsyncStore",
    "Backend",
    "BackupResult",
    "BlobPart",
    "Branch",
    "BusyError",
    "Capabilities",
    "Chat",
    "ChatError",
    "ChatEvent",
    "ChatWarning",
    "CleanupResult",
    "ClosedError",
    "ConfigError",
    "ConflictError",
    "CorruptError",
    "Damage",
    "Diff",
    "EraseResult",
    "ExistsError",
    "Figures",
    "FilePart",
    "Finding",
    "ForkedFrom",
    "FullError",
    "HistoryEntry",
    "Hit",
    "ImportResult",
    "InvalidError",
    "Lineage",
    "LogComparison",
    "MergeConflict",
    "MergeResult",
    "Message",
    "MigrateResult",
    "MissingExtraError",
    "ModelAccessError",
    "ModelLimitError",
    "ModelUnavailableError",
    "MoveConflict",
    "MoveProgress",
    "NotFoundError",
    "OtherPart",
    "Page",
    "ReasoningPart",
    "RepairReport",
    "Reply",
    "ReplyStream",
    "Report",
    "RetentionPolicy",
    "Session",
    "SessionInfo",
    "SessionQuery",
    "SessionRef",
    "Step",
    "Store",
    "StoreError",
    "StoreWarning",
    "SyncResult",
    "SyncedFile",
    "SyncedFolder",
    "TextPart",
    "ToolCallPart",
    "ToolCallResponsePart",
    "TrashedError",
    "TreeNode",
    "UnavailableError",
    "UnknownOutcomeError",
    "UnsupportedError",
    "UriPart",
    "Usage",
    "Window",
    "__version__",
    "amigrate",
    "calculate_cost",
    "count_turns",
    "extract_session_id",
    "migrate",
    "total_usage",
]
"""A name that is added or taken away is a decision: change it here and in CHANGELOG.md."""

HEAVY = {
    "apsw",
    "asyncio",
    "click",
    "hypothesis",
    "importlib.metadata",
    "markdown_it",
    "platformdirs",
    "prompt_toolkit",
    "pydantic",
    "pydantic_ai",
    "pygments",
    "pytest",
    "rich",
    "watchfiles",
}
"""What is loaded only by those who use it."""

NAMES = [name for name in PUBLIC if name != "__version__"]
CLASSES = [name for name in NAMES if inspect.isclass(getattr(recollect, name, None))]


def test_public_names():
    assert recollect.__all__ == sorted(recollect.__all__)
    assert recollect.__all__ == PUBLIC


def test_nothing_else_is_offered():
    assert dir(recollect) == recollect.__all__
    with pytest.raises(AttributeError, match="no attribute 'StoreUrl'"):
        recollect.StoreUrl  # noqa: B018  # the look-up is what is tested


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_explained(name):
    thing = getattr(recollect, name)
    assert own_docstring(thing)


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_member_is_explained(name):
    cls = getattr(recollect, name)
    bare = [
        member
        for member, value in public_members(cls).items()
        if not own_docstring(value.fget if isinstance(value, property) else value)
        and not (name == "Backend" and member == "capabilities")  # explained by the class it returns
    ]
    assert bare == []


def test_every_class_comes_from_one_place():
    """Pickles, tracebacks and links to sources name the same class everywhere."""
    for name in CLASSES:
        assert getattr(recollect, name).__name__ == name


def own_docstring(thing) -> str:
    doc = vars(thing).get("__doc__") if inspect.isclass(thing) else inspect.getdoc(thing)
    return (doc or "").strip()


def public_members(cls) -> dict[str, object]:
    """Methods and properties, without data fields."""
    found = {}
    for name, value in vars(cls).items():
        value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            found[name] = value
    return found


# Sync and async: the same verbs with the same parameters

ON_A_TIMER = {"retention", "cleanup_every", "trash_days"}
"""What only AsyncStore takes: a synchronous program has no timer to clean up on."""

PAIRS = [
    (recollect.Store, recollect.AsyncStore),
    (recollect.Session, recollect.AsyncSession),
    (recollect.Chat, recollect.AsyncChat),
]
ONLY_ASYNC = {"aclose"}
"""What asyncio's own helpers call by that name."""

AT_ONCE = {"namespace", "transaction", "stream", "use"}
"""Verbs of the asynchronous classes that are not awaited: they do no I/O, or are entered or iterated."""


@pytest.mark.parametrize(("sync", "other"), PAIRS, ids=["store", "session", "chat"])
def test_both_have_the_same_verbs(sync, other):
    assert sorted(public_members(sync)) == sorted(public_members(other).keys() - ONLY_ASYNC)


@pytest.mark.parametrize(("sync", "other"), PAIRS, ids=["store", "session", "chat"])
def test_verbs_have_the_same_parameters(sync, other):
    theirs = public_members(other)
    for name, verb in {**public_members(sync), "__init__": sync.__init__}.items():
        twin = theirs.get(name, getattr(other, name))
        if isinstance(verb, property):
            assert isinstance(twin, property), name
            verb, twin = verb.fget, twin.fget
        mine, yours = inspect.signature(verb), inspect.signature(twin)
        more = ON_A_TIMER if sync is recollect.Store and name == "__init__" else set()
        assert set(yours.parameters) - set(mine.parameters) == more, name
        assert list(mine.parameters) == [one for one in yours.parameters if one not in more], name
        for parameter in mine.parameters.values():
            theirs_too = str(yours.parameters[parameter.name]).replace("Async", "")
            # An AsyncChat takes either kind of store.
            assert str(parameter) == theirs_too.replace("Store | Store", "Store"), name
        returned = str(yours.return_annotation).replace("Async", "")
        assert str(mine.return_annotation) == returned.replace("AnySession", "Session"), name


@pytest.mark.parametrize(("sync", "other"), PAIRS, ids=["store", "session", "chat"])
def test_async_verbs_are_awaited(sync, other):
    """All but properties and those that are listed."""
    for name, verb in public_members(other).items():
        if not isinstance(verb, property) and name not in AT_ONCE:
            assert inspect.iscoroutinefunction(verb), name
    assert not any(inspect.iscoroutinefunction(verb) for verb in public_members(sync).values())


# Errors


def all_errors() -> dict[str, type]:
    return {
        name: value for name, value in vars(errors).items() if inspect.isclass(value) and public_error(value)
    }


def public_error(cls) -> bool:
    return (
        issubclass(cls, Exception) and cls.__module__ == errors.__name__ and not cls.__name__.startswith("_")
    )


def test_every_error_is_exported_and_is_a_store_error():
    for name, error in all_errors().items():
        assert getattr(recollect, name) is error
        assert issubclass(error, recollect.StoreError | recollect.StoreWarning)
    assert sorted(errors.__all__) == sorted(all_errors())


def test_error_codes_tell_the_errors_apart():
    codes = [error.code for error in all_errors().values() if not issubclass(error, Warning)]
    assert len(codes) == len(set(codes))


def test_the_drawn_tree_is_the_real_tree():
    drawn: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r" {4}([│├└─ ]*)([A-Z]\w+Error)\b", line):
            depth = len(match[1]) // 4
            del path[depth:]
            drawn[match[2]] = path[-1] if path else None
            path.append(match[2])
    real = {
        name: None if error is recollect.StoreError else error.__mro__[1].__name__
        for name, error in all_errors().items()
        if not issubclass(error, Warning)
    }
    assert drawn == real


# The package


def test_the_package_is_typed():
    assert importlib.resources.files(recollect).joinpath("py.typed").is_file()


def test_version_is_a_release():
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+|\.dev\d+)?", recollect.__version__)


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import recollect", set()),
        ("import recollect; recollect.Store; recollect.Message", set()),
        ("import recollect; recollect.Store('sqlite::memory:').open('a').info", {"apsw"}),
        ("import recollect; recollect.AsyncStore", {"asyncio"}),
        (
            "import recollect; recollect.Chat('a', store='memory:', model='echo').send('x')",
            {"asyncio"},
        ),
    ],
)
def test_nothing_heavy_is_loaded_without_need(code, needed):
    program = f"import sys; before = set(sys.modules); {code}; print(*sys.modules.keys() - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "recollect" in loaded
    assert loaded & HEAVY == needed
