"""Masking of credentials whose shape is certain, in every text that could leave the machine (trust.md).

Only shapes that their issuers document and that nothing else has: private keys in PEM and tokens with a fixed prefix.
What is masked becomes ``«redacted:RULE»``. A secret over several lines keeps its line ends, so that line numbers stay
true. Each rule reads the text once: expressions are anchored on a fixed prefix, their repetitions are possessive or
bounded, and the search for the end of a key never goes over the same text twice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from colearner_ls.contracts.frozen import frozen


@frozen
class Redacted:
    """The text with credentials masked, and how often each rule masked something, in order of the rules' names."""

    text: str
    counts: tuple[tuple[str, int], ...] = ()

    @property
    def total(self) -> int:
        """Number of places that were masked."""
        return sum(count for _, count in self.counts)


@frozen
class Rule:
    """A credential's shape. ``hints``: strings of which every match contains one, so that most texts cost one search."""

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    source: str


_START: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
"""Where a token may begin: not within a word, but behind an escape in a string literal (``\\n``) or in a URL (``%3D``)."""

_END: Final = r"(?![A-Za-z0-9])"


def _rule(name: str, hints: tuple[str, ...], pattern: str, source: str) -> Rule:
    return Rule(name, hints, re.compile(pattern), source)


TOKEN_RULES: Final = (
    _rule(
        "aws-access-key",
        ("AKIA", "ASIA"),
        rf"{_START}(?:AKIA|ASIA)[A-Z0-9]{{16}}{_END}",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids",
    ),
    _rule(
        "github-token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        r"gh[pousr]_[A-Za-z0-9_]{36,}+",
        "https://github.blog/changelog/2021-03-31-authentication-token-format-updates-are-generally-available/",
    ),
    _rule(
        "github-fine-grained-token",
        ("github_pat_",),
        r"github_pat_[A-Za-z0-9_]{36,}+",
        "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github",
    ),
    _rule(
        "gitlab-token",
        ("gl",),
        rf"{_START}gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|wt|soat|ffct)-[A-Za-z0-9_.-]{{20,}}+",
        "https://docs.gitlab.com/security/tokens/#token-prefixes",
    ),
    _rule(
        "slack-token",
        ("xox", "xapp-"),
        r"(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}+",
        "https://docs.slack.dev/authentication/tokens/",
    ),
    _rule(
        "stripe-key",
        ("k_live_",),
        r"[sr]k_live_[A-Za-z0-9]{10,}+",
        "https://docs.stripe.com/keys",
    ),
    _rule(
        "google-api-key",
        ("AIza",),
        rf"{_START}AIza[A-Za-z0-9_-]{{35}}",
        "https://cloud.google.com/docs/authentication/api-keys",
    ),
    _rule(
        "npm-token",
        ("npm_",),
        rf"npm_[A-Za-z0-9]{{36}}{_END}",
        "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/",
    ),
    _rule(
        # A macaroon: version 2, then the host name of the index, in base64.
        "pypi-token",
        ("pypi-AgE",),
        r"pypi-AgE[A-Za-z0-9_-]{32,}+",
        "https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns",
    ),
    _rule(
        "anthropic-key",
        ("sk-ant-",),
        r"sk-ant-[A-Za-z0-9_-]{20,}+",
        "https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns",
    ),
    _rule(
        # T3BlbkFJ is base64 of "OpenAI" and stands in the middle of every key.
        "openai-key",
        ("sk-proj-", "sk-svcacct-", "sk-admin-", "T3BlbkFJ"),
        r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}+|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",
        "https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns",
    ),
    _rule(
        # "eyJ" is base64url of '{"': header and claims are JSON objects (RFC 7515, 3.1). The signature may be empty.
        "jwt",
        ("eyJ",),
        rf"{_START}(?<![_-])eyJ[A-Za-z0-9_-]{{10,}}+\.eyJ[A-Za-z0-9_-]{{10,}}+\.[A-Za-z0-9_-]*+",
        "https://www.rfc-editor.org/rfc/rfc7519",
    ),
)

MAX_PASSES: Final = 8

PEM_RULE: Final = "pem-private-key"
"""RFC 7468 (textual encodings), RFC 9580 6.2 (OpenPGP armor), and OpenSSH's format of the same shape."""

