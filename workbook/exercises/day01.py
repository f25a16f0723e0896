"""The exercises of Day 1: exact chips, an event that cannot change, a store in memory, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

from workbook.contract import Promise, appending, events, reading
from workbook.contract.promises import event
from workbook.exercise import Case, Exercise, WrongAnswer, case, keeps
from workbook.expect import expect, expect_error


@case(hint=1)
def amounts_with_two_places(units: Callable[[str], int]) -> None:
    expect(units("213.50"), 21350, 'units("213.50")')
    expect(units("1.05"), 105, 'units("1.05")')


@case(hint=1)
def amounts_with_one_place_or_none(units: Callable[[str], int]) -> None:
    expect(units("213.5"), 21350, 'units("213.5")')
    expect(units("213"), 21300, 'units("213")')


@case(hint=2)
def no_amount_is_off_by_a_hundredth(units: Callable[[str], int]) -> None:
    for hundredths in range(10_000):
        text = f"{hundredths // 100}.{hundredths % 100:02}"
        expect(units(text), hundredths, f'units("{text}")')


@case(hint=2)
def large_amounts_are_exact(units: Callable[[str], int]) -> None:
    expect(units("90071992547409.93"), 9_007_199_254_740_993, 'units("90071992547409.93")')


@case(hint=3)
def half_a_hundredth_is_refused(units: Callable[[str], int]) -> None:
    expect_error(ValueError, lambda: units("1.005"), 'units("1.005")')


@case(hint=3)
def what_is_no_amount_is_refused(units: Callable[[str], int]) -> None:
    for text in ("", "all-in", "1,50", "1.2.3", "5.", ".5", "-0.50", "1.-5", "1_000", "inf", "nan"):
        expect_error(ValueError, partial(units, text), f"units({text!r})")


def of_events(promise: Promise, *, hint: int) -> Case:
    """A promise about events alone, for a learner who hands in the event and the error."""

    def run(domain_event: Any, invalid_event_error: Any) -> None:
        promise(SimpleNamespace(DomainEvent=domain_event, InvalidEventError=invalid_event_error), _no_store)

    return Case(promise.__name__.replace("_", " "), hint, run)


def _no_store() -> Any:
    raise LookupError("this promise is about events alone")


@case(hint=1)
def what_json_would_change_is_refused(domain_event: Any, invalid_event_error: Any) -> None:
    names = SimpleNamespace(DomainEvent=domain_event)
    for data in ({"seats": (1, 2)}, {1: "dealer"}, {"pot": float("nan")}, {"cards": {"As", "Kd"}}):
        # A set has no order of its own, so its text would differ from run to run.
        shown = "a set" if "cards" in data else repr(data)
        made = partial(event, names, event_data=data)
        expect_error(invalid_event_error, made, f"DomainEvent with {shown} as event_data", field="event_data")


@case(hint=2)
def the_copy_goes_down_to_the_innermost_list(domain_event: Any, invalid_event_error: Any) -> None:
    seats = [{"seat": 1, "cards": ["As"]}]
    made = event(SimpleNamespace(DomainEvent=domain_event), event_data={"seats": seats})
    seats[0]["cards"] = ["2c"]
    expect(made.event_data, {"seats": [{"seat": 1, "cards": ["As"]}]}, "event_data, after the caller's list changed")


@case(hint=1)
def a_stream_can_be_read_in_part(new_store: Callable[[], Any], *_: Any) -> None:
    import eventstore

    store = new_store()
    for version in range(1, 6):
        store.append(event(eventstore, version))
    for arguments, versions in [
        (("hand-1", 2), [2, 3, 4, 5]),
        (("hand-1", 2, 4), [2, 3, 4]),
        (("hand-1", 0), [1, 2, 3, 4, 5]),
        (("hand-1", 1, 1), [1]),
        (("hand-1", 1, 0), []),
        (("hand-1", 6), []),
    ]:
        got = [stored.version for stored in store.get_by_aggregate(*arguments)]
        expect(got, versions, f"the versions in get_by_aggregate{arguments}")


@case(hint=2)
def a_version_that_is_taken_is_refused(new_store: Callable[[], Any], conflict: type[Exception]) -> None:
    import eventstore

    store = new_store()
    store.append(event(eventstore, 1))
    late = eventstore.DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={})
    expect_error(
        conflict, lambda: store.append(late), "append at a taken version", attempted_version=1, latest_version=1
    )
    expect(len(store.get_by_aggregate("hand-1")), 1, "the number of events after the refusal")


@case(hint=3)
def sequence_numbers_count_the_whole_log(new_store: Callable[[], Any], *_: Any) -> None:
    import eventstore

    store = new_store()
    places = [("hand-1", 1), ("hand-2", 1), ("hand-1", 2)]
    got = [store.append(event(eventstore, version, stream)).sequence_number for stream, version in places]
    expect(got, [1, 2, 3], "the sequence numbers of three appends to two streams")
    read = [stored.sequence_number for stored in store.get_by_aggregate("hand-1")]
    expect(read, [1, 3], "the sequence numbers of the first stream when read")


@case(hint=1)
def what_is_given_back_is_what_was_stored(new_store: Callable[[], Any], *_: Any) -> None:
    import eventstore

    store = new_store()
    got = store.append_many([event(eventstore, 1), event(eventstore, 2)])
    expect([stored.sequence_number for stored in got], [1, 2], "the sequence numbers that append_many gives back")
    got[0].event_data["amount"] = 0
    [first, _] = store.get_by_aggregate("hand-1")
    expect(first.event_data, {"amount": 10}, "event_data, after the caller changed what append_many gave back")


@case(hint=2)
def whatever_goes_wrong_nothing_stays(new_store: Callable[[], Any], *_: Any) -> None:
    import eventstore

    def broken_source() -> Iterator[Any]:
        yield event(eventstore, 1)
        raise KeyError("the source of the events broke")

    store = new_store()
    expect_error(KeyError, lambda: store.append_many(broken_source()), "append_many of a source that breaks")
    expect(store.get_by_aggregate("hand-1"), [], "the stream afterwards")


EXERCISES = (
    Exercise(
        number="1.1",
        minutes=15,
        hints=(
            "Split the text at the point: `text.partition('.')` gives what stands before it and what stands after it. "
            "Both halves are whole numbers.",
            "There must be no float anywhere on the way, not even for a moment: `float('0.29') * 100` is "
            "28.999999999999996.",
            "Refuse with `raise ValueError(...)` what has a point but not one or two digits after it, and every half "
            "that is not made of digits alone: `text.isdigit()`.",
        ),
        cases=(
            amounts_with_two_places,
            amounts_with_one_place_or_none,
            no_amount_is_off_by_a_hundredth,
            large_amounts_are_exact,
            half_a_hundredth_is_refused,
            what_is_no_amount_is_refused,
        ),
        wrong=(
            WrongAnswer(
                mistake="`213.5` is read as 213 and 5 hundredths.",
                hint=1,
                change=('hundredths.ljust(2, "0")', 'hundredths or "0"'),
            ),
            WrongAnswer(
                mistake="Only too many places are refused, so `5.` and `-0.50` pass.",
                hint=3,
                code="""
