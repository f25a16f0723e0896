"""Hands as data frames. pandas is loaded with the first of them: those who only import hands need not wait for it."""

from poker.frames.by_decision import decisions
from poker.frames.by_hand import pots
from poker.frames.by_player import players, results
from poker.frames.statistics import GROUPINGS, pot_statistics, pot_summary

__all__ = ["GROUPINGS", "decisions", "players", "pot_statistics", "pot_summary", "pots", "results"]
