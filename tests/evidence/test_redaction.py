"""Every credential shape is masked wherever it stands, nothing else is, and hostile text costs no more than its length."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colearner_ls.domain.text import split_lines
from colearner_ls.evidence.redaction import PEM_RULE, TOKEN_RULES, mask, redact
from tests.evidence.credentials import TOKENS, base64_lines, pem

SURROUNDINGS = [
    "{}",
    "token = '{}'",
    'KEY="{}";',
    "export KEY={}\n",
    "Authorization: Bearer {}\r\n",
    "https://user:{}@example.org/x",
    "https://example.org/?key={}&x=1",
    "https://example.org/?q=key%3D{}&x=1",
    '"first line\\n{}\\nlast line"',
    "({})",
    "größe={}😋",
    "a\n\t{}\nb",
    "{},",
]


def test_every_rule_has_a_maker_a_name_that_fits_the_mask_and_a_public_source() -> None:
    assert {rule.name for rule in TOKEN_RULES} == set(TOKENS)
    for rule in TOKEN_RULES:
        assert rule.source.startswith("https://")
        assert rule.name == rule.name.lower()


@pytest.mark.parametrize("around", SURROUNDINGS)
@pytest.mark.parametrize("rule", TOKENS)
def test_a_token_is_masked_wherever_it_stands(rule: str, around: str) -> None:
    rng = random.Random(f"{rule} {around}")
    for maker in TOKENS[rule] * 5:
        token = maker(rng)
        result = redact(around.format(token))
        assert result.counts == ((rule, 1),)
        assert token[4:] not in result.text
        # A hyphen or a dot at its end may be the sentence's; all else around it stays.
        assert result.text in {around.format(mask(rule)), around.format(mask(rule) + token[-1])}


def test_many_tokens_in_one_text_are_counted_by_rule() -> None:
    rng = random.Random(5)
    tokens = [maker(rng) for makers in TOKENS.values() for maker in makers for _ in "ab"]
    result = redact("\n".join(tokens))
    assert dict(result.counts) == {rule: 2 * len(makers) for rule, makers in TOKENS.items()}
    assert result.total == len(tokens)
    assert result.counts == tuple(sorted(result.counts))
    assert redact(result.text) == type(result)(result.text)


@pytest.mark.parametrize(
    "innocent",
    [
        "AKIA",
        "the AKIA and ASIA prefixes",
        "XAKIA" + "A" * 16,
        "AKIA" + "A" * 17,
        "ghp_short",
        "self.ghp_ = ghp_",
        "glpat-short",
        "xoxo-love",
        "sk_live_",
        "sk_test_" + "a" * 24,
        "AIza",
        "npm_config_registry = 'https://registry.example.org/some/where/long'",
        "pypi-publish-the-package-to-the-index-and-more-words",
        "sk-learn and sk-image are no keys",
        "eyJ.eyJ.x",
        "eyJhbGciOiJIUzI1NiJ9 alone",
        "x = a-b-c_d" * 20,
        "-----BEGIN PUBLIC KEY-----\n" + "A" * 64 + "\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\n" + "A" * 64 + "\n-----END CERTIFICATE-----",
        'if "-----BEGIN RSA PRIVATE KEY-----" in text:\n    raise ValueError("a private key")\n',
        'BEGIN = "-----BEGIN PRIVATE KEY-----"\nEND = "-----END PRIVATE KEY-----"\n',
        "«redacted:jwt»",
        "",
    ],
)
def test_what_only_resembles_a_credential_stays(innocent: str) -> None:
    assert redact(innocent).text == innocent
    assert redact(innocent).counts == ()


# --- private keys ---------------------------------------------------------------------------------------------------------

LABELS = [
    "PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
]


def secret_lines(key: str) -> list[str]:
    return [line for line in key.split("\n") if "-----" not in line]


def assert_masked(text: str, key: str, count: int = 1) -> str:
    result = redact(text)
    assert result.counts == ((PEM_RULE, count),)
    for line in secret_lines(key):
        assert line not in result.text
    assert len(split_lines(result.text)) == len(split_lines(text)), "line numbers must stay true"
    return result.text


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_key_is_masked_whole_and_keeps_its_lines(label: str, line_end: str) -> None:
    key = pem(random.Random(label), label)
    text = f"before\n{key}\nafter".replace("\n", line_end)
    shown = split_lines(assert_masked(text, key))
    assert shown[:2] == ["before", mask(PEM_RULE)]
    assert shown[-1] == "after"
    assert not any(shown[2:-1])


def test_keys_in_strings_comments_and_data_are_masked() -> None:
    rng = random.Random(3)
    key = pem(rng)
    one_line = key.replace("\n", "\\n")
    assert_masked(f'KEY = "{one_line}\\n"\nx = 1\n', key)
    assert_masked('{"private_key": "' + one_line + '"}', key)
    assert_masked("".join(f'    "{line}\\n"\n' for line in key.split("\n")), key)
    assert_masked("\n".join(f"# {line}" for line in key.split("\n")), key)
    assert_masked("key: |\n" + "\n".join(f"  {line}" for line in key.split("\n")) + "\nother: 1\n", key)
    other = pem(rng, "EC PRIVATE KEY", 120)
    assert_masked(f"{key}\n\n{other}\n", key, count=2)
    headers = key.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\n", 1)
    assert_masked(headers, key)


def test_a_key_whose_end_or_beginning_was_cut_off_is_masked() -> None:
    key = pem(random.Random(4))
    lines = key.split("\n")
    for kept in range(2, len(lines)):
        head = "\n".join(lines[:kept])
        assert_masked(f"x = 1\n{head}", head)
        tail = "\n".join(lines[-kept:])
        text = assert_masked(f"{tail}\nprint('this stays')", tail)
        assert text.endswith("print('this stays')")
    one_line = "\\n".join(lines[:4])
    assert redact(f'key = "{one_line}').counts == ((PEM_RULE, 1),)


def test_what_follows_a_key_that_was_cut_off_stays() -> None:
    key = "\n".join(pem(random.Random(6)).split("\n")[:5])
    text = f"{key}\nfor word in words: print(word)\nreturn (1, 2)"
    assert assert_masked(text, key).endswith("\nfor word in words: print(word)\nreturn (1, 2)")


# --- cost and safety on any text ---------------------------------------------------------------------------------------------

MEGABYTE = 1_000_000
DASHES = "-" * 5
HOSTILE = [
    "-",
    f"{DASHES}BEGIN ",
    f"{DASHES}BEGIN A A A PRIVATE KEY",
    f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}",
    f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\n",
    f"{DASHES}END RSA PRIVATE KEY{DASHES}\n",
    f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}" + "A" * 50 + "\n",
    "A" * 50 + f"\n{DASHES}END RSA PRIVATE KEY{DASHES}\n",
    "PRIVATE KEY" + DASHES + "BEGIN ",
    "eyJ",
    "eyJaaaaaaaaaaa.",
    "eyJaaaaaaaaaaaaaaa.eyJ",
    "-eyJaaaaaaaaaaaaaaa.eyJaaaaaaaaaaaaaa",
    "AKIA",
    "ghp_",
    "github_pat_",
    "glpat-",
    "gl",
    "xoxb-",
    "xox",
    "sk_live_",
    "AIza",
    "npm_",
    "pypi-AgE",
    "sk-ant-",
    "sk-" * 3 + "T3BlbkFJ",
    "sk-proj-sk-" + "a" * 19,
    "\\n",
    "%3D",
    "Proc-Type: ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_megabyte_is_read_in_linear_time(piece: str) -> None:
    text = (piece * (MEGABYTE // len(piece) + 1))[:MEGABYTE]
    half = text[: MEGABYTE // 2]
    assert seconds(half) < 2  # measured: 0.01 to 0.3 s; quadratic work would take minutes
    assert seconds(text) < 4


def test_one_key_of_a_megabyte_is_read_in_linear_time() -> None:
    body = "\n".join(base64_lines(random.Random(7), 700_000))
    for text in (f"{DASHES}BEGIN PRIVATE KEY{DASHES}\n{body}", f"{body}\n{DASHES}END PRIVATE KEY{DASHES}"):
        assert seconds(text) < 4
        assert len(redact(text).text) < 100_000


def seconds(text: str) -> float:
    begin = time.process_time()
    redact(text)
    return time.process_time() - begin


PIECES = st.sampled_from([*HOSTILE, "\n", "\r\n", " ", "x", "=", "😋", "«redacted:jwt»", "A" * 40, "a" * 36])


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_lines_stay_and_a_second_pass_finds_nothing(text: str) -> None:
    result = redact(text)
    assert len(split_lines(result.text)) == len(split_lines(text))
    assert redact(result.text).counts == ()
    assert bool(result.counts) == (result.text != text)


def test_what_a_mask_leaves_over_is_looked_at_again() -> None:
    begin, end = (f"-----{word} RSA PRIVATE KEY-----" for word in ("BEGIN", "END"))
    text = f"{begin}xoxb------BEGIN {'A' * 50}\n{end}\n"
    assert redact(redact(text).text).counts == ()
