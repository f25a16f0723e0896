"""How the process that runs a copy tells the grader what it has seen.

Each message is signed with a secret that is drawn for this process, handed over before any cell runs and never
printed. A cell that writes onto the same line says nothing, because it cannot sign.

This keeps out whatever prints, patches or guesses. It is no wall: a cell runs in the same process, and whoever
searches the memory of that process can find the secret.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import Any

# A verdict is a few hundred bytes long.
LONGEST = 100_000


def sign(secret: str, place: int, text: str) -> str:
    """The signature of the message that is sent as number `place`."""
    return hmac.new(secret.encode(), f"{place} {text}".encode(), hashlib.sha256).hexdigest()


class Sender:
    """The end in the process that runs a copy.

    Args:
        file: the descriptor to write to.
        secret: see above.
    """

    def __init__(self, file: int, secret: str) -> None:
        self._count = 0

        def send(what: dict[str, Any]) -> None:
            text = json.dumps(what)
            self._count += 1
            line = f"{sign(secret, self._count, text)} {text}\n".encode()
            while line:
                line = line[os.write(file, line) :]

        self.send = send


class Receiver:
    """The end in the grader.

    Args:
        secret: the same.
    """

    def __init__(self, secret: str) -> None:
        self._secret, self._count = secret, 0
        self.strange = 0
        """How many bytes came that nobody had signed."""

    def read(self, line: bytes) -> dict[str, Any] | None:
        """A message, or None where the line is none."""
        signature, _, text = line.decode(errors="replace").strip().partition(" ")
        if hmac.compare_digest(signature.encode(), sign(self._secret, self._count + 1, text).encode()):
            self._count += 1
            message: dict[str, Any] = json.loads(text)
            return message
        self.strange += len(line)
        return None
