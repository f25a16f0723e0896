"""The exercises of Day 7: the uncalled bet, pots in SQL, totals and a tail, a loan of a library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pandas as pd

import eventstore
from eventstore import DomainEvent, InMemoryEventStore
from workbook.exercise import Exercise, WrongAnswer, case
from workbook.expect import NotKept, describe, expect
from workbook.workspace import scratch

Bets = Callable[[pd.DataFrame], Any]
Statement = Callable[[], str]
Lend = Callable[[Any, str, str], Any]

Chips = tuple[str, int, int]
BLINDS: tuple[Chips, ...] = (("preflop", 1, 5), ("preflop", 2, 10), ("preflop", 3, 0))


def bets_of(**hands: tuple[Chips, ...]) -> pd.DataFrame:
    """The bets of some hands, as the lesson's question gives them."""
    rows = [(hand, *chips) for hand, bets in hands.items() for chips in bets]
    return pd.DataFrame(rows, columns=["hand_id", "street", "seat", "chips"])


def expect_uncalled(uncalled: Bets, expected: dict[str, int], what: str, **hands: tuple[Chips, ...]) -> None:
    expect_series(uncalled, expected, what, bets_of(**hands))


def expect_series(uncalled: Bets, expected: dict[str, int], what: str, bets: pd.DataFrame) -> None:
    before = bets.copy()
    got = uncalled(bets)
    if not isinstance(got, pd.Series):
        raise NotKept(f"got {type(got).__name__} from uncalled(bets), expected a Series")
    # Hands in another order, and whole numbers as floats, are the same answer.
    found = {str(hand): _plain(chips) for hand, chips in sorted(got.items())}
    expect(found, expected, f"uncalled of {what}")
    if not bets.equals(before):
        raise NotKept("got another frame of bets after uncalled(bets) than before, expected the same")


@case(hint=1)
def a_bet_that_nobody_paid(uncalled: Bets) -> None:
    bet = (*BLINDS, ("preflop", 3, 10), ("preflop", 1, 0), ("preflop", 2, 0), ("flop", 2, 40), ("flop", 3, 0))
    expect_uncalled(uncalled, {"a": 40}, "a bet of 40 on the flop, and a fold", a=bet)


@case(hint=1)
def a_hand_of_two_streets(uncalled: Bets) -> None:
    preflop = (*BLINDS, ("preflop", 3, 70), ("preflop", 1, 0), ("preflop", 2, 60))
    all_in = (*preflop, ("flop", 2, 30), ("flop", 3, 25))
    what = "a raise to 70 that was called, and a bet of 30 against the last 25"
    expect_uncalled(uncalled, {"a": 5}, what, a=all_in)


@case(hint=1)
def a_seat_that_puts_in_more_than_once(uncalled: Bets) -> None:
    raised = (*BLINDS, ("preflop", 3, 10), ("preflop", 1, 5), ("preflop", 2, 0))
    again = (*raised, ("flop", 1, 10), ("flop", 2, 30), ("flop", 3, 0), ("flop", 1, 70), ("flop", 2, 0))
    expect_uncalled(uncalled, {"a": 50}, "10, raised to 30, raised to 80, and a fold", a=again)


@case(hint=1)
def the_blinds_are_bets(uncalled: Bets) -> None:
    raised = (*BLINDS, ("preflop", 3, 30), ("preflop", 1, 0), ("preflop", 2, 0))
    expect_uncalled(uncalled, {"a": 20}, "a raise to 30 over a blind of 10, and two folds", a=raised)


@case(hint=2)
def a_bet_that_was_called(uncalled: Bets) -> None:
    called = (*BLINDS, ("preflop", 3, 30), ("preflop", 1, 25), ("preflop", 2, 20))
    expect_uncalled(uncalled, {"a": 0}, "a raise to 30 that two seats called", a=called)


@case(hint=2)
def a_bet_that_one_of_two_seats_called(uncalled: Bets) -> None:
    called = (*BLINDS, ("preflop", 3, 30), ("preflop", 1, 25), ("preflop", 2, 0))
    expect_uncalled(uncalled, {"a": 0}, "a raise to 30 that one seat called, while the big blind folded", a=called)


