"""The exercises of Day 4: a stream in pieces, the conditions and the order of a question, a walk through the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql

import eventstore
from eventstore import EventQueryFilter, InMemoryEventStore
from eventstore.reading import events_from
from workbook.contract import ordering, querying, questions, streaming
from workbook.contract.hands import CAUSE, EIGHT_O_CLOCK, EVENING, expect_places, places_of, two_hands
from workbook.contract.promises import event
from workbook.exercise import Exercise, WrongAnswer, case, keeps
from workbook.expect import NotKept, describe, expect, expect_error
from workbook.mine import mixin, store_of

Pages = Callable[[Any, Any, int], Iterator[Any]]

stream_reading = mixin("get_stream", "get_event_count")

# What the statement of the exercise says.
PAGE = 100

SELECT = """
SELECT id, event_type, aggregate_id, version, event_data::text, schema_version, event_timestamp,
       causation_id, correlation_id, user_id, sequence_number, recorded_at
FROM domain_events
WHERE {where}
ORDER BY {order}
LIMIT %(limit)s
"""


def watched(store: Any) -> list[int]:
    """How many events each read of a store gives, from now on, whichever way it is made."""
    sizes: list[int] = []

    class Watched(psycopg.Cursor[Any]):
        def execute(self, *given: Any, **more: Any) -> Any:
            super().execute(*given, **more)
            sizes.append(self.rowcount)
            return self

    connect, by_aggregate = store.connection, store.get_by_aggregate

    def connection() -> Any:
        opened = connect()
        opened.cursor_factory = Watched
        return opened

    def get_by_aggregate(*given: Any, **more: Any) -> Any:
        found = by_aggregate(*given, **more)
        sizes.append(len(found))
        return found

    vars(store).update(connection=connection, get_by_aggregate=get_by_aggregate)
    return sizes


def long_stream(part: Any, length: int) -> Any:
    store = store_of(part, own=("get_stream", "get_event_count"))()
    store.append_many([event(eventstore, version) for version in range(1, length + 1)])
    return store


@case(hint=1)
def the_count_is_a_number(part: Any) -> None:
    store = long_stream(part, 3)
    expect(type(store.get_event_count()).__name__, "int", "the type of get_event_count()")


@case(hint=2)
def no_read_gives_more_than_a_hundred(part: Any) -> None:
    store = long_stream(part, 250)
    sizes = watched(store)
    stream = store.get_stream("hand-1")
    if not isinstance(stream, Iterator):
        raise NotKept(f"got {type(stream).__name__} from get_stream, expected a generator")
    expect(sizes, [], "the reads before the first event was asked for")
    first = next(stream, None)
    if not isinstance(first, eventstore.DomainEvent):
        raise NotKept(f"got {type(first).__name__} from next(get_stream('hand-1')), expected an event")
    expect(first.version, 1, "the version of next(get_stream('hand-1'))")
    if sum(sizes) > PAGE:
        raise NotKept(f"got {sum(sizes)} events from the database for the first of 250, expected at most {PAGE}")
    # What comes behind the last event is for later cases.
    for place, one in enumerate(islice(stream, 249), start=2):
        expect(one.version, place, f"the version of event {place} of get_stream('hand-1')")
    for _ in store.get_stream("hand-1", 1, 240):
        pass
    if max(sizes, default=0) > PAGE:
        raise NotKept(f"got {max(sizes)} events in one read, expected at most {PAGE}")


@case(hint=3)
def no_event_is_lost_or_doubled_at_the_end_of_a_page(part: Any) -> None:
    store = long_stream(part, 201)
    for last in (0, 99, 100, 101, 200, None):
        for first in (0, 1, 2, 57, 101):
            wanted = list(range(max(first, 1), (201 if last is None else last) + 1))
            got = [one.version for one in store.get_stream("hand-1", first, last)]
            asked = f"list(get_stream('hand-1', {first}, {last}))"
            expect(len(got), len(wanted), f"the number of events in {asked}")
            expect(got == wanted, True, f"each version once, in order, in {asked}")


@case(hint=3)
def it_goes_on_to_the_end_of_many_pages(part: Any) -> None:
    store = long_stream(part, 450)
    got = [one.version for one in store.get_stream("hand-1")]
    expect(len(got), 450, "the number of events in get_stream('hand-1') of a stream of 450")


def composed(text: Any) -> sql.Composable:
    return text if isinstance(text, sql.Composable) else sql.SQL(text)


def run(store: Any, where: Any, order: Any, values: dict[str, Any]) -> list[Any]:
    statement = sql.SQL(SELECT).format(where=composed(where), order=composed(order))
    with store.connection() as connection:
        return list(events_from(connection.execute(statement, values, binary=True)))


def taken_apart(conditions: Any, question: Any) -> tuple[Any, Any]:
    """What `conditions` gives, if it has the right shape."""
    given = conditions(question)
    if not isinstance(given, tuple) or len(given) != 2:
        raise NotKept(f"got {describe(given)} from conditions, expected a text and a dict: return text, values")
    text, values = given
    if isinstance(text, str) and text.strip().upper().startswith("WHERE"):
        raise NotKept(f"got {describe(text)} from conditions, expected what stands behind WHERE, without the word")
    if not isinstance(text, str | sql.Composable):
        raise NotKept(f"got {describe(text)} as the first thing from conditions, expected a text")
    if not isinstance(values, dict):
        raise NotKept(f"got {describe(values)} as the second thing from conditions, expected a dict")
    return text, values


def asked_with(conditions: Any) -> Callable[[], Any]:
    """A store whose conditions are the learner's, and whose order is that of the log."""

    class Asking:
        def query(self, question: Any) -> list[Any]:
            where, values = taken_apart(conditions, question)
            return run(self, where, "sequence_number", values | {"limit": question.limit})

    return store_of(Asking)


