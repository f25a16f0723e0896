"""What the frames share: how the answer to a question becomes a data frame, and what is in its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from eventstore import PostgresEventStore
from eventstore.exporting import arrow_from
from poker.games import STREETS
from poker.installing import install
from poker.positions import MOST_PLAYERS, POSITIONS, positions

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# What a column holds, beside what has a name in pandas.
TIME = "datetime64[us, UTC]"
STREET = "street"
LIST = "list"


def read(
    store: PostgresEventStore, question: LiteralString, kinds: dict[str, str], by: str | None = None
) -> pd.DataFrame:
    """The answer to a question, as a data frame. The views of poker are installed before, if need be.

    Read through Arrow, which makes no Python object for each value: with a million hands that takes a quarter of the
    time and an eighth of the memory.

    Args:
        store: where the hands are.
        question: a SELECT.
        kinds: for each of its columns a dtype of pandas, or `STREET` (ordered), or `LIST` (of integers, or None).
        by: what the question finds as `current_setting('eventstore.by', true)`, where it looks for that.

    Returns:
        A data frame with these dtypes, also where it has no row.

    Raises:
        SchemaError: the views are not installed, and this role may not do so.
        EventStoreError: what data frames need is not installed.
        StoreUnavailableError: the server is away.
    """
    install(store)
    with arrow_from(store, question, {"by": by}) as (schema, batches):
        import pandas as pd
        import pyarrow as pa

        table = pa.Table.from_batches(batches, schema)
    return pd.DataFrame({name: _series(table[name], kind) for name, kind in kinds.items()}, copy=False)


def _series(column: pa.ChunkedArray, kind: str) -> pd.Series:
    import pandas as pd

    if kind == LIST:
        return pd.Series(column.to_pylist(), dtype="object")
    if kind == STREET:
        return column.dictionary_encode().to_pandas().astype(pd.CategoricalDtype(STREETS, ordered=True))
    if kind == "category":
        found = column.dictionary_encode().to_pandas()
        return found.cat.reorder_categories(found.cat.categories.sort_values())
    dtype = pd.api.types.pandas_dtype(kind)
    extension = dtype if isinstance(dtype, pd.api.extensions.ExtensionDtype) else None
    return column.to_pandas(types_mapper=lambda _: extension).astype(dtype)


def with_positions(frame: pd.DataFrame) -> pd.DataFrame:
    """Put a name to each seat.

    Args:
        frame: with the columns `seat`, and `position`, a category that says what each seat of the hand has posted as
            blind, with a space between.

    Returns:
        The same frame, where `position` is the name of the seat, an ordered category.
    """
    import numpy as np
    import pandas as pd

    # Few hands differ in what was posted. So each way is looked at once, and the seats are looked up there.
    ways = frame["position"].cat
    codes = np.full((len(ways.categories), MOST_PLAYERS), -1)
    for way, posted in enumerate(ways.categories):
        for seat, name in enumerate(positions([int(blind) for blind in posted.split()])):
            codes[way, seat] = POSITIONS.index(name) if name else -1
    named = pd.Categorical.from_codes(codes[ways.codes, frame["seat"] - 1], POSITIONS, ordered=True)
    return frame.assign(position=named)
