"""The figures: what they draw is what the hands say, at both sizes, from no hand at all to foreign names."""

from __future__ import annotations

import math
import random
import statistics
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from eventstore import DomainEvent, PostgresEventStore
from poker import plots
from poker.games import STREETS
from poker.positions import POSITIONS

START = pd.Timestamp("2026-01-02 20:00", tz="UTC")
CHANCE = random.Random(7)
NAMES = [r"$\bad{$", "Ann\nB", "a name that does not end soon, nor later", "<b>Bo</b>", *"cdef"]


def pots(sizes: list[float], streets: list[str] | None = None, sources: list[str] | None = None) -> pd.DataFrame:
    """What `poker.frames.pots` gives, as far as the figures need it: a hand a minute."""
    return pd.DataFrame(
        {
            "played_at": [START + pd.Timedelta(minutes=minute) for minute in range(len(sizes))],
            "time_source": pd.Categorical(sources or ["recorded"] * len(sizes)),
            "street": pd.Categorical(streets or ["river"] * len(sizes), categories=STREETS, ordered=True),
            "pot_bb": pd.Series(sizes, dtype="float64"),
        }
    )


def results(nets: dict[str, list[float | None]]) -> pd.DataFrame:
    rows = [
        (START + pd.Timedelta(minutes=minute), "recorded", name, "home", net)
        for name, several in nets.items()
        for minute, net in enumerate(several)
    ]
    columns = ["played_at", "time_source", "player", "collection", "net_bb"]
    return pd.DataFrame(rows, columns=columns).astype(
        {"player": "category", "collection": "category", "net_bb": "float64"}
    )


def decisions(counts: dict[tuple[str | None, str, str], int]) -> pd.DataFrame:
    rows = [row for row, count in counts.items() for _ in range(count)]
    frame = pd.DataFrame(rows, columns=["position", "street", "action"])
    frame["position"] = pd.Categorical(frame["position"], categories=POSITIONS, ordered=True)
    return frame


MANY_POTS = [round(math.exp(CHANCE.gauss(1.5, 1.5)), 2) for _ in range(1_200)]
MANY = {
    plots.pot_distribution: pots(MANY_POTS),
    plots.pot_by_street: pots(MANY_POTS, [CHANCE.choice(STREETS) for _ in MANY_POTS]),
    plots.pot_over_time: pots(MANY_POTS, sources=[CHANCE.choice(["recorded", "date_only"]) for _ in MANY_POTS]),
    plots.results_over_hands: results(
        {name: [CHANCE.gauss(3 if "$" in name else 0, 9) for _ in range(300)] for name in NAMES}
    ),
    plots.actions_by_position: decisions(
        {(position, "flop", action): CHANCE.randint(1, 99) for position in POSITIONS[:9] for action in ("fold", "call")}
    ),
}
each_figure = pytest.mark.parametrize("draw", MANY, ids=lambda draw: draw.__name__)


def lines(plot: plots.Plot) -> list[Any]:
    return plot.axes.get_lines()


def words(plot: plots.Plot) -> str:
    return " ".join(text.get_text() for text in plot.axes.findobj(Text) if text.get_visible())


def test_the_curve_is_the_share_of_hands_with_at_most_this_pot() -> None:
    plot = plots.pot_distribution(pots(MANY_POTS))
    curve = lines(plot)[0]
    reached = dict(zip(curve.get_xdata(), curve.get_ydata(), strict=True))
    assert curve.get_drawstyle() == "steps-post"
    assert plot.axes.get_xscale() == "log"
    for pot in MANY_POTS:
        assert reached[pot] == pytest.approx(sum(other <= pot for other in MANY_POTS) / len(MANY_POTS))
    shown = dict(zip(plot.data["share"], plot.data["pot_bb"], strict=True))
    assert shown[0.5] == pytest.approx(statistics.median(MANY_POTS))
    hundredths = statistics.quantiles(MANY_POTS, n=100, method="inclusive")
    assert (shown[0.9], shown[0.99]) == pytest.approx((hundredths[89], hundredths[98]))
    assert [mark.get_xdata()[0] for mark in lines(plot)[1:]] == pytest.approx([shown[0.5], shown[0.9], shown[0.99]])


def test_pots_of_nothing_are_counted_though_a_log_axis_cannot_show_them() -> None:
    plot = plots.pot_distribution(pots([0, 0, 0, 8]))
    assert lines(plot)[0].get_ydata()[0] == 0.75
    assert "3 hands without a pot" in plot.text
    with pytest.raises(plots.NothingToPlot, match="no hand has a pot above 0"):
        plots.pot_distribution(pots([0, 0]))