@case(hint=1)
def a_text_and_a_dict_come_back(conditions: Any, question: Any) -> None:
    text, values = taken_apart(conditions, question())
    expect(values, {}, "the dict of conditions(EventQueryFilter())")
    if isinstance(text, str) and not text.strip():
        raise NotKept("got an empty text from conditions(EventQueryFilter()), expected 'true'")
    text, values = taken_apart(conditions, question(user_id="rock 4", after_sequence=7))
    named = {name: values.get(name, "nothing") for name in ("user_id", "after_sequence")}
    expect(named, {"user_id": "rock 4", "after_sequence": 7}, "the dict of conditions")


@case(hint=1)
def no_value_stands_in_the_text(conditions: Any, question: Any) -> None:
    odd = "x' OR 'a' = 'a"
    for fields in (
        {"aggregate_id": odd},
        {"event_type": odd},
        {"event_type": ["bet", odd]},
        {"user_id": odd},
        {"data_contains": {"note": odd}},
        {"correlation_id": EVENING},
        {"causation_id": CAUSE},
        {"after_sequence": 987654321},
    ):
        text, _ = taken_apart(conditions, question(**fields))
        [(name, value)] = fields.items()
        found = any(part in str(text) for part in (odd, odd.replace("'", "''"), str(EVENING), str(CAUSE), "987654321"))
        if found:
            asked = f"conditions(EventQueryFilter({name}={describe(value)}))"
            raise NotKept(f"got the value inside the text from {asked}, expected it in the dict alone")


@case(hint=2)
def after_a_number_come_only_higher_ones(conditions: Any, question: Any) -> None:
    names = questions_of(question)
    store = two_hands(names, asked_with(conditions))
    numbers = [one.sequence_number for one in store.query(question())]
    expect_places(names, store, [4, 5, 6], after_sequence=numbers[2])
    expect_places(names, store, [1, 2, 3, 4, 5, 6], after_sequence=0)


def questions_of(question: Any) -> Any:
    """The names of the package, with the learner's question."""

    class Names:
        DomainEvent, EventMetadata, EventQueryFilter = eventstore.DomainEvent, eventstore.EventMetadata, question

    return Names


def ordered_with(order: Any) -> Callable[[], Any]:
    """A store whose order is the learner's."""

    class Ordering:
        def query(self, question: Any) -> list[Any]:
            text = order(question)
            if not isinstance(text, str | sql.Composable):
                raise NotKept(f"got {describe(text)} from order, expected a text")
            where = "true" if question.aggregate_id is None else "aggregate_id = %(aggregate_id)s"
            return run(self, where, text, {"aggregate_id": question.aggregate_id, "limit": question.limit})

    return store_of(Ordering)


