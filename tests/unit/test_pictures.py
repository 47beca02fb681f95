"""Pictures before the yes: smaller, marked in their own points, and nothing else of the file."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageFile

from relais.adapters import pictures
from relais.adapters.pictures import EDGE, PictureUnreadableError, reduced


def picture(size: tuple[int, int] = (1600, 1200), kind: str = "PNG", mode: str = "RGB", **more: Any) -> bytes:
    """A picture of one colour."""
    written = io.BytesIO()
    Image.new(mode, size, "teal" if mode == "RGB" else 0).save(written, kind, **more)
    return written.getvalue()


def opened(body: bytes) -> Image.Image:
    return Image.open(io.BytesIO(body))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_smaller_and_marked_in_its_points(kind: str) -> None:
    """What a mark of the page's style hides, any browser shows."""
    small = opened(reduced(picture(kind=kind)))
    assert (small.format, small.size) == ("JPEG", (EDGE, 750))
    lightest = max(sum(point) for point in small.get_flattened_data())
    darkest = min(sum(point) for point in small.get_flattened_data())
    assert lightest - darkest > 100


def test_a_small_picture_keeps_its_size_and_is_marked_all_the_same() -> None:
    """An icon is not blown up."""
    small = opened(reduced(picture((64, 48))))
    assert small.size == (64, 48)
    assert len(set(small.get_flattened_data())) > 10


def test_what_is_clear_is_white_and_frames_after_the_first_are_left_out() -> None:
    """A logo on nothing is seen on paper."""
    small = opened(reduced(picture((400, 300), mode="RGBA")))
    assert max(small.get_flattened_data()) == (255, 255, 255)
    frames = [Image.new("RGB", (90, 90), colour) for colour in ("red", "blue")]
    written = io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:])
    red, _, blue = opened(reduced(written.getvalue())).resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert red > blue


def test_nothing_but_the_points_leaves() -> None:
    """Who took a picture where is in files of telephones."""
    found = Image.Exif()
    found[0x010F] = "Moreau"
    body = picture(kind="JPEG", exif=found, comment=b"Moreau")
    assert b"Moreau" in body
    assert b"Moreau" not in reduced(body)


def bomb(width: int, height: int) -> bytes:
    """A PNG that announces more points than it holds."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\\x89PNG logo",
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        picture()[:-100],
        picture(kind="JPEG")[:200],
        picture(kind="BMP"),
        picture(kind="TIFF"),
        bomb(10_000, 10_000),
        bomb(60_000, 60_000),
        bomb(2_000_000_000, 2_000_000_000),
    ],
    ids=range(11),
)
def test_what_cannot_be_read_safely_is_one_error(body: bytes) -> None:
    """Broken, of another format, or with so many points that reading it would take all memory."""
    with pytest.raises(PictureUnreadableError):
        reduced(body)


def test_points_are_counted_before_any_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb is known by what it announces."""
    monkeypatch.setattr(pictures, "MOST_POINTS", 1600 * 1200 - 1)
    body = picture()
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was read"))
    with pytest.raises(PictureUnreadableError, match="points"):
        reduced(body)
