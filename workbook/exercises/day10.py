"""The exercises of Day 10: a quarantine, totals that stay honest, how many hands a result needs, and a library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

import eventstore
from workbook.contract.promises import event
from workbook.contract.subscribing import Killed
from workbook.exercise import Exercise, WrongAnswer, case
from workbook.expect import NotKept, expect
from workbook.workspace import with_the_case

Hand = tuple[str, str]
SortOut = Callable[..., Any]


def halves(text: str) -> int:
    """What stands for reading a hand: half of an even number."""
    number = int(text)
    if number % 2:
        raise LookupError(f"{number} is odd")
    return number // 2


def pair(answer: Any, what: str) -> tuple[Any, Any]:
    """The two lists that `sort_out` gives."""
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise NotKept(f"got {type(answer).__name__} from {what}, expected the taken ones and the quarantine")
    return answer


@case(hint=1)
def hands_that_can_be_read_are_taken_in_order(sort_out: SortOut) -> None:
    what = 'sort_out([("one", "4"), ("two", "2")], half)'
    expect(pair(sort_out([("one", "4"), ("two", "2")], halves), what), ([2, 1], []), what)


@case(hint=1)
def a_hand_that_cannot_be_read_stops_nobody(sort_out: SortOut) -> None:
    hands = [("one", "x"), ("two", "8"), ("three", "?"), ("four", "6")]
    taken, quarantine = pair(sort_out(hands, halves), "four hands")
    expect(taken, [4, 3], "what was taken of four hands, of which the first and third cannot be read")
    expect(len(quarantine), 2, "the number of hands in quarantine")


@case(hint=2)
def the_quarantine_names_place_and_reason(sort_out: SortOut) -> None:
    _, quarantine = pair(sort_out([("[1]", "4"), ("[2]", "three")], halves), "two hands")
    reason = "invalid literal for int() with base 10: 'three'"
    expect(quarantine, [("[2]", reason)], "the quarantine, where [2] cannot be read")


@case(hint=2)
def any_failure_of_the_reader_is_one_of_the_hand(sort_out: SortOut) -> None:
    _, quarantine = pair(sort_out([("[1]", "3"), ("[2]", "4")], halves), "two hands")
    expect(quarantine, [("[1]", "3 is odd")], "the quarantine, where reading [1] ends in a LookupError")


@case(hint=3)
def an_error_without_words_gives_its_name(sort_out: SortOut) -> None:
    def wordless(text: str) -> str:
        assert text == "fine"
        return text

    # A bare AssertionError has no text.
    _, quarantine = pair(sort_out([("[1]", "broken"), ("[2]", "fine")], wordless), "two hands")
    expect(quarantine, [("[1]", "AssertionError")], "the quarantine, where the error has no text")


@case(hint=3)
def a_hand_that_reads_as_nothing_is_taken_too(sort_out: SortOut) -> None:
    answer = pair(sort_out([("[1]", "0"), ("[2]", "2")], halves), "two hands")
    expect(answer, ([0, 1], []), "two hands, of which the first reads as 0")


@case(hint=3)
def who_ends_the_program_means_it(sort_out: SortOut) -> None:
    def interrupted(text: str) -> str:
        raise KeyboardInterrupt

    try:
        got = sort_out([("[1]", "4")], interrupted)
    except KeyboardInterrupt:
        return
    raise NotKept(f"got {got!r}, when Ctrl-C was pressed while a hand was read, expected the KeyboardInterrupt to pass")


@case(hint=1)
def hands_may_come_one_after_the_other(sort_out: SortOut) -> None:
    def stream() -> Iterator[Hand]:
        yield from [("[1]", "4"), ("[2]", "x")]

    taken, quarantine = pair(sort_out(stream(), halves), "a generator")
    expect((taken, len(quarantine)), ([2], 1), "what was taken of a generator, and how many were not")


KEYS = ["player", "collection", "currency", "chip_unit"]
COLUMNS = [*KEYS, "hands", "settled", "net"]
Totals = Callable[[pd.DataFrame], Any]
Row = tuple[Any, ...]


def results(*rows: Row) -> pd.DataFrame:
    """Results of players, as (player, collection, currency, chip_unit, net)."""
    frame = pd.DataFrame(list(rows), columns=[*KEYS, "net"])
    return frame.astype({"player": "string", "collection": "string", "currency": "string", "net": "Int64"})


def expect_totals(totals: Totals, frame: pd.DataFrame, expected: list[Row], of: str) -> None:
    """Expect these rows, in any order, since what counts are the numbers."""
    got = totals(frame)
    if not isinstance(got, pd.DataFrame):
        raise NotKept(f"got {type(got).__name__} from totals, expected a DataFrame: is there a return?")
    if missing := [name for name in COLUMNS if name not in got.columns]:
        raise NotKept(f"got no column {', '.join(missing)} from totals, expected {', '.join(COLUMNS)}")
    rows = [tuple(map(plain, row)) for row in got[COLUMNS].to_numpy(dtype=object).tolist()]
    expect(sorted(rows, key=repr), sorted(expected, key=repr), of)


def plain(value: Any) -> Any:
    """A value as Python has it: whole numbers, and None for what is missing."""
    if pd.isna(value):
        return None
    return value if isinstance(value, str) else int(value) if value == int(value) else float(value)


@case(hint=1)
def one_player_one_kind_of_chip(totals: Totals) -> None:
    frame = results(("Ada", "live", "USD", 1, 600), ("Ada", "live", "USD", 1, -200))
    expect_totals(totals, frame, [("Ada", "live", "USD", 1, 2, 2, 400)], "totals of two results of one player")


@case(hint=1)
def no_hand_is_left_out_because_its_currency_is_missing(totals: Totals) -> None:
    frame = results(("Ada", "live", None, 1, 600), ("Bo", "live", "USD", 1, -600))
    expected = [("Ada", "live", None, 1, 1, 1, 600), ("Bo", "live", "USD", 1, 1, 1, -600)]
    expect_totals(totals, frame, expected, "totals, where Ada's currency is missing")


@case(hint=1)
def chips_of_another_kind_are_never_added(totals: Totals) -> None:
    kinds: list[Row] = [
        ("Ada", "live", "USD", 1),
        ("Ada", "live", "USD", 100),
        ("Ada", "live", "EUR", 1),
        ("Ada", "live", None, 1),
        ("Ada", "online", None, 1),
    ]
    frame = results(*((*kind, 10) for kind in kinds), (*kinds[0], 5))
    expected = [(*kinds[0], 2, 2, 15), *((*kind, 1, 1, 10) for kind in kinds[1:])]
    expect_totals(totals, frame, expected, "totals of one player with five kinds of chips")


@case(hint=2)
def an_unknown_result_is_counted_as_a_hand_and_not_as_settled(totals: Totals) -> None:
    frame = results(("Bo", "online", "USD", 100, -1500), ("Bo", "online", "USD", 100, None))
    expect_totals(totals, frame, [("Bo", "online", "USD", 100, 2, 1, -1500)], "totals, where one of two is unknown")


@case(hint=3)
def where_nothing_is_known_the_total_is_unknown(totals: Totals) -> None:
    frame = results(("Cy", "online", "USD", 100, None), ("Cy", "online", "USD", 100, None))
    expect_totals(totals, frame, [("Cy", "online", "USD", 100, 2, 0, None)], "totals, where both of two are unknown")


@case(hint=3)
def a_total_of_zero_is_known(totals: Totals) -> None:
    frame = results(("Di", "live", "USD", 1, 300), ("Di", "live", "USD", 1, -300))
    expect_totals(totals, frame, [("Di", "live", "USD", 1, 2, 2, 0)], "totals of +300 and -300")


@case(hint=1)
def only_what_was_played_gets_a_row(totals: Totals) -> None:
    # Text that repeats comes as categories, and pandas before version 3 gives a row to every combination of them.
    frame = results(("Ada", "live", "USD", 1, 5), ("Bo", "online", "EUR", 100, -5))
    frame = frame.astype(dict.fromkeys(["player", "collection", "currency"], "category"))
    expected = [("Ada", "live", "USD", 1, 1, 1, 5), ("Bo", "online", "EUR", 100, 1, 1, -5)]
    expect_totals(totals, frame, expected, "totals, where the texts are categories")


@case(hint=2)
def the_results_stay_as_they_were(totals: Totals) -> None:
    frame = results(("Cy", "online", "USD", 100, None), ("Ada", "live", None, 1, 5))
    before = frame.copy()
    totals(frame)
    expect(frame.equals(before), True, "whether the results that were handed in are the same afterwards")


Needed = Callable[[float, float], Any]


@case(hint=2)
def half_the_edge_takes_four_times_as_many(hands_needed: Needed) -> None:
    # So wide a spread that rounding is no matter, nor what else may be wrong.
    whole, half = needed(hands_needed, 16_000, 50), needed(hands_needed, 16_000, 25)
    if whole <= 0 or round(half / whole, 3) != 4:
        raise NotKept(f"got {half} hands for the edge 25 and {whole} for the edge 50, expected four times as many")


@case(hint=3)
def edges_are_for_100_hands(hands_needed: Needed) -> None:
    got = needed(hands_needed, 10, 5)
    if not 160_000 / 10 < got < 160_000 * 10:
        raise NotKept(f"got {got} from hands_needed(10, 5), expected 160000")


@case(hint=1)
def two_standard_errors_fit_into_the_edge(hands_needed: Needed) -> None:
    expect_needed(hands_needed, 10, 100, 400)
    expect_needed(hands_needed, 10, 5, 160_000)
    expect_needed(hands_needed, 16, 50, 4_096)


@case(hint=3)
def there_are_no_parts_of_hands(hands_needed: Needed) -> None:
    expect_needed(hands_needed, 1.6, 100, 11)
    expect_needed(hands_needed, 1.3, 100, 7)


def needed(hands_needed: Needed, spread: float, edge: float) -> float:
    """What an answer gives, once it is a number."""
    got = hands_needed(spread, edge)
    if not isinstance(got, int | float):
        raise NotKept(f"got {type(got).__name__} from hands_needed({spread}, {edge}), expected a number")
    return got


def expect_needed(hands_needed: Needed, spread: float, edge: float, expected: int) -> None:
    expect(hands_needed(spread, edge), expected, f"hands_needed({spread}, {edge})")


LIBRARY = """
CREATE TABLE copies_out (copy text PRIMARY KEY, member text NOT NULL);
CREATE TABLE members (member text PRIMARY KEY, loans int NOT NULL);
"""
OUT = "SELECT copy, member FROM copies_out ORDER BY copy"
LOANS = "SELECT member, loans FROM members ORDER BY member"

Keeper = Callable[..., Any]
# What happened to which copy; for a loan, to whom it was lent.
Fact = tuple[str, ...]

BEGUN, ENDED, REMINDED = "loan.begun", "loan.ended", "loan.reminded"


class Library:
    """A library in a scratch schema: a log of loans, and the two tables that an answer keeps."""

    def __init__(self, keep_up: Keeper) -> None:
        self.store: Any = with_the_case().workspace().store
        self.keep_up = keep_up
        self.killed_at = 0
        self._versions: dict[str, int] = {}
        with self.store.connection() as connection:
            connection.execute(LIBRARY)

    def happens(self, *facts: Fact) -> None:
        for event_type, copy, *member in facts:
            version = self._versions[copy] = self._versions.get(copy, 0) + 1
            data = {"member": member[0]} if member else {}
            self.store.append(event(eventstore, version, copy, event_type=event_type, event_data=data))

    def catch_up(self) -> None:
        failures: list[Exception] = []

        def handler(event: Any, connection: Any) -> None:
            try:
                self.keep_up(event, connection)
            except Exception as error:
                # The subscription would log it and try again. It belongs into the answer of the check.
                failures.append(error)
                raise Killed from error
            if event.sequence_number == self.killed_at:
                self.killed_at = 0
                raise Killed

        for _ in ("first", "after a kill"):
            try:
                eventstore.Subscription(self.store, "library", handler).catch_up()
                return
            except Killed:
                if failures:
                    raise failures[0] from None

    def start_again(self) -> None:
        """Empty both tables, and begin at the start of the log."""
        with self.store.connection() as connection:
            connection.execute("TRUNCATE copies_out, members")
        eventstore.Subscription(self.store, "library", self.keep_up).reset()

    def expect(self, out: list[tuple[str, str]], loans: list[tuple[str, int]], when: str) -> None:
        with self.store.connection() as connection:
            expect(connection.execute(OUT).fetchall(), out, f"the copies that are out, {when}")
            expect(connection.execute(LOANS).fetchall(), loans, f"the loans of each member, {when}")


@case(hint=1)
def a_copy_is_lent(keep_up: Keeper) -> None:
    library = Library(keep_up)
    library.happens((BEGUN, "copy 7", "Ada"), (BEGUN, "copy 8", "Bo"))
    library.catch_up()
    library.expect([("copy 7", "Ada"), ("copy 8", "Bo")], [("Ada", 1), ("Bo", 1)], "after two loans")


@case(hint=3)
def from_the_start_the_same_comes_out(keep_up: Keeper) -> None:
    library = Library(keep_up)
    library.happens((BEGUN, "copy 7", "Ada"), (BEGUN, "copy 8", "Bo"))
    for when in ("the first time", "built anew from the log"):
        library.catch_up()
        library.expect([("copy 7", "Ada"), ("copy 8", "Bo")], [("Ada", 1), ("Bo", 1)], when)
        library.start_again()


@case(hint=2)
def a_copy_comes_back_and_the_loan_still_counts(keep_up: Keeper) -> None:
    library = Library(keep_up)
    library.happens((BEGUN, "copy 7", "Ada"), (BEGUN, "copy 8", "Bo"), (ENDED, "copy 7"))
    library.catch_up()
    library.expect([("copy 8", "Bo")], [("Ada", 1), ("Bo", 1)], "after copy 7 came back")


@case(hint=2)
def a_member_comes_again(keep_up: Keeper) -> None:
    library = Library(keep_up)
    library.happens((BEGUN, "copy 7", "Ada"), (ENDED, "copy 7"), (BEGUN, "copy 7", "Ada"), (BEGUN, "copy 8", "Ada"))
    library.catch_up()
    library.expect([("copy 7", "Ada"), ("copy 8", "Ada")], [("Ada", 3)], "after three loans to Ada")


@case(hint=2)
def other_events_change_nothing(keep_up: Keeper) -> None:
    library = Library(keep_up)
    library.happens((REMINDED, "copy 7"), (BEGUN, "copy 7", "Ada"), (REMINDED, "copy 7"))
    library.catch_up()
    library.expect([("copy 7", "Ada")], [("Ada", 1)], "after one loan and two reminders")


@case(hint=3)
def killed_in_the_middle_every_loan_counts_once(keep_up: Keeper) -> None:
    library = Library(keep_up)
    library.happens((BEGUN, "copy 7", "Ada"), (BEGUN, "copy 8", "Ada"), (ENDED, "copy 7"))
    library.killed_at = 2
    library.catch_up()
    library.expect([("copy 8", "Ada")], [("Ada", 2)], "after a kill within the second of three events")


EXERCISES = (
    Exercise(
        number="10.1",
        minutes=10,
        hints=(
            "Two empty lists, and one `for place, text in hands:`. In the loop, `try` to append `read(text)` to the "
            "first list. The `try` stands inside the loop, so that the next hand has its turn.",
            "`except Exception as error:` takes whatever goes wrong with this hand. Append the pair `(place, "
            "str(error))` to the second list.",
            "An error may have no text: `str(error) or type(error).__name__`. Do not ask whether the result is true, "
            "since 0 is a result. And a bare `except:` would swallow Ctrl-C, which is no `Exception`.",
        ),
        cases=(
            hands_that_can_be_read_are_taken_in_order,
            a_hand_that_cannot_be_read_stops_nobody,
            the_quarantine_names_place_and_reason,
            any_failure_of_the_reader_is_one_of_the_hand,
            an_error_without_words_gives_its_name,
            a_hand_that_reads_as_nothing_is_taken_too,
            who_ends_the_program_means_it,
            hands_may_come_one_after_the_other,
        ),
        wrong=(
            WrongAnswer(
                mistake="`try` stands around the loop, so the first broken hand ends it all.",
                hint=1,
                code="""
