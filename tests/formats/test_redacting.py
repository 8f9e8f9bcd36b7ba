"""Secrets leave no export: each pattern with what it finds and what it must leave alone."""

import pytest

from recollect import (
    BlobPart,
    Message,
    OtherPart,
    ReasoningPart,
    Store,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)
from recollect.formats import export_formats
from recollect.formats.redacting import MARK, redact_message, redact_text, redact_value

HOME, USERS = "/" + "home", "/" + "Users"
KEY = "sk-" + "ant-api03-Abc1" + "x" * 20
BLOCK = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\ndef=\n-----END RSA PRIVATE KEY-----"

FOUND = {
    KEY: MARK,
    "sk-" + "proj-" + "Ab3" * 10: MARK,
    "AKIA" + "ABCDEFGHIJ234567": MARK,
    "ghp_" + "a1B2" * 9: MARK,
    "glpat-" + "x" * 20: MARK,
    "xoxb-" + "1234567890-abc": MARK,
    "AIza" + "x" * 35: MARK,
    "hf_" + "a" * 30: MARK,
    "npm_" + "a" * 36: MARK,
    "sk_live_" + "a1" * 12: MARK,
    "1234567890:AA" + "x" * 33: MARK,
    "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl": MARK,
    BLOCK: MARK,
    f"a\n{BLOCK}\nb": f"a\n{MARK}\nb",
    "-----BEGIN OPENSSH PRIVATE KEY-----\ncut short": MARK,
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----.": f"{MARK}.",
    "Authorization: Bearer abc": f"Authorization: {MARK}",
    "curl -H 'Cookie: a=b; c=d' x": f"curl -H 'Cookie: {MARK}' x",
    "bearer abcdefgh12345678": f"bearer {MARK}",
    "DB_PASSWORD=hunter2 make": f"DB_PASSWORD={MARK} make",
    "password: hunter2": f"password: {MARK}",
    '{"client_secret": "a b \\" c", "x": 1}': f'{{"client_secret": "{MARK}", "x": 1}}',
    "api_key = 'abc'": f"api_key = '{MARK}'",
    'in JSON \\"token\\": \\"abc\\"': f'in JSON \\"token\\": \\"{MARK}\\"',
    "https://x.test/?access_token=abcd&page=2": f"https://x.test/?access_token={MARK}&page=2",
    "mysql --password hunter2 -h db": f"mysql --password {MARK} -h db",
    "postgres://ann:hunter2@db/x": f"postgres://{MARK}@db/x",
    "Write to ann.b+c@mail.example.org.": f"Write to {MARK}.",
    f"cd {HOME}/ann/code": f"cd {HOME}/{MARK}/code",
    f"file://{USERS}/Ann.B/x": f"file://{USERS}/{MARK}/x",
    "C:\\Users\\ann\\x": f"C:\\Users\\{MARK}\\x",
    '"C:\\\\Users\\\\ann\\\\x"': f'"C:\\\\Users\\\\{MARK}\\\\x"',
    "projects/-Users-ann-code": f"projects/-Users-{MARK}-code",
}

LEFT = [
    "The password is hard to guess, and so is the secret.",
    "token = get_token()",
    "token = os.environ['TOKEN']",
    "max_tokens=4096, tokenizer: fast",
    "password: null, token: None",
    "scikit-learn sk-estimator-checks",
    "react@18.2.0 and @types/node",
    "https://example.org:8080/a@b",
    "--target-token string, --token $CF_TOKEN, TOKEN=$(get it), TOKEN=${X_TOKEN}",
    "basic authentication is enough",
    "-----BEGIN CERTIFICATE-----",
    "/usr/lib/homes/x",
    "eyJ is how they begin",
    "",
]


@pytest.mark.parametrize(("text", "redacted"), FOUND.items())
def test_what_is_found(text, redacted):
    assert redact_text(text) == redacted
    assert redact_text(redacted) == redacted


@pytest.mark.parametrize("text", LEFT)
def test_what_is_left_alone(text):
    assert redact_text(text) == text


def test_values_under_telling_keys_and_in_keys():
    value = {
        "password": "x",
        "env": {"API_KEY": "short", "PATH": "/bin", "n": 1, "tokens": ["a", {"b": "c"}]},
        "headers": [{"Authorization": "abc", "accept": "text"}],
        "ann@example.org": 1,
        "bob@example.org": 2,
        "token_count": 3,
    }
    kept = {**value, "env": dict(value["env"])}
    assert redact_value(value) == {
        "password": MARK,
        "env": {"API_KEY": MARK, "PATH": "/bin", "n": 1, "tokens": [MARK, {"b": MARK}]},
        "headers": [{"Authorization": MARK, "accept": "text"}],
        MARK: 1,
        f"{MARK} 2": 2,
        "token_count": 3,
    }
    assert value == kept  # the message in the store's hands is not touched


def test_values_of_any_depth():
    deep = "ann@example.org"
    for _ in range(50_000):
        deep = [deep]
    found = redact_value(deep)
    while isinstance(found, list):
        (found,) = found
    assert found == MARK


def test_every_part_of_a_message():
    message = Message.assistant(
        [
            TextPart(KEY, {"x": KEY}),
            ReasoningPart(KEY),
            ToolCallPart("run", {"cmd": f"login {KEY}"}, "c1"),
            ToolCallResponsePart([{"text": KEY}], "c1"),
            UriPart(f"https://x.test/?key={KEY}"),
            OtherPart("odd", {"v": KEY}),
            BlobPart(KEY.encode(), "text/plain"),
            BlobPart(b"\x89PNG", "image/png"),
        ],
        metadata={"openai_chat": {"message": {"content": KEY}}},
    )
    redacted = redact_message(message)
    assert KEY not in str(redacted)
    assert str(redacted).count(MARK) == 9
    assert redacted.parts[-1] == message.parts[-1]


@pytest.mark.parametrize(
    "form", [name for name in export_formats() if name not in ("json", "jsonl", "native")]
)
def test_no_export_holds_a_secret(form):
    with Store("memory:") as store:
        session = store.open(
            "s1",
            name=f"Use {KEY}",
            summary=KEY,
            system_prompt=f"Key: {KEY}",
            tags=["ann@example.org"],
            metadata={"cwd": f"{HOME}/ann/code", "token": "abc-secret"},
        )
        session.append(
            Message.user(f"My key is {KEY}, mail ann@example.org"),
            Message.assistant(
                [ReasoningPart(KEY), ToolCallPart("run", {"key": KEY}, "c1"), TextPart("Done.")]
            ),
            Message.tool("c1", f"{HOME}/ann/x {KEY}"),
        )
        plain = store.export("s1", format=form)
        text = store.export("s1", format=form, redact=True)
    assert KEY[-12:] in plain
    for secret in (KEY[-12:], "ann@", "/ann", "abc-secret"):
        assert secret not in text
    assert "redacted" in text
