"""Private keys and pins in the user data folder: nobody else reads them, nothing damaged passes for sound."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.signing import SigningKey
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.keys import KeyFileError, KeyFolder
from colearner_ls.journal.pins import Pin, Pins, PinsError
from colearner_ls.journal.trust import Trust
from tests.journal.samples import step

KEY = SigningKey(b"k" * 32)
OTHER = SigningKey(b"o" * 32)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "höme"


def test_a_key_is_made_once_and_only_its_owner_reads_it(home: Path) -> None:
    old = os.umask(0)
    try:
        made = KeyFolder(home).make("kim@1f2e")
    finally:
        os.umask(old)
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    assert [file.name for file in made.path.parent.iterdir() if file.suffix == ".json"] == [made.path.name]
    folder = KeyFolder(home)
    again, read = folder.make("kim@1f2e"), folder.own("kim@1f2e")
    assert read is not None
    assert made.public == again.public == read.public
    assert folder.own("kim@1f2e") is read, "read once"
    assert KeyFolder(home).own("sam") is None


def test_each_author_has_a_key_of_their_own(home: Path) -> None:
    names = ["kim", "kim ", "../kim", "/etc/passwd", "ünï", "", "x" * 200, "KIM", "a\udcff"]
    keys = {name: KeyFolder(home).make(name) for name in names}
    assert len({key.public.kid for key in keys.values()}) == len(names)
    assert len({str(key.path).lower() for key in keys.values()}) == len(names)
    assert {key.path.parent for key in keys.values()} == {home / "keys"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610, 0o601])
def test_a_key_that_others_can_read_is_refused_with_the_word_that_helps(home: Path, mode: int) -> None:
    made = KeyFolder(home).make("kim")
    made.path.chmod(mode)
    for folder in (KeyFolder(home), KeyFolder(home)):
        for use in (folder.own, folder.make):
            with pytest.raises(KeyFileError) as raised:
                use("kim")
            assert str(made.path) in raised.value.message
            assert f"{mode:04o}" in raised.value.message
            assert f"chmod 600 {made.path}" in raised.value.hint
    made.path.chmod(0o600)
    back = KeyFolder(home).own("kim")
    assert back is not None
    assert back.public == made.public


def test_a_key_opened_to_others_later_is_seen_by_who_has_it_in_memory(home: Path) -> None:
    folder = KeyFolder(home)
    made = folder.make("kim")
    made.path.chmod(0o644)
    with pytest.raises(KeyFileError):
        folder.own("kim")


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{}",
        b"not json",
        b"[]",
        b"\xff\xfe",
        b'{"version": 2}',
        b'{"version": 1, "author": "kim", "kid": "x", "private_key": "AAAA"}',
        b"[" * 3000,
        b" " * 10_000,
    ],
)
def test_a_damaged_key_is_never_used_nor_replaced(home: Path, damage: bytes) -> None:
    path = KeyFolder(home).make("kim").path
    path.write_bytes(damage)
    for use in (KeyFolder(home).own, KeyFolder(home).make):
        with pytest.raises(KeyFileError) as raised:
            use("kim")
        assert str(path) in raised.value.message
        assert raised.value.hint
    assert path.read_bytes() == damage


def test_every_flipped_bit_is_noticed(home: Path) -> None:
    """Any 32 bytes are a private key: only the kid beside them tells that these are the wrong ones."""
    path = KeyFolder(home).make("kim").path
    whole = path.read_bytes()
    begin = whole.index(b'"private_key": "') + len(b'"private_key": "')
    for place in range(begin, begin + 43):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(KeyFileError):
            KeyFolder(home).own("kim")


def test_another_persons_key_under_ones_name_is_damaged(home: Path) -> None:
    folder = KeyFolder(home)
    kim, sam = folder.make("kim").path, folder.make("sam").path
    kim.write_bytes(sam.read_bytes())
    with pytest.raises(KeyFileError, match="do not belong together"):
        KeyFolder(home).own("kim")


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_file_is_no_key(home: Path, tmp_path: Path, kind: str) -> None:
    path = KeyFolder(home).make("kim").path
    elsewhere = tmp_path / "elsewhere.json"
    path.rename(elsewhere)
    if kind == "link":
        path.symlink_to(elsewhere)
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(KeyFileError, match="not a plain file"):
        KeyFolder(home).own("kim")


def test_a_place_that_cannot_be_written_is_said(home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file")
    with pytest.raises(KeyFileError) as raised:
        KeyFolder(home).make("kim")
    assert "COLEARNER_HOME" in raised.value.hint


def _make(home: str, ready: object, found: object) -> None:
    ready.wait()  # type: ignore[attr-defined]  # multiprocessing's own types say nothing
    found.put(KeyFolder(Path(home)).make("kim").public.kid)  # type: ignore[attr-defined]


def test_two_processes_make_one_key(home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, found = context.Barrier(3), context.Queue()
    makers = [context.Process(target=_make, args=(str(home), ready, found)) for _ in range(3)]
    for maker in makers:
        maker.start()
    kids = {found.get(timeout=60) for _ in makers}
    for maker in makers:
        maker.join(60)
    assert len(kids) == 1


def test_nothing_is_written_unsigned_because_a_key_cannot_be_read(home: Path, folder: Path) -> None:
    path = KeyFolder(home).make("stu").path
    with Journal.open(folder, trust=Trust(home)) as journal:
        journal.append([step("1", author="stu")])
        for mode, content in ((0o644, path.read_bytes()), (0o600, b"?")):
            path.write_bytes(content)
            path.chmod(mode)
            with pytest.raises(KeyFileError):
                journal.append([step("2", author="stu")], claim="once")
        assert journal.count() == 1
        assert journal.outbox.counts().waiting == 1
        path.unlink()
        assert journal.append([step("2", author="stu")], claim="once"), "the claim was not taken either"
        assert [b'"sig"' in stored.raw for stored in journal.events()] == [True, False]


# -- pins


def test_pins_survive_in_a_file_of_their_own(home: Path) -> None:
    pins = Pins(home)
    assert pins.of("s1") == ()
    assert pins.known("s1") is None
    assert pins.pin("s1", KEY.public, "coach", "invite")
    assert not pins.pin("s1", KEY.public, "coach", "by hand"), "it is pinned already"
    assert pins.pin("s1", OTHER.public, role="service")
    (first, second) = Pins(home).of("s1")
    assert (first.kid, first.public_key, first.role, first.how) == (KEY.public.kid, KEY.public.text, "coach", "invite")
    assert (second.key, second.role, second.how) == (OTHER.public, "service", "by hand")
    assert pins.sessions() == ("s1",)
    assert pins.unpin("s1", KEY.public.kid)
    assert not pins.unpin("s1", KEY.public.kid)
    assert not pins.unpin("s2", KEY.public.kid)
    assert Pins(home).of("s1") == (second,)
    assert pins.unpin("s1", OTHER.public.kid)
    assert pins.known("s1") == ()
    assert pins.known("s2") is None
    assert pins.sessions() == ()


def test_another_role_is_another_pin(home: Path) -> None:
    pins = Pins(home)
    pins.pin("s1", KEY.public, role="service")
    assert pins.pin("s1", KEY.public, role="coach")
    assert [each.role for each in pins.of("s1")] == ["coach"]
    with pytest.raises(BadInput):
        pins.pin("s1", KEY.public, role="student")  # type: ignore[arg-type]  # what a person may type


def test_a_change_by_another_process_is_seen(home: Path) -> None:
    mine, others = Pins(home), Pins(home)
    mine.pin("s1", KEY.public)
    assert len(others.of("s1")) == 1
    others.pin("s1", OTHER.public)
    assert len(mine.of("s1")) == 2


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{}",
        b"[]",
        b'{"version": 2, "sessions": {}}',
        b'{"version": 1, "sessions": {"s1": [{"kid": "x"}]}}',
        b"\xff",
    ],
)
def test_damaged_pins_are_an_error_and_never_no_pins(home: Path, damage: bytes) -> None:
    """A file that counted as empty would make every session unverified."""
    pins = Pins(home)
    pins.pin("s1", KEY.public)
    pins.path.write_bytes(damage)
    for use in (lambda: Pins(home).of("s1"), lambda: Pins(home).pin("s1", OTHER.public)):
        with pytest.raises(PinsError) as raised:
            use()
        assert str(pins.path) in raised.value.message
    assert pins.path.read_bytes() == damage


def test_a_pin_whose_name_is_not_its_keys_is_damage(home: Path) -> None:
    pins = Pins(home)
    pins.pin("s1", KEY.public)
    shape = json.loads(pins.path.read_bytes())
    shape["sessions"]["s1"][0]["public_key"] = OTHER.public.text
    pins.path.write_text(json.dumps(shape))
    with pytest.raises(PinsError):
        Pins(home).of("s1")


def test_what_a_journal_remembers_never_replaces_what_is_there(home: Path) -> None:
    pins = Pins(home)
    remembered = Pin(KEY.public.kid, KEY.public.text, "coach", "invite", 1)
    pins.restore("s1", [remembered])
    assert pins.of("s1") == (remembered,)
    pins.unpin("s1", remembered.kid)
    pins.restore("s1", [remembered])
    assert pins.of("s1") == ()
