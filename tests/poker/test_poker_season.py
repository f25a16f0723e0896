"""The season that comes with the project: what is in it, and that it can be made again."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

import poker
from poker import HandRecord, Replay

ROOT = Path(__file__).parents[2]
HANDS = 2_000


@dataclass(frozen=True)
class Played:
    """A hand of the season, as written and as counted."""

    record: HandRecord
    replay: Replay

    @property
    def all_in(self) -> list[int]:
        """The seats that put in everything."""
        spent = [ante + blind for ante, blind in zip(self.replay.antes, self.replay.blinds, strict=True)]
        for decision in self.replay.decisions:
            spent[decision.seat] += decision.amount
        return [seat for seat, stack in enumerate(self.replay.stacks) if spent[seat] == stack]

    @property
    def run_out(self) -> bool:
        """Whether board cards were dealt after players had turned over their cards."""
        actions = self.record.raw["actions"]
        shown = [place for place, action in enumerate(actions) if " sm" in action]
        return bool(shown) and any(action.startswith("d db") for action in actions[shown[0] :])

    @property
    def side_pot(self) -> bool:
        """Whether a player at showdown was all-in for less than another one put in."""
        live = set(range(len(self.replay.stacks)))
        spent = list(self.replay.blinds)
        for decision in self.replay.decisions:
            spent[decision.seat] += decision.amount
            if decision.action == "fold":
                live.remove(decision.seat)
        matched = sorted(spent)[-2]
        return len({min(spent[seat], matched) for seat in live}) > 1


@pytest.fixture(scope="module")
def season() -> list[Played]:
    records = list(poker.read_hands(poker.season()))
    assert len(records) == HANDS
    return [Played(record, poker.replay(record.raw)) for record in records if isinstance(record, HandRecord)]


def test_making_it_again_gives_the_same_bytes(request: pytest.FixtureRequest) -> None:
    hands = HANDS if request.config.getoption("--long") else 200
    command = [sys.executable, "-m", "poker", "simulate", "--hands", str(hands), "--players", "2-9", "--seed", "1"]
    made = subprocess.run(command, capture_output=True, check=True).stdout
    shipped = poker.season().read_bytes()
    # Fewer hands are the beginning of more.
    assert made == shipped[: len(made)]
    assert made.count(b"\nvariant = ") == hands
    if hands == HANDS:
        assert made == shipped


def test_it_is_small_and_has_the_same_line_ends_everywhere() -> None:
    shipped = poker.season().read_bytes()
    assert len(shipped) < 1_300_000
    assert b"\r" not in shipped
    assert shipped.isascii()


def test_it_comes_with_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("poker/season.phhs") == poker.season().read_bytes()


def test_its_hands_become_events(season: list[Played], request: pytest.FixtureRequest) -> None:
    for played in season if request.config.getoption("--long") else season[::10]:
        *_, completed = poker.hand_events(played.record)
        assert completed.event_type == "game.hand_completed"
        assert completed.event_data["pot"] == played.replay.pot
        assert completed.event_data["payoffs"] == list(played.replay.payoffs or ())


def test_every_kind_of_hand_is_there_in_sensible_numbers(season: list[Played]) -> None:
    seen = Counter[str]()
    for played in season:
        replay = played.replay
        seen["showdown"] += replay.showdown
        seen["uncalled bet"] += replay.uncalled > 0
        seen["walk"] += all(decision.action == "fold" for decision in replay.decisions)
        seen["all-in"] += bool(played.all_in)
        seen["run-out"] += played.run_out
        seen["side pot"] += played.side_pot
        # Without side pots two winners have split one.
        seen["split pot"] += len(replay.winners or ()) > 1 and not played.side_pot
        seen["muck"] += any(action.endswith(" sm") for action in played.record.raw["actions"])
    least = {
        "showdown": 400,
        "uncalled bet": 1_000,
        "walk": 100,
        "all-in": 200,
        "run-out": 100,
        "side pot": 40,
        "split pot": 15,
        "muck": 80,
    }
    assert {kind: seen[kind] for kind in least if seen[kind] < least[kind]} == {}
    # And it is no bingo: most hands end before a showdown, and most without anybody all-in.
    assert seen["showdown"] < HANDS / 2
    assert seen["all-in"] < HANDS / 3


def test_tables_have_two_to_nine_players(season: list[Played]) -> None:
    sizes = Counter(len(played.replay.stacks) for played in season)
    assert sorted(sizes) == list(range(2, 10))
    assert min(sizes.values()) >= 100


def test_it_takes_some_weeks_at_several_tables(season: list[Played]) -> None:
    days = {played.record.raw["day"] + 31 * played.record.raw["month"] for played in season}
    assert len(days) >= 6
    assert max(days) - min(days) >= 28
    assert {played.record.raw["table"] for played in season} == {"table 1", "table 2", "table 3"}


def test_habits_show_in_the_figures(season: list[Played]) -> None:
    hands, entered, attacks, calls = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for played in season:
        names = [name.split()[0] for name in played.record.raw["players"]]
        hands.update(names)
        willing = defaultdict(bool)
        for decision in played.replay.decisions:
            name = names[decision.seat]
            attacks[name] += decision.action in ("bet", "raise")
            calls[name] += decision.action == "call"
            willing[decision.seat] |= decision.street == "preflop" and decision.action in ("call", "raise")
        entered.update(names[seat] for seat, entering in willing.items() if entering)
    played_share = {name: entered[name] / hands[name] for name in hands}
    aggression = {name: attacks[name] / calls[name] for name in hands}
    assert max(played_share["rock"], played_share["shover"]) < 0.2 < played_share["regular"] < 0.35
    assert 0.4 < played_share["bluffer"] < played_share["station"]
    assert played_share["maniac"] > 0.5
    assert aggression["station"] < 0.3 < aggression["rock"] < 2 < aggression["regular"]
    assert aggression["maniac"] > 3
    assert aggression["shover"] > 10