@case(hint=3)
def words_that_are_allowed_are_taken(order: Any, question: Any) -> None:
    for column in ("sequence_number", "event_timestamp", "version"):
        for direction in ("ASC", "DESC"):
            try:
                order(question(order_by=column, order_direction=direction))
            except eventstore.InvalidEventError as error:
                asked = f"order(EventQueryFilter(order_by={column!r}, order_direction={direction!r}))"
                raise NotKept(f"got {describe(error)} from {asked}, expected a text") from None


@case(hint=1)
def the_text_of_an_order(order: Any, question: Any) -> None:
    for column in ("version", "event_timestamp"):
        for direction in ("ASC", "DESC"):
            text = order(question(order_by=column, order_direction=direction))
            if isinstance(text, str):
                same = " ".join(text.split()).casefold()
                wanted = f"{column} {direction}, sequence_number {direction}"
                asked = f"order(EventQueryFilter(order_by={column!r}, order_direction={direction!r}))"
                if same not in (wanted.casefold(), wanted.casefold().replace(" asc", "")):
                    raise NotKept(f"got {text!r} from {asked}, expected {wanted!r}")


@case(hint=2)
def other_words_are_refused(order: Any, question: Any) -> None:
    expect_refused(order, question, {"order_by": ["event_data", "id"], "order_direction": ["DOWN"]})


@case(hint=3)
def words_that_are_only_near_are_refused(order: Any, question: Any) -> None:
    near = {
        "order_by": ["Version", "VERSION", "versio", "sequence", "version ", ""],
        "order_direction": ["desc", "SC", "ASC ", "ASC NULLS FIRST", ""],
    }
    expect_refused(order, question, near)


def expect_refused(order: Any, question: Any, words: dict[str, list[str]]) -> None:
    for field, wrong in words.items():
        for word in wrong:
            asked = f"order(EventQueryFilter({field}={word!r}))"
            call = partial(order, question(**{field: word}))
            expect_error(eventstore.InvalidEventError, call, asked, field=field)


class Watching(InMemoryEventStore):
    """Notes how many events each question asked for, and may be written to in between."""

    def __init__(self) -> None:
        super().__init__()
        self.limits: list[int | None] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def query(self, filter: EventQueryFilter) -> list[Any]:
        if not isinstance(filter, EventQueryFilter):
            raise NotKept("got a question of another class in store.query, expected replace(question, ...)")
        self.limits.append(filter.limit)
        if len(self.limits) > 200:
            raise NotKept("got more than 200 questions to the store, expected an end")
        found = super().query(filter)
        self.meanwhile()
        return found


def six_events() -> Watching:
    store: Watching = two_hands(eventstore, Watching)
    return store


def expect_pages(pages: Pages, size: int, places: list[int], store: Watching | None = None, **fields: Any) -> None:
    asked = ", ".join(f"{name}={describe(value)}" for name, value in fields.items())
    got = []
    for one in pages(store or six_events(), EventQueryFilter(**fields), size):
        if not isinstance(one, eventstore.DomainEvent):
            raise NotKept(f"got {type(one).__name__} from pages, expected one event after the other")
        got += places_of([one])
    expect(got, places, f"pages(store, EventQueryFilter({asked}), {size}), as places in the log")


@case(hint=1)
def all_events_come_once_and_in_order(pages: Pages) -> None:
    expect(list(pages(Watching(), EventQueryFilter(), 10)), [], "pages of an empty store")
    for size in (1, 2, 3, 4, 5, 6, 7):
        expect_pages(pages, size, [1, 2, 3, 4, 5, 6])


@case(hint=1)
def never_more_than_size_at_once(pages: Pages) -> None:
    store = six_events()
    walk = iter(pages(store, EventQueryFilter(), 2))
    expect(next(walk).event_data["place"], 1, "the place of the first event")
    expect(store.limits, [2], "the limits of the questions to the store, after the first event")
    list(walk)
    expect(
        all(limit is not None and limit <= 2 for limit in store.limits), True, "limits of at most 2 in all questions"
    )


