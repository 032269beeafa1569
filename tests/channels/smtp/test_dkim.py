"""DKIM signatures: what we sign another implementation verifies, and what was altered on the way it does not."""

import traceback
from collections.abc import Callable
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.smtp.dkim import OVER_SIGNED, SIGNED, CannotSign, Signer, relaxed_body

NOW = 1_700_000_000
DOMAIN, SELECTOR = "bank.test", "notices-2026"
HEAD = b"From: Bank <care@bank.test>\r\nTo: ada@example.test\r\nSubject: Your data\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000"
BODY = b"Dear Ada,\r\n\r\nwe have news.\r\n"


def pem(
    key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, passphrase: bytes = b""
) -> bytes:
    locked = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)


ED25519 = pem(ed25519.Ed25519PrivateKey.generate())
RSA = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
SIGNERS = {"ed25519": Signer.load(ED25519, DOMAIN, SELECTOR), "rsa": Signer.load(RSA, DOMAIN, SELECTOR)}


@pytest.fixture(params=SIGNERS)
def signer(request: pytest.FixtureRequest) -> Signer:
    return SIGNERS[request.param]


def signed(signer: Signer, head: bytes = HEAD, body: bytes = BODY) -> bytes:
    """The email as it is handed to SMTP, where the last line always has an end."""
    end = b"" if not body or body.endswith(b"\r\n") else b"\r\n"
    return signer.header(head, body, NOW) + head + b"\r\n\r\n" + body + end


def verifies(signer: Signer, email: bytes) -> bool:
    """Asks dkimpy, which finds in DNS what the operator would have published."""
    records = {f"{signer.record_name}.".encode(): signer.public_record().encode()}

    def txt(name: bytes, timeout: int = 5) -> bytes | None:
        return records.get(name)

    return dkim.verify(email, dnsfunc=txt, minkey=2048)


def signature_of(email: bytes) -> dict[str, str]:
    """The tags of the signature at the top, without the blanks in them."""
    value, _, _ = email.removeprefix(b"DKIM-Signature:").replace(b"\r\n ", b" ").partition(b"\r\n")
    pairs = (tag.partition("=") for tag in value.decode().split(";"))
    return {name.strip(): text.replace(" ", "") for name, _, text in pairs}


HEADS = {
    "plain": HEAD,
    "with its last line end": HEAD + b"\r\n",
    "folded": HEAD
    + b'\r\nContent-Type: multipart/alternative;\r\n boundary="a"\r\nReply-To:\r\n\t<a@bank.test>\r\n \r\n  ',
    "blanks and tabs": HEAD.replace(b": ", b":\t  ").replace(b"Your data", b"  Your \t  data \t "),
    "other cases": HEAD.replace(b"From", b"fROM").replace(b"Subject", b"SUBJECT"),
    "encoded words": HEAD.replace(b"Your data", b"=?utf-8?b?5YWz5LqO5oKo55qE5pWw5o2u?=\r\n =?utf-8?b?5YWz5LqO?="),
    "without a subject": HEAD.replace(b"Subject: Your data\r\n", b""),
    "empty subject": HEAD.replace(b"Your data", b""),
    "colons in a value": HEAD.replace(b"Your data", b"a: b : c"),
    "a header twice": HEAD + b"\r\nReply-To: a@bank.test\r\nReply-To: b@bank.test",
    "headers that are not signed": b"Received: by relay.test\r\n" + HEAD + b"\r\nX-Auto-Response-Suppress: All",
}

