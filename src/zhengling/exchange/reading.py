"""Reading and writing the files of other tools as UTF-8, with errors that name the file and the line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zhengling.errors import GoldError


def read_file(path: Path) -> str:
    """The text of a UTF-8 file, line ends as they are, without a byte-order mark; raises :class:`GoldError`."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GoldError(f"{path}: not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise GoldError(f"cannot read {path}: {error.strerror}") from error


def write_file(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, line ends as they are, and make the folder; raises :class:`GoldError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise GoldError(f"cannot write {path}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise GoldError(f"cannot write {path}: it would hold {text[error.start]!r}, half a surrogate pair") from error


def read_json(text: str, where: str) -> Any:
    """What a JSON text says; raises :class:`GoldError` that begins with ``where``."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise GoldError(f"{where}: not JSON: {error}") from error


def read_json_lines(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Per line that is not blank: its number, ``FILE, line N`` and the object that it holds."""
    for number, line in enumerate(read_file(path).split("\n"), 1):
        if line.strip():
            where = f"{path}, line {number}"
            yield number, where, an_object(read_json(line, where), where, "the line")


def write_json_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """One object a line."""
    write_file(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def an_object(value: Any, where: str, what: str) -> dict[str, Any]:
    """``value`` if it is a JSON object; raises :class:`GoldError` otherwise."""
    if not isinstance(value, dict):
        raise GoldError(f"{where}: {what} is {value!r:.60}. Expected an object")
    return value


def a_list(value: Any, where: str, what: str) -> list[Any]:
    """``value`` if it is a JSON array; raises :class:`GoldError` otherwise."""
    if not isinstance(value, list):
        raise GoldError(f"{where}: {what} is {value!r:.60}. Expected a list")
    return value


def a_text(record: Mapping[str, Any], where: str, *keys: str) -> str:
    """The string under the first of ``keys`` that there is; raises :class:`GoldError` if there is none."""
    found = next((record[key] for key in keys if key in record), None)
    if not isinstance(found, str):
        raise GoldError(
            f"{where}: expected a string under {' or '.join(keys)}, got {found!r:.60} and the keys {sorted(record)}"
        )
    if any("\ud800" <= char <= "\udfff" for char in found):
        raise GoldError(f"{where}: the text holds half a surrogate pair. Expected whole characters")
    return found


def a_header(record: Mapping[str, Any], where: str) -> dict[str, str]:
    """The document's header under ``header``, empty where there is none; raises :class:`GoldError`."""
    header = an_object(record.get("header") or {}, where, "header")
    if not all(isinstance(value, str) for value in header.values()):
        raise GoldError(f"{where}: header is {header!r:.60}. Expected strings only")
    return header