def sort_out(hands, read):
    taken, quarantine = [], []
    try:
        for place, text in hands:
            taken.append(read(text))
    except Exception as error:
        quarantine.append((place, str(error)))
    return taken, quarantine
""",
            ),
            WrongAnswer(
                mistake="Only a `ValueError` counts as a broken hand.",
                hint=2,
                change=("except Exception as error", "except ValueError as error"),
            ),
            WrongAnswer(
                mistake="An error without words leaves an empty reason.",
                hint=3,
                change=(" or type(error).__name__", ""),
            ),
            WrongAnswer(
                mistake="`except BaseException` swallows Ctrl-C.",
                hint=3,
                change=("except Exception as error", "except BaseException as error"),
            ),
        ),
    ),
    Exercise(
        number="10.2",
        minutes=20,
        hints=(
            'Group by all four: `["player", "collection", "currency", "chip_unit"]`. pandas leaves out rows where one '
            "of them is missing, unless you say `dropna=False`; `observed=True` gives rows only to what occurs, and "
            "`as_index=False` makes columns of the four.",
            '`("net", "size")` counts rows, `("net", "count")` those that are known. Do not fill in anything: a '
            "zero is a claim.",
            "The sum of nothing is 0, for pandas as for anybody. `nets.sum(min_count=1)` is missing where not one is "
            'known: `net=("net", lambda nets: nets.sum(min_count=1))`.',
        ),
        cases=(
            one_player_one_kind_of_chip,
            no_hand_is_left_out_because_its_currency_is_missing,
            chips_of_another_kind_are_never_added,
            only_what_was_played_gets_a_row,
            an_unknown_result_is_counted_as_a_hand_and_not_as_settled,
            where_nothing_is_known_the_total_is_unknown,
            a_total_of_zero_is_known,
            the_results_stay_as_they_were,
        ),
        wrong=(
            WrongAnswer(
                mistake="pandas drops the rows whose currency is missing.", hint=1, change=("dropna=False, ", "")
            ),
            WrongAnswer(
                mistake="Chips of different size are added up.",
                hint=1,
                change=('"collection", "currency", "chip_unit"]', '"collection", "currency"]'),
            ),
            WrongAnswer(
                mistake="Unknown results count as settled.",
                hint=2,
                change=('settled=("net", "count")', 'settled=("net", "size")'),
            ),
            WrongAnswer(
                mistake="The sum of nothing known is 0, which is a claim.",
                hint=3,
                change=("lambda nets: nets.sum(min_count=1)", '"sum"'),
            ),
        ),
    ),
    Exercise(
        number="10.3",
        minutes=10,
        hints=(
            "Twice the standard error is `2 * spread / sqrt(n)`. Set it equal to the edge of *one* hand and solve for "
            "n.",
            "The n stands under a root. To get it out, square: `n = (2 * spread / edge_of_one_hand) ** 2`.",
            "`edge` is for 100 hands, so one hand has `edge / 100`. And round up, with `math.ceil`: with fewer hands "
            "the range would be too wide.",
        ),
        cases=(
            half_the_edge_takes_four_times_as_many,
            edges_are_for_100_hands,
            two_standard_errors_fit_into_the_edge,
            there_are_no_parts_of_hands,
        ),
        wrong=(
            WrongAnswer(mistake="One standard error instead of two.", hint=1, change=("2 * spread", "spread")),
            WrongAnswer(
                mistake="Rounded to the nearest, so it may be one hand too few.",
                hint=3,
                change=("math.ceil(", "round("),
            ),
            WrongAnswer(
                mistake="The edge per 100 hands is taken for that of one hand.",
                hint=3,
                change=("2 * spread * 100 / edge", "2 * spread / edge"),
            ),
            WrongAnswer(
                mistake="Not squared: half the edge seems to take twice the hands, not four times.",
                hint=2,
                change=(") ** 2", ")"),
            ),
        ),
    ),
    Exercise(
        number="10.4",
        minutes=30,
        hints=(
            "Everything through `connection`, the one that you are given: what it writes is committed together with "
            'the checkpoint. For `"loan.begun"`, insert a row into `copies_out`, and one into `members`.',
            "For other types do nothing, do not even look for a `member`. `loan.ended` deletes the row of the copy, "
            "and the loan stays counted. A member who comes again is there already: `ON CONFLICT (member) DO UPDATE "
            "SET loans = members.loans + 1`, as on the leader board of Day 9.",
            "Keep nothing in Python between two calls: a dict that counts is empty after a restart, and counts twice "
            "when an event is handed over again. The tables are the memory.",
        ),
        cases=(
            a_copy_is_lent,
            from_the_start_the_same_comes_out,
            a_copy_comes_back_and_the_loan_still_counts,
            a_member_comes_again,
            other_events_change_nothing,
            killed_in_the_middle_every_loan_counts_once,
        ),
        wrong=(
            WrongAnswer(
                mistake="Another connection, so effect and checkpoint are committed apart.",
                hint=1,
                change=("connection.execute(", "day.q("),
            ),
            WrongAnswer(
                mistake="A member who comes again is not counted.",
                hint=2,
                change=("DO UPDATE SET loans = members.loans + 1", "DO NOTHING"),
            ),
            WrongAnswer(
                mistake="Every other event is taken for the end of a loan.",
                hint=2,
                change=('elif event.event_type == "loan.ended":', "else:"),
            ),
            WrongAnswer(
                mistake="The count lives in Python: empty after a restart, too high after a repeat.",
                hint=3,
                code="""
from collections import Counter

counts = Counter()

def keep_up(event, connection):
    if event.event_type == "loan.begun":
        member = event.event_data["member"]
        counts[member] += 1
        connection.execute("INSERT INTO copies_out VALUES (%s, %s)", [event.aggregate_id, member])
        connection.execute(
            "INSERT INTO members VALUES (%s, %s) ON CONFLICT (member) DO UPDATE SET loans = excluded.loans",
            [member, counts[member]],
        )
    elif event.event_type == "loan.ended":
        connection.execute("DELETE FROM copies_out WHERE copy = %s", [event.aggregate_id])
""",
            ),
        ),
    ),
)
