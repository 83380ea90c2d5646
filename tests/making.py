"""Files of the kinds that are read, made by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_COMPATIBLE = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'


def pdf(lines: Sequence[str], *, locked: bool = False) -> bytes:
    """A PDF of one page in a font that is not embedded, or one that wants a password."""
    shown = b" ".join(b"<" + line.encode("utf-16-be").hex().encode() + b"> Tj T*" for line in lines)
    stream = b"BT /F1 12 Tf 72 720 Td 16 TL " + shown + b" ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[6 0 R]>>",
        b"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>>>",
        b"<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>" % (b"00" * 32, b"11" * 32),
    ]
    out, places = b"%PDF-1.4\n", []
    for number, written in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, written)
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    lock = b"/Encrypt 7 0 R/ID[<00><00>]" if locked else b""
    trailer = b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, lock, len(out))
    return out + b"xref\n0 %d\n%s%s" % (len(objects) + 1, table, trailer)


def docx(body: str, method: int = zipfile.ZIP_STORED) -> bytes:
    """A Word document with this XML as its body."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("word/document.xml", f"<w:document {_WORD} {_COMPATIBLE}><w:body>{body}</w:body></w:document>")
    return packed.getvalue()
