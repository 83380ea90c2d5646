"""The package's own modules as flat files that import each other relatively: what a model's repository runs as remote code.

``transformers`` copies a remote module together with the modules beside it that it imports by ``from .name import …``. So
the modules are taken as they are, their imports of ``zhengling.…`` are turned into such relative ones, and a data file that
stands beside a module is put into a module of its own. Nothing is written twice: the package is the only source.
"""

from __future__ import annotations

import ast
import base64
import importlib.util
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from zhengling.version import VERSION

PACKAGE = "zhengling"
VERSION_MODULE = "zhengling.version"
_DATA = '''"""The file {name}, base85."""

from base64 import b85decode


class _File:
    def read_bytes(self):
        """What the file holds."""
        return b85decode("".join(_LINES))


FILE = _File()
_LINES = """
{lines}
""".split()
'''


def bundle(entries: Mapping[str, str]) -> dict[str, str]:
    """The sources of all modules that some modules need, by file name.

    ``entries`` gives the file name, without ``.py``, for a module's full name; the modules that these import are named after
    their own names. Raises ``ValueError`` for an import that has no relative form.
    """
    sources: dict[str, str] = {}
    waiting = list(entries)
    done: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module not in done:
            done.add(module)
            text, needed, data = _flatten(module, entries)
            sources[f"{_flat(module, entries)}.py"] = text
            sources.update(data)
            waiting += needed
    return dict(sorted(sources.items()))


def _flat(module: str, entries: Mapping[str, str]) -> str:
    return entries.get(module, module.replace(".", "_"))


def _flatten(module: str, entries: Mapping[str, str]) -> tuple[str, list[str], dict[str, str]]:
    """The source of a module with relative imports, the modules it needs, and its data files as modules."""
    if module == VERSION_MODULE:
        return f'"""The version of the package that wrote this."""\n\nVERSION = "{VERSION}"\n', [], {}
    path = _path(module)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    tree = ast.parse("".join(lines))
    needed: list[str] = []
    data: dict[str, str] = {}
    for node in _nodes_from_the_end(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            found = _imported(node, module)
            if found is None:
                continue
            needed.append(found)
            new = f"from .{_flat(found, entries)} import {_names(node)}"
        else:
            name = _data_file(node)
            if name is None:
                continue
            holder = f"{_flat(module, entries)}_data"
            data[f"{holder}.py"] = _data_module(path.with_name(name))
            new = f"from .{holder} import FILE as {ast.unparse(node.targets[0])}"
        lines[node.lineno - 1 : node.end_lineno] = [" " * node.col_offset + new + "\n"]
    return "".join(lines), needed, data


def _path(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ValueError(f"there is no module {module} to bundle")
    return Path(spec.origin)


def _nodes_from_the_end(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom | ast.Assign]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom | ast.Assign)]
    yield from sorted(nodes, key=lambda node: -node.lineno)


def _imported(node: ast.Import | ast.ImportFrom, module: str) -> str | None:
    """The module of the package that a statement imports names from; None if it imports something else."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
        ours = [name for name in names if name.split(".")[0] == PACKAGE]
    else:
        names = [f"{'.' * node.level}{node.module or ''}"]
        ours = [name for name in names if node.level or name.split(".")[0] == PACKAGE]
    if not ours:
        return None
    package = ours[0] if isinstance(node, ast.ImportFrom) and not node.level else None
    if package is None or any(_is_submodule(package, alias.name) for alias in node.names):
        raise ValueError(
            f"{module}, line {node.lineno}: expected from {PACKAGE}.ROOM.MODULE import NAME, got {ast.unparse(node)!r}"
        )
    return package


def _is_submodule(package: str, name: str) -> bool:
    spec = importlib.util.find_spec(package)
    is_package = spec is not None and spec.submodule_search_locations is not None
    return is_package and importlib.util.find_spec(f"{package}.{name}") is not None


def _names(node: ast.Import | ast.ImportFrom) -> str:
    return ", ".join(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in node.names)


def _data_file(node: ast.AST) -> str | None:
    """The name of the file in ``X = Path(__file__).with_name(…)``."""
    match node:
        case ast.Assign(
            value=ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Name(id="Path"), args=[ast.Name(id="__file__")]), attr="with_name"),
                args=[ast.Constant(value=str(name))],
            )
        ):
            return name
    return None


def _data_module(path: Path) -> str:
    text = base64.b85encode(path.read_bytes()).decode("ascii")
    return _DATA.format(name=path.name, lines="\n".join(textwrap.wrap(text, 120)))
