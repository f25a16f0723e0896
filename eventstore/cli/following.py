"""The command for those who follow the log."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime

from eventstore.cli.common import AsJson, Schema, installed
from eventstore.cli.printing import escaped, print_table, to_the_second
from eventstore.subscription import subscriptions as all_subscriptions


def subscriptions(as_json: AsJson = False, schema: Schema = "public") -> None:
    """List the subscriptions: how far each has come, how far it is behind, and whether somebody runs it.

    The lag is counted in sequence numbers. The state is paused, stopped (nobody
    runs it), retrying (its handler fails at an event), behind or live. Put aside
    are the events in event_dead_letters.
    """
    with installed(schema) as store:
        found = all_subscriptions(store)
    if as_json:
        for status in found:
            print(json.dumps(asdict(status), default=datetime.isoformat))
        return
    if not found and sys.stdout.isatty():
        print("no subscriptions", file=sys.stderr)
        return
    table = [("name", "position", "lag", "state", "put aside", "attempts", "moved (UTC)")]
    for status in found:
        table.append(
            (
                escaped(status.name),
                f"{status.position:,}",
                f"{status.lag:,}",
                status.state,
                f"{status.dead_letters:,}",
                f"{status.attempts:,}",
                to_the_second(status.moved_at),
            )
        )
    print_table(table)