BODIES = {
    "plain": BODY,
    "empty": b"",
    "one empty line": b"\r\n",
    "only empty lines": b"\r\n\r\n\r\n",
    "only blanks": b" \t \r\n  \r\n",
    "empty lines at the end": BODY + b"\r\n\r\n\r\n",
    "blank lines at the end": BODY + b" \r\n\t\r\n \t \r\n",
    "no line end": b"Dear Ada",
    "blanks but no line end": b"Dear Ada \t ",
    "tabs and double blanks": b"a  b\tc \t d\r\n\te   \r\n  f\r\n",
    "dots at line starts": b".\r\n..\r\n.a\r\n. \r\n",
    "empty lines first": b"\r\n\r\na\r\n",
    "quoted-printable": b"Sehr geehrte=20\r\nFrau =C3=9C =\r\n  x\r\n",
    "base64": b"5YWz5LqO5oKo55qE5pWw5o2u\r\n" * 80,
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_signature_verifies_whatever_the_headers_look_like(signer: Signer, head: bytes) -> None:
    email = signer.header(head, BODY, NOW) + head.removesuffix(b"\r\n") + b"\r\n\r\n" + BODY
    assert verifies(signer, email)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_signature_verifies_whatever_the_body_looks_like(signer: Signer, body: bytes) -> None:
    assert verifies(signer, signed(signer, body=body))


LINES = st.text(st.sampled_from("ab.= \t\t  ") | st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
ASCII_BODIES = st.builds("".join, st.lists(LINES.map("{}\r\n".format) | st.just("\r\n"), max_size=12)) | LINES


@pytest.mark.parametrize("kind", SIGNERS)
@settings(deadline=None)
@given(body=ASCII_BODIES.map(str.encode))
def test_a_signature_verifies_for_any_ascii_body(kind: str, body: bytes) -> None:
    assert verifies(SIGNERS[kind], signed(SIGNERS[kind], body=body))


@settings(deadline=None)
@given(value=LINES.map(str.encode), fold=st.sampled_from([b"", b"\r\n ", b"\r\n\t", b" \r\n  "]))
def test_a_signature_verifies_for_any_ascii_subject(value: bytes, fold: bytes) -> None:
    head = HEAD.replace(b"Your data", b"a" + value + fold + b"b")
    assert verifies(SIGNERS["ed25519"], signed(SIGNERS["ed25519"], head))


@given(pieces=st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"a", b"\x0b", b"\xff"]), max_size=30))
def test_the_relaxed_body_is_the_one_of_dkimpy_for_any_bytes(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    on_the_wire = body if body.endswith(b"\r\n") else body + b"\r\n"
    assert relaxed_body(body) == Relaxed.canonicalize_body(on_the_wire)


def test_a_very_long_run_of_blanks_takes_no_time_to_speak_of() -> None:
    assert relaxed_body(b"a" + b" " * 4_000_000 + b"b" + b"\r\n" * 500_000) == b"a b\r\n"


CHINESE_HEAD = b"\r\n".join(
    [
        b"From: =?utf-8?b?56S65L6L6ZO26KGM?=",
        b" <care@bank.test>",
        b"To: =?utf-8?b?5p2O6Zu3?=",
        b" <ada@example.test>",
        b"Subject: =?utf-8?b?5YWz5LqO5oKo55qE5Liq5Lq65L+h5oGv5YWz5LqO5oKo55qE5Liq?=",
        b" =?utf-8?b?5Lq65L+h5oGv?=",
        b"Date: Tue, 24 Nov 2026 09:00:00 +0000",
        b"Message-ID: <0a1b2c3d@bank.test>",
        b"Reply-To: answers@bank.test",
        b"Auto-Submitted: auto-generated",
        b"X-Auto-Response-Suppress: All",
        b"Content-Language: zh-CN",
        b"MIME-Version: 1.0",
        b"Content-Type: multipart/alternative;",
        b' boundary="=_0a1b2c3d"',
    ]
)


def test_a_letter_in_chinese_verifies(signer: Signer) -> None:
    part = b"--=_0a1b2c3d\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    body = part + b"5oKo5aW977yBCg==\r\n" * 90 + b"--=_0a1b2c3d--\r\n"
    assert verifies(signer, signed(signer, CHINESE_HEAD, body))


def test_blanks_before_the_colon_are_no_part_of_a_name(signer: Signer) -> None:
    head = HEAD.replace(b"From:", b"From :").replace(b"To:", b"To \t:")
    assert verifies(signer, signer.header(head, BODY, NOW) + HEAD + b"\r\n\r\n" + BODY)


ALTERATIONS: dict[str, Callable[[bytes], bytes]] = {
    "a word of the body": lambda email: email.replace(b"we have news", b"we have no news"),
    "a line added to the body": lambda email: email + b"PS: call this number\r\n",
    "the address": lambda email: email.replace(b"To: ada@", b"To: eve@"),
    "the subject": lambda email: email.replace(b"Your data", b"Your money"),
    "the date": lambda email: email.replace(b"24 Nov", b"25 Nov"),
    "another From on top": lambda email: b"From: eve@evil.test\r\n" + email,
    "another From below": lambda email: email.replace(b"\r\n\r\n", b"\r\nFrom: eve@evil.test\r\n\r\n", 1),
    "another To on top": lambda email: b"To: eve@evil.test\r\n" + email,
    "another Subject on top": lambda email: b"Subject: Your money\r\n" + email,
    "another Reply-To on top": lambda email: b"Reply-To: eve@evil.test\r\n" + email,
    "another Date on top": lambda email: b"Date: Tue, 1 Dec 2026 09:00:00 +0000\r\n" + email,
    "another Content-Type on top": lambda email: b"Content-Type: text/html\r\n" + email,
    "another MIME-Version on top": lambda email: b"MIME-Version: 0.9\r\n" + email,
    "the time of the signature": lambda email: email.replace(b"t=17", b"t=16"),
}


@pytest.mark.parametrize("altered", [each for name, each in ALTERATIONS.items() if "another" in name])
def test_a_second_header_that_readers_go_by_breaks_the_signature(
    signer: Signer, altered: Callable[[bytes], bytes]
) -> None:
    """An email to which somebody added a second header of a kind that readers go by, such as From, does not verify."""
    assert not verifies(signer, altered(signed(signer, CHINESE_HEAD)))


@pytest.mark.parametrize("altered", ALTERATIONS.values(), ids=ALTERATIONS)
def test_what_was_altered_on_the_way_does_not_verify(signer: Signer, altered: Callable[[bytes], bytes]) -> None:
    email = signed(signer)
    assert altered(email) != email
    assert not verifies(signer, altered(email))


@pytest.mark.parametrize(("old", "new"), [(b"stop/ada", b"stop/eve"), (b"=One-Click", b"=No")])
def test_the_way_out_of_optional_mail_cannot_be_altered(signer: Signer, old: bytes, new: bytes) -> None:
    way_out = b"List-Unsubscribe: <https://bank.test/stop/ada>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click"
    email = signed(signer, HEAD + b"\r\n" + way_out)
    assert verifies(signer, email)
    assert not verifies(signer, email.replace(old, new))  # RFC 8058, 3.1


def test_a_subject_added_to_an_email_without_one_does_not_verify(signer: Signer) -> None:
    email = signed(signer, HEADS["without a subject"])
    assert not verifies(signer, b"Subject: Your money\r\n" + email)


def test_what_a_relay_may_do_to_blanks_does_no_harm(signer: Signer) -> None:
    email = (
        signed(signer).replace(b"Subject: Your data", b"SUBJECT:  Your\r\n data ").replace(b"Ada,\r\n", b"Ada, \r\n")
    )
    assert verifies(signer, b"Received: by relay.test\r\n" + email + b"\r\n\r\n")


def test_the_signature_of_another_key_does_not_verify() -> None:
    other = Signer.load(pem(ed25519.Ed25519PrivateKey.generate()), DOMAIN, SELECTOR)
    assert not verifies(SIGNERS["ed25519"], signed(other))


def test_listed_headers_present_are_signed_and_some_once_more(signer: Signer) -> None:
    """Every header of the list SIGNED is signed where it is present, and the headers of OVER_SIGNED are signed once
    more than they occur, so that nobody can add another.
    """
    head = b"".join(b"%b: a\r\n" % name.encode() for name in SIGNED)
    names = signature_of(signed(signer, head.removesuffix(b"\r\n")))["h"].split(":")
    assert sorted(names) == sorted([*SIGNED, *OVER_SIGNED])


def test_an_absent_header_is_signed_only_if_none_may_be_added(signer: Signer) -> None:
    """A header that is absent is not named in the signature, unless nobody may add it on the way."""
    names = signature_of(signed(signer, b"From: a@bank.test"))["h"].split(":")
    assert names == ["From", "From", "To", "Subject", "Date", "Reply-To", "MIME-Version", "Content-Type"]


def test_the_signature_says_how_when_for_whom_and_covers_the_body(signer: Signer) -> None:
    """The signature has the tags for version, algorithm, canonical form, domain, selector and time, and no tag that
    would limit it to a part of the body.
    """
    tags = signature_of(signed(signer))
    assert tags.pop("a") in {"ed25519-sha256", "rsa-sha256"}
    assert {name: tags[name] for name in "vcdst"} == {
        "v": "1",
        "c": "relaxed/relaxed",
        "d": DOMAIN,
        "s": SELECTOR,
        "t": str(NOW),
    }
    assert set(tags) == {"v", "c", "d", "s", "t", "h", "bh", "b"}


def test_the_header_is_one_whole_header_in_short_lines(signer: Signer) -> None:
    head = b"".join(b"%b: a\r\n" % name.encode() for name in SIGNED)
    header = signer.header(head, BODY, NOW)
    first, *folded = header.removesuffix(b"\r\n").split(b"\r\n")
    assert header.endswith(b"\r\n") and first.startswith(b"DKIM-Signature: ")
    assert all(line.startswith(b" ") and line.strip() for line in folded)
    assert max(map(len, (first, *folded))) <= 78


def test_the_same_email_at_the_same_time_gets_the_same_signature(signer: Signer) -> None:
    assert signed(signer) == signed(signer)


@pytest.mark.parametrize(("kind", "start"), [("ed25519", "v=DKIM1; k=ed25519; p="), ("rsa", "v=DKIM1; k=rsa; p=")])
def test_the_operator_is_told_what_to_publish_and_where(kind: str, start: str) -> None:
    assert SIGNERS[kind].public_record().startswith(start)
    assert SIGNERS[kind].record_name == "notices-2026._domainkey.bank.test"


def test_a_key_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "dkim.pem"
    file.write_bytes(ED25519)
    assert signed(Signer.load(file, DOMAIN, SELECTOR)) == signed(SIGNERS["ed25519"])


def test_an_rsa_key_may_be_in_the_older_form() -> None:
    older = SIGNERS["rsa"].key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert verifies(SIGNERS["rsa"], signed(Signer.load(older, DOMAIN, SELECTOR)))


def test_names_are_in_small_letters_whatever_was_given() -> None:
    assert verifies(SIGNERS["rsa"], signed(Signer.load(RSA, "Bank.TEST", "Notices-2026")))


def rsa_key_of(p: int, q: int) -> rsa.RSAPrivateKey:
    """From two known primes, because searching for large ones takes seconds."""
    d = pow(65537, -1, (p - 1) * (q - 1))
    crt = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *crt, rsa.RSAPublicNumbers(65537, p * q)).private_key(
        unsafe_skip_rsa_key_validation=True
    )


