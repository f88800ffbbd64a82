"""What any bus does. Every test runs over the embedded bus and over a real Kafka."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import defaultdict

import pytest

from colearner_ls.bus.errors import BusUnreachable, CursorOutOfRange
from colearner_ls.bus.records import MAX_RECORD_BYTES, Ack, Refused, Unknown
from colearner_ls.contracts.catalogue import ASSIGNMENTS, COACH, EVENTS, PROGRESS, TOPICS

from .conftest import Keep
from .transports import Transport, connect_again, publish_until_acked, read_all, record

CLOSE_S = 1.5
PATIENCE_S = 3.0
"""Bound of a wait that a test lets run out; long enough for a busy machine to be waited for, not given up on."""


async def test_records_come_back_byte_for_byte(transport: Transport, keep: Keep) -> None:
    chance = random.Random(7)
    envelope = json.dumps({"event_type": "x", "of_the_future": {"ключ": "🧑‍🏫", "n": 2**53 - 1}}, ensure_ascii=False)
    values = [envelope.encode(), b"", b"\x00\xff\xfe not UTF-8 \r\n", b'{"a":1, "a":2}', chance.randbytes(5000)]
    bus = await keep(transport.open())
    start = await bus.ends()
    sent = [record(topic, "Sitzung ä\n", value) for topic in TOPICS for value in values]

    outcomes = await bus.publish(sent)

    assert all(isinstance(outcome, Ack) for outcome in outcomes)
    got = await read_all(bus, start, len(sent))
    assert {(r.topic, r.key, r.value) for r in got} == {(r.topic, r.key, r.value) for r in sent}
    assert len(got) == len(sent)
    by_place = {(r.topic, r.partition, r.offset): r.value for r in got}
    for one, outcome in zip(sent, outcomes, strict=True):
        assert by_place[one.topic, outcome.partition, outcome.offset] == one.value
    now_ms = time.time() * 1000
    assert all(abs(r.timestamp_ms - now_ms) < 60_000 for r in got)


async def test_records_of_one_key_keep_their_order(transport: Transport, keep: Keep) -> None:
    one, other = await keep(transport.open()), await keep(transport.open())
    start = await one.ends()

    async def write(bus, name: str) -> None:
        for batch in range(10):
            keys = [f"{name}-{i % 4}" for i in range(20)]
            outcomes = await bus.publish([record(EVENTS, key, f"{batch * 20 + i:04}") for i, key in enumerate(keys)])
            assert all(isinstance(outcome, Ack) for outcome in outcomes)

    await asyncio.gather(write(one, "a"), write(other, "b"))

    seen = defaultdict(list)
    for got in await read_all(one, start, 400):
        seen[got.key].append(got.value)
    assert len(seen) == 8
    for values in seen.values():
        assert len(values) == 50
        assert values == sorted(values)


async def test_reading_starts_where_the_cursors_say(transport: Transport, keep: Keep) -> None:
    bus = await keep(transport.open())
    start = await bus.ends()
    # One key, so one partition.
    acks = await bus.publish([record(COACH, "k", str(n)) for n in range(10)])
    place = (COACH, acks[0].partition)

    whole = await read_all(bus, {place: start[place]}, 10)
    assert [r.value for r in whole] == [str(n).encode() for n in range(10)]
    assert [r.offset for r in whole] == [ack.offset for ack in acks]
    for begin in (7, 3, 9, 0):
        got = await read_all(bus, {place: whole[begin].offset}, 10 - begin)
        assert got == whole[begin:]
    assert await bus.read({place: whole[-1].offset + 1}, max_wait=0.3) == []
    others = {where: end for where, end in start.items() if where != place}
    assert await bus.read(others, max_wait=0.3) == []
    assert await bus.read({}, max_wait=0.1) == []


async def test_begins_ends_and_positions(transport: Transport, keep: Keep) -> None:
    bus = await keep(transport.open())
    ends = await bus.ends()
    assert ends.keys() == (await bus.begins()).keys()
    assert {topic for topic, _ in ends} == set(TOPICS)
    assert set(ends.values()) == {0}

    await bus.publish([record(PROGRESS, f"key {n}", "v") for n in range(30)])

    after = await bus.ends()
    assert sum(after.values()) == 30
    assert sum(end for (topic, _), end in after.items() if topic == PROGRESS) == 30
    assert set((await bus.begins()).values()) == {0}
    await read_all(bus, ends, 30)
    assert await bus.positions() == after


async def test_an_empty_read_takes_its_time_and_a_record_ends_it(transport: Transport, keep: Keep) -> None:
    reader, writer = await keep(transport.open()), await keep(transport.open())
    ends = await reader.ends()
    started = time.monotonic()
    assert await reader.read(ends, max_wait=0.6) == []
    assert 0.5 < time.monotonic() - started < 3

    waiting = asyncio.ensure_future(reader.read(ends, max_wait=20))
    await writer.publish([record(EVENTS, "warm", "up")])
    first = await waiting
    waiting = asyncio.ensure_future(reader.read({r.place: r.offset + 1 for r in first}, max_wait=20))
    started = time.monotonic()
    await writer.publish([record(EVENTS, "warm", "now")])
    assert [r.value for r in await waiting] == [b"now"]
    assert time.monotonic() - started < 5, "the reader was not woken"


async def test_two_readers_each_get_everything(transport: Transport, keep: Keep) -> None:
    readers = [await keep(transport.open()) for _ in range(2)]
    writer = await keep(transport.open())
    start = await writer.ends()
    reading = [asyncio.ensure_future(read_all(reader, start, 60)) for reader in readers]
    for n in range(60):
        await writer.publish([record(TOPICS[n % 6], f"s{n % 5}", str(n))])
    one, other = await asyncio.gather(*reading)
    assert sorted(r.value for r in one) == sorted(str(n).encode() for n in range(60))
    assert {(r.place, r.offset): r.value for r in one} == {(r.place, r.offset): r.value for r in other}


async def test_who_connects_again_finds_the_same_bus(transport: Transport, keep: Keep) -> None:
    first = await keep(transport.open())
    identity = await first.connect()
    start = await first.ends()
    await first.publish([record(EVENTS, "s", "before")])
    await first.close()
    with pytest.raises(BusUnreachable):
        await first.publish([record(EVENTS, "s", "closed")])

    second = transport.open()
    await keep(second)
    assert await second.connect() == identity
    assert identity.id
    await second.publish([record(EVENTS, "s", "after")])
    assert [r.value for r in await read_all(second, start, 2)] == [b"before", b"after"]


async def test_nothing_works_before_connect(transport: Transport) -> None:
    bus = transport.open()
    for attempt in (bus.publish([record(EVENTS, "s", "v")]), bus.read({(EVENTS, 0): 0}, max_wait=1), bus.ends()):
        with pytest.raises(BusUnreachable, match="not connected"):
            await attempt
    await bus.close()


async def test_a_bus_that_is_away_is_said_at_once_and_found_when_it_is_back(transport: Transport, keep: Keep) -> None:
    # So that there is something to be found again.
    witness = await keep(transport.open())
    identity = await witness.connect()
    await witness.close()
    bus = transport.open()
    transport.take_away()
    started = time.monotonic()
    with pytest.raises(BusUnreachable) as refused:
        await bus.connect()
    assert time.monotonic() - started < 3
    assert refused.value.cause
    assert refused.value.hint
    assert bus.last_cause == refused.value.cause

    transport.bring_back()
    await keep(bus)
    assert await bus.connect() == identity
    assert bus.last_cause is None
    assert isinstance((await bus.publish([record(EVENTS, "s", "v")]))[0], Ack)


async def test_a_bus_that_goes_and_comes_back_has_lost_nothing(transport: Transport, keep: Keep) -> None:
    writer, reader = await keep(transport.open()), await keep(transport.open())
    start = await reader.ends()
    before = [record(EVENTS, "s", f"{n:03}") for n in range(50)]
    assert all(isinstance(outcome, Ack) for outcome in await writer.publish(before))
    waiting = asyncio.ensure_future(reader.read(await reader.ends(), max_wait=30))
    while_away = [record(EVENTS, "s", f"{n:03}") for n in range(50, 80)]

    transport.take_away()
    with pytest.raises(BusUnreachable) as lost:
        await asyncio.wait_for(waiting, 15)
    assert lost.value.cause
    with pytest.raises(BusUnreachable, match="reached"):
        await reader.ends()
    try:
        outcomes = await writer.publish(while_away)
    except BusUnreachable:
        outcomes = []
    assert not any(isinstance(outcome, Ack) for outcome in outcomes)
    transport.bring_back()

    assert len(await publish_until_acked(writer, while_away)) == 30
    await connect_again(reader)
    values = [r.value for r in await read_all(reader, start, 80)]
    first_places = list(dict.fromkeys(values))
    assert first_places == [f"{n:03}".encode() for n in range(80)], "lost, or out of order"


async def test_a_record_of_unknown_fate_is_sent_again(transport: Transport, keep: Keep) -> None:
    bus = await keep(transport.open(patience=PATIENCE_S))
    start = await bus.ends()
    await bus.publish([record(EVENTS, "s", "first")])
    with transport.silenced():
        started = time.monotonic()
        outcomes = await bus.publish([record(EVENTS, "s", "second"), record(EVENTS, "s", "third")])
        assert time.monotonic() - started < PATIENCE_S + 2
        assert all(isinstance(outcome, Unknown) and outcome.reason for outcome in outcomes)

    await publish_until_acked(bus, [record(EVENTS, "s", "second"), record(EVENTS, "s", "third")])
    await bus.publish([record(EVENTS, "s", "last")])
    values: list[bytes] = []
    here = dict(start)
    while b"last" not in values:
        for got in await bus.read(here, max_wait=5):
            values.append(got.value)
            here[got.place] = got.offset + 1
    assert set(values) == {b"first", b"second", b"third", b"last"}
    assert values.index(b"second") < values.index(b"third"), "the order of the key was not kept"


async def test_a_publish_that_is_cancelled_leaves_a_bus_that_works(transport: Transport, keep: Keep) -> None:
    bus = await keep(transport.open())
    start = await bus.ends()
    await bus.publish([record(EVENTS, "s", "first")])
    with transport.silenced():
        publishing = asyncio.ensure_future(bus.publish([record(EVENTS, "s", "cancelled")]))
        await asyncio.sleep(0.1)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
    await publish_until_acked(bus, [record(EVENTS, "s", "next")])
    values = {r.value for r in await read_all(bus, start, 2)}
    assert values - {b"cancelled"} >= {b"first"}


@pytest.mark.parametrize("size", [256 * 1024, MAX_RECORD_BYTES - 1])
async def test_large_records_travel(transport: Transport, keep: Keep, size: int) -> None:
    bus = await keep(transport.open())
    start = await bus.ends()
    blob = random.Random(size).randbytes(size)
    records = [record(EVENTS, "", "small"), record(EVENTS, "k", blob), record(EVENTS, "k", "after")]
    assert all(isinstance(outcome, Ack) for outcome in await bus.publish(records))
    got = await read_all(bus, start, 3)
    assert {r.value for r in got} == {b"small", blob, b"after"}


async def test_a_record_that_is_too_large_is_refused_and_its_neighbours_are_not(
    transport: Transport, keep: Keep
) -> None:
    bus = await keep(transport.open())
    start = await bus.ends()
    too_large = b"x" * (MAX_RECORD_BYTES + 1)
    before, refused, after = await bus.publish(
        [record(EVENTS, "k", "before"), record(EVENTS, "k", too_large), record(EVENTS, "k", "after")]
    )
    assert isinstance(before, Ack)
    assert isinstance(after, Ack)
    assert isinstance(refused, Refused)
    assert str(MAX_RECORD_BYTES) in refused.reason
    assert [r.value for r in await read_all(bus, start, 2)] == [b"before", b"after"]


async def test_a_topic_that_is_none_of_ours_is_refused(transport: Transport, keep: Keep) -> None:
    bus = await keep(transport.open())
    outcomes = await bus.publish([record("somebody.elses", "k", "v"), record(EVENTS, "k", "v")])
    assert isinstance(outcomes[0], Refused)
    assert isinstance(outcomes[1], Ack)
    assert await bus.publish([]) == []


async def test_buses_do_not_see_each_others_records(transport: Transport, keep: Keep) -> None:
    bus, twin = await keep(transport.open()), await keep(transport.open(twin=True))
    start, twin_start = await bus.ends(), await twin.ends()
    await bus.publish([record(ASSIGNMENTS, "s", "ours")])
    await twin.publish([record(ASSIGNMENTS, "s", "theirs")])
    assert [(r.topic, r.value) for r in await read_all(bus, start, 1)] == [(ASSIGNMENTS, b"ours")]
    assert [(r.topic, r.value) for r in await read_all(twin, twin_start, 1)] == [(ASSIGNMENTS, b"theirs")]
    assert sum((await bus.ends()).values()) == 1


async def test_a_cursor_outside_the_log_is_an_error_that_names_it(transport: Transport, keep: Keep) -> None:
    bus = await keep(transport.open())
    (ack,) = await bus.publish([record(EVENTS, "s", "only")])
    place = (EVENTS, ack.partition)
    for offset in (ack.offset + 2, 10**9):
        with pytest.raises(CursorOutOfRange) as caught:
            await bus.read({place: offset}, max_wait=10)
        assert (caught.value.partition, caught.value.offset) == (place, offset)
        assert (caught.value.begin, caught.value.end) == (0, 1)
    with pytest.raises(CursorOutOfRange):
        await bus.read({(EVENTS, 99): 5}, max_wait=1)
    # And reading goes on from a cursor that is right.
    assert [r.value for r in await read_all(bus, {place: 0}, 1)] == [b"only"]


async def test_closing_is_quick_while_all_is_well(transport: Transport, keep: Keep) -> None:
    bus = await keep(transport.open())
    waiting = asyncio.ensure_future(bus.read(await bus.ends(), max_wait=30))
    await bus.publish([record(EVENTS, "s", "v")])
    await waiting
    await _close_in_time(bus)


async def test_closing_is_quick_when_the_bus_is_gone(transport: Transport, keep: Keep) -> None:
    bus = await keep(transport.open())
    await bus.publish([record(EVENTS, "s", "v")])
    reading = asyncio.ensure_future(bus.read(await bus.ends(), max_wait=30))
    transport.take_away()
    publishing = asyncio.ensure_future(bus.publish([record(EVENTS, "s", f"{n}") for n in range(100)]))
    await asyncio.sleep(0)
    try:
        await _close_in_time(bus)
        results = await asyncio.wait_for(asyncio.gather(reading, publishing, return_exceptions=True), 5)
    finally:
        transport.bring_back()
    assert isinstance(results[0], (BusUnreachable, list))
    assert isinstance(results[1], BusUnreachable) or not any(isinstance(outcome, Ack) for outcome in results[1])


async def test_closing_is_quick_when_the_bus_does_not_answer(transport: Transport, keep: Keep) -> None:
    bus = await keep(transport.open())
    await bus.publish([record(EVENTS, "s", "v")])
    with transport.silenced():
        publishing = asyncio.ensure_future(bus.publish([record(EVENTS, "s", "v")]))
        await asyncio.sleep(0.2)
        await _close_in_time(bus)
        (result,) = await asyncio.wait_for(asyncio.gather(publishing, return_exceptions=True), 7)
    assert isinstance(result, BusUnreachable) or not any(isinstance(outcome, Ack) for outcome in result)


async def test_the_event_loop_is_never_held_up(transport: Transport, keep: Keep) -> None:
    bus = await keep(transport.open(patience=PATIENCE_S))
    worst = 0.0
    ticking = True

    async def tick() -> None:
        nonlocal worst
        while ticking:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            worst = max(worst, time.monotonic() - before)

    clock = asyncio.ensure_future(tick())
    await bus.publish([record(EVENTS, "s", "v")])
    with transport.silenced():
        await bus.publish([record(EVENTS, "s", "v")])
    ticking = False
    await clock
    assert worst < 0.5, f"the loop stood still for {worst:.3f} s"


async def _close_in_time(bus) -> None:
    started = time.monotonic()
    await bus.close()
    took = time.monotonic() - started
    assert took < CLOSE_S, f"closing took {took:.2f} s"
    await bus.close()
