"""Pointers of ChatGPT exports: bytes where the files lie beside the conversations, else addresses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recollect import BlobPart, TextPart
from recollect.formats import chatgpt
from recollect.formats.chatgpt_assets import Assets, pointer_of
from recollect.model import OtherPart, UriPart

from .format_sources import Folder, Source, conversations, messages

PNG = b"\x89PNG\r\n\x1a\nrest"
WAVE = b"RIFF\x04\x00\x00\x00WAVEdata"


def image(pointer: str, **more: Any) -> dict[str, Any]:
    return {"content_type": "image_asset_pointer", "asset_pointer": pointer, **more}


def export(*parts: Any, role: str = "user") -> str:
    content = {"content_type": "multimodal_text", "parts": list(parts)}
    node = {"message": {"author": {"role": role}, "content": content}, "parent": None}
    return json.dumps([{"mapping": {"n": node}, "current_node": "n", "conversation_id": "conversation-1"}])


def test_files_beside_the_conversations_are_bytes(tmp_path: Path) -> None:
    audio = {
        "content_type": "audio_asset_pointer",
        "asset_pointer": "sediment://file_00000000aaaa",
        "format": "wav",
    }
    data = export(
        "Look: ",
        image("file-service://file-ABCDEFGH", width=2),
        image("sediment://file_00000000bbbb#page_1"),
        image("file-service://file-IJKLMNOP"),
        {
            "content_type": "real_time_user_audio_video_asset_pointer",
            "audio_asset_pointer": audio,
            "frames": [],
        },
        {"content_type": "audio_transcription", "text": "hello", "direction": "in"},
    )
    path = tmp_path / "conversations.json"
    path.write_text(data)
    for name, content in (
        ("file-ABCDEFGH-cat.png", PNG),
        ("file-ABCDEFGHI-dog.png", b"another"),
        ("file_00000000bbbb.dat", b"unknown"),
        ("dalle-generations/file-IJKLMNOP-1234.webp", b"RIFF\x04\x00\x00\x00WEBPxx"),
        ("conversation-1/audio/file_00000000aaaa-1234.wav", WAVE),
    ):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (conversation,) = conversations(chatgpt, Source.at(path))
    (message,) = messages(conversation)
    text, cat, page, drawn, spoken, transcript = message.parts
    assert text == TextPart("Look: ")
    own = {"width": 2, "asset_pointer": "file-service://file-ABCDEFGH", "file": "file-ABCDEFGH-cat.png"}
    assert cat == BlobPart(PNG, "image/png", "image", metadata={"chatgpt": own})
    assert isinstance(page, BlobPart)
    assert (page.content, page.mime_type) == (b"unknown", None)
    assert isinstance(drawn, BlobPart)
    assert drawn.mime_type == "image/webp"
    assert isinstance(spoken, BlobPart)
    assert (spoken.content, spoken.mime_type, spoken.modality) == (WAVE, "audio/wav", "audio")
    assert transcript == TextPart(
        "hello", {"chatgpt": {"content_type": "audio_transcription", "direction": "in"}}
    )


def test_what_is_not_there_stays_an_address(tmp_path: Path) -> None:
    pointers = [
        "file-service://file-ABCDEFGH",
        "sediment://../../etc/passwd",
        "file-service://" + "x" * 5000,
        "a",
    ]
    (tmp_path / "passwd").write_bytes(b"secret")
    path = tmp_path / "conversations.json"
    path.write_text(export(*map(image, pointers)))
    for source in (Source.at(path), Source(path.read_bytes())):
        (conversation,) = conversations(chatgpt, source)
        (message,) = messages(conversation)
        assert message.parts == tuple(UriPart(pointer, None, "image") for pointer in pointers)


def test_pointers_that_hold_their_bytes() -> None:
    assets = Assets(None, None)
    assert assets.part(image("data:image/png;base64,AAE=")) == BlobPart(b"\0\1", "image/png", "image")
    assert assets.part(image("data:image/png;base64,AA!")) == UriPart(
        "data:image/png;base64,AA!", None, "image"
    )
    assert assets.part({"content_type": "image_asset_pointer"}) is None
    assert assets.part({"content_type": "video", "asset_pointer": "x"}) is None


def test_images_that_a_tool_made_come_with_its_answer(tmp_path: Path) -> None:
    (tmp_path / "file-ABCDEFGH.png").write_bytes(PNG)
    path = tmp_path / "conversations.json"
    path.write_text(export(image("file-service://file-ABCDEFGH"), role="tool"))
    (conversation,) = conversations(chatgpt, Source.at(path))
    (message,) = messages(conversation)
    assert [type(part).__name__ for part in message.parts] == ["ToolCallResponsePart", "BlobPart"]


def test_folders_are_listed_once_each(tmp_path: Path) -> None:
    class Counting(Folder):
        listed = 0

        def names(self, folder: str) -> list[str]:
            self.listed += 1
            return super().names(folder)

    beside = Counting(tmp_path)
    assets = Assets(beside, "conversation-1")
    for number in range(50):
        assert isinstance(assets.part(image(f"file-service://file-{number:08}")), UriPart)
    assert beside.listed == 4


def test_pieces_without_a_known_form_are_kept() -> None:
    (conversation,) = conversations(
        chatgpt, Source(export(5, None, {"content_type": "new"}, {"asset_pointer": 3}))
    )
    (message,) = messages(conversation)
    assert message.parts == (
        OtherPart("part", 5),
        OtherPart("part", None),
        OtherPart("new", {"content_type": "new"}),
        OtherPart("part", {"asset_pointer": 3}),
    )


def test_bytes_of_files_are_written_into_the_pointer(tmp_path: Path) -> None:
    (tmp_path / "file-ABCDEFGH.png").write_bytes(PNG)
    path = tmp_path / "conversations.json"
    path.write_text(export(image("file-service://file-ABCDEFGH", width=2)))
    (conversation,) = conversations(chatgpt, Source.at(path))
    (part,) = messages(conversation)[0].parts
    piece = pointer_of(part)
    assert piece is not None
    assert piece["width"] == 2
    assert Assets(None, None).part(piece) == BlobPart(
        PNG, "image/png", "image", metadata={"chatgpt": {"width": 2}}
    )
