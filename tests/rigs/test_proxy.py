"""The TCP proxy of the fault tests breaks connections the way it says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from rigs.proxy import Proxy


class Echo:
    """A server that sends back whatever comes, and notes how it came."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.pieces: list[int] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while data := connection.recv(65536):
                self.pieces.append(len(data))
                connection.sendall(data)

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy("127.0.0.1", echo.port) as made:
        yield made


def connect(proxy: Proxy, *, patience: float = 30) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=patience)


def said(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return exactly(client, len(data))


def exactly(client: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count and (part := client.recv(count - len(got))):
        got += part
    return got


def nothing_comes(client: socket.socket, seconds: float = 0.2) -> bool:
    client.settimeout(seconds)
    try:
        return client.recv(1) is None
    except TimeoutError:
        return True
    finally:
        client.settimeout(30)


def test_it_forwards_both_ways_and_hangs_up_when_a_side_does(proxy: Proxy) -> None:
    payload = bytes(range(256)) * 4000
    with connect(proxy) as client:
        sender = threading.Thread(target=client.sendall, args=(payload,))
        sender.start()
        assert exactly(client, len(payload)) == payload
        sender.join()
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert proxy.accepted == 1
    assert proxy.carried == {"up": len(payload), "down": len(payload)}


def test_cut_resets_and_new_connections_work(proxy: Proxy) -> None:
    with connect(proxy) as client, connect(proxy) as second:
        assert said(client, b"a") == b"a"
        assert said(second, b"a") == b"a"
        proxy.cut()
        for each in (client, second):
            with pytest.raises(ConnectionResetError):
                each.recv(1)
    with connect(proxy) as client:
        assert said(client, b"b") == b"b"


def test_cut_in_the_middle_of_a_message(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as client:
        assert said(client, b"hello") == b"hello"
        proxy.cut_after(4)
        client.sendall(b"0123456789")
        with pytest.raises(ConnectionResetError):
            exactly(client, 10)
    with connect(proxy) as client:
        assert said(client, b"0123456789") == b"0123456789"
    assert echo.pieces[:2] == [5, 4]


def test_refuse_and_accept(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert said(client, b"a") == b"a"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        assert said(client, b"b") == b"b"
    proxy.accept()
    proxy.accept()
    with connect(proxy) as client:
        assert said(client, b"c") == b"c"


def test_blackhole_holds_what_is_on_its_way(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert said(client, b"a") == b"a"
        proxy.blackhole()
        client.sendall(b"b")
        with connect(proxy) as late:
            late.sendall(b"c")
            assert nothing_comes(client)
            assert nothing_comes(late)
            proxy.heal()
            assert exactly(client, 1) == b"b"
            assert exactly(late, 1) == b"c"


def test_blackhole_in_one_direction(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as client:
        proxy.blackhole("down")
        client.sendall(b"abc")
        assert nothing_comes(client)
        assert echo.pieces == [3]
        proxy.heal()
        assert exactly(client, 3) == b"abc"


def test_forgotten_connections_stay_dead_and_new_ones_work(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert said(client, b"a") == b"a"
        proxy.forget()
        client.sendall(b"b")
        with connect(proxy) as second:
            assert said(second, b"c") == b"c"
        proxy.heal()
        assert nothing_comes(client)


def test_delay_slice_and_limit(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as client:
        assert said(client, b"a") == b"a"
        proxy.delay(0.15)
        start = time.monotonic()
        assert said(client, b"b") == b"b"
        assert time.monotonic() - start >= 0.3
        proxy.heal()

        proxy.slice(7)
        assert said(client, b"x" * 700) == b"x" * 700
        assert sum(echo.pieces) == 702
        proxy.heal()

        proxy.limit(4000)
        start = time.monotonic()
        assert said(client, b"y" * 800) == b"y" * 800
        assert time.monotonic() - start >= 0.2


def test_flips_are_counted_and_seen(proxy: Proxy) -> None:
    payload = bytes(1000)
    with connect(proxy) as client:
        proxy.flip(1)
        back = said(client, payload)
        assert back != payload or proxy.flips % 2 == 0
        assert proxy.flips >= 2
        proxy.heal()
        assert said(client, payload) == payload


def test_another_target(proxy: Proxy) -> None:
    other = Echo()
    proxy.retarget("127.0.0.1", other.port)
    with connect(proxy) as client:
        assert said(client, b"ab") == b"ab"
    assert other.pieces == [2]
    other.close()


def test_a_target_that_is_not_there_resets(proxy: Proxy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    proxy.retarget("127.0.0.1", port)
    # The reset may come while still connecting, on a busy machine.
    with pytest.raises(ConnectionResetError), connect(proxy) as client:
        client.recv(1)


def test_closing_it_ends_everything(echo: Echo) -> None:
    proxy = Proxy("127.0.0.1", echo.port)
    with connect(proxy) as client, connect(proxy) as dark:
        assert said(client, b"a") == b"a"
        proxy.forget()
        proxy.blackhole()
        dark.sendall(b"b")
        proxy.close()
        proxy.close()
        for each in (client, dark):
            with pytest.raises(ConnectionResetError):
                each.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
