"""The bytes of an email: whatever the texts are, they read back as they were, and nothing else is in there."""

import email
import email.policy
import unicodedata
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amends.domain.channel.message import Message
from channels.smtp import mime
from channels.smtp.mime import (
    HEADERS,
    OPTIONAL_HEADERS,
    Email,
    Letterhead,
    Skeleton,
    UnfitEmail,
    check,
    compose,
    plain_address,
    skeleton,
    words,
)
from channels.smtp.webhook import ECHOED, MailProvider
from tests.channels.contract import HOSTILE, a_message

LETTERHEAD = Letterhead("care@bank.test", "Example Bank", "answers@bank.test", "bank.test")
ALWAYS = tuple(name for name in HEADERS if name not in OPTIONAL_HEADERS)
PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200)
ANY_TEXT = PRINTABLE | st.text(max_size=40) | st.sampled_from(HOSTILE)
ENDINGS = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\r\n\t"), max_size=500)


def parsed(letter: Email) -> EmailMessage:
    return email.message_from_bytes(letter.content, policy=email.policy.default)


def built(message: Message) -> Email:
    return compose(message, LETTERHEAD, skeleton(message.form, LETTERHEAD))


def composed(**changes: object) -> Email:
    letter, bones = made(**changes)
    check(letter, bones)
    return letter


def made(**changes: object) -> tuple[Email, Skeleton]:
    message = a_message(**changes)
    bones = skeleton(message.form, LETTERHEAD)
    return compose(message, LETTERHEAD, bones), bones


@given(name=ANY_TEXT, subject=ANY_TEXT, sender=ANY_TEXT)
def test_an_email_is_refused_or_has_our_headers_and_one_address(name: str, subject: str, sender: str) -> None:
    """Whatever name, subject and sender are, composing an email is refused, or the email has exactly our headers, one
    recipient and one sender.
    """
    try:
        letter = composed(to_name=name, subject=subject, sender=sender)
    except UnfitEmail:
        return
    message = parsed(letter)
    assert tuple(message.keys()) == ALWAYS
    assert [address.addr_spec for address in message["To"].addresses] == ["ada@example.test"]
    assert [address.addr_spec for address in message["From"].addresses] == ["care@bank.test"]


@given(name=PRINTABLE | st.sampled_from(HOSTILE[3:5]))
def test_a_name_reads_back_as_it_was(name: str) -> None:
    assert name_in(composed(to_name=name)) == name


def name_in(letter: Email) -> str:
    """Decoded word by word, because the parser of the default policy squeezes spaces and puts in its own."""
    header = str(make_header(decode_header(email.message_from_bytes(letter.content)["To"])))
    return header.removesuffix("ada@example.test").removesuffix("<ada@example.test>").removesuffix(" ")


@given(subject=PRINTABLE)
def test_a_subject_reads_back_as_it_was(subject: str) -> None:
    assert parsed(composed(subject=subject))["Subject"] == subject


@given(text=ENDINGS, html=ENDINGS.filter(bool))
def test_both_parts_read_back_as_they_were(text: str, html: str) -> None:
    message = parsed(composed(text=text, html=html))
    plain, page = (part.get_payload(decode=True).decode() for part in message.iter_parts())
    assert plain == with_line_ends(text)
    assert with_line_ends(html) in page


def with_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


@given(name=ANY_TEXT)
@example("x" * 80)
@example("x" * 67)
@example("王" * 80)
def test_no_line_is_longer_than_mail_allows(name: str) -> None:
    try:
        letter = composed(to_name=name, subject=name)
    except UnfitEmail:
        return
    lines = letter.content.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert all(len(line) <= 76 for line in lines if b"=?" in line)  # RFC 2047, 2


SMUGGLED = st.lists(
    st.sampled_from(
        ["\r", "\n", "\r\n", ".", "..", "\r\n.\r\n", "\n.\r\n", "\r.\r\n", "\n.\n", "\x00.", "\x85.", "\u2028."]
    )
    | st.sampled_from(["MAIL FROM:<evil@attacker.test>", "DATA", "BDAT 0 LAST", " ", "=", "\t", "é", "a" * 71]),
    max_size=12,
).map("".join)


@pytest.mark.parametrize("place", ["text", "html", "subject", "to_name", "sender", "value"])
@given(smuggled=SMUGGLED)
def test_no_text_ends_a_letter_before_its_end_for_any_server(place: str, smuggled: str) -> None:
    """Some servers take a bare CR or LF around a dot for the end (CVE-2023-51764, -51765, -51766)."""
    with_value = {"text": (".", "who", "."), "html": ("<p>.", "who", ".</p>"), "values": {"who": smuggled}}
    try:
        letter = composed(**(with_value if place == "value" else {place: smuggled}))
    except UnfitEmail:
        return
    lines = letter.content.split(b"\r\n")
    assert not [line for line in lines if b"\r" in line or b"\n" in line or line.startswith(b".")]


