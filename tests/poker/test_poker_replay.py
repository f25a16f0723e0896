"""Every rule of the table, on hands written for it: who posted, who did what, who won how much."""

from __future__ import annotations

from typing import Any

import pytest
from written_hands import BLINDS, BRING_IN, EXAMPLES, example, parsed, simulated

from poker import HandRefused, replay
from poker.ledger import DealtHand, HoleCards, Shown

BOARD = ["Ac", "Kd", "7h", "4s", "2c"]
FLOP, TURN, RIVER = f"d db {''.join(BOARD[:3])}", f"d db {BOARD[3]}", f"d db {BOARD[4]}"
CHECK_DOWN_2 = f"{FLOP}, p1 cc, p2 cc, {TURN}, p1 cc, p2 cc, {RIVER}, p1 cc, p2 cc"


def decisions(played: Any) -> list[tuple[int, str, str, int, int]]:
    """Seats from 1, as in the hand's text."""
    return [(made.seat + 1, made.street, made.action, made.amount, made.pot) for made in played.decisions]


def test_the_streets_and_the_names_of_the_actions() -> None:
    played = replay(
        parsed(
            [100, 100, 100],
            f"p3 cc, p1 cbr 8, p2 f, p3 cc, {FLOP}, p1 cc, p3 cbr 5, p1 cbr 20, p3 cc, {TURN}, p1 cc, p3 cc, {RIVER},"
            "p1 cbr 10, p3 f",
        )
    )
    assert decisions(played) == [
        (3, "preflop", "call", 2, 5),
        (1, "preflop", "raise", 7, 12),
        (2, "preflop", "fold", 0, 12),
        (3, "preflop", "call", 6, 18),
        (1, "flop", "check", 0, 18),
        (3, "flop", "bet", 5, 23),
        (1, "flop", "raise", 20, 43),
        (3, "flop", "call", 15, 58),
        (1, "turn", "check", 0, 58),
        (3, "turn", "check", 0, 58),
        (1, "river", "bet", 10, 68),
        (3, "river", "fold", 0, 68),
    ]
    assert (played.pot, played.uncalled, played.showdown) == (58, 10, False)
    assert (played.winners, played.payoffs) == ((0,), (30, -2, -28))


def test_an_uncalled_blind_goes_back() -> None:
    played = replay(parsed([100, 100, 100], "p3 f, p1 f"))
    assert (played.pot, played.uncalled, played.winners, played.payoffs) == (2, 1, (1,), (-1, 1, 0))


def test_the_bet_of_a_player_who_folded_counts_as_called() -> None:
    played = replay(parsed([100, 100, 100], "p3 cbr 10, p1 cbr 30, p2 f, p3 f"))
    assert (played.pot, played.uncalled) == (22, 20)


def test_heads_up_the_first_entries_are_those_of_the_second_player() -> None:
    played = replay(parsed([100, 100], "p2 cbr 6, p1 f", antes=[0, 3], ante_trimming_status="false"))
    # PHH lists [small blind, big blind]; with two players the second one has the button and the small blind.
    assert (played.blinds, played.antes, played.big_blind) == ((2, 1), (3, 0), 2)
    assert (played.pot, played.uncalled, played.payoffs) == (7, 4, (-5, 5))


def test_antes_are_in_the_pot_but_are_no_bets() -> None:
    played = replay(parsed([100, 100, 100], "p3 f, p1 f", antes=[1, 1, 1]))
    assert (played.antes, played.pot, played.uncalled, played.payoffs) == ((1, 1, 1), 5, 1, (-2, 3, -1))


@pytest.mark.parametrize("trimming", ["true", "false"])
def test_a_big_blind_ante_is_never_handed_back(trimming: str) -> None:
    played = replay(parsed([100, 100, 100], "p3 cbr 6, p1 f, p2 f", antes=[0, 2, 0], ante_trimming_status=trimming))
    assert (played.antes, played.pot, played.uncalled, played.payoffs) == ((0, 2, 0), 7, 4, (-1, -4, 5))


@pytest.mark.parametrize("trimming", ["true", "false"])
def test_a_big_blind_ante_can_be_won_by_a_player_with_fewer_chips(trimming: str) -> None:
    played = replay(
        parsed(
            [1, 50, 50],
            f"d dh p1 AsAh, d dh p2 QsQh, d dh p3 3s3h, p3 cc, p2 cc, {FLOP}, p2 cc, p3 cc, {TURN}, p2 cc, p3 cc,"
            f"{RIVER}, p2 cc, p3 cc, p1 sm AsAh, p2 sm QsQh, p3 sm 3s3h",
            antes=[0, 2, 0],
            ante_trimming_status=trimming,
        )
    )
    # One chip from each, and the ante: 1 + 1 + 1 + 2. The side pot of 2 is between the other two.
    assert (played.winners, played.payoffs) == ((0, 1), (4, -2, -2))


