"""A cable between client and server that a test can cut, or make deaf in one direction."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class _Link:
    """One connection through the proxy: two sockets, and a thread for each direction."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.swallows_answers = False
        self.swallows_everything = False
        self._client, self._server = client, server
        threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
        threading.Thread(target=self._pump, args=(server, client), daemon=True).start()

    def cut(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):  # it is closed already
                end.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
            end.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not (self.swallows_everything or (self.swallows_answers and source is self._server)):
                    target.sendall(data)
        if not self.swallows_everything:
            self.cut()  # who hangs up on one side hangs up on the other


class Proxy:
    """Passes on what client and server say to each other.

    Args:
        port: the port of the server on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._links: list[_Link] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow_answers(self) -> None:
        """From now on nothing that the server says on the newest connection reaches the client."""
        self._links[-1].swallows_answers = True

    def swallow_everything(self) -> None:
        """From now on nothing gets through on the present connections, and neither end is told, not even of an end."""
        for link in self._links:
            link.swallows_everything = True

    def cut(self) -> None:
        """Cut the present connections. New ones may be made."""
        for _ in range(len(self._links)):  # who is cut off may be back before the last one is
            self._links.pop(0).cut()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed: the end
            while True:
                client, _ = self._listener.accept()
                try:
                    self._links.append(_Link(client, socket.create_connection(self._server)))
                except OSError:  # the server is away
                    client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