@case(hint=3)
def several_hands_at_once(uncalled: Bets) -> None:
    raised = (*BLINDS, ("preflop", 3, 30), ("preflop", 1, 0), ("preflop", 2, 0))
    bet = (*BLINDS, ("preflop", 3, 10), ("preflop", 1, 5), ("preflop", 2, 0), ("turn", 1, 0), ("turn", 2, 60))
    expect_uncalled(
        uncalled, {"a": 20, "b": 60, "c": 20}, "three hands, one after the other", a=raised, b=bet, c=raised
    )


@case(hint=3)
def hands_that_are_mixed(uncalled: Bets) -> None:
    raised = bets_of(a=(*BLINDS, ("preflop", 3, 30), ("preflop", 1, 0), ("preflop", 2, 0)))
    checked = bets_of(b=(*BLINDS, ("preflop", 3, 0), ("preflop", 1, 5), ("preflop", 2, 0), ("flop", 1, 90)))
    # The rows take turns, as at two tables.
    mixed = pd.concat([raised, checked]).sort_index(kind="stable").reset_index(drop=True)
    expect_series(uncalled, {"a": 20, "b": 90}, "two hands that were played at the same time", mixed)


# hand_id, currency, chip_unit, pot. One currency comes in two units.
POTS = (
    ("a", None, 1, 10),
    ("b", None, 1, 30),
    ("c", None, 1, 50),
    ("d", None, 1, 910),
    ("e", "USD", 1, 400),
    ("f", "USD", 1, 600),
    ("g", "USD", 100, 275),
    ("h", "USD", 100, 150),
    ("i", "EUR", 1, 35),
)
COLUMNS = ["currency", "chip_unit", "hands", "mean", "median", "p90", "largest"]
SIZES: list[list[Any]] = [
    ["EUR", 1, 1, 35, 35, 35, 35],
    ["USD", 1, 2, 500, 500, 580, 600],
    ["USD", 100, 2, 2.125, 2.125, 2.625, 2.75],
    [None, 1, 4, 250, 40, 652, 910],
]


def sizes(pot_sizes: Statement) -> list[list[Any]]:
    """What the learner's statement gives: the names of the columns, then the rows."""
    with scratch(install=False) as db:
        db.q("CREATE TABLE pots (hand_id text, currency text, chip_unit int, pot bigint)")
        for row in POTS:
            db.q("INSERT INTO pots VALUES (%s, %s, %s, %s)", row)
        return rows_of(db.q(pot_sizes()))


def rows_of(answer: Any) -> list[list[Any]]:
    if answer is None:
        raise NotKept("got no rows, expected a statement that returns some")
    return [list(answer.columns), *([_plain(value) for value in row] for row in answer.to_numpy().tolist())]


def _plain(value: Any) -> Any:
    """A value of a data frame as SQL meant it: None for NULL, and numbers of any kind as plain ones."""
    if value is None or value != value:
        return None
    if isinstance(value, str):
        return value
    number = round(float(value), 6)
    return int(number) if number == int(number) else number


@case(hint=1)
def the_columns_that_were_asked_for(pot_sizes: Statement) -> None:
    expect(sizes(pot_sizes)[0], COLUMNS, "the columns")


@case(hint=1)
def one_row_for_each_kind_of_chip(pot_sizes: Statement) -> None:
    got = sorted((row[:3] for row in sizes(pot_sizes)[1:]), key=str)
    expect(got, sorted((row[:3] for row in SIZES), key=str), "currency, chip_unit and hands, in any order")


def column_of(pot_sizes: Statement, name: str) -> dict[str, Any]:
    place = COLUMNS.index(name)
    return {f"{row[0] or 'NULL'}, {row[1]}": row[place] for row in sorted(sizes(pot_sizes)[1:], key=str)}


def expect_column(pot_sizes: Statement, name: str) -> None:
    place = COLUMNS.index(name)
    expected = {f"{row[0] or 'NULL'}, {row[1]}": row[place] for row in sorted(SIZES, key=str)}
    expect(column_of(pot_sizes, name), expected, f"{name}, in chips")