def test_a_short_ante_wins_no_more_from_each_where_antes_are_trimmed() -> None:
    actions = (
        f"d dh p1 3s3h, d dh p2 QsQh, d dh p3 AsAh, p1 cc, p2 cc, {FLOP}, p1 cc, p2 cc, {TURN}, p1 cc, p2 cc,"
        f"{RIVER}, p1 cc, p2 cc, p3 sm AsAh, p1 sm 3s3h, p2 sm QsQh"
    )
    trimmed = replay(parsed([50, 50, 3], actions, antes=[5, 5, 5]))
    assert (trimmed.antes, trimmed.pot, trimmed.payoffs) == ((5, 5, 3), 17, (-7, 1, 6))
    whole = replay(parsed([50, 50, 3], actions, antes=[5, 5, 5], ante_trimming_status="false"))
    assert (whole.pot, whole.payoffs) == (17, (-7, -3, 10))


def test_a_player_who_owes_no_ante_wins_the_antes_of_those_who_folded() -> None:
    played = replay(parsed([100, 100, 100], "p3 cbr 6, p1 f, p2 f", antes=[5, 5, 0]))
    assert (played.pot, played.uncalled, played.payoffs) == (15, 4, (-6, -7, 13))


def test_the_part_of_an_ante_that_nobody_can_match_goes_back_and_is_not_won() -> None:
    played = replay(
        parsed(
            [50, 3],
            f"d dh p1 3s3h, d dh p2 AsAh, p2 sm AsAh, p1 sm 3s3h, {FLOP}, {TURN}, {RIVER}",
            antes=[5, 5],
        )
    )
    # Player 1 posted an ante of 5 and a blind of 2, player 2 had but 3.
    assert (played.antes, played.blinds, played.pot, played.uncalled) == ((5, 3), (2, 0), 8, 2)
    assert (played.winners, played.payoffs) == ((1,), (-3, 3))


def test_a_short_blind_posts_what_is_there() -> None:
    played = replay(
        parsed(
            [100, 1],
            f"d dh p1 AsAh, d dh p2 3s3h, p2 sm 3s3h, p1 sm AsAh, {FLOP}, {TURN}, {RIVER}",
            blinds_or_straddles=[2, 4],
            min_bet=4,
        )
    )
    assert (played.blinds, played.big_blind) == ((4, 1), 4)
    assert (played.pot, played.uncalled, played.payoffs, played.decisions) == (2, 3, (1, -1), ())


def test_a_late_post_is_a_bet_and_is_positive_in_the_record() -> None:
    played = replay(parsed([100] * 4, "p3 f, p4 cbr 8, p1 f, p2 f", blinds_or_straddles=[1, 2, 0, -3]))
    assert played.blinds == (1, 2, 0, 3)
    assert decisions(played)[1] == (4, "preflop", "raise", 5, 11)
    assert (played.pot, played.uncalled, played.big_blind) == (5, 6, 2)


def test_a_straddle_is_a_bet_and_leaves_the_big_blind_as_it_is() -> None:
    played = replay(parsed([100] * 4, "p4 cbr 12, p1 f, p2 f, p3 f", blinds_or_straddles=[1, 2, 4, 0]))
    assert (played.blinds, played.big_blind, played.pot, played.uncalled) == ((1, 2, 4, 0), 2, 11, 8)


def test_without_a_second_blind_the_least_bet_is_the_big_blind() -> None:
    played = replay(parsed([100] * 3, "p1 f, p2 f", blinds_or_straddles=[0, 0, 2]))
    assert (played.big_blind, played.pot, played.uncalled) == (2, 0, 2)
    assert (played.winners, played.payoffs) == ((2,), (0, 0, 0))


def test_a_late_post_in_second_place_is_not_the_big_blind() -> None:
    played = replay(parsed([100] * 3, "p1 f, p2 cc, p3 f", blinds_or_straddles=[0, -3, 2]))
    assert (played.blinds, played.big_blind, played.pot, played.uncalled) == ((0, 3, 2), 2, 4, 1)


def test_unknown_stacks_stay_unknown() -> None:
    played = replay(parsed(["inf", 50, "inf"], "p3 cbr 8, p1 f, p2 f"))
    assert (played.stacks, played.payoffs) == ((None, 50, None), (-1, -2, 3))


def test_cents_are_counted_in_hundredths() -> None:
    played = replay(parsed([100, 100.5], "p2 cbr 6.25, p1 f", hand=1))
    assert (played.chip_unit, played.stacks, played.blinds) == (100, (10000, 10050), (200, 100))
    assert decisions(played)[0] == (2, "preflop", "raise", 525, 825)
    assert (played.big_blind, played.pot, played.uncalled) == (200, 400, 425)


@pytest.mark.parametrize(
    ("fields", "unit"),
    [
        ({"finishing_stacks": [99.5, 100.5]}, 1),
        ({"finishing_stacks": [100.25, 98.5]}, 100),
        ({"winnings": [0, 0.25]}, 100),
        ({"winnings": [0, "inf"]}, 1),
        ({"winnings": "[0, 0.001]"}, 1),
        ({"min_bet": "2.00"}, 1),
        ({"min_bet": "2.5"}, 100),
        ({"antes": [0, 0.5]}, 100),
    ],
)
def test_the_unit_is_as_fine_as_what_was_put_in_and_what_the_house_kept(fields: dict[str, Any], unit: int) -> None:
    assert replay(parsed([100, 100], "p2 f", **fields)).chip_unit == unit


THREE_ALL_IN = "p3 cbr 60, p1 cc, p2 cc, p3 sm {2}, p1 sm {0}, p2 sm {1}"


