"""Small real files that the player hands over: an SVG, a PDF and a PNG of a logo, drawn by code."""

import struct
import zlib

GREEN = (47, 93, 80)
PAPER = (246, 244, 239)
SVG, PDF, PNG = "image/svg+xml", "application/pdf", "image/png"


def logo_files(version: int) -> dict[str, tuple[str, bytes]]:
    """A version of the logo in three formats, by file name: media type and content."""
    return {
        f"logo-v{version}.svg": (SVG, svg(version)),
        f"logo-v{version}.pdf": (PDF, pdf(version)),
        f"logo-v{version}.png": (PNG, png(version)),
    }


def svg(leaves: int) -> bytes:
    """A branch with so many leaves, as a drawing."""
    shapes = "".join(
        f'<ellipse cx="{_middle(leaf, leaves)}" cy="{60 - 8 * (leaf % 2)}" rx="12" ry="24" fill="#2f5d50"/>'
        for leaf in range(leaves)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 120" role="img" aria-label="Aubépine">'
        f'<rect width="240" height="120" fill="#f6f4ef"/>{shapes}'
        '<text x="120" y="108" text-anchor="middle" font-family="serif" font-size="20">Aubépine</text></svg>'
    ).encode()


def pdf(leaves: int) -> bytes:
    """The same on a page; offsets in its table are right, so that every reader opens it."""
    strokes = " ".join(f"{_middle(leaf, leaves) - 12} 50 24 44 re f" for leaf in range(leaves))
    content = f"0.18 0.36 0.31 rg {strokes} BT /F1 20 Tf 80 20 Td (Aubepine) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 240 120] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    body, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(body)


def png(leaves: int, width: int = 240, height: int = 120) -> bytes:
    """The same as pixels (source: the PNG specification, www.w3.org/TR/png)."""
    rows = b"".join(b"\0" + _row(leaves, width, y) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows, 9)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _middle(leaf: int, leaves: int) -> int:
    """Where a leaf stands: side by side around the middle, which is at 120."""
    return 120 - 15 * (leaves - 1) + 30 * leaf


def _row(leaves: int, width: int, y: int) -> bytes:
    return b"".join(bytes(GREEN if _in_leaf(leaves, x, y) else PAPER) for x in range(width))


def _in_leaf(leaves: int, x: int, y: int) -> bool:
    return any(
        ((x - _middle(leaf, leaves)) / 12) ** 2 + ((y - 60 + 8 * (leaf % 2)) / 24) ** 2 <= 1 for leaf in range(leaves)
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