def test_streets_have_their_medians_and_few_hands_are_dots() -> None:
    river, flop = [float(pot) for pot in range(10, 51)], [3.0, 4.0, 8.0]
    plot = plots.pot_by_street(pots([*river, *flop], ["river"] * len(river) + ["flop"] * len(flop)))
    assert plot.data.to_dict("list") == {
        "street": ["flop", "river"],
        "hands": [3, 41],
        "p5": pytest.approx([3.1, 12]),
        "p25": pytest.approx([3.5, 20]),
        "median": [4, 30],
        "p75": pytest.approx([6, 40]),
        "p95": pytest.approx([7.6, 48]),
    }
    (box,) = plot.axes.patches
    assert (box.get_x(), box.get_x() + box.get_width()) == (20, 40)
    dots = next(line for line in lines(plot) if line.get_marker() == "o")
    assert sorted(dots.get_xdata()) == flop
    assert plot.text.startswith("The median pot is 4 big blinds where hands end on the flop, and 30 on the river.")


def test_the_rolling_median_looks_back_on_the_hands_before() -> None:
    plot = plots.pot_over_time(pots(MANY_POTS), window=50)
    dots, median, high = lines(plot)
    assert list(dots.get_ydata()) == MANY_POTS
    for hand in (49, 600, 1_199):
        assert median.get_ydata()[hand] == pytest.approx(statistics.median(MANY_POTS[hand - 49 : hand + 1]))
        tenths = statistics.quantiles(MANY_POTS[hand - 49 : hand + 1], n=10, method="inclusive")
        assert high.get_ydata()[hand] == pytest.approx(tenths[8])
    assert np.isnan(median.get_ydata()[:49]).all()
    assert plot.data["hands"].tolist() == [120] * 10
    assert plot.data["median"][3] == pytest.approx(statistics.median(MANY_POTS[360:480]))
    with pytest.raises(ValueError, match="window 0 is below 1"):
        plots.pot_over_time(pots(MANY_POTS), window=0)


def test_made_up_times_are_said_and_do_not_shuffle_the_hands() -> None:
    recorded = pots([1, 2, 4])
    assert list(lines(plots.pot_over_time(recorded.iloc[[2, 0, 1]]))[0].get_ydata()) == [1, 2, 4]
    assert "made up" not in words(plots.pot_over_time(recorded))

    made_up = pots([1, 2, 4, 8], sources=["synthetic", "synthetic", "recorded", "date_only"]).iloc[[3, 1, 0, 2]]
    plot = plots.pot_over_time(made_up)
    assert list(lines(plot)[0].get_ydata()) == [2, 1, 4, 8]
    note = "the times of 2 hands are made up; of 1 hand only the date is known"
    assert note in words(plot)
    assert note[1:] in plot.text
    assert words(plot).count("no date") == 2
    assert plot.data["first_at"].isna().tolist() == [True, True, False, False]


def test_results_add_up_and_their_intervals_are_those_of_the_textbook() -> None:
    ann, bob = [CHANCE.gauss(1, 5) for _ in range(400)], [CHANCE.gauss(0, 9) for _ in range(100)]
    plot = plots.results_over_hands(results({"Ann": ann, "Bob": [*bob, None], "Cid": [None]}))
    rows = plot.data.set_index("player")
    assert set(rows.index) == {"Ann", "Bob"}
    assert "2 results that the records do not tell are left out" in plot.text
    for name, nets in {"Ann": ann, "Bob": bob}.items():
        mean, error = statistics.mean(nets), statistics.stdev(nets) / math.sqrt(len(nets))
        row = rows.loc[name]
        assert (row["hands"], row["net_bb"]) == (len(nets), pytest.approx(sum(nets)))
        assert row["per_100"] == pytest.approx(100 * mean)
        assert (row["low"], row["high"]) == pytest.approx((100 * (mean - 1.96 * error), 100 * (mean + 1.96 * error)))
    lines_of = [line for line in lines(plot) if line.get_ydata()[0] == 0 and len(line.get_xdata()) > 2]
    for name, line in zip(plot.data["player"], lines_of, strict=True):
        nets = ann if name == "Ann" else bob
        for hands, won in zip(line.get_xdata(), line.get_ydata(), strict=True):
            assert won == pytest.approx(sum(nets[:hands]), abs=1e-9)
    pooled = math.sqrt((399 * statistics.variance(ann) + 99 * statistics.variance(bob)) / 498)
    band = plot.axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(1.96 * pooled * math.sqrt(400))
    assert band[:, 1].min() == pytest.approx(-1.96 * pooled * math.sqrt(400))