def all_in(stacks: list[int], *cards: str, last: str = THREE_ALL_IN) -> Any:
    dealing = ", ".join(f"d dh p{seat} {held}" for seat, held in enumerate(cards, start=1))
    return replay(parsed(stacks, f"{dealing}, {last.format(*cards)}, {FLOP}, {TURN}, {RIVER}"))


def test_side_pots_go_to_different_players() -> None:
    played = all_in([10, 30, 60], "AsAh", "KsKh", "3s3h")
    assert decisions(played)[1:] == [(1, "preflop", "call", 9, 72), (2, "preflop", "call", 28, 100)]
    # 3 x 10 to the aces, 2 x 20 to the kings; 30 were called by nobody.
    assert (played.pot, played.uncalled, played.winners, played.payoffs) == (70, 30, (0, 1), (20, 10, -30))


def test_a_short_stack_with_the_worst_hand_wins_nothing() -> None:
    played = all_in([10, 30, 60], "3s3h", "KsKh", "AsAh")
    assert (played.winners, played.payoffs) == ((2,), (-10, -30, 40))


def test_the_chips_of_a_player_who_folded_go_with_the_side_pot_that_nobody_else_can_win() -> None:
    played = replay(
        parsed(
            [10, 100, 100],
            f"d dh p1 AsAh, d dh p2 KsKh, d dh p3 QsQh, p3 cbr 10, p1 cc, p2 cc, {FLOP}, p2 cbr 20, p3 cc, {TURN},"
            f"p2 cbr 40, p3 f, p1 sm AsAh, p2 sm KsKh, {RIVER}",
        )
    )
    # The main pot of 30 is contested; the side pot of 40 is player 2's alone, and half of it he has won.
    assert (played.pot, played.uncalled, played.winners, played.payoffs) == (70, 40, (0, 1), (20, 10, -30))


def test_an_odd_chip_goes_to_the_earliest_seat() -> None:
    played = replay(
        parsed(
            [100] * 3,
            "d dh p1 QcJc, d dh p2 AsQs, d dh p3 AhQh, p3 cc, p1 f, p2 cc,"
            f"{FLOP}, p2 cc, p3 cc, {TURN}, p2 cc, p3 cc, {RIVER}, p2 cc, p3 cc, p2 sm AsQs, p3 sm AhQh",
        )
    )
    assert (played.pot, played.winners, played.payoffs) == (5, (1, 2), (-1, 1, 0))


def test_a_winner_may_win_nothing_net() -> None:
    played = replay(
        parsed([50, 50], f"d dh p1 AsQs, d dh p2 AhQh, p2 cc, p1 cc, {CHECK_DOWN_2}, p1 sm AsQs, p2 sm AhQh")
    )
    assert (played.winners, played.payoffs) == ((0, 1), (0, 0))


@pytest.mark.parametrize(
    ("shows", "winners"),
    [
        ("p1 sm QsQh, p2 sm 3s3h", (0,)),
        ("p1 sm 3s3h, p2 sm QsQh", (1,)),
        ("p1 sm 3s3h, p2 sm ????", (0,)),
        ("p1 sm ????, p2 sm 3s3h", (1,)),
        ("p1 sm 3s3h, p2 sm", (0,)),
        ("p1 sm, p2 sm ????", (1,)),
        ("p1 sm ????, p2 sm ????", None),
        ("p1 sm 3s??, p2 sm ????", None),
        # Nobody can tell what the other card was.
        ("p1 sm 3s??, p2 sm QsQh", None),
        ("p1 sm 3s??, p2 sm", (0,)),
    ],
)
def test_who_does_not_show_has_lost_to_who_does(shows: str, winners: tuple[int, ...] | None) -> None:
    played = replay(parsed([50, 50], f"p2 cc, p1 cc, {CHECK_DOWN_2}, {shows}"))
    assert played.showdown
    assert played.winners == winners
    assert (played.payoffs is None) == (winners is None)


def test_cards_known_from_the_deal_but_not_shown_win_nothing() -> None:
    played = replay(
        parsed([50, 50], f"d dh p1 QsQh, d dh p2 ????, p2 cc, p1 cc, {CHECK_DOWN_2}, p1 sm ????, p2 sm ????")
    )
    assert (played.showdown, played.winners, played.payoffs, played.pot) == (True, None, None, 4)


def test_an_unknown_board_leaves_the_winner_unknown() -> None:
    board = CHECK_DOWN_2.replace(RIVER, "d db ??")
    shown = replay(parsed([50, 50], f"p2 cc, p1 cc, {board}, p1 sm QsQh, p2 sm 3s3h"))
    assert shown.winners is None
    alone = replay(parsed([50, 50], f"p2 cc, p1 cc, {board}, p1 sm QsQh, p2 sm"))
    assert alone.winners == (0,)


def test_one_side_pot_that_nobody_can_tell_leaves_the_payoffs_unknown() -> None:
    played = replay(
        parsed(
            [10, 60, 60],
            f"p3 cbr 10, p1 cc, p2 cc, {FLOP}, p2 cbr 20, p3 cc, {TURN}, p2 cc, p3 cc, {RIVER}, p2 cc, p3 cc,"
            "p1 sm AsAh, p2 sm ????, p3 sm ????",
        )
    )
    assert (played.pot, played.winners, played.payoffs) == (70, None, None)


