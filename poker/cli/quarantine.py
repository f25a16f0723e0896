"""The hands that were refused: `python -m poker quarantine`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from eventstore import connect
from poker.cli.common import Schema, Url, out, plain_errors
from poker.phh import Refusal
from poker.quarantine import quarantined_hands


def quarantine_command(
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each hand, times in UTC.")] = False,
    limit: Annotated[int | None, typer.Option(min=0, help="At most so many hands.", show_default=False)] = None,
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """List the hands that were refused, with the reason.

    A hand leaves the list when an import takes its very text, as a newer version of this package may. One that was
    mended in its file has another text; when the old one was last seen stands in the JSON.
    """
    with plain_errors():
        with connect(url, schema=schema) as store:
            hands = quarantined_hands(store, limit)
        for hand in hands:
            if as_json:
                print(json.dumps(asdict(hand), default=str))
            else:
                out.print(str(Refusal(hand.file, hand.section, hand.reason)))
        if not hands and not as_json:
            out.print("No hand is in quarantine.")
