"""Smaller pictures, marked in their own points. Pillow is loaded with the first: one function has it, in its own layer.

Files come from strangers: only four formats are tried, how many points there are is looked at before any is read, and
whatever a decoder stumbles over is one error.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from relais.errors import RelaisError

if TYPE_CHECKING:
    from PIL import Image

EDGE = 1_000
MOST_POINTS = 50_000_000
"""Of the original: some 200 MB once it is read, of the memory that its function has."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
QUALITY = 80
ANGLE = 30
LETTERS = 14
"""How many times the height of the mark's letters fits into the longer edge."""
SMALLEST = 14
MARK = "SPECIMEN"
"""In both languages, and in letters that the font which Pillow brings has."""
FAINT = 110
"""Of 255: the work can be judged through the mark, and nobody would use it."""


class PictureUnreadableError(RelaisError):
    """No picture of a kind that is known, a broken one, or one with too many points."""

    def __init__(self, cause: str) -> None:
        """Keep what was seen."""
        super().__init__(f"no preview could be made ({cause}): the file itself is as it was handed in")
        self.cause = cause


def reduced(body: bytes) -> bytes:
    """A JPEG of at most a thousand points along its longer edge, with the mark across it, and nothing else of the file.

    Of several frames the first. Raises `PictureUnreadableError`.
    """
    try:
        return _reduced(body)
    except PictureUnreadableError:
        raise
    except Exception as error:  # noqa: BLE001 - a decoder raises whatever a hostile file leads it to
        raise PictureUnreadableError(type(error).__name__) from None


def _reduced(body: bytes) -> bytes:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(body), formats=FORMATS) as original:
        if original.width * original.height > MOST_POINTS:
            raise PictureUnreadableError(f"{original.width} × {original.height} points")
        original.draft("RGB", (EDGE, EDGE))  # a JPEG is read at the size that is needed
        small = ImageOps.exif_transpose(original)
    small.thumbnail((EDGE, EDGE))
    plain = Image.new("RGB", small.size, "white")
    seen = small.convert("RGBA")
    plain.paste(seen, mask=seen.getchannel("A"))
    stamp = _marks(plain.size)
    plain.paste(stamp, mask=stamp.getchannel("A"))
    written = io.BytesIO()
    plain.save(written, "JPEG", quality=QUALITY, optimize=True)
    return written.getvalue()


def _marks(size: tuple[int, int]) -> Image.Image:
    """The mark again and again over the whole picture, light with a dark edge: seen on any colour."""
    from PIL import Image, ImageDraw, ImageFont

    wide = int((size[0] ** 2 + size[1] ** 2) ** 0.5) + 1
    height = max(SMALLEST, max(size) // LETTERS)
    font = ImageFont.load_default(height)
    layer = Image.new("RGBA", (wide, wide))
    pen = ImageDraw.Draw(layer)
    step = int(pen.textlength(MARK, font=font)) + 2 * height
    for row, top in enumerate(range(0, wide, 3 * height)):
        for left in range(-(row % 2) * step // 2, wide, step):
            pen.text(
                (left, top),
                MARK,
                font=font,
                fill=(255, 255, 255, FAINT),
                stroke_width=max(1, height // 24),
                stroke_fill=(0, 0, 0, FAINT),
            )
    turned = layer.rotate(ANGLE)
    left, top = (wide - size[0]) // 2, (wide - size[1]) // 2
    return turned.crop((left, top, left + size[0], top + size[1]))