def test_the_eight_players_with_the_most_hands_are_shown_and_namesakes_are_two() -> None:
    frame = results({f"p{number}": [1.0] * (number + 1) for number in range(12)})
    plot = plots.results_over_hands(frame)
    assert sorted(plot.data["hands"]) == list(range(5, 13))
    assert "8 of 12 players" in plot.text
    twice = pd.concat([results({"Ann": [1.0, 3.0]}), results({"Ann": [-1.0]}).assign(collection="club")])
    assert plots.results_over_hands(twice).data[["collection", "net_bb"]].values.tolist() == [["home", 4], ["club", -1]]


def test_letters_that_the_font_lacks_are_drawn_without_a_word() -> None:
    plot = plots.results_over_hands(results({"陳": [1.0, 2.0]}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot.png()
    assert plot.data["player"].tolist() == ["陳"]


def test_luck_is_told_from_winning() -> None:
    even, winning = [5.0, -5.0] * 50, [5.0, -4.0] * 500
    assert "luck" not in plots.results_over_hands(results({"Ann": even[:99], "Bob": winning[:99]})).text
    assert "luck alone could explain it all" in plots.results_over_hands(results({"Ann": even, "Bob": even})).text
    assert "luck hardly explains 1 of 2 results" in plots.results_over_hands(results({"A": even, "B": winning})).text


def test_who_is_not_shown_may_have_won_more() -> None:
    """Shown are those with the most hands; the best and the worst of all may be somebody else."""
    shown = {f"often {n}": [float(n)] * 2 for n in range(1, 9)}
    text = plots.results_over_hands(results(shown | {"once, much": [100.0], "once, little": [-100.0]})).text
    assert text.startswith("Of the 8 with the most hands, often 8 won most, +16 big blinds.")
    assert "Of these, often 1 did worst, +2 big blinds in 2 hands" in text
    assert text.endswith("Shown are the 8 of 10 players with the most hands.")
    assert plots.results_over_hands(results(shown)).text.startswith("often 8 won most, +16 big blinds.")


def test_the_heat_map_has_the_shares_of_each_position() -> None:
    counts = {("BTN", "preflop", "raise"): 30, ("BTN", "preflop", "fold"): 70, ("BB", "preflop", "fold"): 25}
    counts |= {("BB", "preflop", "check"): 75, (None, "third", "bring_in"): 4, ("UTG", "preflop", "raise"): 1}
    plot = plots.actions_by_position(decisions(counts))
    assert plot.data["position"].tolist() == ["BB", "UTG", "BTN"]
    assert plot.data["decisions"].tolist() == [100, 1, 100]
    assert plot.data[["fold", "check", "raise"]].values.tolist() == [[0.25, 0.75, 0], [0, 0, 1], [0.7, 0, 0.3]]
    cells = [text.get_text() for text in plot.axes.texts]
    assert cells == ["25%", "75%", "0%", "0%", "0%", "100%", "70%", "0%", "30%"]
    assert "4 decisions without a position are left out" in plot.text
    # One decision under the gun is no habit.
    assert plot.text.startswith("Players fold most in BTN, 70% of their decisions, and least in BB, 25%.")
    assert "preflop decisions" in words(plot)


def test_numbers_on_the_heat_map_can_be_read_on_every_colour() -> None:
    for fold in range(0, 101, 10):
        shares = {("BB", "flop", "fold"): fold, ("BB", "flop", "call"): 100 - fold, ("BB", "flop", "bet"): 1}
        plot = plots.actions_by_position(decisions(shares))
        image = plot.axes.images[0]
        for text in plot.axes.texts:
            column = round(text.get_position()[0])
            below = image.cmap(image.norm(image.get_array()[0, column]))
            assert contrast(mpl.colors.to_rgb(text.get_color()), below[:3]) >= 4.5


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The ratio of WCAG 2, which asks for 4.5 at least."""

    def light(colour: tuple[float, ...]) -> float:
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) + 0.05

    return max(light(one), light(other)) / min(light(one), light(other))


def write_events(store: PostgresEventStore, moments: list[datetime]) -> None:
    """Events recorded at these moments, as if the server's clock had stood there."""
    statement = "INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data, recorded_at)"
    statement += " VALUES (%s, 'x', %s, 1, '{}', %s)"
    with store.connection() as connection:
        for number, moment in enumerate(moments):
            event = DomainEvent(event_type="x", aggregate_id=str(number), version=1, event_data={})
            connection.execute(statement, (event.id, event.aggregate_id, moment))


@pytest.mark.parametrize(
    ("span", "name", "seconds"),
    [
        (timedelta(0), "second", 1),
        (timedelta(seconds=90), "second", 1),
        (timedelta(minutes=20), "15 seconds", 15),
        (timedelta(hours=30), "hour", 3600),
        (timedelta(days=900), "4 weeks", 28 * 86400),
        (timedelta(days=50_000), "52 weeks", 364 * 86400),
    ],
    ids=str,
)
def test_bins_fit_the_span_of_the_log(store: PostgresEventStore, span: timedelta, name: str, seconds: int) -> None:
    start = datetime(1890, 3, 4, 23, 59, 58, tzinfo=UTC)
    moments = [start, start, start, start + span / 3, start + span]
    write_events(store, moments)
    plot = plots.events_per_second(store)
    data = plot.data
    assert len(data) <= 150
    assert (data["began_at"].diff().dropna() == pd.Timedelta(seconds=seconds)).all()
    for row in data.itertuples():
        there = sum(row.began_at <= moment < row.began_at + pd.Timedelta(seconds=seconds) for moment in moments)
        assert (row.events, row.per_second) == (there, there / seconds)
    assert data["events"].sum() == 5
    (bars,) = plot.axes.patches
    assert list(bars.get_data().values) == list(data["per_second"])
    assert name in words(plot)


def test_an_empty_log_says_what_to_type(store: PostgresEventStore) -> None:
    with pytest.raises(plots.NothingToPlot, match="python -m poker import"):
        plots.events_per_second(store)


@each_figure
def test_without_data_each_says_what_is_missing(draw: Callable[..., plots.Plot]) -> None:
    with pytest.raises(plots.NothingToPlot, match="no "):
        draw(MANY[draw].iloc[:0])
    with pytest.raises(ValueError, match=r"the frame has no column .*: give what poker.frames.\w+\(store\) returns"):
        draw(pd.DataFrame({"x": [1]}))


@each_figure
def test_one_row_is_enough(draw: Callable[..., plots.Plot]) -> None:
    plot = draw(MANY[draw].iloc[:1])
    assert plot.png().startswith(b"\x89PNG")
    assert "nan" not in plot.text + words(plot)


@each_figure
def test_on_paper_nothing_is_cut_off_or_too_small_and_foreign_names_do_no_harm(draw: Callable[..., plots.Plot]) -> None:
    plot = draw(MANY[draw], size="print")
    plot.figure.draw_without_rendering()
    assert tuple(plot.figure.get_size_inches()) == (3.5, 3.1)
    whole = plot.figure.bbox.padded(2)
    shown = [text for text in plot.axes.findobj(Text) if text.get_visible() and text.get_text()]
    # Ticks beyond the limits are made, and not drawn.
    drawn = [text for text in shown if text not in plot.axes.get_xticklabels() + plot.axes.get_yticklabels()]
    for text in drawn:
        box = text.get_window_extent()
        assert whole.contains(*box.min), text
        assert whole.contains(*box.max), text
        assert text.get_fontsize() >= 7
    names = [text for text in plot.axes.texts if text.get_text()]
    labels = sorted((text.get_window_extent() for text in names), key=lambda box: (box.x0, box.y0))
    for one, other in pairwise(labels):
        assert not one.padded(-2).overlaps(other.padded(-2))
    (above,) = [text for text in drawn if text.get_text() == plot.axes.get_title(loc="left")]
    assert plot.text.startswith(above.get_text().replace(r"\$", "$"))
    assert not any(above.get_window_extent().overlaps(label) for label in labels)
    assert plot.axes.get_xlabel()
    assert plot.axes.get_ylabel()


def test_a_figure_can_be_drawn_into_another_and_stands_for_itself_in_words() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    plot = plots.pot_distribution(pots([1, 2, 3]), right)
    assert (plot.axes, plot.figure) == (right, figure)
    assert not left.get_title(loc="left")
    assert repr(plot) == plot.text
    assert plot.png() == plot.png()
    picture, size = plot._repr_png_()
    assert picture == plot.png()
    assert size == {"width": 614}
    with pytest.raises(ValueError, match="size 'poster' is unknown: write screen or print"):
        plots.pot_distribution(pots([1]), size="poster")  # type: ignore[arg-type]