@case(hint=2)
def the_conditions_hold_on_every_page(pages: Pages) -> None:
    for size in (1, 2, 3):
        expect_pages(pages, size, [2, 4, 5, 6], event_type=["bet", "fold"])
        expect_pages(pages, size, [1, 3], user_id="dealer")
        expect_pages(pages, size, [3, 5, 6], from_timestamp=EIGHT_O_CLOCK + timedelta(minutes=5))


@case(hint=2)
def it_begins_where_the_question_does(pages: Pages) -> None:
    for size in (1, 2, 5):
        expect_pages(pages, size, [4, 5, 6], after_sequence=3)
        expect_pages(pages, size, [], after_sequence=6)


@case(hint=2)
def what_is_appended_meanwhile_moves_nothing(pages: Pages) -> None:
    store = six_events()

    def once() -> None:
        store.meanwhile = lambda: None
        store.append(event(eventstore, 4, event_type="fold", event_data={"place": 7}))

    store.meanwhile = once
    expect_pages(pages, 2, [1, 2, 3, 4, 5, 6, 7], store=store)


@case(hint=3)
def the_limit_of_the_question_counts_in_all(pages: Pages) -> None:
    for size in (1, 2, 3, 10):
        for limit in (0, 1, 2, 3, 4, 6, 9):
            expect_pages(pages, size, [1, 2, 3, 4, 5, 6][:limit], limit=limit)
    expect_pages(pages, 2, [4, 5, 6], event_type=["bet", "fold"], after_sequence=2, limit=3)


def walk(pages: Pages, question: EventQueryFilter) -> str:
    return f"{len(list(pages(six_events(), question, 2)))} events"


@case(hint=3)
def another_order_is_refused(pages: Pages) -> None:
    others: list[dict[str, Any]] = [
        {"order_by": "event_timestamp"},
        {"order_by": "version"},
        {"order_direction": "DESC"},
        {"order_by": "event_timestamp", "order_direction": "DESC"},
    ]
    for other in others:
        question = replace(EventQueryFilter(), **other)
        shown = ", ".join(f"{name}={value!r}" for name, value in other.items())
        expect_error(ValueError, partial(walk, pages, question), f"pages(store, EventQueryFilter({shown}), 2)")


