"""One process of an import: `python -m poker.worker`. Only `poker.workers` starts it, and they talk in pickles."""

from __future__ import annotations

import gc
import os
import pickle
import sys
from contextlib import suppress

from eventstore import EventStoreError
from poker.chunks import Postgres, Summary, take_chunk


def main() -> None:
    """Take a store and then chunks, answer each chunk with its summary, and end with the input.

    The input ends with the process that writes to it, even if that is killed. An error of the store's is the last
    answer.
    """
    # The hands leave hardly any garbage that needs a collector, and looking for it took a twelfth of the time.
    gc.freeze()
    gc.set_threshold(50_000)
    chunks, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints must not get between the answers

    def answer(result: Summary | EventStoreError) -> None:
        try:
            pickle.dump(result, answers)
            answers.flush()
        except OSError:
            # Nobody is there to hear the answer. Python would try once more on its way out, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), answers.fileno())
            sys.exit(1)

    try:
        with suppress(EOFError):
            store = pickle.load(chunks)
            with store.connection() as connection:
                destination = Postgres(store, connection)
                while True:
                    answer(take_chunk(pickle.load(chunks), destination))
    except EventStoreError as error:
        answer(error)


if __name__ == "__main__":
    main()