@case(hint=2)
def the_largest_pot_in_chips(pot_sizes: Statement) -> None:
    expect_column(pot_sizes, "largest")


@case(hint=2)
def the_mean(pot_sizes: Statement) -> None:
    expect_column(pot_sizes, "mean")


@case(hint=3)
def the_median(pot_sizes: Statement) -> None:
    expect_column(pot_sizes, "median")


@case(hint=3)
def nine_in_ten_are_at_most_this(pot_sizes: Statement) -> None:
    expect_column(pot_sizes, "p90")


@case(hint=1)
def the_rows_come_in_order(pot_sizes: Statement) -> None:
    got = [row[:2] for row in sizes(pot_sizes)[1:]]
    expect(got, [row[:2] for row in SIZES], "currency and chip_unit, in the order of the rows")


# What the totals hold, and what stands behind the mark: (type, stream, version).
DEAL, BET, END = "dealt", "bet", "ended"
Fact = tuple[str, str, int]
CUT: tuple[Fact, ...] = ((DEAL, "h1", 1), (BET, "h1", 2), (DEAL, "h2", 1), (BET, "h2", 2))
LATER: tuple[Fact, ...] = ((BET, "h1", 3), (BET, "h1", 4), (BET, "h2", 3), (DEAL, "h3", 1), (BET, "h3", 2))


def counts(
    statistics: Statement, before: tuple[Fact, ...], behind: tuple[Fact, ...], elsewhere: int = 0
) -> list[list[Any]]:
    """What the learner's statement gives for a log of which the first events are in the totals already.

    The totals may also know of events `elsewhere`, so many of each type, which only they can tell of.
    """
    with scratch() as db:
        db.q("CREATE TABLE totals (event_type text PRIMARY KEY, event_count bigint, aggregate_count bigint)")
        db.q("CREATE TABLE counted (event_type text, aggregate_id text, PRIMARY KEY (event_type, aggregate_id))")
        db.q("CREATE TABLE mark (up_to bigint)")
        db.store.append_many(
            [
                DomainEvent(event_type=event_type, aggregate_id=stream, version=version, event_data={})
                for event_type, stream, version in (*before, *behind)
            ]
        )
        db.q("INSERT INTO mark VALUES (%s)", [len(before)])
        events = Counter(event_type for event_type, _, _ in before)
        pairs = {(event_type, stream) for event_type, stream, _ in before}
        streams = Counter(event_type for event_type, _ in pairs)
        for event_type, count in events.items():
            db.q("INSERT INTO totals VALUES (%s, %s, %s)", [event_type, count + elsewhere, streams[event_type]])
        for pair in pairs:
            db.q("INSERT INTO counted VALUES (%s, %s)", pair)
        return rows_of(db.q(statistics()))


def recount(facts: tuple[Fact, ...]) -> list[list[Any]]:
    """The truth: events and streams of each type, counted from the start."""
    events = Counter(event_type for event_type, _, _ in facts)
    streams = Counter(event_type for event_type, _ in {(event_type, stream) for event_type, stream, _ in facts})
    return [[event_type, events[event_type], streams[event_type]] for event_type in sorted(events)]


def expect_counts(statistics: Statement, before: tuple[Fact, ...], behind: tuple[Fact, ...], what: str) -> None:
    got = sorted(counts(statistics, before, behind)[1:], key=str)
    expect(got, recount((*before, *behind)), what)


@case(hint=1)
def three_columns(statistics: Statement) -> None:
    got = counts(statistics, CUT, LATER)
    expect(got[0], ["event_type", "event_count", "aggregate_count"], "the columns")


@case(hint=1)
def one_row_for_each_type(statistics: Statement) -> None:
    got = [row[0] for row in counts(statistics, CUT, LATER)[1:]]
    expect(sorted(got, key=str), [BET, DEAL], "the types, with both on both sides of the mark")


@case(hint=2)
def events_are_added_up(statistics: Statement) -> None:
    got = [row[:2] for row in counts(statistics, CUT, LATER)[1:]]
    truth = [row[:2] for row in recount((*CUT, *LATER))]
    expect(sorted(got, key=str), truth, "types and events, 4 events up to the mark and 5 behind it")


