import re
import struct
import zlib
from xml.etree import ElementTree as ET

from devstack.drawings import logo_files, pdf, png, svg


def test_every_version_differs_and_has_three_formats() -> None:
    """The same bytes twice would hide a version that was not taken."""
    first, second = logo_files(1), logo_files(2)
    assert [name.rpartition(".")[2] for name in first] == ["svg", "pdf", "png"]
    assert not {content for _, content in first.values()} & {content for _, content in second.values()}


def test_the_svg_is_well_formed_and_draws_its_leaves() -> None:
    """Previews are shown inline."""
    root = ET.fromstring(svg(3))  # noqa: S314 - our own bytes
    assert len(root.findall("{http://www.w3.org/2000/svg}ellipse")) == 3


def test_the_pdfs_table_points_at_its_objects() -> None:
    """Readers find objects by these offsets; a wrong one makes them repair or refuse the file."""
    content = pdf(2)
    start = int(re.findall(rb"startxref\n(\d+)\n", content)[0])
    offsets = [int(line[:10]) for line in re.findall(rb"\d{10} \d{5} n ", content[start:])]
    assert content[start:].startswith(b"xref\n0 7\n")
    for number, offset in enumerate(offsets, start=1):
        assert content[offset:].startswith(b"%d 0 obj\n" % number)


def test_the_png_holds_every_pixel() -> None:
    """Checksums and size as the specification wants them."""
    content = png(2, 40, 20)
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    place, pixels = 8, b""
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        assert struct.unpack(">I", content[place + 8 + length : place + 12 + length]) == (zlib.crc32(kind + data),)
        pixels += data if kind == b"IDAT" else b""
        place += 12 + length
    assert len(zlib.decompress(pixels)) == 20 * (1 + 3 * 40)