SMALL_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)
LARGE_RSA = rsa_key_of(2**2203 - 1, 2**2281 - 1)
LOCKED = pem(ed25519.Ed25519PrivateKey.generate(), b"secret")
LOCKED_OLDER = SIGNERS["rsa"].key.private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret")
)
PUBLIC = SIGNERS["rsa"].key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (pem(SMALL_RSA), "has 1024 bits; an RSA key must have 2048 to 4096"),
        (pem(LARGE_RSA), "has 4484 bits; an RSA key must have 2048 to 4096"),
        (LOCKED, "is encrypted; it must be a PEM file without a passphrase"),
        (LOCKED_OLDER, "is encrypted; it must be a PEM file without a passphrase"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "must be an Ed25519 or RSA key"),
        (PUBLIC, "is no private key in PEM"),
        (b"", "is no private key in PEM"),
        (b"not a key", "is no private key in PEM"),
        (ED25519.replace(b"\nMC4", b"\nMC5"), "is no private key in PEM"),
        (Path("/nowhere/dkim.pem"), "is not a file that can be read"),
        (Path(ED25519.decode()), "is not a file that can be read"),
        (Path("\0"), "is not a file that can be read"),
    ],
    ids=[
        "small RSA",
        "large RSA",
        "locked",
        "locked, older",
        "P-256",
        "public",
        "empty",
        "garbage",
        "torn",
        "no file",
        "no path",
        "NUL",
    ],
)
def test_a_key_that_cannot_sign_is_refused_in_an_engineers_words(key: bytes | Path, why: str) -> None:
    """A DKIM key that cannot sign is refused with a reason that an engineer can act on, and the reason says what the
    key must be.
    """
    with pytest.raises(CannotSign) as refused:
        Signer.load(key, DOMAIN, SELECTOR)
    assert (refused.value.part, refused.value.why) == ("key", why)
    assert str(refused.value) == f"DKIM key {why}"


