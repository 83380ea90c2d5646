"""The values of a record's times and targets."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zhengling.extraction.records import Record, SlotRecord
from zhengling.values.dates import document_date
from zhengling.values.targets import target_value
from zhengling.values.times import time_value


def with_values(record: Record, date: datetime.date | None) -> Record:
    """The record with the ``value`` of every slot of the kinds ``time`` and ``target``, read in a document of ``date``."""
    directives = [replace(d, slots=[replace(slot, value=_value(slot, date)) for slot in d.slots]) for d in record.directives]
    return replace(record, directives=directives)


def with_own_date(record: Record, text: str) -> Record:
    """The same, by the date that the clean text of the document gives itself."""
    return with_values(record, document_date(text))


def completed(
    record: Record, identity: str | None, date: datetime.date | None, columns: Mapping[str, Any] | None = None
) -> Record:
    """The record with what its document says besides the text: id, date (of the values), other columns of its row."""
    if date is not None:
        record = with_values(record, date)
    return replace(record, id=identity, columns=columns)


def _value(slot: SlotRecord, date: datetime.date | None) -> Mapping[str, Any] | None:
    if slot.kind == "time":
        return time_value(slot.clean, date)
    return target_value(slot.clean) if slot.kind == "target" else None
