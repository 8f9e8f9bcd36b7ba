"""Where conversations come from: folders, archives, compressed files, encodings, streams."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from recollect import Store
from recollect.transfer import archives, importing


@pytest.fixture
def store():
    with Store("memory:") as opened:
        yield opened


def line(name):
    return json.dumps(
        {"id": name, "messages": [{"role": "user", "content": f"I am {name} ☺"}]}, ensure_ascii=False
    )


def test_folders_are_read_in_order_and_other_files_passed_over(store, tmp_path):
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "b.jsonl").write_text(line("b"))
    (tmp_path / "a.jsonl").write_text(line("a"))
    (tmp_path / "sub" / "deep" / "c.json").write_text(line("c"))
    (tmp_path / "notes.md").write_text("# nothing")
    (tmp_path / "empty.jsonl").write_text("")
    result = store.import_(tmp_path)
    assert (result.sessions, result.damaged) == (["a", "b", "c"], [])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes and links")
def test_circles_and_special_files_are_reported_not_followed(store, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "z.jsonl").write_text(line("z"))
    result = store.import_(tmp_path)
    assert result.sessions == ["z"]
    assert [os.path.basename(damage.file) for damage in result.damaged] == ["dangling", "pipe", "up"]


def tar_bytes(mode, *names):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name in names:
            data = line(os.path.basename(name)).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zip_bytes(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, line(os.path.basename(name)))
    return out.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("piped", [False, True])
def test_tar_archives(store, tmp_path, mode, piped):
    data = tar_bytes(mode, "a", "x/b", "../../c")
    (tmp_path / "t.tar").write_bytes(data)
    result = store.import_(io.BytesIO(data) if piped else tmp_path / "t.tar")
    assert (result.sessions, result.damaged) == (["a", "b", "c"], [])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.tar"]


@pytest.mark.parametrize("piped", [False, True])
def test_zip_archives(store, tmp_path, piped):
    (tmp_path / "t.zip").write_bytes(zip_bytes("a", "x/b", "/etc/c"))
    with open(tmp_path / "t.zip", "rb") as file:
        result = store.import_(io.BytesIO(file.read()) if piped else tmp_path / "t.zip")
    assert (result.sessions, result.damaged) == (["a", "b", "c"], [])


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_also_inside_archives(store, tmp_path, pack):
    (tmp_path / "a.packed").write_bytes(pack(line("a").encode()))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("inner", pack(line("b").encode()))
        archive.writestr("inner.tar", tar_bytes("w:gz", "c"))
    result = store.import_(tmp_path)
    assert (result.sessions, result.damaged) == (["a", "b", "c"], [])


def test_damage_names_the_member(store, tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("x/bad.jsonl", line("a") + '\n{"id":"b", "messages" nonsense\n' + line("c"))
    (damage,) = store.import_(tmp_path / "t.zip").damaged
    assert (damage.file, damage.offset) == (f"{tmp_path}/t.zip/x/bad.jsonl", len(line("a").encode()) + 1)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["gz", "xz", "tar.gz", "tar", "zip"])
def test_torn_archives_give_what_is_whole_and_are_reported(store, tmp_path, kind, cut):
    text = "\n".join(line(f"{i}") + " " * (i % 7) for i in range(3000)).encode()
    if kind in ("gz", "xz"):
        data = gzip.compress(text) if kind == "gz" else lzma.compress(text)
    elif kind == "zip":
        data = zip_bytes("a", "b", "c")
    else:
        data = tar_bytes("w:gz" if kind == "tar.gz" else "w", *map(str, range(50)))
        if kind == "tar":
            data = data[: 50 * 1024]
    (tmp_path / "torn").write_bytes(data[: int(len(data) * cut)])
    result = store.import_(tmp_path / "torn")
    assert result.damaged
    assert all(str(tmp_path / "torn") in damage.file for damage in result.damaged)
    assert kind == "zip" or result.created or cut < 0.5


def test_an_encrypted_zip_is_reported(store, tmp_path):
    data = bytearray(zip_bytes("a"))
    data[6] |= 1  # the flag in the local header …
    data[data.index(b"PK\x01\x02") + 8] |= 1  # … and in the directory
    (tmp_path / "t.zip").write_bytes(data)
    (damage,) = store.import_(tmp_path).damaged
    assert "encrypted" in damage.reason


def test_a_bomb_is_not_unpacked_to_its_end(store, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "RATIO_FROM", 1 << 20)
    monkeypatch.setattr(archives, "MAX_RATIO", 100)
    bomb = line("a").encode() + b"\n" + b" " * (64 << 20)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bomb))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", bomb)
    result = store.import_(tmp_path)
    assert (result.sessions, len(result.damaged)) == (["a"], 2)
    assert all("times its size" in damage.reason for damage in result.damaged)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(store, tmp_path, encoding):
    (tmp_path / "a.jsonl").write_bytes(f"{line('a')}\n{line('b')}\n".encode(encoding))
    assert store.import_(tmp_path / "a.jsonl").damaged == []
    assert store.get("b").messages()[0].text == "I am b ☺"


def test_a_stream_that_fails_is_reported(store):
    class Failing(io.BytesIO):
        def read(self, size=-1):
            if self.tell() >= 200_000:
                raise OSError(5, "Input/output error")
            return super().read(min(size, 200_000))

    text = "\n".join(line(str(i)) for i in range(20_000)).encode()
    result = store.import_(Failing(text))
    assert result.created > 1000
    assert "Input/output error" in result.damaged[0].reason


def test_progress_is_told(store, tmp_path):
    (tmp_path / "a.jsonl").write_text("\n".join(line(str(i)) for i in range(5000)))
    told = []
    core = store._core
    store._run(importing.import_paths(core, [tmp_path / "a.jsonl"], None, progress=told.append))
    size = (tmp_path / "a.jsonl").stat().st_size
    assert {(one.file, one.total) for one in told} == {(str(tmp_path / "a.jsonl"), size)}
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert told[-1].done == size
    assert told[-1].messages == 5000


def test_the_conversations_that_are_shipped_come_in_whole(store):
    shipped = Path(__file__).resolve().parents[2] / "examples" / "conversations"
    result = store.import_(shipped)
    assert (result.created, result.messages, result.damaged) == (5, 32, [])
    assert store.verify().clean
    log = (shipped / "three-days-in-lisbon.jsonl").read_text(encoding="utf-8")
    assert store.export("travel-plan", format="jsonl") == log
