"""From a recorded hand to its events. The same hand gives the same events, ids and times at every import."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventstore import DomainEvent, EventMetadata, InvalidEventError
from eventstore.events import MAX_TEXT_BYTES
from poker.ledger import Board, Decision, Discard, Fact, HoleCards, Shown
from poker.phh import HandRecord, HandRefused
from poker.replay import Replay, replay
from poker.times import played_at

CREATED = "game.created"
HOLE_CARDS_DEALT = "game.hole_cards_dealt"
ACTION_PROCESSED = "game.action_processed"
BOARD_DEALT = "game.board_dealt"
CARDS_DISCARDED = "game.cards_discarded"
HAND_SHOWN = "game.hand_shown"
HAND_MUCKED = "game.hand_mucked"
HAND_COMPLETED = "game.hand_completed"

# Written into every hand. A change in what the events of a hand say needs a new number. So far: 2 names the last
# street and told all games; 3 tells the rake, takes it off the payoffs, and knows the winners that a record names.
MAPPING_VERSION = 3

NAMESPACE = uuid5(NAMESPACE_URL, "https://github.com/uoftcprg/phh-dataset")
CURRENCY_SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP"}
# Converted site logs say this where the log does not name the table. It is no table at which hands follow each other.
UNNAMED_TABLE = "HandHQ"


def hand_id(record: HandRecord) -> str:
    """The aggregate id of a hand: from its content, section and file name, not from the folder the file lies in.

    Args:
        record: the hand.

    Returns:
        A UUID of version 5 as text.
    """
    content = json.dumps(record.raw, sort_keys=True, default=str, separators=(",", ":"))
    digest = hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()
    file_name = PurePosixPath(record.file).name
    return str(uuid5(NAMESPACE, f"game|{file_name}|{record.section or ''}|{digest}"))


def hand_events(record: HandRecord) -> list[DomainEvent]:
    """The events of a hand: `game.created`, then what happened in order, then `game.hand_completed`.

    Args:
        record: the hand.

    Returns:
        The events, versions 1 to n, one second apart.

    Raises:
        HandRefused: the hand breaks the rules or does not say enough.
    """
    played = replay(record.raw)
    start, time_source = played_at(record)
    names = _names(record.raw)
    contents: list[tuple[str, dict[str, Any], str | None]] = [
        (CREATED, _created(record, played, names, time_source), None)
    ]
    contents += [_content(fact, names) for fact in played.facts]
    contents.append((HAND_COMPLETED, _completed(played), None))

    aggregate_id = hand_id(record)
    namespace = UUID(aggregate_id)
    session = _session(record, aggregate_id)
    events: list[DomainEvent] = []
    for version, (event_type, event_data, user) in enumerate(contents, start=1):
        try:
            event = DomainEvent(
                event_type=event_type,
                aggregate_id=aggregate_id,
                version=version,
                event_data=event_data,
                metadata=EventMetadata(
                    causation_id=events[-1].id if events else None,
                    correlation_id=session,
                    user_id=user if user and len(user.encode()) <= MAX_TEXT_BYTES else None,
                ),
                event_timestamp=start + timedelta(seconds=version - 1),
                id=uuid5(namespace, f"{version}:{event_type}"),
            )
        except (InvalidEventError, OverflowError) as error:
            raise HandRefused(str(error)) from error
        events.append(event)
    return events


def table_of(record: HandRecord) -> str | None:
    """The table of a hand. A `.phhs` file that names none is a session of its own, named like the file."""
    table = record.raw.get("table")
    if table is not None:
        return str(table)
    return PurePosixPath(record.file).stem if record.section is not None else None


def _session(record: HandRecord, aggregate_id: str) -> UUID:
    """One id for all hands of a table, or of an event where no table is named; else the hand stands alone."""
    raw = record.raw
    table = table_of(record)
    if table == UNNAMED_TABLE or (table is None and "event" not in raw):
        return UUID(aggregate_id)
    return uuid5(NAMESPACE, f"table|{raw.get('venue', '')}|{raw.get('event', '')}|{table or ''}")


def _names(raw: dict[str, Any]) -> list[str | None]:
    count = len(raw["starting_stacks"])
    names = raw.get("players")
    if names is None:
        return [None] * count
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise HandRefused("players is not a list of texts: write one name for each player")
    if len(names) != count:
        raise HandRefused(f"players has {len(names)} entries: write one for each starting stack")
    return [name or None for name in names]


def _created(record: HandRecord, played: Replay, names: list[str | None], time_source: str) -> dict[str, Any]:
    raw = record.raw
    hand = raw.get("hand")
    currency = raw.get("currency", CURRENCY_SYMBOLS.get(str(raw.get("currency_symbol"))))
    return {
        "source": {
            "file": record.file,
            "section": record.section,
            "hand": hand if hand is None or isinstance(hand, int) else str(hand),
        },
        "variant": raw["variant"],
        "seats": [
            {"seat": seat, "name": name, "stack": stack}
            for seat, (name, stack) in enumerate(zip(names, played.stacks, strict=True), start=1)
        ],
        "chip_unit": played.chip_unit,
        "antes": list(played.antes),
        "blinds": list(played.blinds),
        "big_blind": played.big_blind,
        "table": table_of(record),
        "currency": None if currency is None else str(currency),
        "time_source": time_source,
        "mapping_version": MAPPING_VERSION,
    }


def _content(fact: Fact, names: list[str | None]) -> tuple[str, dict[str, Any], str | None]:
    """Type, data and user of the event that tells a fact."""
    match fact:
        case Decision(seat, street, action, amount, pot):
            data = {"seat": seat + 1, "street": street, "action": action, "amount": amount, "pot": pot}
            return ACTION_PROCESSED, data, names[seat]
        case HoleCards(street, hands):
            dealt = [{"seat": hand.seat + 1, "down": list(hand.down), "up": list(hand.up)} for hand in hands]
            return HOLE_CARDS_DEALT, {"street": street, "hands": dealt}, None
        case Board(street, cards):
            return BOARD_DEALT, {"street": street, "cards": list(cards)}, None
        case Discard(seat, street, cards):
            return CARDS_DISCARDED, {"street": street, "seat": seat + 1, "cards": list(cards)}, names[seat]
        case Shown(seat, cards) if cards:
            return HAND_SHOWN, {"seat": seat + 1, "cards": list(cards)}, names[seat]
        case Shown(seat):
            return HAND_MUCKED, {"seat": seat + 1}, names[seat]


def _completed(played: Replay) -> dict[str, Any]:
    return {
        "pot": played.pot,
        "uncalled": played.uncalled,
        "street": played.street,
        "showdown": played.showdown,
        "rake": played.rake,
        "winners": None if played.winners is None else [seat + 1 for seat in played.winners],
        "payoffs": None if played.payoffs is None else list(played.payoffs),
    }
