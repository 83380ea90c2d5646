"""What a user should know of the gold before the epochs begin."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from zhengling.errors import GoldError
from zhengling.scheme.annotation import Document

log = logging.getLogger(__name__)


def tell_of_gold(train: Sequence[Document], dev: Sequence[Document]) -> None:
    """Log which documents have no paragraph, and which texts are both learnt and chosen by.

    Raises :class:`GoldError` if no document of one of the two has a paragraph.
    """
    for key, documents in (("data.train", train), ("data.dev", dev)):
        bare = [document.id for document in documents if not document.paragraphs]
        if len(bare) == len(documents):
            raise GoldError(f'{key}: no document has a paragraph, got {_some(bare)}. Expected <p t="…"> around each')
        if bare:
            log.warning("%s: no paragraph, and so nothing to learn or to choose by, in %s", key, _some(bare))
    learnt = {document.text for document in train}
    both = [document.id for document in dev if document.text in learnt]
    if both:
        log.warning("data.train and data.dev share %s: the scores on them say nothing of other texts", _some(both))


def _some(names: Sequence[str]) -> str:
    return f"{len(names)} document{'s' if len(names) > 1 else ''}, such as {', '.join(names[:3])}"