def test_an_all_in_that_raises_is_a_raise_and_one_for_less_is_a_call() -> None:
    played = all_in(
        [20, 3, 15], "AsAh", "KsKh", "3s3h", last="p3 cbr 15, p1 cc, p2 cc, p3 sm {2}, p1 sm {0}, p2 sm {1}"
    )
    assert decisions(played) == [
        (3, "preflop", "raise", 15, 18),
        (1, "preflop", "call", 14, 32),
        (2, "preflop", "call", 1, 33),
    ]


def test_a_fold_without_need_is_allowed() -> None:
    played = replay(parsed([50] * 3, f"p3 cc, p1 cc, p2 cc, {FLOP}, p1 f, p2 cbr 2, p3 f"))
    assert (played.winners, played.payoffs) == ((1,), (-2, 4, -2))


@pytest.mark.parametrize(
    ("actions", "fields", "reason"),
    [
        ("p2 cc, p1 cc", {}, "stops early: board cards"),
        ("p2 cc", {}, "stops early: p1 has not acted"),
        ("d dh p1 ????", {}, "stops early: hole cards"),
        (f"p2 cc, p1 cc, {CHECK_DOWN_2}, p1 sm AsAh", {}, "stops early: not everybody has shown"),
        ("p1 cc", {}, r"action 3 \(p1 cc\)"),
        ("p2 cbr 3, p1 f", {}, r"action 3 \(p2 cbr 3\).*minimum"),
        ("p2 cbr 101, p1 f", {}, "maximum"),
        # An ante that is posted alone is spent, whatever the record says about trimming.
        ("p2 cc, p1 cbr 98, p2 f", {"antes": [0, 3]}, "maximum"),
        ("p2 f, p1 cc", {}, r"action 4 \(p1 cc\)"),
        (f"p2 f, {FLOP}", {}, "action 4"),
        ("p2 jumps", {}, r"action 3 \(p2 jumps\): is not an action of PHH"),
        # pokerkit takes p0 for the last player, and p+2 for the second one.
        ("d dh p1 ????, d dh p0 ????, p2 f", {}, r"action 2 \(d dh p0 \?\?\?\?\): is not an action"),
        ("p+2 f", {}, "is not an action"),
        ("p2 f p1 f", {}, "is not an action"),
        ("d dh p1 10hAs, d dh p2 ????, p2 f", {}, "is not an action"),
        ("d dh p1 A?As, d dh p2 ????, p2 f", {}, "is not an action"),
        ("p2 sd", {}, "action 3"),
        ("p2 pb", {}, "action 3"),
        ("d dh p3 ????", {}, r"action 1 \(d dh p3 \?\?\?\?\)"),
        ("d dh p1 AsAs, d dh p2 ????, p2 f", {}, "As is dealt, but it has been seen before"),
        ("p2 cc, p1 cc, d db AcAc7h, p1 f", {}, "Ac is dealt, but it has been seen before"),
        ("d dh p1 AsAh, d dh p2 ????, p2 cc, p1 cc, d db Ac7hAs, p1 f", {}, "As is dealt, but it has been seen"),
        (f"p2 cc, p1 cc, {CHECK_DOWN_2}, p1 sm AcKh, p2 sm", {}, "Ac is shown, but it has been seen before"),
        (f"p2 cc, p1 cc, {CHECK_DOWN_2}, p1 sm KhKh, p2 sm", {}, "a card is shown twice"),
        (f"p2 cc, p1 cc, {CHECK_DOWN_2}, p1 sm QsQh, p2 sm Qs??", {}, "Qs is shown, but it has been seen before"),
        (f"d dh p1 Qs??, d dh p2 ????, p2 cc, p1 cc, {CHECK_DOWN_2}, p1 sm 3s3h, p2 sm", {}, "p1 shows other cards"),
        ("p2 cbr lots, p1 f", {}, "lots is not an amount"),
        ("p2 cbr nan, p1 f", {}, "nan is not an amount"),
        ("p2 cbr sNaN, p1 f", {}, "sNaN is not an amount"),
        ("p2 cbr inf, p1 f", {}, "the limit is"),
        ("p2 cbr 6.125, p1 f", {}, "more than two decimals"),
        ("d dh p1 AsAh, d dh p2 AsKs, p2 f", {}, r"action 2 \(d dh p2 AsKs\).*As"),
        (f"d dh p1 QsQh, d dh p2 ????, p2 cc, p1 cc, {CHECK_DOWN_2}, p1 sm 3s3h, p2 sm", {}, "p1 shows other cards"),
        ("p2 f", {"variant": None}, "variant is missing"),
        ("p2 f", {"variant": "'FB'"}, "small_bet is missing: fixed-limit badugi needs it"),
        ("p2 f", {"variant": "'XX'"}, "variant 'XX' is unknown: write one of NT, FT"),
        ("p2 f", {"variant": 3}, "variant 3 is unknown"),
        ("p2 f", {"variant": "['NT']"}, "is unknown"),
        ("p2 f", {"antes": None}, "antes is missing"),
        ("p2 f", {"antes": [0]}, "antes has 1 entries"),
        ("p2 f", {"antes": [0, -1]}, "the start: Negative antes"),
        ("p2 f", {"antes": "[0, 'x']"}, "antes is not a list of numbers"),
        ("p2 f", {"antes": "[0, true]"}, "antes is not a list of numbers"),
        ("p2 f", {"antes": "[0, inf]"}, "antes has the amount Infinity"),
        ("p2 f", {"antes": "[0, 0.001]"}, "antes has the amount 0.001: more than two decimals"),
        ("p2 f", {"antes": "[0, 1e-99999999]"}, "antes has the amount .*: more than two decimals"),
        ("p2 f", {"antes": f"[0, 1.{'0' * 40}1]"}, "antes has the amount .*: more than two decimals"),
        ("p2 f", {"antes": "[0, 1e999999999]"}, "antes has the amount .*: the limit is"),
        ("p2 f", {"blinds_or_straddles": [1, 2, 0]}, "blinds_or_straddles has 3 entries"),
        ("p2 f", {"blinds_or_straddles": [0, 0]}, "the start: No antes"),
        ("p2 f", {"starting_stacks": 7}, "starting_stacks is not a list"),
        ("p2 f", {"starting_stacks": "[nan, 100]"}, "starting_stacks is not a list of numbers"),
        ("p2 f", {"starting_stacks": "[0, 100]"}, "the start: Non-positive"),
        ("p2 f", {"starting_stacks": "[1e300, 100]"}, "starting_stacks has the amount 1E[+]300: the limit is"),
        ("p2 f", {"starting_stacks": "[-inf, 100]"}, "the limit is"),
        ("p2 f", {"min_bet": 0}, "min_bet is not a number above 0"),
        ("p2 f", {"ante_trimming_status": 1}, "ante_trimming_status"),
        ("p2 f", {"bring_in": 1}, "bring_in is 1: no-limit hold'em has none"),
        ("p2 f", {"variant": "'FT'", "small_bet": "'x'", "big_bet": 4}, "small_bet is not a number above 0"),
        ("p2 f", {"variant": "'FT'", "small_bet": 2, "big_bet": 0}, "big_bet is not a number above 0"),
        ("", BRING_IN | {"variant": "'F7S'", "antes": [1, 1], "bring_in": -1}, "bring_in is not a number of 0 or more"),
        ("", BRING_IN | {"variant": "'F7S'", "antes": [1, 1], "bring_in": 2}, "the start: The bring-in must be less"),
        ("", BRING_IN | {"variant": "'F7S'", "antes": [1, 1], "bring_in": 0.125}, "bring_in has the amount 0.125"),
        (
            "",
            BRING_IN | {"variant": "'F7S'", "antes": [1, 1], "blinds_or_straddles": [1, 2]},
            r"blinds_or_straddles is \[1, 2\]: fixed-limit seven-card stud has none",
        ),
    ],
)
def test_a_hand_that_breaks_the_rules_is_refused_with_the_reason(
    actions: str, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(HandRefused, match=reason):
        replay(parsed([100, 100], actions, **fields))


@pytest.mark.parametrize("actions", ["p2 f", ["p2 f", 3], None])
def test_actions_that_are_no_list_of_texts_are_refused(actions: object) -> None:
    with pytest.raises(HandRefused, match="actions is not a list of texts"):
        replay(parsed([100, 100], "") | {"actions": actions})


def test_one_player_alone_is_no_hand() -> None:
    with pytest.raises(HandRefused, match="fewer than two"):
        replay(parsed([100], "", antes=[0], blinds_or_straddles=[1]))


def test_a_bet_that_was_folded_by_its_owner_has_no_known_taker() -> None:
    # The live straddle is the highest bet; its owner folds it although he has to add nothing.
    with pytest.raises(HandRefused, match="p3 folded a bet that nobody had called"):
        replay(
            parsed(
                [100, 2, 100, 2],
                f"p4 cc, p1 f, p3 f, p2 sm KsKh, p4 sm AsAh, {FLOP}, {TURN}, {RIVER}",
                blinds_or_straddles=[1, 2, 4, 0],
            )
        )


def test_comments_in_actions_are_no_actions() -> None:
    played = replay(parsed([100, 100], "p2 cbr 6 # a comment, # p1 cbr 99, p1 f # another"))
    assert [made[2] for made in decisions(played)] == ["raise", "fold"]


def test_more_players_than_cards_are_refused() -> None:
    with pytest.raises(HandRefused, match="the deck is enough for 23 players"):
        replay(parsed([100] * 24, ""))
    with pytest.raises(HandRefused, match="the deck is enough for 10 players"):
        replay(parsed([100] * 11, "", variant="'N2L1D'"))


def test_ten_players_may_play() -> None:
    played = replay(parsed([100] * 10, ",".join(f"p{seat} f" for seat in (*range(3, 11), 1)), players=None))
    assert (played.winners, played.payoffs) == ((1,), (-1, 1) + (0,) * 8)


@pytest.mark.parametrize(
    ("variant", "street", "big_blind", "pot", "uncalled", "winners", "payoffs"),
    [
        ("NT", "river", 2, 62, 0, (0,), (31, -31, 0)),
        ("FT", "turn", 2, 16, 4, (1,), (-8, 8, 0)),
        # Six to ten beat nothing but a pair; ace to nine is a straight where there are no lower cards.
        ("NS", "river", 2, 163, 0, (0, 1), (2, 1, -3)),
        ("PO", "river", 200, 6100, 0, (1,), (-3050, 3050, 0)),
        ("FO/8", "river", 2, 20, 0, (0, 1), (0, 0, 0)),
        ("F7S", "seventh", 2, 19, 4, (0,), (10, -9, -1)),
        ("F7S/8", "seventh", 2, 11, 0, (0, 1), (0, 1, -1)),
        ("FR", "fifth", 2, 7, 4, (0,), (4, -1, -3)),
        ("N2L1D", "draw", 2, 28, 0, (1,), (-14, 14, 0)),
        ("F2L3D", "third draw", 2, 20, 0, (0,), (10, -10, 0)),
        ("FB", "third draw", 2, 12, 4, (0,), (6, -6, 0)),
    ],
)
def test_every_game(
    variant: str,
    street: str,
    big_blind: int,
    pot: int,
    uncalled: int,
    winners: tuple[int, ...],
    payoffs: tuple[int, ...],
) -> None:
    played = replay(example(variant))
    assert (played.street, played.big_blind, played.pot, played.uncalled) == (street, big_blind, pot, uncalled)
    assert (played.winners, played.payoffs) == (winners, payoffs)


def test_the_examples_are_all_the_games_of_phh() -> None:
    assert list(EXAMPLES) == ["NT", "FT", "NS", "PO", "FO/8", "F7S", "F7S/8", "FR", "N2L1D", "F2L3D", "FB"]


OMAHA_LOW = "d db 4c5d8h, p1 cc, p2 cc, d db Kc, p1 cc, p2 cc, d db Kd, p1 cc, p2 cc"
OMAHA = {"variant": "'FO/8'", **BLINDS}


def omaha(first: str, second: str, board: str, antes: list[int]) -> Any:
    return replay(
        parsed(
            [100] * 3,
            f"d dh p1 {first}, d dh p2 {second}, d dh p3 ????????, p3 f, p1 cc, p2 cc, {board}, p1 sm {first},"
            f"p2 sm {second}",
            antes=antes,
            **OMAHA,
        )
    )


def test_high_and_low_share_the_pot_and_the_odd_chip_goes_to_the_high_hand() -> None:
    played = omaha("As2sQhQc", "KsKhJdJc", OMAHA_LOW, antes=[1, 1, 1])
    # Seven chips: four kings take four, the low hand three.
    assert (played.pot, played.winners, played.payoffs) == (7, (0, 1), (0, 1, -1))


def test_without_a_low_hand_the_pot_goes_whole_to_the_high_hand() -> None:
    no_low = OMAHA_LOW.replace("8h", "9h")
    played = omaha("As2sQhQc", "KsKhJdJc", no_low, antes=[1, 1, 1])
    assert (played.winners, played.payoffs) == ((1,), (-3, 4, -1))


def test_one_hand_may_be_the_best_high_and_the_best_low() -> None:
    played = omaha("As2s6hJd", "QsQhJsJc", OMAHA_LOW.replace("Kc", "3c").replace("Kd", "9d"), antes=[0, 0, 0])
    assert (played.winners, played.payoffs) == ((0,), (2, -2, 0))


def test_a_quarter_of_the_pot() -> None:
    # Both have the same low; the first one has the kings as well: half, and half of the other half.
    played = omaha("As2sKsKh", "Ah2hQsQh", OMAHA_LOW.replace("Kc", "Jc"), antes=[4, 4, 4])
    assert (played.pot, played.winners, played.payoffs) == (16, (0, 1), (6, -2, -4))


def test_low_is_not_won_in_a_side_pot_by_players_without_a_low_hand() -> None:
    played = replay(
        parsed(
            [2, 100, 100],
            "d dh p1 As2sQhQc, d dh p2 KsKhJdJc, d dh p3 TsThTd9c, p3 cbr 4, p1 cc, p2 cc, d db 4c5d8h, p2 cc, p3 cc,"
            "d db Kc, p2 cc, p3 cc, d db 7d, p2 cc, p3 cc, p2 sm KsKhJdJc, p3 sm TsThTd9c, p1 sm As2sQhQc",
            **OMAHA,
        )
    )
    # Main pot 6, three for the kings and three for the low of the first; the side pot of 4 has no low hand in it.
    assert (played.pot, played.winners, played.payoffs) == (10, (0, 1), (1, 3, -4))


def test_omaha_hands_use_two_cards_of_the_player_and_three_of_the_board() -> None:
    spades = "d db 4s5s8s, p1 cc, p2 cc, d db Ks, p1 cc, p2 cc, d db 9d, p1 cc, p2 cc"
    played = omaha("AsQhJdTc", "KhKdQcJc", spades, antes=[0, 0, 0])
    assert played.winners == (1,)  # one spade makes no flush


def razz(actions: str) -> Any:
    """The last bets of a hand of razz, heads-up: the first player has 250 after the ante, the other one far more."""
    return replay(
        parsed(
            [350, 2000],
            f"d dh p1 8c2h4c, d dh p2 4h3d8d, p2 pb, {actions}",
            variant="'FR'",
            **BRING_IN | {"antes": [100, 100], "bring_in": 50, "small_bet": 200, "big_bet": 400},
        )
    )


ALL_STREETS = "d dh p1 Ad, d dh p2 2s, d dh p1 Qd, d dh p2 Td, d dh p1 Jd, d dh p2 8s, d dh p1 Kh, d dh p2 7h"
SHOWS = f"p2 sm 4h3d8d, p1 sm 8c2h4c, {ALL_STREETS}, p1 sm 8c2h4cAdQdJdKh, p2 sm 4h3d8d2sTd8s7h"


def test_a_raise_may_be_written_as_what_the_opponent_has_left() -> None:
    written = razz(f"p1 cbr 200, p2 cbr 250, p1 cc, {SHOWS}")
    assert decisions(written)[-2:] == [(2, "third", "raise", 200, 650), (1, "third", "call", 50, 700)]
    assert (written.pot, written.uncalled, written.winners, written.payoffs) == (700, 0, (1,), (-350, 350))
    # The rules call it a raise to 400, of which 150 come back.
    called = razz(f"p1 cbr 200, p2 cbr 400, p1 cc, {SHOWS}")
    assert (called.pot, called.uncalled, called.payoffs) == (700, 150, (-350, 350))
    with pytest.raises(HandRefused, match=r"p2 cbr 251.*below the minimum"):
        razz(f"p1 cbr 200, p2 cbr 251, p1 cc, {SHOWS}")


def test_so_may_a_raise_without_limit() -> None:
    actions = "d dh p1 AsAh, d dh p2 KsKh, p2 cbr 80, p1 cbr {}, p2 f"
    played = replay(parsed([300, 100], actions.format(100)))
    assert (played.pot, played.uncalled, played.payoffs) == (160, 20, (80, -80))
    for other in (99, 101, 157):
        with pytest.raises(HandRefused, match="below the minimum"):
            replay(parsed([300, 100], actions.format(other)))


def test_no_raise_is_made_where_others_could_raise_again() -> None:
    with pytest.raises(HandRefused, match="below the minimum"):
        replay(parsed([300, 100, 300], "p3 cbr 80, p1 cbr 100, p2 cc, p3 cc"))


def test_whoever_opens_in_stud_may_complete_instead_and_that_is_a_bet() -> None:
    actions = example("F7S")["actions"]
    played = replay(example("F7S", actions=[*actions[:3], "p1 cbr 2", "p2 f", "p3 f"]))
    assert decisions(played)[0] == (1, "third", "bet", 2, 5)
    assert (played.pot, played.uncalled, played.payoffs) == (3, 2, (2, -1, -1))


def test_who_opens_with_an_unknown_card_is_for_the_record_to_tell() -> None:
    def stud(actions: str) -> Any:
        return replay(parsed([50] * 3, f"{dealt}, {actions}", variant="'F7S'", **BRING_IN))

    dealt = "d dh p1 ????4c, d dh p2 ??????, d dh p3 ????9c"
    # The lowest card opens: the four of the first player, unless the second one has a lower one.
    assert stud("p1 pb, p2 f, p3 f").payoffs == (2, -1, -1)
    assert stud("p2 pb, p3 f, p1 cbr 2, p2 f").payoffs == (3, -2, -1)
    assert decisions(stud("p2 cbr 2, p3 f, p1 f"))[0] == (2, "third", "bet", 2, 5)
    for actions in ("p3 pb, p1 f, p2 f", "p1 pb, p3 f, p2 f"):
        with pytest.raises(HandRefused, match=r"is not a valid player"):
            stud(actions)
    with pytest.raises(HandRefused, match="a card that lies open is unknown"):
        stud("p2 pb, p3 f, p1 cc, d dh p1 8d, d dh p2 ??, p2 cc, p1 cbr 2, p2 f")
    dealt = "d dh p1 ????4c, d dh p2 ????5c, d dh p3 ??????"
    with pytest.raises(HandRefused, match=r"action 4 \(p2 pb\)"):
        stud("p2 pb, p3 f, p1 f")
    with pytest.raises(HandRefused, match=r"action 5 \(p3 f\)"):
        stud("p1 pb, p3 f, p2 f")


def test_an_uncalled_bring_in_goes_back() -> None:
    actions = example("F7S")["actions"]
    played = replay(example("F7S", actions=[*actions[:4], "p2 f", "p3 f"]))
    assert (played.pot, played.uncalled, played.street, played.payoffs) == (3, 1, "third", (2, -1, -1))


def test_every_player_posts_an_ante_in_stud_and_a_short_one_wins_no_more_from_each() -> None:
    stakes = {"antes": [5, 5, 5], "bring_in": 1, "small_bet": 8, "big_bet": 16}
    dealt = "d dh p1 3s3hJd, d dh p2 QsQh7d, d dh p3 AsAh9d"
    played = replay(
        parsed(
            [50, 50, 3],
            f"{dealt}, p2 pb, p1 cbr 8, p2 cc, d dh p1 4c, d dh p2 Qc, d dh p3 Ac, p1 cc, p2 cbr 8, p1 f,"
            "p3 sm AsAh9dAc, p2 sm QsQh7dQc, d dh p2 2c, d dh p3 2d, d dh p2 4d, d dh p3 4h, d dh p2 6d, d dh p3 6h,"
            "p2 sm QsQh7dQc2c4d6d, p3 sm AsAh9dAc2d4h6h",
            variant="'F7S'",
            **BRING_IN | stakes,
        )
    )
    # Three from each to the aces; the rest of the antes and the calls are the side pot.
    assert (played.antes, played.pot, played.uncalled) == ((5, 5, 3), 29, 8)
    assert (played.winners, played.payoffs) == ((1, 2), (-13, 7, 6))


def test_short_deck_has_antes_and_a_blind_of_the_button() -> None:
    played = replay(
        parsed([50] * 3, "p1 f, p2 f", variant="'NS'", antes=[1, 1, 1], blinds_or_straddles=[0, 0, 2], min_bet=2)
    )
    assert (played.antes, played.blinds, played.pot, played.uncalled) == ((1, 1, 1), (0, 0, 2), 3, 2)
    assert played.payoffs == (-1, -1, 2)


def test_low_cards_do_not_exist_in_short_deck() -> None:
    with pytest.raises(HandRefused, match="5s is not in the deck of this game"):
        replay(parsed([50] * 2, "d dh p1 5s5h, d dh p2 ????, p2 f", variant="'NS'", antes=[1, 1]))


def test_a_draw_that_is_not_finished_stops_early() -> None:
    actions = example("N2L1D")["actions"]
    discards = [place for place, action in enumerate(actions) if " sd" in action]
    with pytest.raises(HandRefused, match="stops early: p2 has not discarded or stood pat"):
        replay(example("N2L1D", actions=actions[: discards[1]]))
    with pytest.raises(HandRefused, match="stops early: hole cards"):
        replay(example("N2L1D", actions=actions[: discards[1] + 1]))
    with pytest.raises(HandRefused, match="discarded cards"):
        replay(example("N2L1D", actions=[*actions[: discards[0]], "p1 sd Ks"]))


def test_players_who_are_all_in_still_draw() -> None:
    played = replay(
        parsed(
            [20, 20],
            "d dh p1 7s5s4d3c2c, d dh p2 KsKh8s??2s, p2 cbr 20, p1 cc, p1 sd, p2 sd KsKh, d dh p2 7d6d,"
            "p1 sm 7s5s4d3c2c, p2 sm",
            variant="'N2L1D'",
        )
    )
    assert (played.street, played.pot, played.winners, played.payoffs) == ("draw", 40, (0,), (20, -20))


def test_the_winner_may_show_after_everybody_folded() -> None:
    played = replay(parsed([50, 50], "d dh p1 AsKs, d dh p2 ????, p2 f, p1 sm AsKs"))
    assert (played.showdown, played.winners, played.facts[-1]) == (False, (0,), Shown(0, ("As", "Ks")))
    later = replay(parsed([50, 50], f"d dh p1 AsKs, d dh p2 ????, p2 cc, p1 cc, {FLOP}, p1 cc, p2 f, p1 sm AsKs"))
    assert (later.street, later.facts[-1]) == ("flop", Shown(0, ("As", "Ks")))


def test_a_board_that_is_run_twice_cannot_be_counted_and_is_refused() -> None:
    twice = f"p2 cbr 50, p1 cc, p2 sm KsKh, p1 sm AsAh, {FLOP}, {TURN}, {RIVER}, d db 8s"
    with pytest.raises(HandRefused, match=r"d db 8s"):
        replay(parsed([50, 50], f"d dh p1 AsAh, d dh p2 KsKh, {twice}"))


def test_cards_dealt_one_by_one_are_one_deal() -> None:
    played = replay(parsed([50, 50], "d dh p1 As, d dh p2 Kd, d dh p1 Ad, d dh p2 Ks, p2 f"))
    assert played.facts[0] == HoleCards("preflop", (DealtHand(0, ("As", "Ad"), ()), DealtHand(1, ("Kd", "Ks"), ())))


def test_a_card_that_was_dealt_after_a_player_had_shown_stays_unknown() -> None:
    actions = example("F7S/8")["actions"]
    assert replay(example("F7S/8", actions=actions)).winners == (0, 1)
    hidden = [*actions[:-2], f"p1 sm {'??' * 7}", actions[-1]]
    played = replay(example("F7S/8", actions=hidden))
    assert (played.showdown, played.winners, played.payoffs) == (True, None, None)


def test_cards_that_somebody_holds_are_not_dealt_again_even_after_the_deck_has_run_out() -> None:
    found = 0
    for seed in range(200):
        raw, _ = simulated(seed, "F2L3D")
        deals = [place for place, action in enumerate(raw["actions"]) if action.startswith("d dh")]
        cards = "".join(raw["actions"][place].split()[3] for place in deals)
        if len(cards) // 2 <= 52:
            continue
        # One card of those that were turned over at showdown is given to another player as the last card.
        *_, last = deals
        shows = [action.split() for action in raw["actions"] if " sm " in action]
        dealee = raw["actions"][last].split()[2]
        others = [words[2] for words in shows if words[0] != dealee]
        if others:
            raw["actions"][last] = raw["actions"][last][:-2] + others[0][-2:]
            with pytest.raises(HandRefused, match="has been seen before"):
                replay(raw)
            found += 1
    assert found
