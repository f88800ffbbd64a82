"""librdkafka's mock Kafka cluster as a process of its own: error codes on demand, and a generator of duplicates.

It comes inside confluent-kafka's wheel and is driven through its C interface (``rdkafka_mock.h``). It stores records and
answers Produce, Fetch, Metadata, InitProducerId and ListOffsets; it knows no sequence numbers, so whatever is sent twice
is there twice. It cannot create topics by the admin protocol: :meth:`MockBroker.create_topic` does.

Started as a script it reads one JSON command a line and answers each with one line; end of file ends it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final, Self

PRODUCE, FETCH, LIST_OFFSETS, METADATA, INIT_PRODUCER_ID = 0, 1, 2, 3, 22
"""API keys of the Kafka protocol."""
DISCONNECT: Final = -195
"""Not an error code: the broker hangs up instead of answering."""
FOR_EVER: Final = 1000
"""Times that stand for always: no test makes that many requests."""


class MockBroker:
    """A mock cluster of one broker. It dies with the process that started it."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.bootstrap: str = self._ask("bootstrap")

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic; one that is there already is an error."""
        assert self._ask("create_topic", name, partitions) == 0, name

    def advertise(self, port: int) -> None:
        """Tell clients to come to this port of 127.0.0.1, where a proxy listens."""
        assert self._ask("advertise", port) == 0

    def fail(self, api: int, code: int, times: int) -> None:
        """Answer the next ``times`` requests of this kind with ``code``."""
        self._ask("fail", api, code, times)

    def clear(self, api: int) -> None:
        """Answer requests of this kind as they deserve again."""
        self._ask("clear", api)

    def requests(self) -> Counter[int]:
        """How many requests of each API key came since this was last asked."""
        counts: dict[str, int] = self._ask("requests")
        return Counter({int(key): count for key, count in counts.items()})

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP)."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it."""
        self.resume()
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, command: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the mock broker ended")
        return json.loads(answer)


class _Cluster:
    """The C side; one method for each command. Pointers are ``void *`` throughout: nothing here looks inside."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL(str(_library()))
        new_conf = self._function("rd_kafka_conf_new", ctypes.c_void_p)
        new = self._function(
            "rd_kafka_new", ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
        )
        words = ctypes.create_string_buffer(512)
        handle = new(0, new_conf(), words, len(words))  # 0: RD_KAFKA_PRODUCER
        if not handle:
            raise RuntimeError(words.value.decode())
        self._cluster = self._function("rd_kafka_mock_cluster_new", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(
            handle, 1
        )
        self._mock("start_request_tracking")()

    def bootstrap(self) -> str:
        address: bytes = self._mock("cluster_bootstraps", ctypes.c_char_p)()
        return address.decode()

    def create_topic(self, name: str, partitions: int) -> int:
        create = self._mock("topic_create", ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)
        return int(create(name.encode(), partitions, 1))

    def advertise(self, port: int) -> int:
        set_address = self._mock("broker_set_host_port", ctypes.c_int, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int)
        return int(set_address(1, b"127.0.0.1", port))

    def fail(self, api: int, code: int, times: int) -> None:
        errors = (ctypes.c_int * times)(*[code] * times)
        push = self._mock("push_request_errors_array", None, ctypes.c_int16, ctypes.c_size_t, ctypes.c_void_p)
        push(api, times, errors)

    def clear(self, api: int) -> None:
        self._mock("clear_request_errors", None, ctypes.c_int16)(api)

    def requests(self) -> dict[int, int]:
        count = ctypes.c_size_t()
        found = self._mock("get_requests", ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)(ctypes.byref(count))
        key = self._function("rd_kafka_mock_request_api_key", ctypes.c_int16, ctypes.c_void_p)
        destroy = self._function("rd_kafka_mock_request_destroy_array", None, ctypes.c_void_p, ctypes.c_size_t)
        counts = Counter(int(key(found[index])) for index in range(count.value))
        destroy(found, count)
        self._mock("clear_requests")()
        return counts

    def _mock(self, name: str, result: Any = None, *types: Any) -> Any:
        function = self._function(f"rd_kafka_mock_{name}", result, ctypes.c_void_p, *types)
        return lambda *arguments: function(self._cluster, *arguments)

    def _function(self, name: str, result: Any, *types: Any) -> Any:
        function = self._lib[name]
        function.restype = result
        function.argtypes = types
        return function


def _library() -> Path:
    found = importlib.util.find_spec("confluent_kafka")
    assert found is not None, "confluent-kafka is a development dependency"
    assert found.origin is not None
    (library,) = (Path(found.origin).parents[1] / "confluent_kafka.libs").glob("librdkafka-*.so*")
    return library


def main() -> None:
    """Serve commands until the end of file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which end this in their order
    cluster = _Cluster()
    # The library talks on stdout at times; answers have a channel of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        answers.write(json.dumps(getattr(cluster, command)(*arguments)) + "\n")
        answers.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
