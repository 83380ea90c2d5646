"""Gold documents from folders and files, in either format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from zhengling.errors import GoldError
from zhengling.gold.inline import read_inline
from zhengling.gold.jsonlines import read_jsonl
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import DEFAULT_SCHEME, LabelScheme


def load_gold(places: Sequence[str | Path], scheme: LabelScheme = DEFAULT_SCHEME) -> list[Document]:
    """All documents of ``.xml`` files, ``.jsonl`` files and folders of either, in the order of their names.

    Raises :class:`GoldError` for a place that is missing or holds no document, and for two documents of one id.
    """
    return [document for documents in load_places(places, scheme).values() for document in documents]


def load_places(places: Sequence[str | Path], scheme: LabelScheme = DEFAULT_SCHEME) -> dict[str, list[Document]]:
    """The documents of :func:`load_gold` by the place that they come from."""
    by_place = {str(place): list(_documents(Path(place), scheme)) for place in places}
    empty = [place for place, documents in by_place.items() if not documents]
    if empty:
        raise GoldError(f"no gold in {', '.join(empty)}: not one document. Expected at least one in each place")
    seen: set[str] = set()
    for document in (document for documents in by_place.values() for document in documents):
        if document.id in seen:
            raise GoldError(f"two gold documents have the id {document.id!r} in {', '.join(map(str, places))}")
        seen.add(document.id)
    return by_place


def _documents(place: Path, scheme: LabelScheme) -> Iterator[Document]:
    if place.is_dir():
        files = sorted(path for path in place.iterdir() if path.suffix in (".xml", ".jsonl"))
        if not files:
            raise GoldError(f"no gold in {place}. Expected .xml or .jsonl files")
    elif place.exists():
        files = [place]
    else:
        raise GoldError(f"no gold at {place}: there is no such file or folder")
    for path in files:
        if path.suffix == ".xml":
            yield read_inline(path, scheme)
        elif path.suffix == ".jsonl":
            yield from read_jsonl(path, scheme)
        else:
            raise GoldError(f"{path}: unknown kind of gold. Expected .xml or .jsonl")
