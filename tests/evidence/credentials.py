"""Makes credentials of every known shape at run time: none is written down here, and none was ever issued."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable

UPPER = string.ascii_uppercase + "234567"
ALNUM = string.ascii_letters + string.digits
URL = ALNUM + "-_"

Maker = Callable[[random.Random], str]


def some(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choices(alphabet, k=length))


def base64_lines(rng: random.Random, size: int, width: int = 64) -> list[str]:
    data = base64.b64encode(rng.randbytes(size)).decode()
    return [data[at : at + width] for at in range(0, len(data), width)]


def pem(rng: random.Random, label: str = "RSA PRIVATE KEY", size: int = 600) -> str:
    dashes = "-" * 5
    return "\n".join([f"{dashes}BEGIN {label}{dashes}", *base64_lines(rng, size), f"{dashes}END {label}{dashes}"])


def jwt(rng: random.Random) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": some(rng, ALNUM, 12), "iat": rng.randrange(10**9)}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, some(rng, URL, 43)])


TOKENS: dict[str, list[Maker]] = {
    "aws-access-key": [lambda r: "AK" + "IA" + some(r, UPPER, 16), lambda r: "AS" + "IA" + some(r, UPPER, 16)],
    "github-token": [lambda r: "gh" + r.choice("pousr") + "_" + some(r, ALNUM, r.choice([36, 76, 251]))],
    "github-fine-grained-token": [lambda r: "github" + "_pat_" + some(r, ALNUM, 22) + "_" + some(r, ALNUM, 59)],
    "gitlab-token": [
        lambda r: "gl" + r.choice(["pat", "dt", "rt", "ptt", "oas"]) + "-" + some(r, URL, 20),
        lambda r: "gl" + "pat-" + some(r, URL, 27) + ".01." + some(r, string.ascii_lowercase + string.digits, 9),
    ],
    "slack-token": [
        lambda r: (
            "xox"
            + r.choice("abeprs")
            + "-"
            + "-".join(some(r, string.digits, 12) for _ in "12")
            + "-"
            + some(r, ALNUM, 24)
        ),
        lambda r: "xapp" + "-1-" + some(r, UPPER, 11) + "-" + some(r, string.digits, 13),
    ],
    "stripe-key": [lambda r: r.choice("sr") + "k_" + "live_" + some(r, ALNUM, r.choice([24, 99]))],
    "google-api-key": [lambda r: "AI" + "za" + some(r, URL, 35)],
    "npm-token": [lambda r: "npm" + "_" + some(r, ALNUM, 36)],
    "pypi-token": [lambda r: "pypi" + "-AgEIcHlwaS5vcmc" + some(r, URL, 150)],
    "anthropic-key": [lambda r: "sk-" + "ant-api03-" + some(r, URL, 93) + "AA"],
    "openai-key": [
        lambda r: "sk-" + r.choice(["proj", "svcacct", "admin"]) + "-" + some(r, URL, 74),
        lambda r: "sk-" + some(r, ALNUM, 20) + "T3Blbk" + "FJ" + some(r, ALNUM, 20),
    ],
    "jwt": [jwt],
}