@case(hint=3)
def a_stream_on_both_sides_counts_once(statistics: Statement) -> None:
    what = "two streams cut by the mark and one behind it"
    expect_counts(statistics, CUT, LATER, what)


@case(hint=3)
def each_type_remembers_its_own_streams(statistics: Statement) -> None:
    before = ((DEAL, "h1", 1), (DEAL, "h2", 1), (BET, "h2", 2))
    behind = ((BET, "h1", 2), (BET, "h1", 3), (BET, "h2", 3))
    what = "two streams that were dealt before the mark, of which one has its first bet behind it"
    expect_counts(statistics, before, (*behind, (DEAL, "h3", 1)), what)


@case(hint=2)
def the_same_numbers_on_both_sides(statistics: Statement) -> None:
    behind = ((DEAL, "h3", 1), (BET, "h3", 2), (DEAL, "h4", 1), (BET, "h4", 2))
    expect_counts(statistics, CUT, behind, "a tail with just as many events and streams as the totals")


@case(hint=2)
def a_type_on_one_side_only(statistics: Statement) -> None:
    expect_counts(statistics, CUT, ((END, "h1", 3), (END, "h2", 3)), "a type that is only behind the mark")
    expect_counts(statistics, (*CUT, (END, "h1", 3)), ((BET, "h2", 3),), "types that are only up to the mark")


@case(hint=2)
def nothing_behind_the_mark(statistics: Statement) -> None:
    expect_counts(statistics, CUT, (), "a log that was rolled up to its end")


@case(hint=2)
def nothing_up_to_the_mark(statistics: Statement) -> None:
    expect_counts(statistics, (), LATER_FROM_ONE, "a log of which nothing was rolled up")


@case(hint=1)
def what_was_counted_is_not_counted_again(statistics: Statement) -> None:
    got = counts(statistics, CUT, LATER, elsewhere=1000)[1:]
    truth = [[event_type, events + 1000, streams] for event_type, events, streams in recount((*CUT, *LATER))]
    expect(sorted(got, key=str), truth, "totals that know of 1,000 events more of each type")


LATER_FROM_ONE: tuple[Fact, ...] = ((DEAL, "h1", 1), (BET, "h1", 2), (BET, "h1", 3), (DEAL, "h2", 1))


@case(hint=1)
def the_types_in_order(statistics: Statement) -> None:
    got = [row[0] for row in counts(statistics, CUT, ((END, "h1", 3),))[1:]]
    expect(got, [BET, DEAL, END], "the types, in the order of the rows")


BEGUN, ENDED, REMINDED = "loan.begun", "loan.ended", "loan.reminded"


class Desks(InMemoryEventStore):
    """A store at which another desk is a moment faster, as often as it was told."""

    def __init__(self, *earlier: tuple[str, dict[str, str]]) -> None:
        super().__init__()
        self.meanwhile: list[list[tuple[str, dict[str, str]]]] = []
        for event_type, data in earlier:
            self.write(event_type, data)

    def write(self, event_type: str, data: dict[str, str]) -> None:
        version = self.get_latest_version("copy 7") + 1
        event = DomainEvent(event_type=event_type, aggregate_id="copy 7", version=version, event_data=data)
        super().append(event)

    def append(self, event: DomainEvent) -> DomainEvent:
        if self.meanwhile:
            for fact in self.meanwhile.pop(0):
                self.write(*fact)
        return super().append(event)

    def told(self) -> list[Any]:
        """The stream in short: versions, types and members."""
        return [
            (event.version, event.event_type, *event.event_data.values()) for event in self.get_by_aggregate("copy 7")
        ]


def expect_refused(lend: Lend, error: Any, store: Desks, what: str) -> None:
    before = store.told() + [
        (place, event_type, *data.values())
        for place, (event_type, data) in enumerate(
            (fact for turn in store.meanwhile for fact in turn), start=len(store.told()) + 1
        )
    ]
    try:
        got = lend(store, "copy 7", "Bo")
    except error:
        got = None
    else:
        raise NotKept(f"got {type(got).__name__} for {what}, expected {error.__name__}")
    expect(store.told(), before, f"the stream of {what}")


