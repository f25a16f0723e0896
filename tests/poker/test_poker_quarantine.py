"""Refused hands stay in a table with the reason, whatever they look like, until an import takes them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from importers import hands_in
from psycopg import sql
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner
from written_hands import phh

from eventstore import PostgresEventStore, SchemaError, connect
from eventstore.database import check_schema, open_connection
from poker import QuarantinedHand, import_hands, install, quarantine, quarantined_hands
from poker.cli import app
from poker.mapping import MAPPING_VERSION
from poker.phh import MAX_HAND_BYTES, cut_hands

GOOD = phh([9, 9], "p2 f")
BROKEN = phh([9, 9], "p1 f")


def places(hands: list[QuarantinedHand]) -> list[tuple[str, str | None]]:
    return [(hand.file, hand.section) for hand in hands]


def texts(store: PostgresEventStore) -> list[bytes]:
    with store.connection() as connection:
        return [hand for (hand,) in connection.execute("SELECT hand FROM poker_quarantine ORDER BY first_seen_at")]


def test_installing_again_changes_nothing(store: PostgresEventStore, schema: str) -> None:
    assert "poker/010_quarantine" in install(store)
    assert install(store) == []
    with store.connection() as connection:
        assert check_schema(connection, schema) == []


def test_a_refused_hand_is_kept_once_with_file_section_and_reason(store: PostgresEventStore, tmp_path: Path) -> None:
    assert quarantined_hands(store) == []
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "s.phhs").write_text(
        f"[10]\n{BROKEN}\n[9]\n{BROKEN}\n[8]\n{GOOD}\n[9]\n{BROKEN}\n[9]\nother = 1\n", encoding="utf-8"
    )
    (tmp_path / "one.phh").write_text("# only a comment", encoding="utf-8")
    for _ in range(2):
        assert import_hands(store, tmp_path).refused_count == 5
        first, *rest = quarantined_hands(store)
        assert (first.file, first.section, first.mapping_version) == ("one.phh", None, MAPPING_VERSION)
        assert "variant is missing" in first.reason
        assert places(rest) == [("sub/s.phhs", "9"), ("sub/s.phhs", "9"), ("sub/s.phhs", "10")]
        assert rest[2].reason.startswith("action 3 (p1 f): ")
        assert rest[2].last_seen_at.tzinfo is UTC
    assert all(hand.last_seen_at > hand.first_seen_at for hand in rest)
    assert places(quarantined_hands(store, 2)) == [("one.phh", None), ("sub/s.phhs", "9")]
    assert f"{BROKEN}\n".encode() in texts(store)


def test_text_that_is_no_text_is_kept_as_it_is(store: PostgresEventStore, tmp_path: Path) -> None:
    hands = {
        "nul": b"\0 = 1\n",
        "escaped": 'actions = ["\\u0000"]\n'.join(phh([9, 9], "p2 f").split("actions")[:1]).encode()
        + b'actions = ["p1 \\u0000\\u001b[2J"]\n',
        "utf-8": b"variant = '\xff\xfe'\n",
        "x" * 5_000: b"long = 1\n",
        "deep": b"x = " + b"[" * 100_000 + b"\n",
    }
    (tmp_path / "s.phhs").write_bytes(b"".join(f"[{name}]\n".encode() + text for name, text in hands.items()))
    for _ in range(2):
        assert import_hands(store, tmp_path).refused_count == len(hands)
    kept = {hand.section: hand.reason for hand in quarantined_hands(store)}
    assert set(kept) == {*(set(hands) - {"x" * 5_000}), "x" * 1_000 + "…"}
    assert "is not UTF-8 text" in kept["utf-8"]
    assert "\\x00\\x1b[2J" in kept["escaped"]
    assert all(reason.isprintable() for reason in kept.values())
    assert sorted(texts(store)) == sorted(hands.values())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_a_file_name_that_is_no_text_is_shown_escaped(store: PostgresEventStore, tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff.phhs")).write_text(f"[1]\n{GOOD}", encoding="utf-8")
    assert import_hands(store, tmp_path).refused_count == 1
    assert places(quarantined_hands(store)) == [("\\udcff.phhs", "1")]


def test_what_is_far_too_large_is_refused_and_cut(store: PostgresEventStore, tmp_path: Path) -> None:
    # A piece of the first line, as it is read, ends where it says [2]. That is no header.
    filler = b"x" * (MAX_HAND_BYTES - 1)
    (tmp_path / "a.phhs").write_bytes(b"[1]\n" + GOOD.encode() + b"#" + filler + b"[2]\n" + b"\n[2]\n" + GOOD.encode())
    (tmp_path / "b.phh").write_bytes(GOOD.encode() + b"#" + filler)
    (tmp_path / "c.phhs").write_bytes(filler * 3)
    summary = import_hands(store, tmp_path)
    assert (summary.seen, summary.added) == (4, 1)
    assert sum(refusal.size for refusal in summary.refused) > 4 * MAX_HAND_BYTES
    assert [hand.reason[:24] for hand in quarantined_hands(store)] == [
        f"has {MAX_HAND_BYTES + len(GOOD) + 9:,} bytes: a hand"[:24],
        f"has {MAX_HAND_BYTES + len(GOOD):,} bytes: a hand"[:24],
        "has text above the first [section]"[:24],
    ]
    assert [len(text) for text in texts(store)] == [MAX_HAND_BYTES] * 3


def test_a_hand_that_can_be_read_after_all_leaves(store: PostgresEventStore, tmp_path: Path) -> None:
    """As when a newer version of the package knows more."""
    (tmp_path / "s.phhs").write_text(f"[1]\n{GOOD}\n[2]\n{BROKEN}\n[3]\n{GOOD}", encoding="utf-8")
    install(store)
    with store.connection() as connection, connection.transaction():
        quarantine.keep(connection, [(hand, "nobody knows this variant") for hand in cut_hands(tmp_path)])
    assert [section for _, section in places(quarantined_hands(store))] == ["1", "2", "3"]
    import_hands(store, tmp_path)
    assert [section for _, section in places(quarantined_hands(store))] == ["2"]
    # One that another import has brought in leaves as well.
    with store.connection() as connection, connection.transaction():
        quarantine.keep(connection, [(hand, "nobody knows this variant") for hand in cut_hands(tmp_path)])
    assert import_hands(store, tmp_path).already_there == 2
    assert [section for _, section in places(quarantined_hands(store))] == ["2"]


@pytest.fixture
def guest(store: PostgresEventStore) -> Iterator[tuple[str, str]]:
    """A role that may do with events what an application does, and the URL for it. It may create nothing."""
    name, password, url = f"guest_{uuid4().hex}", uuid4().hex, os.environ["EVENTSTORE_URL"]
    names = {"role": sql.Identifier(name), "schema": sql.Identifier(store.schema), "password": sql.Literal(password)}
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {role} LOGIN PASSWORD {password}").format(**names))
        owner.execute(sql.SQL("GRANT USAGE ON SCHEMA {schema} TO {role}").format(**names))
        owner.execute(sql.SQL("GRANT SELECT, INSERT ON {schema}.domain_events TO {role}").format(**names))
        yield name, make_conninfo(url, user=name, password=password)
        owner.execute(sql.SQL("DROP OWNED BY {role}; DROP ROLE {role}").format(**names))


def test_a_role_that_may_not_create_is_told_who_has_to(
    store: PostgresEventStore, schema: str, guest: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "s.phhs").write_text(f"[1]\n{GOOD}\n[2]\n{BROKEN}", encoding="utf-8")
    name, url = guest
    with connect(url, schema=schema) as guests:
        remedy = r"sql/poker .* not installed .* `python -m poker roll-up` once as the owner"
        with pytest.raises(SchemaError, match=remedy):
            import_hands(guests, tmp_path)
        # The owner has connected, so that is not enough. The command that the error names is.
        assert CliRunner().invoke(app, ["roll-up", "--schema", schema]).exit_code == 0
        # It may see the table now, but not write to it. Then no event is written either.
        with open_connection(os.environ["EVENTSTORE_URL"], schema) as owner:
            owner.execute(sql.SQL("GRANT SELECT, DELETE ON poker_quarantine TO {}").format(sql.Identifier(name)))
            with pytest.raises(SchemaError, match="no right"):
                import_hands(guests, tmp_path)
            assert hands_in(store) == {}
            owner.execute(sql.SQL("GRANT INSERT, UPDATE ON poker_quarantine TO {}").format(sql.Identifier(name)))
        assert import_hands(guests, tmp_path).added == 1
        assert places(quarantined_hands(guests)) == [("s.phhs", "2")]