@pytest.mark.parametrize(
    "key",
    [Path(ED25519.decode()), ED25519[:-40], ED25519.replace(b"MC4", b"MC5")],
    ids=["as the path", "cut short", "torn"],
)
def test_a_refusal_does_not_show_the_key(key: bytes | Path) -> None:
    with pytest.raises(CannotSign) as refused:
        Signer.load(key, DOMAIN, SELECTOR)
    secret = ED25519.decode().splitlines()[1]
    assert secret[20:40] not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "name", ["", "a b", "a;b", "a\r\nb", "-a.test", "a..test", "ä.test", "a" * 64 + ".test", "a.test\n"]
)
@pytest.mark.parametrize("part", ["domain", "selector"])
def test_a_domain_or_selector_that_is_no_name_is_refused(part: str, name: str) -> None:
    with pytest.raises(CannotSign) as refused:
        Signer.load(ED25519, **{"domain": DOMAIN, "selector": SELECTOR, part: name})
    assert refused.value.part == part


@pytest.mark.parametrize("name", ["localhost", f"{'a' * 63}." * 3 + "a" * 62])
def test_a_domain_that_nobody_can_have_is_refused(name: str) -> None:
    with pytest.raises(CannotSign, match="DKIM domain must be a name"):
        Signer.load(ED25519, name, SELECTOR)


def test_a_signer_does_not_show_its_key(signer: Signer) -> None:
    assert repr(signer) == "Signer(domain='bank.test', selector='notices-2026')"