def expect_lent(lend: Lend, store: Desks, version: int, what: str) -> None:
    got = lend(store, "copy 7", "Bo")
    expect(store.told()[-1], (version, BEGUN, "Bo"), f"the last event of {what}")
    expect(store.get_latest_version("copy 7"), version, f"the latest version of {what}")
    if not isinstance(got, DomainEvent) or got.sequence_number is None:
        raise NotKept(f"got {type(got).__name__} from lend for {what}, expected what append gave")


ADA = {"member": "Ada"}


@case(hint=1)
def a_copy_that_was_never_lent(lend: Lend, error: Any) -> None:
    expect_lent(lend, Desks(), 1, "a copy that was never lent")


@case(hint=1)
def a_copy_that_came_back(lend: Lend, error: Any) -> None:
    expect_lent(lend, Desks((BEGUN, ADA), (ENDED, {})), 3, "a copy that came back")


@case(hint=1)
def a_copy_that_is_out(lend: Lend, error: Any) -> None:
    expect_refused(lend, error, Desks((BEGUN, ADA)), "a copy that Ada has")


@case(hint=2)
def a_reminder_brings_nothing_back(lend: Lend, error: Any) -> None:
    expect_refused(lend, error, Desks((BEGUN, ADA), (REMINDED, {})), "a copy that Ada has, and was reminded of")


@case(hint=2)
def a_reminder_lends_nothing_out(lend: Lend, error: Any) -> None:
    expect_lent(lend, Desks((BEGUN, ADA), (ENDED, {}), (REMINDED, {})), 4, "a copy that came back before the reminder")


@case(hint=3)
def another_desk_lends_it_first(lend: Lend, error: Any) -> None:
    store = Desks()
    store.meanwhile = [[(BEGUN, ADA)]]
    expect_refused(lend, error, store, "a copy that another desk lends in between")


@case(hint=3)
def what_happened_in_between_may_be_harmless(lend: Lend, error: Any) -> None:
    store = Desks((BEGUN, ADA), (ENDED, {}))
    store.meanwhile = [[(REMINDED, {})], [(BEGUN, ADA), (ENDED, {})]]
    expect_lent(lend, store, 6, "a copy that is free again, after two conflicts")


@case(hint=3)
def other_errors_pass_through(lend: Lend, error: Any) -> None:
    class Away(Desks):
        def append(self, event: DomainEvent) -> DomainEvent:
            raise eventstore.StoreUnavailableError("the server is away")

    try:
        got = lend(Away(), "copy 7", "Bo")
    except eventstore.StoreUnavailableError:
        return
    raise NotKept(f"got {describe(got)} from a store that is away, expected its StoreUnavailableError")