@pytest.mark.parametrize("character", ["\r", "\n", "\x00", "\x0b", "\x85", "\u2028", "\u2029", "\ud800"], ids=ascii)
@pytest.mark.parametrize("place", ["to_name", "subject", "sender"])
def test_a_character_that_breaks_lines_is_refused_in_a_header(place: str, character: str) -> None:
    with pytest.raises(UnfitEmail):
        built(a_message(**{place: f"a{character}b"}))


def test_the_same_message_gives_the_same_bytes() -> None:
    assert composed().content == composed().content


def test_another_key_gives_another_message_id() -> None:
    assert parsed(composed(key="a"))["Message-ID"] != parsed(composed(key="b"))["Message-ID"]


def test_the_date_is_the_one_of_the_notice() -> None:
    assert parsed(composed())["Date"] == "Tue, 24 Nov 2026 09:00:00 +0000"


def test_answering_machines_are_asked_to_be_silent() -> None:
    message = parsed(composed())
    silenced = set(message["X-Auto-Response-Suppress"].split(", "))
    assert (message["Auto-Submitted"], silenced) == ("auto-generated", {"RN", "NRN", "OOF", "AutoReply"})


def test_no_server_is_asked_to_keep_a_bounce_to_itself() -> None:
    silenced = parsed(composed())["X-Auto-Response-Suppress"].lower().split(", ")
    assert {"all", "ndr", "dr"}.isdisjoint(silenced)  # MS-OXCMAIL, 2.1.3.2.20


def test_the_organisation_signs_in_the_language_of_the_message() -> None:
    message = parsed(composed(sender="示例银行", locale="zh-CN"))
    assert message["From"].addresses[0].display_name == "示例银行"
    assert message["Content-Language"] == "zh-CN"


def test_without_html_the_second_part_shows_the_text() -> None:
    _, page = parsed(composed(html="", text="1 < 2")).iter_parts()
    assert "1 &lt; 2" in page.get_content()


def test_values_and_subjects_are_text_in_the_page_never_markup() -> None:
    """A person's value and a subject are escaped in the HTML part and its title, and never become markup."""
    message = a_message(html=("<p>Dear ", "who", "</p>"), text="Dear", subject=("<i>", "who", "</i>"))
    message = replace(message, values={"who": "<script>alert('x')</script> & Sons"})
    _, page = parsed(built(message)).iter_parts()
    escaped = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; Sons"
    assert f"<p>Dear {escaped}</p>" in page.get_content()
    assert f"<title>&lt;i&gt;{escaped}&lt;/i&gt;</title>" in page.get_content()


def test_optional_mail_offers_to_be_stopped_with_one_click() -> None:
    way_out = "https://notice.bank.test/stop/token"  # RFC 8058, 3.1: an HTTPS URI in angle brackets, and just this
    head = parsed(built(replace(a_message(), unsubscribe=way_out)))
    assert head["List-Unsubscribe"] == f"<{way_out}>"
    assert head["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_locale_that_is_none_is_refused() -> None:
    with pytest.raises(UnfitEmail, match="unsafe locale"):
        built(a_message(locale='en"><script>'))


def test_short_plain_text_stays_readable_in_a_header() -> None:
    assert words("Your data was copied") == "Your data was copied"


@pytest.mark.parametrize(
    "name", ["Dr. Ada", "Ada, Countess", 'Ada "A" L', "Ada (Countess)", "ada@bank.test", "Ada: L;"]
)
def test_a_name_with_a_special_header_sign_is_encoded(name: str) -> None:
    """A recipient's name with a character that has a meaning in a header (RFC 5322, 3.2.3) is encoded."""
    assert b"\r\nTo: =?utf-8?b?" in composed(to_name=name).content  # RFC 5322, 3.2.3: no atom has them


def test_a_subject_that_looks_encoded_reads_back_as_it_was() -> None:
    assert parsed(composed(subject="=?utf-8?b?RXZpbA==?="))["Subject"] == "=?utf-8?b?RXZpbA==?="


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: ", b"Bcc: evil@attacker.test\r\nSubject: "),
        (b"Subject: ", b"Cc: evil@attacker.test\r\nSubject: "),
        (b"Reply-To: ", b"Errors-To: "),
        (b"To: Ada", b"To: evil@attacker.test, Ada"),
        (b"To: Ada", b"To: evil@attacker.test Ada"),
        (b"To: Ada", b"To: root, Ada"),
        (b"<ada@example.test>", b"<bob@example.test>"),
        (b"<ada@example.test>", b"<ada@example.test>, <bob@example.test>"),
        (b"Subject: Your", b"Subject: \nYour"),
        (b"Subject: Your", b"Subject: \rYour"),
        (b"Subject: Your", b"Subject: \x00Your"),
        (b"Subject: Your", b"Subject: \xffYour"),
        (b"MIME-Version: 1.0\r\n", b""),
        (b"--\r\n", b"--\n"),
        (b"Date: ", b"Subject: second\r\nDate: "),
        (b"\r\n\r\n--=_amends", b"\r\n\r\nsomething before\r\n--=_amends"),
        (b"text/html", b"text/xhtm"),
        (b"</html>", b"</HTML>"),
        (b"--=_amends--\r\n", b"--=_amends--\r\nsomething behind\r\n"),
    ],
)
def test_the_last_look_finds_what_should_not_be_there(old: bytes, new: bytes) -> None:
    letter, bones = made()
    assert old in letter.content
    with pytest.raises(UnfitEmail, match="unsafe message"):
        check(replace(letter, content=letter.content.replace(old, new)), bones)


