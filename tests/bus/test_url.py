"""Bus URLs: what is understood, what is refused, what a session is bound to, and that no secret ever comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.bus.credentials import Credentials, TlsFiles, credentials_from, tls_files_from
from colearner_ls.bus.errors import BadBusUrl
from colearner_ls.bus.url import DEFAULT_PARTITIONS, SASL, SECURITY, BusUrl
from colearner_ls.contracts.errors import BadInput

SECRET = "hunter2-Zürich"


def test_an_embedded_bus_is_a_file() -> None:
    url = BusUrl.parse("sqlite:///home/zo%C3%AB/my%20data/./x/../bus.db")
    assert url.scheme == "sqlite"
    assert url.path == Path("/home/zoë/my data/bus.db")
    assert url.key == "sqlite:///home/zoë/my data/bus.db"
    assert BusUrl.for_file(Path("/home/zoë/my data/bus.db")) == url


def test_a_kafka_bus_with_everything() -> None:
    url = BusUrl.parse(
        "KAFKA://B.example:9093,a.example,[::1]:19092?security=sasl_ssl&sasl=scram-sha-512"
        "&ca=/etc/ca%20s.pem&cert=/etc/me.pem&key=/etc/me.key&prefix=class-3b.&replication=2&partitions=6"
    )
    assert (url.client_cert, url.client_key) == (Path("/etc/me.pem"), Path("/etc/me.key"))
    assert BusUrl.parse(str(url)) == url
    assert url.hosts == ("b.example:9093", "a.example:9092", "[::1]:19092")
    assert (url.security, url.sasl, url.ca) == ("SASL_SSL", "SCRAM-SHA-512", Path("/etc/ca s.pem"))
    assert (url.prefix, url.replication, url.partitions) == ("class-3b.", 2, 6)


def test_a_url_for_another_machine_names_no_files_of_this_one() -> None:
    here = "kafka://a:1?security=SSL&ca=/my/ca.pem&cert=/my/cert.pem&key=/my/key.pem&prefix=x."
    assert BusUrl.parse(here).portable == "kafka://a:1?security=SSL&prefix=x."
    assert BusUrl.parse(here).key == BusUrl.parse(BusUrl.parse(here).portable).key
    assert BusUrl.parse("sqlite:///a/bus.db").portable == "sqlite:///a/bus.db"


def test_files_that_the_environment_names_go_first() -> None:
    url = BusUrl.parse("kafka://a?security=SSL&ca=/url/ca&cert=/url/cert&key=/url/key")
    assert tls_files_from(url, {}) == TlsFiles(Path("/url/ca"), Path("/url/cert"), Path("/url/key"))
    assert tls_files_from(url, {"COLEARNER_KAFKA_CA": "/env/ca"}).ca == Path("/env/ca")
    assert tls_files_from(url, {"COLEARNER_KAFKA_CA": "~/ca"}).ca == Path.home() / "ca"
    # Another certificate has another key: that of the URL would not fit.
    assert tls_files_from(url, {"COLEARNER_KAFKA_CERT": "/env/both"}) == TlsFiles(
        Path("/url/ca"), Path("/env/both"), None
    )


def test_a_kafka_bus_with_nothing() -> None:
    url = BusUrl.parse(" kafka://localhost ")
    assert url.hosts == ("localhost:9092",)
    assert (url.security, url.sasl, url.ca, url.prefix, url.replication) == ("PLAINTEXT", None, None, "", None)
    assert url.partitions == DEFAULT_PARTITIONS == 12


def test_a_session_is_bound_to_the_set_of_addresses_and_the_prefix() -> None:
    key = BusUrl.parse("kafka://a:1,b:2?prefix=x.").key
    assert BusUrl.parse("kafka://B:2,a:1,a:1?prefix=x.&partitions=3&replication=1").key == key
    others = ("kafka://a:1,b:2", "kafka://a:1?prefix=x.", "kafka://a:1,b:3?prefix=x.", "sqlite:///a")
    assert key not in {BusUrl.parse(text).key for text in others}


@pytest.mark.parametrize(
    "text",
    [
        "kafka",
        "file",
        "",
        "localhost:9092",
        "nats://localhost:4222",
        "://x",
        "sqlite://relative/bus.db",
        "sqlite:///",
        "sqlite:///folder/",
        "sqlite:///a%00b",
        "sqlite:///a%FFb",
        "sqlite:///bus.db?prefix=x",
        "sqlite:///bus.db#x",
        "kafka://",
        "kafka://,",
        "kafka://a:0",
        "kafka://a:65536",
        "kafka://a:x",
        "kafka://a:",
        "kafka://a b",
        "kafka://a/topic",
        "kafka://-a",
        "kafka://a\n:9092",
        "kafka://a?unknown=1",
        "kafka://a?prefix=x&prefix=y",
        "kafka://a?prefix=x/y",
        "kafka://a?prefix=" + "x" * 201,
        "kafka://a?partitions=0",
        "kafka://a?partitions=-1",
        "kafka://a?partitions=１２",
        "kafka://a?partitions=99999999999999999999",
        "kafka://a?replication=zwei",
        "kafka://a?security=TLS",
        "kafka://a?security=SSL&sasl=PLAIN",
        "kafka://a?sasl=PLAIN",
        "kafka://a?security=SASL_SSL",
        "kafka://a?security=SASL_SSL&sasl=GSSAPI",
        "kafka://a?ca=/x.pem",
        "kafka://a?security=SSL&ca=",
        "kafka://a?cert=/x.pem",
        "kafka://a?security=SASL_PLAINTEXT&sasl=PLAIN&cert=/x.pem",
        "kafka://a?security=SSL&key=/x.pem",
        "kafka://a?security=SSL&cert=&key=/x.pem",
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(BadBusUrl) as refused:
        BusUrl.parse(text)
    assert isinstance(refused.value, BadInput)
    assert refused.value.message
    assert refused.value.hint
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        f"kafka://ada:{SECRET}@broker:9092",
        f"kafka://ada:{SECRET}%40broker:9092",
        f"kafka://broker?password={SECRET}",
        f"kafka://broker?security=SASL_SSL&sasl=PLAIN&sasl.password={SECRET}",
        f"ada:{SECRET}@broker:9092",
        f"amqp://ada:{SECRET}@broker",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadBusUrl) as refused:
        BusUrl.parse(text)
    assert SECRET not in refused.value.message + refused.value.hint + repr(refused.value)


_hosts = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
_security = st.sampled_from(SECURITY)


@st.composite
def kafka_urls(draw: st.DrawFn) -> BusUrl:
    security = draw(_security)
    return BusUrl(
        scheme="kafka",
        hosts=tuple(draw(st.lists(st.builds("{}:{}".format, _hosts, st.integers(1, 65535)), min_size=1, unique=True))),
        prefix=draw(st.from_regex(r"[A-Za-z0-9._-]{0,30}", fullmatch=True)),
        partitions=draw(st.integers(1, 10_000)),
        replication=draw(st.none() | st.integers(1, 99)),
        security=security,
        sasl=draw(st.sampled_from(SASL)) if security.startswith("SASL_") else None,
        ca=Path("/étc/c a&b=c?.pem") if security.endswith("SSL") and draw(st.booleans()) else None,
    )


@given(kafka_urls())
def test_a_url_survives_being_written_and_parsed(url: BusUrl) -> None:
    again = BusUrl.parse(str(url))
    assert again == url
    assert again.key == url.key
    assert url.redacted == str(url)


_names = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=20)


@given(st.lists(_names.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4))
def test_any_path_can_be_a_bus(parts: list[str]) -> None:
    url = BusUrl.for_file(Path("/", *parts))
    assert BusUrl.parse(str(url)) == url


def test_credentials_come_from_the_environment(tmp_path: Path) -> None:
    given_directly = credentials_from({"COLEARNER_KAFKA_USER": "ada", "COLEARNER_KAFKA_PASSWORD": SECRET})
    assert (given_directly.user, given_directly.password) == ("ada", SECRET)
    file = tmp_path / "password"
    file.write_text(SECRET + "\n", encoding="utf-8")
    assert (
        credentials_from({"COLEARNER_KAFKA_USER": "ada", "COLEARNER_KAFKA_PASSWORD_FILE": str(file)}).password == SECRET
    )


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"COLEARNER_KAFKA_USER": "ada"},
        {"COLEARNER_KAFKA_PASSWORD": SECRET},
        {"COLEARNER_KAFKA_USER": "ada", "COLEARNER_KAFKA_PASSWORD": ""},
        {"COLEARNER_KAFKA_USER": "ada", "COLEARNER_KAFKA_PASSWORD_FILE": "/nowhere/to/be/found"},
        {"COLEARNER_KAFKA_USER": "ada", "COLEARNER_KAFKA_PASSWORD_FILE": "/dev/zero"},
        {"COLEARNER_KAFKA_USER": "a", "COLEARNER_KAFKA_PASSWORD": SECRET, "COLEARNER_KAFKA_PASSWORD_FILE": "/dev/null"},
    ],
)
def test_missing_credentials_are_named(environment: dict[str, str]) -> None:
    with pytest.raises(BadBusUrl) as refused:
        credentials_from(environment)
    assert "COLEARNER_KAFKA_" in refused.value.message + refused.value.hint or "password" in refused.value.message
    assert SECRET not in str(refused.value) + refused.value.hint


def test_a_password_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadBusUrl, match="UTF-8"):
        credentials_from({"COLEARNER_KAFKA_USER": "ada", "COLEARNER_KAFKA_PASSWORD_FILE": str(file)})


def test_credentials_do_not_show() -> None:
    credentials = Credentials("ada.lovelace", SECRET)
    assert SECRET not in repr(credentials) + str(credentials) + f"{credentials}"
    assert credentials.scrub(f"login of ada.lovelace with {SECRET} failed") == "login of ••• with ••• failed"
