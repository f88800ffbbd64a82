"""TLS and SASL on a real broker: the right way works, and each wrong way says its own words and no secret."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka.conn import AIOKafkaConnection
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives import serialization

from colearner_ls.bus.credentials import CA, CERT, KEY, PASSWORD_FILE, USER
from colearner_ls.bus.errors import BadBusUrl, BusDenied, BusUnreachable
from colearner_ls.bus.kafka import KafkaBus, Timing
from colearner_ls.bus.records import Ack
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.catalogue import EVENTS, TOPICS
from rigs.kafka.certificates import Authority
from rigs.kafka.secured import USERS

from .conftest import Keep
from .secured import Secured, SecuredTransport, environment

# The core of what any bus does, once more over TLS and SCRAM: `transport` below takes the place of the suite's own.
from .test_behaviour import (  # noqa: F401
    test_a_bus_that_goes_and_comes_back_has_lost_nothing,
    test_a_record_of_unknown_fate_is_sent_again,
    test_begins_ends_and_positions,
    test_closing_is_quick_when_the_bus_does_not_answer,
    test_large_records_travel,
    test_records_come_back_byte_for_byte,
    test_records_of_one_key_keep_their_order,
    test_two_readers_each_get_everything,
)
from .test_kafka_leaks import Household
from .transports import connect_again, publish_until_acked, read_all, record

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka-secured")]

WRONG = "hunter2-Zürich"


@pytest.fixture
def transport(secured_kafka: Secured, kafka_prefix: str) -> SecuredTransport:
    return SecuredTransport(secured_kafka, kafka_prefix)


# --- the right way


@pytest.mark.parametrize(
    ("listener", "sasl"),
    [
        ("SECURE", "PLAIN"),
        ("SECURE", "SCRAM-SHA-256"),
        ("SECURE", "SCRAM-SHA-512"),
        ("OPEN", "PLAIN"),
        ("OPEN", "SCRAM-SHA-256"),
        ("TLS", None),
    ],
)
async def test_who_shows_the_right_things_is_let_in(
    secured_kafka: Secured, kafka_prefix: str, keep: Keep, listener: str, sasl: str | None
) -> None:
    bus = secured_kafka.bus(secured_kafka.url(listener, kafka_prefix, sasl=sasl), "admin" if sasl else None)
    await keep(bus)
    start = await bus.ends()
    assert all(isinstance(one, Ack) for one in await bus.publish([record(topic, "k", topic) for topic in TOPICS]))
    assert {r.value for r in await read_all(bus, start, len(TOPICS))} == {topic.encode() for topic in TOPICS}


@pytest.mark.parametrize("one_file", [False, True])
async def test_a_client_certificate_says_who_one_is(
    secured_kafka: Secured, kafka_prefix: str, keep: Keep, one_file: bool
) -> None:
    """The principal of a certificate is its subject: without rights it may not even see the topics."""
    mine = secured_kafka.authority.issue("ada")
    files = {"cert": mine.both} if one_file else {"cert": mine.cert, "key": mine.key}
    url = secured_kafka.url("MUTUAL", kafka_prefix, **files)
    with pytest.raises(Exception, match="not authorised"):
        await secured_kafka.bus(url, None).connect()
    everything = "kafka-acls.sh --add --allow-principal User:ADA --operation Read --operation Write --operation Create "
    everything += "--topic PREFIX --resource-pattern-type prefixed"
    secured_kafka.grant([everything], kafka_prefix, {"ADA": "CN=ada"})
    bus = await keep(secured_kafka.bus(url, None))
    assert isinstance((await bus.publish([record(EVENTS, "k", "v")]))[0], Ack)


async def test_files_that_the_environment_names_go_before_those_of_the_url(
    secured_kafka: Secured, kafka_prefix: str, tmp_path: Path
) -> None:
    """An invite brings a URL from another machine, whose paths mean nothing here."""
    mine = secured_kafka.authority.issue("grace")
    url = secured_kafka.url("MUTUAL", kafka_prefix, ca="/no/ca.pem", cert="/no/cert.pem", key="/no/key.pem")
    assert url.portable == f"kafka://{url.hosts[0]}?security=SSL&prefix={kafka_prefix}&partitions=1"
    variables = {CA: str(secured_kafka.authority.ca), CERT: str(mine.cert), KEY: str(mine.key)}
    bus = secured_kafka.bus(url, None)
    with environment(**variables), pytest.raises(Exception, match="not authorised"):
        await bus.connect()  # TLS went well: now it is a matter of rights
    await bus.close()


async def test_a_password_file_is_read_again_at_each_connection(
    secured_kafka: Secured, kafka_prefix: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    url = secured_kafka.url("SECURE", kafka_prefix)
    with environment(**{USER: "admin", PASSWORD_FILE: str(file)}):
        file.write_text(WRONG)
        with pytest.raises(BusDenied):
            await _connect_once(KafkaBus(url, client_id="x"))
        file.write_text(USERS["admin"] + "\n")
        await _connect_once(KafkaBus(url, client_id="x"))


async def _connect_once(bus: KafkaBus) -> None:
    try:
        await bus.connect()
    finally:
        await bus.close()


# --- the wrong ways


@dataclass
class Mistake:
    """How somebody comes to the broker, and what must be said about it."""

    name: str
    listener: str
    says: str
    options: dict[str, str | Callable[[Path], Path]] = field(default_factory=dict)
    user: str | None = None
    password: str | None = None
    denied: bool = True
    """Not where a broker that is just being stopped would look the same."""


def _other_authority(folder: Path) -> Path:
    return Authority(folder / "other", "another CA").ca


SASL: dict[str, str | Callable[[Path], Path]] = {"security": "SASL_SSL", "sasl": "PLAIN"}
MISTAKES = [
    *(
        Mistake(
            f"{what} {sasl}",
            "SECURE",
            rf"does not take this user and password with {sasl}; it says: Authentication failed.*Check {USER}",
            {"sasl": sasl},
            user,
            WRONG,
        )
        for what, user in (("wrong password", "student"), ("unknown user", "mallory"))
        for sasl in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
    ),
    Mistake("wrong mechanism", "SCRAMS", "does not offer PLAIN.*sasl=…", {"sasl": "PLAIN"}, "admin"),
    Mistake("user for a port that asks for none", "TLS", "asks for no user.*or security=SSL$", {**SASL}, "admin"),
    Mistake(
        "user for a plain port",
        "CLIENT",
        "asks for no user.*=PLAINTEXT$",
        {**SASL, "security": "SASL_PLAINTEXT"},
        "admin",
    ),
    Mistake("no TLS for a TLS port", "TLS", "speaks TLS.*Set security=SSL,", {"security": "PLAINTEXT", "ca": ""}),
    Mistake(
        "no TLS for a SASL_SSL port",
        "SECURE",
        "speaks TLS.*Set security=SASL_SSL,",
        {"security": "SASL_PLAINTEXT", "ca": ""},
        "admin",
    ),
    Mistake(
        "TLS for a plain port",
        "CLIENT",
        r"ended the connection when TLS began.*port without TLS\? Then set security=PLAINTEXT,",
        {"security": "SSL"},
        denied=False,
    ),
    Mistake(
        "TLS for a SASL_PLAINTEXT port",
        "OPEN",
        r"port without TLS\? Then set security=SASL_PLAINTEXT,",
        {"security": "SASL_SSL"},
        "admin",
        denied=False,
    ),
    Mistake("no user", "OPEN", "probably asks for a user", {"security": "PLAINTEXT", "sasl": ""}, denied=False),
    Mistake("no user over TLS", "SECURE", "probably asks for a user", {"security": "SSL", "sasl": ""}, denied=False),
    Mistake("unknown CA", "TLS", "not signed by the authority in .*ca.pem.*ca=…", {"ca": _other_authority}),
    Mistake("the system's CAs", "TLS", f"not signed by any authority that this machine trusts.*{CA}", {"ca": ""}),
    Mistake("expired", "EXPIRED", "has expired.*clock"),
    Mistake("another host", "ELSEHOST", "is for another host .*127.0.0.1.*Name the host"),
    Mistake("no client certificate", "MUTUAL", f"asks for a client certificate.*cert=….*{CERT}"),
    Mistake(
        "a foreign client certificate",
        "MUTUAL",
        "does not take the client certificate .*mallory",
        {"cert": lambda folder: Authority(folder / "other").issue("mallory").both},
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
async def test_each_mistake_is_told_in_its_own_words(
    secured_kafka: Secured, mistake: Mistake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="colearner_ls")
    caplog.set_level("DEBUG", logger="aiokafka")
    options = {name: value(tmp_path) if callable(value) else value or None for name, value in mistake.options.items()}
    if str(options.get("security")).endswith("SSL"):
        options.setdefault("ca", secured_kafka.authority.ca)
    url = secured_kafka.url(mistake.listener, "mistaken.", **options)
    password = mistake.password or (USERS[mistake.user] if mistake.user else None)
    bus = secured_kafka.bus(url, mistake.user, password, patience=4.0)
    started = time.monotonic()
    with pytest.raises(BusUnreachable) as told:
        await bus.connect()
    await bus.close()
    assert time.monotonic() - started < 9
    assert isinstance(told.value, BusDenied) is mistake.denied
    assert re.search(mistake.says, told.value.cause), told.value.cause
    assert bus.last_cause == told.value.cause
    assert "Unable to" not in told.value.cause, "words of the library, which say nothing"
    if password:
        said = [repr(bus), repr(bus._connection), repr(told.value), str(told.value), told.value.hint, caplog.text]
        assert not any(password in text for text in said)


@pytest.mark.parametrize(
    ("option", "content", "words"),
    [
        ("ca", None, "CA file .* cannot be read: No such file"),
        ("ca", "folder", "CA file .* cannot be read: Is a directory|holds no certificates"),
        ("ca", b"nothing", "CA file .* holds no certificates"),
        ("cert", None, "client's file .* cannot be read: No such file"),
        ("cert", b"nothing", "is no certificate with its private key"),
        ("key", b"nothing", "are no certificate with its private key"),
        ("key", "other", "are no certificate with its private key"),
        ("key", "locked", "is locked with a password"),
    ],
)
async def test_files_that_are_no_good_are_named(
    secured_kafka: Secured, tmp_path: Path, option: str, content: bytes | str | None, words: str
) -> None:
    file = tmp_path / "a file.pem"
    mine = secured_kafka.authority.issue("ada")
    match content:
        case bytes():
            file.write_bytes(content)
        case "folder":
            file.mkdir()
        case "other":
            file.write_bytes(secured_kafka.authority.issue("somebody").key.read_bytes())
        case "locked":
            key = serialization.load_pem_private_key(mine.key.read_bytes(), None)
            encryption = serialization.BestAvailableEncryption(b"word")
            form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
            file.write_bytes(key.private_bytes(*form))
    right = {"ca": secured_kafka.authority.ca, "cert": mine.cert, "key": mine.key}
    if option == "cert":
        del right["key"]
    options = {**right, option: str(file).replace(" ", "%20")}
    bus = secured_kafka.bus(secured_kafka.url("MUTUAL", **options), None)
    with pytest.raises(BadBusUrl, match=words) as told:
        await bus.connect()
    await bus.close()
    assert str(file) in told.value.message
    assert told.value.hint
    assert bus.last_cause == told.value.message


# --- no hammering


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """When the client tried to log in."""
    tried: list[float] = []
    handshake = AIOKafkaConnection._do_sasl_handshake

    async def counting(self: AIOKafkaConnection) -> None:
        tried.append(time.monotonic())
        await handshake(self)

    monkeypatch.setattr(AIOKafkaConnection, "_do_sasl_handshake", counting)
    return tried


async def test_one_connect_tries_a_password_once(secured_kafka: Secured, logins: list[float]) -> None:
    bus = secured_kafka.bus(secured_kafka.url("SECURE"), "student", WRONG)
    with pytest.raises(BusDenied):
        await bus.connect()
    await bus.close()
    assert len(logins) == 1


async def test_a_password_that_is_changed_meanwhile_is_not_tried_over_and_over(
    secured_kafka: Secured, kafka_prefix: str, logins: list[float]
) -> None:
    """Standing connections go on; once they end, the library would try its old password four times a second."""
    admin = AdminClient({"bootstrap.servers": secured_kafka.broker.bootstrap})

    async def change(password: str) -> None:
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion("teacher", scram, password.encode())
        for done in admin.alter_user_scram_credentials([change]).values():
            await asyncio.to_thread(done.result, 20)

    await change("first")
    everything = (
        "kafka-acls.sh --add --allow-principal User:T --operation All --topic PREFIX --resource-pattern-type prefixed"
    )
    secured_kafka.grant([everything], kafka_prefix, {"T": "teacher"})
    bus = secured_kafka.bus(secured_kafka.url("PROXIED", kafka_prefix), "teacher", "first")
    await connect_again(bus)
    reading = asyncio.ensure_future(bus.read(await bus.ends(), max_wait=60))
    await bus.publish([record(EVENTS, "k", "v")])
    await reading
    reading = asyncio.ensure_future(bus.read(await bus.ends(), max_wait=120))
    await change("second")
    before = len(logins)
    secured_kafka.proxy.cut()
    with pytest.raises(BusDenied):
        await asyncio.wait_for(reading, 60)
    await bus.close()
    assert len(logins) - before <= 5  # left alone, the library goes on with four a second
    again = secured_kafka.bus(secured_kafka.url("PROXIED", kafka_prefix), "teacher", "second")
    await again.connect()
    await publish_until_acked(again, [record(EVENTS, "k", "w")])
    await again.close()


async def test_tls_does_not_wait_for_a_goodbye_that_never_comes(secured_kafka: Secured, kafka_prefix: str) -> None:
    """asyncio keeps a TLS socket open for 30 s where the other side is silent."""
    url = secured_kafka.url("PROXIED", kafka_prefix)
    household = Household()
    for _ in range(5):
        bus = secured_kafka.bus(url)
        await bus.connect()
        await bus.publish([record(EVENTS, "k", "v")])
        secured_kafka.proxy.blackhole()
        started = time.monotonic()
        await bus.close()
        assert time.monotonic() - started < 5
        secured_kafka.proxy.cut()
        secured_kafka.proxy.heal()
    await household.is_as_before()


async def test_a_bad_certificate_is_no_reason_to_wait(secured_kafka: Secured, kafka_prefix: str) -> None:
    """It is told at once, not after a timeout, even where other hosts are listed."""
    url = secured_kafka.url("EXPIRED", kafka_prefix)
    both = BusUrl.parse(str(url).replace("kafka://", f"kafka://{secured_kafka.broker.address('ELSEHOST')},"))
    bus = KafkaBus(both, client_id="x", timing=Timing(request=20.0))
    started = time.monotonic()
    with pytest.raises(BusDenied):
        await bus.connect()
    assert time.monotonic() - started < 10
    await bus.close()