@pytest.mark.parametrize(
    "value", [b".", b"a\x00b", b"a\nb", b"a\rb", b"b\r", b"\nb", b"a\xffb", b"a\r\n.b", b"\x7f", b"a\tb"]
)
def test_the_last_look_finds_what_no_value_may_be(value: bytes) -> None:
    letter, bones = with_slot()
    content = letter.content.replace(letter.values[0], value)
    with pytest.raises(UnfitEmail, match="unsafe message"):
        check(replace(letter, content=content, values=(value,)), bones)


def test_the_last_look_finds_the_value_of_another_letter() -> None:
    letter, bones = with_slot()
    with pytest.raises(UnfitEmail, match="unsafe message"):
        check(replace(letter, content=letter.content.replace(letter.values[0], b"Bob")), bones)


def test_the_last_look_finds_what_stands_there_twice() -> None:
    letter, bones = made()
    with pytest.raises(UnfitEmail, match="unsafe message"):
        check(replace(letter, content=letter.content + bones.filled(letter.values)), bones)


def test_what_all_letters_share_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mime, "quoted", str.encode)  # which leaves line breaks as they are
    with pytest.raises(UnfitEmail, match="unsafe text"):
        made()


def with_slot() -> tuple[Email, Skeleton]:
    message = a_message(to_name="")
    message = replace(message, form=replace(message.form, text=("Dear ", "who", ",")), values={"who": "Countess"})
    bones = skeleton(message.form, LETTERHEAD)
    letter = compose(message, LETTERHEAD, bones)
    check(letter, bones)
    assert letter.content.count(letter.values[0]) == 1
    return letter, bones


def test_the_last_look_finds_a_letter_for_somebody_else() -> None:
    letter, bones = made()
    with pytest.raises(UnfitEmail):
        check(replace(letter, to="bob@example.test"), bones)


LONG_DOMAIN = f"{'b' * 63}.{'c' * 63}.{'d' * 63}"


@pytest.mark.parametrize(
    ("longest", "longer"),
    [
        ("a" * 64 + "@example.test", "a" * 65 + "@example.test"),
        (f"a@{'b' * 63}.test", f"a@{'b' * 64}.test"),
        (f"a@{LONG_DOMAIN}.{'e' * 55}.test", f"a@{LONG_DOMAIN}.{'e' * 56}.test"),
    ],
    ids=["local part", "label", "address"],
)
def test_the_longest_address_is_one_and_a_longer_one_is_refused(longest: str, longer: str) -> None:
    assert plain_address(longest) == longest
    with pytest.raises(UnfitEmail, match="unsafe address"):
        plain_address(longer)


@given(st.text(max_size=40))
def test_an_address_is_plain_ascii_or_refused(text: str) -> None:
    try:
        address = plain_address(f"{text}@example.test")
    except UnfitEmail:
        return
    assert address.isascii()
    assert all(unicodedata.category(character)[0] not in "CZ" for character in address)


def test_the_provider_echoes_the_token_and_offers_no_unsubscribe() -> None:
    """The header that the email provider echoes holds the bounce token, and an email that people must get offers no
    List-Unsubscribe.
    """
    message, letterhead = a_message(), replace(LETTERHEAD, echoed=ECHOED[MailProvider.MAILGUN])
    head = parsed(compose(message, letterhead, skeleton(message.form, letterhead)))
    assert message.bounce in head["X-Mailgun-Variables"]
    assert "List-Unsubscribe" not in head


def test_neither_repr_shows_the_person() -> None:
    assert "ada" not in repr(composed()).lower()