def units(text):
    chips, _, hundredths = text.partition(".")
    if len(hundredths) > 2:
        raise ValueError(text)
    return int(chips) * 100 + int(hundredths.ljust(2, "0"))
""",
            ),
            WrongAnswer(
                mistake="The amount is a float for a moment, and some come out a hundredth too low.",
                hint=2,
                code="def units(text):\n    return int(float(text) * 100)\n",
            ),
            WrongAnswer(
                mistake="`Decimal` is exact, but drops half a hundredth and takes `-0.50`.",
                hint=3,
                code="from decimal import Decimal\n\ndef units(text):\n    return int(Decimal(text) * 100)\n",
            ),
        ),
    ),
    Exercise(
        number="1.2",
        minutes=20,
        hints=(
            "Let the payload travel and look at what comes back: `json.loads(json.dumps(data, allow_nan=False))`. If "
            "that fails with a `TypeError` or a `ValueError`, or the result is not equal to `data`, refuse.",
            "`dict(data)` copies the outermost level only; the lists inside would still be shared. What comes back "
            "from the journey through JSON is new on every level: keep that. A frozen event can be set only by "
            "`object.__setattr__(self, 'event_data', ...)`.",
            "Name the field in the error: `raise InvalidEventError('version', '...')`. Check the type before the "
            "value, and remember that `isinstance(True, int)` is true. A time without a zone has `tzinfo` None.",
        ),
        cases=(
            of_events(events.an_event_cannot_be_changed, hint=2),
            of_events(events.an_event_needs_a_type_and_an_aggregate, hint=3),
            of_events(events.versions_are_whole_numbers_from_one_on, hint=3),
            of_events(events.an_event_needs_a_time_zone, hint=3),
            of_events(events.event_data_is_a_json_object, hint=1),
            what_json_would_change_is_refused,
            of_events(events.an_event_keeps_its_own_copy_of_the_data, hint=2),
            the_copy_goes_down_to_the_innermost_list,
        ),
        wrong=(
            WrongAnswer(
                mistake="`dict(...)` copies the outermost level; the lists inside are still shared.",
                hint=2,
                change=('"event_data", copy)', '"event_data", dict(self.event_data))'),
            ),
            WrongAnswer(
                mistake="The payload travels to JSON and back, and nobody compares what came back.",
                hint=1,
                change=("if copy != self.event_data:", "if False:"),
            ),
            WrongAnswer(
                mistake="`NaN` passes, because Python's `json` writes it without a word.",
                hint=1,
                change=(", allow_nan=False", ""),
            ),
            WrongAnswer(
                mistake="`True` passes as version 1.", hint=3, change=(" or isinstance(self.version, bool)", "")
            ),
        ),
    ),
    Exercise(
        number="1.3",
        minutes=25,
        hints=(
            "A list comprehension over `self._log` picks the events of one stream whose versions lie within both "
            "ends. Give back `replace(event)`, not the event itself: the reader may change the payload. The latest "
            "version is a `max(..., default=0)`: the default is for a stream that is not there.",
            "Compare with `get_latest_version`: only `latest + 1` may come in. The error wants three things: the "
            "aggregate, the version that was tried, and the latest one.",
            "The sequence number of the next event is one more than the length of the whole log. Keep what you made "
            "with `replace(event, ...)` in the log, and return a copy of that. The time has a zone: "
            "`datetime.now(UTC)`.",
        ),
        cases=(
            keeps(reading.an_empty_store_knows_nothing, hint=1),
            keeps(appending.append_gives_the_event_back, hint=3),
            keeps(appending.append_counts_on_from_one, hint=2),
            keeps(reading.exists_is_true_from_the_first_event_on, hint=1),
            keeps(reading.a_stream_holds_the_events_of_its_aggregate_alone, hint=1),
            a_stream_can_be_read_in_part,
            a_version_that_is_taken_is_refused,
            keeps(appending.a_version_that_leaves_a_hole_is_refused, hint=2),
            sequence_numbers_count_the_whole_log,
            keeps(appending.the_store_notes_when_it_wrote, hint=3),
            keeps(reading.what_was_read_belongs_to_the_reader, hint=1),
            keeps(reading.what_was_sent_belongs_to_the_sender, hint=3),
            keeps(reading.two_stores_share_nothing, hint=1),
        ),
        wrong=(
            WrongAnswer(
                mistake="The version at the upper end is left out.",
                hint=1,
                change=("event.version <= to_version", "event.version < to_version"),
            ),
            WrongAnswer(
                mistake="The reader gets the stored event itself, and can change its payload.",
                hint=1,
                change=("replace(event)\n            for", "event\n            for"),
            ),
            WrongAnswer(
                mistake="Only lower versions are refused, so a hole gets in.",
                hint=2,
                change=("event.version != latest + 1", "event.version <= latest"),
            ),
            WrongAnswer(
                mistake="The number in the log is the version in the stream, so two streams have the same numbers.",
                hint=3,
                change=("len(self._log) + 1", "event.version"),
            ),
        ),
    ),
    Exercise(
        number="1.4",
        minutes=15,
        hints=(
            "`append` already does the work for one event, the check included. Call it for each event, in order.",
            "Something is left behind when the third of three events is refused. Remember how long the log was, and "
            "cut it back to that length: `del self._log[length:]`.",
            "After cutting back, the caller must still hear what went wrong: `raise` on its own, inside `except`, "
            "passes the error on.",
        ),
        cases=(
            keeps(appending.append_many_of_nothing_does_nothing, hint=1),
            keeps(appending.append_many_gives_all_events_back_in_order, hint=1),
            keeps(appending.append_many_takes_any_iterable, hint=1),
            what_is_given_back_is_what_was_stored,
            keeps(appending.each_aggregate_counts_for_itself, hint=1),
            keeps(reading.a_stream_can_be_read_in_part, hint=1),
            keeps(reading.asking_changes_nothing, hint=1),
            keeps(appending.a_hole_inside_a_batch_is_refused, hint=2),
            keeps(appending.a_repeat_inside_a_batch_is_refused, hint=2),
            keeps(appending.append_many_is_all_or_nothing, hint=2),
            whatever_goes_wrong_nothing_stays,
            keeps(appending.a_refused_append_can_be_put_right, hint=3),
        ),
        wrong=(
            WrongAnswer(
                mistake="Nothing is taken back when a later event is refused.",
                hint=2,
                change=("            del self._log[length:]\n", ""),
            ),
            WrongAnswer(
                mistake="The error is swallowed, and an empty list comes back as if all were well.",
                hint=2,
                change=("            raise\n", "            return []\n"),
            ),
            WrongAnswer(
                mistake="Only the errors of the store take events back; a source that breaks leaves half a batch.",
                hint=2,
                change=("except BaseException:", "except EventStoreError:"),
            ),
            WrongAnswer(
                mistake="What came in is returned, without the numbers of the log.",
                hint=1,
                code="""
class InMemoryEventStore(MemoryLog):
    def append_many(self, events):
        events = list(events)
        length = len(self._log)
        try:
            for event in events:
                self.append(event)
            return events
        except BaseException:
            del self._log[length:]
            raise
""",
            ),
        ),
    ),
)
