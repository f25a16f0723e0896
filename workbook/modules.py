"""Make modules out of kept cells: the text of the learner's package."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass

from workbook.kept import Kept, KeptCell, defined

# What the module of a day is called. Another day's is called after its number.
MODULES = {
    1: "events",
    2: "database",
    3: "appending",
    4: "reading",
    5: "replay",
    6: "snapshots",
    8: "bus",
    9: "subscription",
}
# What a store on PostgreSQL consists of, as soon as it is there. What comes first has the first word.
PARTS = ("Publishing", "Following", "Snapshots", "Reading", "Appending", "Database")
# A store of the learner's own does without these.
COURSE = ("eventstore", "poker", "workbook")
FIX = "from eventstore import only what you have kept on this day or before"

HEADER = """\
# Made from your notebooks by: python3 -m workbook assemble
# Change the notebooks, not this file: it is written anew each time.
"""

STORE = '''\
"""The store on PostgreSQL, made of the parts of each day."""

from pathlib import Path

import psycopg
from psycopg import sql

{imports}


class PostgresEventStore({parts}):
    """An event store that you wrote yourself."""


def connect(url, *, schema{bus_argument}):
    """Open the store: make the schema and its tables where they are missing.

    Args:
        url: a PostgreSQL URL.
        schema: the schema that holds the tables.{bus_text}
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {{}}").format(sql.Identifier(schema)))
    store = PostgresEventStore(url, schema)
    store.install(Path(__file__).parent / "sql")
{bus_handed_over}    return store
'''
# What comes into `STORE` with the bus.
BUS = {
    "bus_argument": ", bus=None",
    "bus_text": "\n        bus: where events are published after they were stored, or None.",
    "bus_handed_over": "    store.bus = bus\n",
}


@dataclass(frozen=True)
class Package:
    """The text of a package.

    Args:
        files: the text of each file by its name.
        problems: why it cannot be used: one sentence for each name that a cell uses and does not have.
        parts: the parts of the store on PostgreSQL that are there.
    """

    files: dict[str, str]
    problems: list[str]
    parts: tuple[str, ...]


def package_of(kept: Kept, titles: dict[int, str]) -> Package:
    """Put the cells together, one module a day.

    Args:
        kept: the cells.
        titles: the titles of the days by their numbers.
    """
    files: dict[str, str] = {}
    problems: list[str] = []
    home: dict[str, str] = {}
    for day in sorted({cell.day for cell in kept.cells}):
        module = _Module([cell for cell in kept.cells if cell.day == day], home, kept.around.get(day, []))
        name = MODULES.get(day, f"day{day:02d}")
        files[f"{name}.py"] = module.text(f"Day {day}: {titles[day]}")
        problems += module.problems
        home |= dict.fromkeys(sorted(module.own), name)
    parts = tuple(part for part in PARTS if part in home)
    exports = {name: module for name, module in home.items() if not name.startswith("_")}
    if parts:
        imports = "\n".join(f"from .{home[part]} import {part}" for part in sorted(parts, key=lambda part: home[part]))
        bus = BUS if "Publishing" in parts else dict.fromkeys(BUS, "")
        files["store.py"] = HEADER + STORE.format(imports=imports, parts=", ".join(parts), **bus)
        exports |= {"PostgresEventStore": "store", "connect": "store"}
    files["__init__.py"] = _init(exports)
    return Package(files, problems, parts)


def cell_at(text: str, line: int) -> str:
    """The cell that a line of a module comes from, in words; empty for a line of no cell."""
    for above in reversed(text.splitlines()[:line]):
        if above.startswith("# ---- ") and above.endswith(" ----"):
            return above.removeprefix("# ---- ").removesuffix(" ----")
    return ""


def _init(exports: dict[str, str]) -> str:
    lines = [HEADER, '"""An event store, built day by day."""\n']
    for module in dict.fromkeys(exports.values()):
        names = sorted(name for name, of in exports.items() if of == module)
        lines.append(f"from .{module} import {', '.join(names)}")
    listed = "".join(f"    {name!r},\n" for name in sorted(exports)).replace("'", '"')
    return "\n".join([*lines, f"\n__all__ = [\n{listed}]\n"])


class _Module:
    """The cells of one day on their way into one file.

    Args:
        cells: the kept cells of the day.
        home: in which module each name of the earlier days is.
        around: all code of the day's notebook.
    """

    def __init__(self, cells: list[KeptCell], home: dict[str, str], around: list[str]) -> None:
        self._cells, self._home = cells, home
        self._notebook = [tree for tree in map(_tree, around) if tree]
        self.own = set().union(*(defined(ast.parse(cell.source)) for cell in cells))
        self.problems: list[str] = []
        self._future: set[str] = set()

    def text(self, title: str) -> str:
        """The text of the file."""
        body = "".join(f"\n\n{cell.mark}\n{self._rewritten(cell).strip()}\n" for cell in self._cells)
        future = f"from __future__ import {', '.join(sorted(self._future))}" if self._future else ""
        # On the empty line on which the body begins, it moves no other line.
        top = [*filter(None, [future]), *self._needed(future + body)]
        return f'{HEADER}"""{title}"""\n' + "".join(f"\n{line}" for line in top) + body

    def _rewritten(self, cell: KeptCell) -> str:
        """A cell in which what is imported from `eventstore` comes from the modules of earlier days."""
        lines = cell.source.encode().splitlines(keepends=True)
        imports = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Import | ast.ImportFrom)]
        for node in sorted(imports, key=lambda node: (node.lineno, node.col_offset), reverse=True):
            new = self._import(cell, node)
            if new is None:
                continue
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
            # An indented block must not become empty.
            gone = not new and not before and not after.strip()
            lines[first : last + 1] = [] if gone else [before + (new or "pass").encode() + after]
        return b"".join(lines).decode()

    def _import(self, cell: KeptCell, node: ast.Import | ast.ImportFrom) -> str | None:
        """What to write for one import; None leaves it as it is."""
        module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        if module == "__future__":
            self._future |= {alias.name for alias in node.names}
            return ""
        if module.split(".")[0] != "eventstore":
            for name in [module] if module else [alias.name for alias in node.names]:
                if name.split(".")[0] in COURSE:
                    self.problems.append(f"{cell.title} imports {name}: {FIX}")
            return None
        statements = []
        for alias in node.names:
            name, called = alias.name, alias.asname or alias.name
            renamed = "" if called == name else f" as {called}"
            if name in self._home:
                statements.append(f"from .{self._home[name]} import {name}{renamed}")
            elif name not in self.own:
                self.problems.append(f"{cell.title} imports `{name}` from {module}, which you have not kept: {FIX}")
            elif renamed:
                statements.append(f"{called} = {name}")
        return "; ".join(statements)

    def _needed(self, body: str) -> list[str]:
        """The imports to put on top, for names that the notebook has imported elsewhere. Complains of all others."""
        from pyflakes import messages
        from pyflakes.checker import Checker

        needed: dict[str, None] = {}
        tree = ast.parse(body)
        for message in Checker(tree).messages:
            if not isinstance(message, messages.UndefinedName):
                continue
            name = message.message_args[0]
            where = cell_at(body, message.lineno)
            if name in self._home:
                needed[f"from .{self._home[name]} import {name}"] = None
            elif statement := self._imported(name):
                needed[statement] = None
            else:
                self._explain(name, where, _is_tried_out(tree, message.lineno))
        return list(needed)

    def _imported(self, name: str) -> str:
        """The statement by which some cell of the notebook imports this name from what every Python or psycopg has."""
        for tree in self._notebook:
            for node in tree.body:
                if not isinstance(node, ast.Import | ast.ImportFrom):
                    continue
                for alias in node.names:
                    module = (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
                    known = module.split(".")[0] in {*sys.stdlib_module_names, "psycopg"}
                    if known and (alias.asname or alias.name.split(".")[0]) == name:
                        one = (
                            ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(module, [alias], 0)
                        )
                        return ast.unparse(ast.fix_missing_locations(one))
        return ""

    def _explain(self, name: str, where: str, tried_out: bool) -> None:
        code = {
            node.name
            for tree in self._notebook
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
        bound = {
            node.id
            for tree in self._notebook
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        imported = {
            alias.asname or alias.name.split(".")[0]: node.module if isinstance(node, ast.ImportFrom) else alias.name
            for tree in self._notebook
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        label = where.split(", from ")[0]
        if name in self.own:
            problem = f"{label} uses `{name}` before the cell that defines it"
        elif name in COURSE:
            problem = f"{label} uses `{name}`, the package itself: {FIX}"
        elif (imported.get(name) or "").split(".")[0] == "workbook":
            problem = f"{label} uses `{name}`, which is for notebooks alone: move it into a cell of its own"
        elif name in bound | code and tried_out:
            problem = (
                f"{label} uses `{name}` outside of any function, and only the notebook has it: "
                "try things out in a cell of their own"
            )
        elif name in code:
            problem = f"{label} uses `{name}`, which another cell of the notebook defines: move it into this one"
        elif name == "day" and name in bound:
            problem = f"{label} uses `day`, which only the notebook has: take a connection from `self.connection()`"
        elif name in bound:
            problem = f"{label} uses `{name}`, which only the notebook has: take it as an argument"
        elif name in imported:
            problem = f"{label} uses `{name}`, which another cell imports: import it in this one, too"
        else:
            problem = f"{label} uses `{name}`, which nothing defines"
        if problem not in self.problems:
            self.problems.append(problem)


def _is_tried_out(tree: ast.Module, line: int) -> bool:
    """Whether a line belongs to no function and no class: then it runs as soon as the module is imported."""
    return not any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.lineno <= line <= (node.end_lineno or node.lineno)
        for node in tree.body
    )


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except SyntaxError:
        return None
