"""Every rule of the table, on hands written for it: who posted, who did what, who won how much."""

from __future__ import annotations

from typing import Any

import pytest
from written_hands import parsed

from poker import HandRefused, replay

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


def test_a_big_blind_ante_can_be_won_by_a_player_with_fewer_chips() -> None:
    played = replay(
        parsed(
            [1, 50, 50],
            f"d dh p1 AsAh, d dh p2 QsQh, d dh p3 3s3h, p3 cc, p2 cc, {FLOP}, p2 cc, p3 cc, {TURN}, p2 cc, p3 cc,"
            f"{RIVER}, p2 cc, p3 cc, p1 sm AsAh, p2 sm QsQh, p3 sm 3s3h",
            antes=[0, 2, 0],
            ante_trimming_status="false",
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
        ({"winnings": [0.25, 0]}, 1),
        ({"min_bet": "2.00"}, 1),
        ({"min_bet": "2.5"}, 100),
        ({"antes": [0, 0.5]}, 100),
    ],
)
def test_only_amounts_that_were_put_in_decide_about_the_unit(fields: dict[str, Any], unit: int) -> None:
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
        ("p2 jumps", {}, "action 3"),
        ("p2 cbr lots, p1 f", {}, "lots is not an amount"),
        ("p2 cbr nan, p1 f", {}, "nan is not an amount"),
        ("p2 cbr sNaN, p1 f", {}, "sNaN is not an amount"),
        ("p2 cbr inf, p1 f", {}, "the limit is"),
        ("p2 cbr 6.125, p1 f", {}, "more than two decimals"),
        ("d dh p1 AsAh, d dh p2 AsKs, p2 f", {}, r"action 2 \(d dh p2 AsKs\).*As"),
        (f"d dh p1 QsQh, d dh p2 ????, p2 cc, p1 cc, {CHECK_DOWN_2}, p1 sm 3s3h, p2 sm", {}, "p1 shows other cards"),
        ("p2 f", {"variant": None}, "variant is missing"),
        ("p2 f", {"variant": "'PO'"}, r"variant PO \(pot-limit Omaha hold'em\) is not supported yet"),
        ("p2 f", {"variant": "'FB'"}, r"variant FB \(fixed-limit badugi\) is not supported yet"),
        ("p2 f", {"variant": "'XX'"}, "variant 'XX' is unknown"),
        ("p2 f", {"variant": 3}, "variant 3 is unknown"),
        ("p2 f", {"variant": "['NT']"}, "is unknown"),
        ("p2 f", {"antes": None}, "antes is missing"),
        ("p2 f", {"antes": [0]}, "antes has 1 entries"),
        ("p2 f", {"antes": [0, -1]}, "the start: Negative antes"),
        ("p2 f", {"antes": "[0, 'x']"}, "antes is not a list of numbers"),
        ("p2 f", {"antes": "[0, true]"}, "antes is not a list of numbers"),
        ("p2 f", {"antes": "[0, inf]"}, "antes has the amount Infinity"),
        ("p2 f", {"antes": "[0, 0.001]"}, "antes has the amount 0.001: more than two decimals"),
        ("p2 f", {"blinds_or_straddles": [1, 2, 0]}, "blinds_or_straddles has 3 entries"),
        ("p2 f", {"blinds_or_straddles": [0, 0]}, "the start: No antes"),
        ("p2 f", {"starting_stacks": 7}, "starting_stacks is not a list"),
        ("p2 f", {"starting_stacks": "[nan, 100]"}, "starting_stacks is not a list of numbers"),
        ("p2 f", {"starting_stacks": "[0, 100]"}, "the start: Non-positive"),
        ("p2 f", {"starting_stacks": "[1e300, 100]"}, "starting_stacks has the amount 1E[+]300: the limit is"),
        ("p2 f", {"starting_stacks": "[-inf, 100]"}, "the limit is"),
        ("p2 f", {"min_bet": 0}, "min_bet is not a number above 0"),
        ("p2 f", {"ante_trimming_status": 1}, "ante_trimming_status"),
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
