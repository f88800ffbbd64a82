"""Signatures: Ed25519 (RFC 8032) over the canonical JSON of an envelope without ``sig`` (contracts.md, *Envelope*).

A key is named by its JWK thumbprint (RFC 7638), so a name and a key that do not belong together cannot pass as a pair.
The public key travels inside ``sig``, as ``sig.public_key``: whoever reads a single signed event can tell whether it was
signed by the key that it names. *Whose* key that is, nobody's event can say of itself (docs/trust.md).

``cryptography`` is imported on the first use of a key only: it costs about 25 ms.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.ijson import canonical

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHM: Final = "EdDSA"
"""The only ``sig.alg`` that counts."""

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
"""Lengths of keys (public ones and seeds) and signatures (RFC 8032, section 5.1)."""

_KEY_CHARS: Final = 43
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)
"""Encodings of points of small order (without the sign bit): with such a "key" one signature fits many messages, and
OpenSSL takes them. The tests derive the same list from the curve."""


@frozen
class PublicKey:
    """An Ed25519 public key. ``text``: unpadded base64url of its 32 bytes; ``kid``: its JWK thumbprint, 43 characters."""

    kid: str
    text: str


@frozen
class Signature:
    """What ``sig`` says. ``value`` are the 64 bytes; ``public_key`` is there where it came along and belongs to ``kid``."""

    kid: str
    value: bytes
    public_key: PublicKey | None


class Signer(Protocol):
    """A key that can sign: :class:`SigningKey`, or what holds one."""

    @property
    def public(self) -> PublicKey: ...
    def sign(self, message: bytes) -> bytes: ...


class SigningKey:
    """An Ed25519 private key. Its ``repr`` does not show it."""

    def __init__(self, seed: bytes) -> None:
        """``seed``: the 32 bytes of RFC 8032, section 5.1.5. Raises :class:`BadInput` for another length."""
        if len(seed) != KEY_BYTES:
            raise BadInput(f"A private key has {KEY_BYTES} bytes, not {len(seed)}.")
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key: Ed25519PrivateKey = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = public_key_of(self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key from the operating system's random numbers.

        Neither its text nor its name begins with ``-``: on a command line it would be taken for an option.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        while True:
            key = cls(Ed25519PrivateKey.generate().private_bytes_raw())
            if not key.public.text.startswith("-") and not key.public.kid.startswith("-"):
                return key

    @property
    def seed(self) -> bytes:
        """The secret itself: 32 bytes, for its file only."""
        return self._key.private_bytes_raw()

    @property
    def public(self) -> PublicKey:
        """What may be shown to anyone."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature; the same for the same message."""
        return self._key.sign(message)


def public_key_of(raw: bytes) -> PublicKey:
    """The public key of these 32 bytes. Raises :class:`BadInput` for another length and for points of small order."""
    if len(raw) != KEY_BYTES:
        raise BadInput(f"A public key has {KEY_BYTES} bytes, not {len(raw)}.", "Copy the whole of it.")
    if raw[:-1] + bytes([raw[-1] & 0x7F]) in _SMALL_ORDER:
        raise BadInput(
            "That public key is one that anybody can sign for.", "Ask its owner for a key made by colearner."
        )
    text = _encoded(raw)
    return PublicKey(_thumbprint(text), text)


def parse_public_key(text: str) -> PublicKey:
    """Read a public key as it is shown: 43 characters of unpadded base64url. Raises :class:`BadInput`."""
    text = text.strip()
    raw = _decoded(text)
    if raw is None or len(text) != _KEY_CHARS:
        raise BadInput(
            f"{text[:60]!r} is not a public key: it has {_KEY_CHARS} letters, digits, - and _.", "Copy the whole of it."
        )
    return public_key_of(raw)


def signed(envelope: Mapping[str, Any], key: Signer) -> dict[str, Any]:
    """Return the envelope with a ``sig`` by ``key``, in place of one that is there.

    Raises :class:`~colearner_ls.contracts.errors.NotIJson` for an envelope without a canonical form.
    """
    unsigned = {name: value for name, value in envelope.items() if name != "sig"}
    value = key.sign(canonical(unsigned))
    public = key.public
    sig = {"kid": public.kid, "alg": ALGORITHM, "value": _encoded(value), "public_key": public.text}
    return {**unsigned, "sig": sig}


def signature_of(envelope: Mapping[str, Any]) -> Signature | None:
    """What the ``sig`` of a decoded envelope says; ``None`` where there is none that could be valid. Checks nothing."""
    sig = envelope.get("sig")
    if not isinstance(sig, Mapping) or sig.get("alg") != ALGORITHM:
        return None
    kid, text, shown = sig.get("kid"), sig.get("value"), sig.get("public_key")
    value = _decoded(text) if isinstance(text, str) else None
    if not isinstance(kid, str) or value is None or len(value) != SIGNATURE_BYTES:
        return None
    return Signature(kid, value, _shown_key(kid, shown))


def verify(envelope: Mapping[str, Any], key: PublicKey) -> bool:
    """Tell whether ``envelope`` (decoded as it was received) is signed by ``key``. Takes anything and never raises."""
    signature = signature_of(envelope)
    if signature is None or signature.kid != key.kid:
        return False
    from cryptography.exceptions import InvalidSignature

    try:
        message = canonical({name: value for name, value in envelope.items() if name != "sig"})
        _loaded(key.text).verify(signature.value, message)
    except (InvalidSignature, BadInput, ValueError):
        return False
    return True


def _shown_key(kid: str, shown: Any) -> PublicKey | None:
    if not isinstance(shown, str):
        return None
    try:
        key = parse_public_key(shown)
    except BadInput:
        return None
    return key if key.kid == kid else None


@lru_cache(maxsize=64)
def _loaded(text: str) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "="))


def _thumbprint(text: str) -> str:
    """RFC 7638 for an OKP key (RFC 8037, section 2): SHA-256 over the required members in canonical JSON."""
    import hashlib  # loads OpenSSL: not for those who only look

    return _encoded(hashlib.sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": text})).digest())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _decoded(text: str) -> bytes | None:
    """The bytes of unpadded base64url; ``None`` for any other spelling, so that one value has one text."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _encoded(raw) == text else None
