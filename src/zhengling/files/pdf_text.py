"""The text of a PDF, page after page."""

from __future__ import annotations

import pypdfium2

from zhengling.errors import ReadError


def pdf_text(data: bytes) -> str:
    """The text layer, one line a printed line; raises :class:`ReadError` for PDFs that are broken, locked or scanned."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        reason = "it is locked by a password" if "password" in str(error).lower() else str(error)
        raise ReadError(f"cannot read the PDF: {reason}") from error
    try:
        pages = [_page_text(document, number) for number in range(len(document))]
    except pypdfium2.PdfiumError as error:
        raise ReadError(f"cannot read the PDF: {error}") from error
    finally:
        document.close()
    if not any(page.strip() for page in pages):
        raise ReadError(f"the PDF has no text in its {len(pages)} pages (scanned?). Expected a text layer; run OCR on it first")
    return "\n".join(pages)


def _page_text(document: pypdfium2.PdfDocument, number: int) -> str:
    page = document[number]
    text = page.get_textpage().get_text_range()
    page.close()
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\r\n", "\n").replace("\ufffe", "")