EXERCISES = (
    Exercise(
        number="4.1",
        minutes=20,
        hints=(
            "Counting is one `SELECT count(*)` with a `WHERE` or without one, on a connection of `self.connection()`. "
            "`fetchone()` gives a row, and the number is its first value. `None` and the name of a stream are two "
            "different questions.",
            "In `get_stream`, go round in a loop: read the versions from `first` to `first + 99` with "
            "`self.get_by_aggregate(aggregate_id, first, last)`, hand them out with `yield from`, and move `first` "
            "behind `last`. Do not read the whole stream first: `fetchmany` also only cuts up what has arrived "
            "already.",
            "Three ends to look at. A page with fewer than 100 events is the last one: `return` ends a generator. "
            "`to_version` cuts the last page short: take the smaller of the two, unless it is None. And "
            "`from_version=0` means from version 1: begin there, or the first page has only 99 events.",
        ),
        cases=(
            no_read_gives_more_than_a_hundred,
            keeps(streaming.the_stream_of_an_unknown_aggregate_is_empty, hint=3, on=stream_reading),
            keeps(streaming.a_stream_comes_one_event_after_the_other, hint=2, on=stream_reading),
            it_goes_on_to_the_end_of_many_pages,
            no_event_is_lost_or_doubled_at_the_end_of_a_page,
            the_count_is_a_number,
            keeps(querying.events_are_counted, hint=1, on=stream_reading),
            keeps(streaming.a_stream_holds_what_a_plain_read_gives, hint=3, on=stream_reading),
            keeps(streaming.two_streams_can_be_read_at_once, hint=2, on=stream_reading),
        ),
        wrong=(
            WrongAnswer(
                mistake="The row is returned, not the number in it.",
                hint=1,
                change=("return rows.fetchone()[0]", "return rows.fetchone()"),
            ),
            WrongAnswer(
                mistake="The whole stream is read first, and only handed out one by one.",
                hint=2,
                code="""
class StreamReading:
    def get_stream(self, aggregate_id, from_version=1, to_version=None):
        for event in self.get_by_aggregate(aggregate_id, from_version, to_version):
            yield event

    def get_event_count(self, aggregate_id=None):
        statement = "SELECT count(*) FROM domain_events WHERE %(id)s::text IS NULL OR aggregate_id = %(id)s"
        with self.connection() as connection:
            return connection.execute(statement, {"id": aggregate_id}).fetchone()[0]
""",
            ),
            WrongAnswer(
                mistake="With `to_version`, all events up to it are one page.",
                hint=2,
                change=("last = min(last, to_version)", "last = to_version"),
            ),
            WrongAnswer(
                mistake="`from_version=0` is taken as it is: the first page is one short and passes for the last.",
                hint=3,
                change=("max(from_version, 1)", "from_version"),
            ),
        ),
    ),
    Exercise(
        number="4.2",
        minutes=20,
        hints=(
            "Write a dict with one line for each field: its name, and its condition with a place for the value, such "
            'as `"user_id": "user_id = %(user_id)s"`. Go through it, and for each field that was given put the '
            'condition into the text and the value, under the same name, into the dict. `" AND ".join(...)` joins '
            "texts. Nothing of the question is ever written into the text.",
            "A field does not matter only if it is `None`. An empty list, an empty dict and the number 0 were given, "
            "so ask `is not None`, not whether the value is true. `getattr(question, name)` gives the field of that "
            "name. Both ends of a span of time belong to it: `>=` and `<=`. After a number means `>`.",
            "Two values have to be packed before they travel. `event_type`: if it is a text (`isinstance(..., str)`), "
            "make it a list of one, so that `event_type = ANY(%(event_type)s)` fits both. `data_contains`: "
            "`Jsonb(...)` around the dict, and the condition is `event_data @> %(data_contains)s`.",
        ),
        cases=(
            a_text_and_a_dict_come_back,
            no_value_stands_in_the_text,
            keeps(querying.an_empty_filter_asks_for_the_whole_log, hint=1, on=asked_with),
            keeps(querying.a_filter_by_aggregate, hint=1, on=asked_with),
            keeps(querying.a_filter_by_user, hint=1, on=asked_with),
            keeps(querying.a_filter_by_correlation_or_cause, hint=1, on=asked_with),
            keeps(querying.a_filter_by_one_type_or_several, hint=3, on=asked_with),
            keeps(querying.an_empty_list_of_types_fits_no_event, hint=2, on=asked_with),
            keeps(querying.both_ends_of_a_span_of_time_belong_to_it, hint=2, on=asked_with),
            after_a_number_come_only_higher_ones,
            keeps(querying.data_contains_looks_into_the_payload, hint=3, on=asked_with),
            keeps(querying.every_combination_of_fields_is_one_question, hint=1, on=asked_with),
            keeps(ordering.reading_page_by_page_leaves_no_gap_and_repeats_nothing, hint=2, on=asked_with),
            keeps(questions.a_filter_can_be_the_model_of_another, hint=2, on=asked_with),
        ),
        wrong=(
            WrongAnswer(
                mistake="The name of the user is pasted into the SQL: an injection.",
                hint=1,
                change=('"user_id = %(user_id)s"', '''f"user_id = '{question.user_id}'"'''),
            ),
            WrongAnswer(
                mistake="`if value:` takes an empty list, an empty dict and 0 for not given.",
                hint=2,
                change=("if value is not None:", "if value:"),
            ),
            WrongAnswer(
                mistake="`after_sequence` is taken as from that number on.",
                hint=2,
                change=("sequence_number > %", "sequence_number >= %"),
            ),
            WrongAnswer(
                mistake="A single type, given as text, becomes a list of its letters.",
                hint=3,
                change=(
                    'if isinstance(question.event_type, str):\n        values["event_type"] = [question.event_type]',
                    'if question.event_type is not None:\n        values["event_type"] = list(question.event_type)',
                ),
            ),
        ),
    ),
    Exercise(
        number="4.3",
        minutes=10,
        hints=(
            "The text has two parts with a comma between them: the column and the direction that the caller picked, "
            "then `sequence_number` with the same direction. An f-string is fine here, but only for words that you "
            "have compared with your own before.",
            "Two fields come from the caller, so two have to be checked, each with an error that bears its own name: "
            '`InvalidQuestionError("order_direction", "...")` for the direction. A `KeyError` would not tell which.',
            '`word not in ("ASC", "DESC")` compares whole words. `word in "ASC DESC"` looks for a piece of text, and '
            'finds nearly anything; `word != "ASC" or word != "DESC"` is always true. Do not repair the words of the '
            "caller with `upper()` or `strip()`: what is not exactly one of yours is refused.",
        ),
        cases=(
            words_that_are_allowed_are_taken,
            the_text_of_an_order,
            keeps(ordering.events_come_in_the_order_that_was_asked_for, hint=1, on=ordered_with),
            keeps(ordering.what_is_equal_follows_by_sequence_number_in_the_same_direction, hint=1, on=ordered_with),
            keeps(ordering.a_limit_cuts_after_ordering, hint=1, on=ordered_with),
            other_words_are_refused,
            words_that_are_only_near_are_refused,
            keeps(ordering.an_order_is_one_of_three_words_never_sql, hint=2, on=ordered_with),
        ),
        wrong=(
            WrongAnswer(
                mistake="Ties are broken in ascending order, whatever the direction.",
                hint=1,
                change=(", sequence_number {question.order_direction}", ", sequence_number"),
            ),
            WrongAnswer(
                mistake="Of the direction it is only asked whether there is one, so any text gets into the SQL.",
                hint=2,
                change=(
                    'if question.order_direction not in ("ASC", "DESC"):\n        raise',
                    "if question.order_direction is None:\n        raise",
                ),
            ),
            WrongAnswer(
                mistake="The error about the direction names the other field.",
                hint=2,
                change=('InvalidQuestionError("order_direction"', 'InvalidQuestionError("order_by"'),
            ),
            WrongAnswer(
                mistake='`not in "ASC, DESC"` compares with a piece of text, and lets `SC` through.',
                hint=3,
                change=('not in ("ASC", "DESC")', 'not in "ASC, DESC"'),
            ),
        ),
    ),
    Exercise(
        number="4.4",
        minutes=20,
        hints=(
            "Go round in a loop: `page = store.query(replace(question, ...))`, `yield from page`, and remember "
            "`page[-1].sequence_number` for the next turn. The end is reached when a page has fewer events than you "
            "asked for.",
            "Make each page's question from the one before: `question = replace(question, after_sequence=...)` keeps "
            "all other fields. On the first page leave `after_sequence` as it came: it says where to begin.",
            "If the question has a limit, count down what is left of it: ask for the smaller of `size` and what is "
            "left, and stop at 0. None means no limit. And look at `order_by` and `order_direction` before anything "
            "else.",
        ),
        cases=(
            all_events_come_once_and_in_order,
            never_more_than_size_at_once,
            the_conditions_hold_on_every_page,
            it_begins_where_the_question_does,
            what_is_appended_meanwhile_moves_nothing,
            the_limit_of_the_question_counts_in_all,
            another_order_is_refused,
        ),
        wrong=(
            WrongAnswer(
                mistake="Everything is read at once and then cut into pages.",
                hint=1,
                code="""
def pages(store, question, size):
    events = store.query(question)
    for start in range(0, len(events), size):
        yield from events[start : start + size]
""",
            ),
            WrongAnswer(
                mistake="The beginning and the limit of the question are written over.",
                hint=2,
                code="""
def pages(store, question, size):
    last = 0
    while page := store.query(replace(question, after_sequence=last, limit=size)):
        yield from page
        last = page[-1].sequence_number
""",
            ),
            WrongAnswer(
                mistake="The limit of the question is forgotten.",
                hint=3,
                change=("left = question.limit", "left = None"),
            ),
            WrongAnswer(
                mistake="A question in another order is not refused, though the walk goes by number.",
                hint=3,
                change=('!= ("sequence_number", "ASC")', '== ("", "")'),
            ),
        ),
    ),
)
