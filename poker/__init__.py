"""Poker hands as events: read from PHH files, replayed under strict rules, written to a store, counted as pots."""

from poker.chunks import Summary
from poker.frames import pot_summary, pots
from poker.importing import import_hands
from poker.installing import install
from poker.ledger import Decision
from poker.mapping import hand_events, hand_id
from poker.phh import HandRecord, HandRefused, Refusal, read_hands
from poker.quarantine import QuarantinedHand, quarantined_hands
from poker.recovery import UnfinishedHand, unfinished_hands
from poker.replay import Replay, replay
from poker.simulation import season, simulate
from poker.spectators import spectator_view
from poker.state import GameState, Result, Seat, apply

__all__ = [
    "Decision",
    "GameState",
    "HandRecord",
    "HandRefused",
    "QuarantinedHand",
    "Refusal",
    "Replay",
    "Result",
    "Seat",
    "Summary",
    "UnfinishedHand",
    "apply",
    "hand_events",
    "hand_id",
    "import_hands",
    "install",
    "pot_summary",
    "pots",
    "quarantined_hands",
    "read_hands",
    "replay",
    "season",
    "simulate",
    "spectator_view",
    "unfinished_hands",
]
