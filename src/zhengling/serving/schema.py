"""What requests and answers hold; what is told of a document stays in :mod:`zhengling.extraction.records`."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from zhengling.extraction.records import Record
from zhengling.serving.batching import PostedText

SHOWN = 60
"""Characters of a wrong value that an answer repeats."""


def _iso_date(value: object) -> datetime.date | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("a date such as 2021-06-30, as a string")
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        raise ValueError("a date such as 2021-06-30") from None


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"Unicode text, not half of a surrogate pair at {error.start}") from None
    return text


Text = Annotated[str, AfterValidator(_encodable)]


class PostedDocument(BaseModel):
    """A text with what is known of it."""

    model_config = ConfigDict(extra="forbid")
    id: Text
    """Comes back in the record."""
    text: Text
    date: Annotated[datetime.date | None, BeforeValidator(_iso_date)] = None
    """The document's date, by which times such as 年底前 are read; without it the document's own date line counts."""


class ExtractRequest(BaseModel):
    """Either ``texts`` or ``documents``."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"texts": ["会议要求，各村要于6月底前完成整改，不得瞒报。"]}]}
    )
    texts: list[Text] | None = None
    documents: list[PostedDocument] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.texts is None) == (self.documents is None):
            raise ValueError('either "texts" or "documents"')
        return self

    def posted(self) -> list[PostedText]:
        """The texts in order, named by their places in the request."""
        if self.texts is not None:
            return [PostedText(name=f"texts[{i}]", content=text) for i, text in enumerate(self.texts)]
        return [
            PostedText(name=f"documents[{i}]", content=document.text, id=document.id, date=document.date)
            for i, document in enumerate(self.documents or ())
        ]


class ExtractResponse(BaseModel):
    """One record per text, in the order of the request."""

    records: list[Record]


class Fault(BaseModel):
    """A place of a request that does not hold what is expected."""

    where: str
    got: str
    expected: str


class Problem(BaseModel):
    """Why there is no answer; ``faults`` for status 422 alone."""

    error: str
    faults: list[Fault] = []


def refusal(status: int, error: str, faults: Sequence[Fault] = (), headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer that holds a :class:`Problem`."""
    return JSONResponse(Problem(error=error, faults=list(faults)).model_dump(), status, headers)


def fault(found: Mapping[str, Any]) -> Fault:
    """One of pydantic's findings, in our words where it would say more than what is expected."""
    if found["type"] == "json_invalid":
        return Fault(where=f"the body, character {found['loc'][-1]}", got=str(found["ctx"]["error"]), expected="JSON in UTF-8")
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in found["loc"][1:])
    got = "nothing" if found["type"] == "missing" else repr(found["input"])
    shown = got if len(got) <= SHOWN else got[:SHOWN] + "…"
    return Fault(
        where=place.lstrip(".") or "the body",
        got=shown.encode("utf-8", "backslashreplace").decode(),
        expected=str(found["msg"]).removeprefix("Value error, "),
    )
