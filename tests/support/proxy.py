"""A TCP proxy before something a test wants to take away from one process alone."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_CHUNK_BYTES = 65_536


class Proxy:
    """Passes bytes between its own port on loopback and `upstream`: a port there, or the path of a socket."""

    def __init__(self, upstream: int | str) -> None:
        self._upstream = upstream
        self._links: list[socket.socket] = []
        self._turn = threading.Lock()
        self._is_cut = False
        self._passes = threading.Event()
        self._passes.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        with self._turn:
            self._is_cut = True
            self._drop()

    def swallow(self) -> None:
        """Accept whatever comes, and pass nothing on, as where packets vanish."""
        self._passes.clear()

    def heal(self) -> None:
        """Let new connections through, and what was swallowed."""
        with self._turn:
            self._is_cut = False
        self._passes.set()

    def close(self) -> None:
        """End it for good."""
        self._listening.close()
        self.cut()

    def _drop(self) -> None:
        links, self._links = self._links, []
        for link in links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            with self._turn:
                if self._is_cut:
                    near.close()
                    continue
                try:
                    far = self._dial()
                except OSError:  # nobody is there at the moment, which is for the caller to notice
                    near.close()
                    continue
                self._links += [near, far]
            self._connect(near, far)

    def _connect(self, near: socket.socket, far: socket.socket) -> None:
        """Begin to pass bytes between a caller and what it called."""
        for ends in ((near, far), (far, near)):
            threading.Thread(target=_pump, args=(*ends, self._passes), daemon=True).start()

    def _dial(self) -> socket.socket:
        if isinstance(self._upstream, int):
            return socket.create_connection(("127.0.0.1", self._upstream))
        far = socket.socket(socket.AF_UNIX)
        far.connect(self._upstream)
        return far


@contextmanager
def before_database(conninfo: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before a database. Yields: it, and how to connect through it."""
    proxy = Proxy(upstream_of(conninfo))
    try:
        yield proxy, make_conninfo(conninfo, host="127.0.0.1", port=proxy.port)
    finally:
        proxy.close()


def upstream_of(conninfo: str) -> int | str:
    """Where a database listens, as a proxy takes it."""
    options = conninfo_to_dict(conninfo)
    host, port = str(options["host"]), int(options["port"] or 5432)
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else port


def _pump(source: socket.socket, target: socket.socket, passes: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK_BYTES):
            passes.wait()
            target.sendall(data)
        passes.wait()  # an end does not come through either
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
