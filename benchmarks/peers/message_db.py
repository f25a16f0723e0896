"""The functions of message-db, https://github.com/message-db/message-db, called by psycopg.

They come from its npm package, which is installed into a folder that is gone afterwards. Its own installer wants psql;
the files are the same, in the same order.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.peers import Missing
from benchmarks.work import EVENT_TYPE, Contender, payload, places

PACKAGE = "@eventide/message-db@1.3.1"
DATABASE = "message_store"

# The extension pgcrypto, which the installer asks for, gives what PostgreSQL has by itself since version 13.
FILES = (
    "roles/message-store.sql",
    "schema/message-store.sql",
    "tables/messages.sql",
    "types/message.sql",
    "functions/message-store-version.sql",
    "functions/hash-64.sql",
    "functions/acquire-lock.sql",
    "functions/category.sql",
    "functions/is-category.sql",
    "functions/id.sql",
    "functions/cardinal-id.sql",
    "functions/stream-version.sql",
    "functions/write-message.sql",
    "functions/get-stream-messages.sql",
    "functions/get-category-messages.sql",
    "functions/get-last-stream-message.sql",
    "indexes/messages-id.sql",
    "indexes/messages-stream.sql",
    "indexes/messages-category.sql",
)

WRITE = "SELECT write_message(%b::varchar, %b::varchar, %b::varchar, %b::text::jsonb, NULL, %b::bigint)"
READ = "SELECT * FROM get_stream_messages(%b::varchar, 0, -1)"
READ_LOG = "SELECT * FROM get_category_messages('hand', %b::bigint, 2000)"


@cache
def _package() -> tempfile.TemporaryDirectory[str]:
    """The folder with the package. It goes when this process ends."""
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not installed, and message-db comes as an npm package")
    folder = tempfile.TemporaryDirectory(prefix="message-db-", ignore_cleanup_errors=True)
    command = [npm, "install", "--silent", "--no-fund", "--no-audit", "--prefix", folder.name, PACKAGE]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=120)
    if done.returncode != 0:
        raise Missing(f"npm could not install {PACKAGE}: {(done.stderr or done.stdout).strip()[:200]}")
    return folder


class MessageDb(Contender):
    def __init__(self, url: str) -> None:
        options = "-c search_path=message_store,public"
        self.connection = psycopg.connect(make_conninfo(url, dbname=DATABASE, options=options), autocommit=True)

    @classmethod
    def prepare(cls, url: str) -> None:
        sources = Path(_package().name, "node_modules", "@eventide", "message-db", "database")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        contender = cls(url)
        for name in FILES:
            contender.connection.execute((sources / name).read_text(encoding="utf-8").encode())
        contender.close()

    def append(self, stream: UUID, version: int) -> object:
        return self.connection.execute(WRITE, _message(stream, version), prepare=True, binary=True).fetchone()

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        """It takes one message a call. So the calls are sent without waiting for the answers, in one transaction."""

        def write() -> None:
            messages = [_message(*place) for place in places(streams, count)]
            with self.connection.transaction(), self.connection.cursor() as cursor:
                cursor.executemany(WRITE, messages)

        return write

    def read(self, stream: UUID) -> list[tuple[Any, ...]]:
        found = self.connection.execute(READ, (f"hand-{stream}",), prepare=True, binary=True).fetchall()
        return [(*message[:5], msgspec.json.decode(message[5]), *message[6:]) for message in found]

    def follow(self) -> int:
        """Page by page, as its consumers do; no position is kept."""
        seen, last = 0, 0
        while page := self.connection.execute(READ_LOG, (last + 1,), prepare=True, binary=True).fetchall():
            messages = [(*message[:5], msgspec.json.decode(message[5]), *message[6:]) for message in page]
            seen, last = seen + len(messages), messages[-1][4]
        return seen

    def close(self) -> None:
        self.connection.close()


def _message(stream: UUID, version: int) -> tuple[object, ...]:
    # Its versions begin at 0, and it expects that of the message before: -1 for none.
    return str(uuid4()), f"hand-{stream}", EVENT_TYPE, json.dumps(payload(version)), version - 2