EXERCISES = (
    Exercise(
        number="7.1",
        minutes=15,
        hints=(
            'First add up what each seat put in: `bets.groupby(["hand_id", "seat"])["chips"].sum()`. A seat can act '
            "more than once, and the blinds are rows like any other. Return a Series, with one number for each hand.",
            "Two seats may have put in the same. Then the highest and the second highest are equal, and nothing is "
            "uncalled. So take away one *seat*, not one number: the one that `idxmax()` names.",
            'Everything goes by hand. `sums.drop(sums.groupby("hand_id").idxmax())` leaves out one seat of each hand, '
            'and `.groupby("hand_id").max()` gives the highest of all seats, or of those that are left.',
        ),
        cases=(
            a_bet_that_nobody_paid,
            a_hand_of_two_streets,
            a_seat_that_puts_in_more_than_once,
            the_blinds_are_bets,
            a_bet_that_was_called,
            a_bet_that_one_of_two_seats_called,
            several_hands_at_once,
            hands_that_are_mixed,
        ),
        wrong=(
            WrongAnswer(
                mistake="The largest bet of a seat instead of the sum of its bets.",
                hint=1,
                change=('["chips"].sum()', '["chips"].max()'),
            ),
            WrongAnswer(
                mistake="Two equal sums are taken for one, so what lies below them seems to be the second highest.",
                hint=2,
                code="""
def uncalled(bets):
    sums = bets.groupby(["hand_id", "seat"])["chips"].sum()
    return sums.groupby("hand_id").agg(lambda hand: hand.max() - hand.drop_duplicates().nlargest(2).iloc[-1])
""",
            ),
            WrongAnswer(
                mistake="Summed over all hands at once, not hand by hand.",
                hint=1,
                code="""
def uncalled(bets):
    sums = bets.groupby("seat")["chips"].sum().sort_values()
    return sums.iloc[-1] - sums.iloc[-2]
""",
            ),
            WrongAnswer(
                mistake="One seat is taken away in all, not one in each hand.",
                hint=3,
                change=('sums.groupby("hand_id").idxmax()', "sums.idxmax()"),
            ),
        ),
    ),
    Exercise(
        number="7.2",
        minutes=15,
        hints=(
            "`SELECT currency, chip_unit, count(*) AS hands, ... FROM pots GROUP BY currency, chip_unit`, and the "
            "same two in `ORDER BY`. Both have to stand there: dollars and cents of a dollar are two kinds of chip. "
            "`GROUP BY` makes a group of the unknown currency by itself, so no `WHERE` is needed.",
            "Chips are units divided by `chip_unit`, and the division of two integers cuts off. Turn one of them into "
            "a number with decimals first: `pot::numeric / chip_unit`. The mean is `avg(...)` of that, the largest "
            "`max(...)`.",
            "The median is `percentile_cont(0.5) WITHIN GROUP (ORDER BY pot::numeric / chip_unit)`, and the 90th "
            "percentile the same with 0.9. `percentile_disc` takes one of the pots instead, and does not go between "
            "the two in the middle.",
        ),
        cases=(
            the_columns_that_were_asked_for,
            one_row_for_each_kind_of_chip,
            the_largest_pot_in_chips,
            the_mean,
            the_median,
            nine_in_ten_are_at_most_this,
            the_rows_come_in_order,
        ),
        wrong=(
            WrongAnswer(
                mistake="Hands whose currency is unknown are dropped.",
                hint=1,
                change=("GROUP BY currency, chip_unit", "GROUP BY chip_unit, currency HAVING currency > ''"),
            ),
            WrongAnswer(
                mistake="An integer divided by an integer: the cents are cut off.",
                hint=2,
                change=("max(pot::numeric / chip_unit)", "max(pot / chip_unit)"),
            ),
            WrongAnswer(
                mistake="The mean of units, not of chips.", hint=2, change=("avg(pot::numeric / chip_unit)", "avg(pot)")
            ),
            WrongAnswer(
                mistake="`percentile_disc` takes one of the two pots in the middle instead of the point between them.",
                hint=3,
                change=("percentile_cont(0.5)", "percentile_disc(0.5)"),
            ),
        ),
    ),
    Exercise(
        number="7.3",
        minutes=25,
        hints=(
            "Two questions, one below the other with `UNION ALL`: what the totals say, and what the tail has. Around "
            "both, a third one adds up: `SELECT event_type, sum(...) AS event_count, ... FROM (...) AS parts GROUP BY "
            "event_type ORDER BY event_type`. Name the columns as the task does, and do not count again what the "
            "totals know.",
            "The tail is `FROM domain_events WHERE sequence_number > (SELECT up_to FROM mark) GROUP BY event_type`, "
            "and its events are `count(*)`. `UNION ALL` keeps every row. `UNION` drops one of two equal rows, and a "
            "`JOIN` loses a type that has rows on one side only.",
            "Events may be added up, streams may not. Of the tail, count only those that are new *for this type*: "
            "`count(DISTINCT aggregate_id) FILTER (WHERE NOT EXISTS (...))`, with a `SELECT` from `counted` inside "
            "that compares both the type and the stream.",
        ),
        cases=(
            three_columns,
            one_row_for_each_type,
            events_are_added_up,
            a_stream_on_both_sides_counts_once,
            each_type_remembers_its_own_streams,
            the_same_numbers_on_both_sides,
            a_type_on_one_side_only,
            nothing_behind_the_mark,
            nothing_up_to_the_mark,
            what_was_counted_is_not_counted_again,
            the_types_in_order,
        ),
        wrong=(
            WrongAnswer(
                mistake="Every stream in the tail counts as new, those in the totals too.",
                hint=3,
                change=("SELECT FROM counted", "SELECT FROM counted WHERE false) OR EXISTS (SELECT FROM counted"),
            ),
            WrongAnswer(
                mistake="A stream counts as old if it was counted for some type, not for this one.",
                hint=3,
                change=("counted.event_type = tail.event_type AND ", ""),
            ),
            WrongAnswer(
                mistake="`JOIN` instead of `UNION ALL`, so a type with rows on one side only is lost.",
                hint=2,
                code="""
def statistics():
    return '''
        SELECT
            event_type,
            totals.event_count + tail.event_count AS event_count,
            totals.aggregate_count + tail.aggregate_count AS aggregate_count
        FROM totals
        JOIN (
            SELECT
                event_type,
                count(*) AS event_count,
                count(DISTINCT aggregate_id) FILTER (WHERE NOT EXISTS (
                    SELECT FROM counted
                    WHERE counted.event_type = log.event_type AND counted.aggregate_id = log.aggregate_id
                )) AS aggregate_count
            FROM domain_events AS log
            WHERE sequence_number > (SELECT up_to FROM mark)
            GROUP BY event_type
        ) AS tail USING (event_type)
        ORDER BY event_type
    '''
""",
            ),
            WrongAnswer(
                mistake="The whole log is counted, every time.",
                hint=1,
                code="""
def statistics():
    return '''
        SELECT event_type, count(*) AS event_count, count(DISTINCT aggregate_id) AS aggregate_count
        FROM domain_events GROUP BY event_type ORDER BY event_type
    '''
""",
            ),
        ),
    ),
    Exercise(
        number="7.4",
        minutes=25,
        hints=(
            "Three steps: load, decide, append. `store.get_by_aggregate(copy)` gives the stream, and the version of "
            "the new event is the latest one plus 1. If the copy is out, raise `AlreadyLentError`, outside of any "
            "`try`, and write nothing. Return what `store.append(...)` gives.",
            "The last event does not tell enough, since it may be a reminder. Fold: start with nobody, let "
            "`loan.begun` set who has the copy, let `loan.ended` set it back, and let every other type change "
            "nothing.",
            "Another desk may append between your load and your append. Then `append` raises "
            "`eventstore.VersionConflictError`, and what you decided is about a past that is over. Catch this one "
            "error and go round again from the load, `while True:`. A new version alone would lend the copy twice.",
        ),
        cases=(
            a_copy_that_was_never_lent,
            a_copy_that_came_back,
            a_copy_that_is_out,
            a_reminder_brings_nothing_back,
            a_reminder_lends_nothing_out,
            another_desk_lends_it_first,
            what_happened_in_between_may_be_harmless,
            other_errors_pass_through,
        ),
        wrong=(
            WrongAnswer(
                mistake="The version of the last event, not the next one.",
                hint=1,
                change=("len(events) + 1", "len(events)"),
            ),
            WrongAnswer(
                mistake="Only the last event is looked at; after a reminder the copy seems to be in.",
                hint=2,
                change=(
                    "if holder is not None:",
                    'if events and events[-1].event_type == "loan.begun":',
                ),
            ),
            WrongAnswer(
                mistake="A conflict reaches the caller, though the copy may still be there to lend.",
                hint=3,
                change=(
                    "        except eventstore.VersionConflictError:\n            continue",
                    "        finally:\n            pass",
                ),
            ),
            WrongAnswer(
                mistake="After a conflict only the version is new; the decision is the old one.",
                hint=3,
                change=(
                    "            continue",
                    "            latest = store.get_latest_version(copy)\n"
                    "            from dataclasses import replace\n"
                    "            return store.append(replace(loan, version=latest + 1))",
                ),
            ),
        ),
    ),
)