_BEGIN: Final = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_FINISH: Final = re.compile(r"-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_DASHES: Final = "-----"

_BODY_LINE: Final = re.compile(
    r"""[ \t"'+#*/;,\\]*+(?:[A-Za-z-]{3,20}: .*+|[A-Za-z0-9+/=\\]*+)[ \t"'+,;)\\]*+""",
)
"""A line inside of a key: base64, perhaps in quotes or a comment, an armor header (RFC 1421), or nothing."""

_BASE64_RUN: Final = re.compile(r"[A-Za-z0-9+/]{40}")
"""What tells a key from code that only speaks of one. Encoders break lines after 64 (RFC 7468, 2) or more."""

_BASE64_REST: Final = re.compile(r"[A-Za-z0-9+/]{16}")
"""The same for lines of nothing but base64, of a key of which one end was cut off."""


def redact(text: str) -> Redacted:
    """Mask every credential of a known shape in ``text``. Linear in its length.

    What a mask leaves over may look like a credential again (a key's end whose beginning was inside a token), so it is
    looked at again, :data:`MAX_PASSES` times at most.
    """
    counts: Counter[str] = Counter()
    for _ in range(MAX_PASSES):
        masked = _pass(text, counts)
        if masked == text:
            break
        text = masked
    return Redacted(text, tuple(sorted(counts.items())))


def _pass(text: str, counts: Counter[str]) -> str:
    text = _mask_keys(text, counts)
    for rule in TOKEN_RULES:
        if any(hint in text for hint in rule.hints):
            text = rule.pattern.sub(_masker(rule.name, counts), text)
    return text


def mask(rule: str) -> str:
    """What stands in the place of what ``rule`` masked."""
    return f"«redacted:{rule}»"


def _masker(rule: str, counts: Counter[str]) -> Callable[[re.Match[str]], str]:
    def replace(_: re.Match[str]) -> str:
        counts[rule] += 1
        return mask(rule)

    return replace


def _mask_keys(text: str, counts: Counter[str]) -> str:
    if "PRIVATE KEY" not in text:
        return text
    pieces = []
    done = 0
    for start, end in _keys(text):
        pieces += [text[done:start], mask(PEM_RULE), _line_ends(text[start:end])]
        counts[PEM_RULE] += 1
        done = end
    return "".join([*pieces, text[done:]])


def _line_ends(text: str) -> str:
    return "".join(character for character in text if character in "\r\n")


def _keys(text: str) -> Iterator[tuple[int, int]]:
    """Where private keys stand, in order, not overlapping; also one whose beginning or end was cut off."""
    done = 0
    begin = _BEGIN.search(text)
    while True:
        if begin is not None and begin.start() < done:
            begin = _BEGIN.search(text, done)
        finish = _FINISH.search(text, done, begin.start() if begin else len(text))
        if finish is not None:
            start = _body_before(text, done, finish.start())
            if start is not None:
                yield start, finish.end()
            done = finish.end()
        elif begin is None:
            return
        else:
            end = _end_of_key(text, begin.end())
            if end is not None:
                yield begin.start(), end
            done = end or begin.end()


def _end_of_key(text: str, body: int) -> int | None:
    """Where the key ends whose header ends at ``body``; ``None`` if only the header is there, as in code about keys."""
    dashes = text.find(_DASHES, body)
    finish = _FINISH.match(text, dashes) if dashes >= 0 else None
    if finish is not None:
        return finish.end() if _BASE64_RUN.search(text, body, dashes) else None
    end = body
    for line in _lines_from(text, body):
        if not _BODY_LINE.fullmatch(text, *line):
            break
        end = line[1]
    return end if _BASE64_REST.search(text, body, end) else None


def _lines_from(text: str, start: int) -> Iterator[tuple[int, int]]:
    while start <= len(text):
        newline = text.find("\n", start)
        end = len(text) if newline < 0 else newline
        yield start, end - 1 if text.endswith("\r", start, end) else end
        start = end + 1


def _body_before(text: str, floor: int, finish: int) -> int | None:
    """Where the rest of a key begins whose footer is at ``finish`` and whose header was cut off."""
    start = None
    end = finish
    while end > floor:
        newline = text.rfind("\n", floor, end)
        line = floor if newline < 0 else newline + 1
        stop = end - 1 if text.endswith("\r", line, end) else end
        if not _BODY_LINE.fullmatch(text, line, stop):
            break
        if _BASE64_REST.search(text, line, stop):
            start = line
        end = newline if newline >= 0 else floor
    return start
