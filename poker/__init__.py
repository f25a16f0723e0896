"""Poker hands as events: read from PHH files, replayed under strict rules, written to a store, counted as pots."""

from poker.frames import pot_summary, pots
from poker.importing import Summary, import_hands
from poker.mapping import hand_events, hand_id
from poker.phh import HandRecord, HandRefused, Refusal, read_hands
from poker.replay import Decision, Replay, replay
from poker.state import GameState, Result, apply

__all__ = [
    "Decision",
    "GameState",
    "HandRecord",
    "HandRefused",
    "Refusal",
    "Replay",
    "Result",
    "Summary",
    "apply",
    "hand_events",
    "hand_id",
    "import_hands",
    "pot_summary",
    "pots",
    "read_hands",
    "replay",
]
