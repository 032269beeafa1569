"""Mails as they are read: person or machine, the thread for an answer, and files within their limits."""

import base64

import pytest

from amends.domain.receipt.attachment import MOST_FILE_BYTES, MOST_FILES, attachments_of
from amends.domain.receipt.incoming import IncomingMail, Unreadable, read_incoming

HEAD = "From: Ada <ada@mail.example>\nTo: help@company.example\nSubject: Re: Your data\nMessage-ID: <1@mail.example>\n"


def mail(*lines: str, body: str = "Is my card safe?") -> bytes:
    return (HEAD + "".join(f"{line}\n" for line in lines) + f"\n{body}\n").encode()


def read(raw: bytes) -> IncomingMail:
    found = read_incoming(raw)
    assert isinstance(found, IncomingMail)
    return found


def with_files(*files: tuple[str, bytes], name: str = "a.png") -> bytes:
    parts = [
        f'--b\nContent-Type: {kind}; name="{name}"\nContent-Disposition: attachment; filename="{name}"\n'
        f"Content-Transfer-Encoding: base64\n\n{base64.encodebytes(content).decode()}"
        for kind, content in files
    ]
    text = "--b\nContent-Type: text/plain\n\nSee the picture.\n"
    return (
        f"{HEAD}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n{text}{''.join(parts)}--b--\n".encode()
    )


@pytest.mark.parametrize(
    "line",
    [
        "List-Id: <news.example>",
        "List-Unsubscribe: <https://a.example>",
        "Mailing-List: x",
        "Auto-Submitted: auto-replied",
        "Precedence: list",
        "X-Autoreply: yes",
        "Return-Path: <>",
        "X-Auto-Response-Suppress: All",
    ],
)
def test_a_machine_and_a_list_are_no_person(line: str) -> None:
    assert read(mail(line)).reply is None
    assert read(mail()).reply


@pytest.mark.parametrize("subject", ["Out of Office: back on Monday", "Automatische Antwort: Daten", "自动回复：您好"])
def test_the_subject_of_an_absence_is_no_person(subject: str) -> None:
    assert read(mail().replace(b"Re: Your data", subject.encode())).reply is None


def test_the_thread_is_kept_for_an_answer() -> None:
    found = read(mail("References: <a@x.example> <b@x.example>"))
    assert (found.message_id, found.references, found.subject) == (
        "<1@mail.example>",
        "<a@x.example> <b@x.example>",
        "Re: Your data",
    )


@pytest.mark.parametrize(
    "lines",
    [
        ("References: <a@x.example>\r\n Bcc: all@company.example", "Subject: =?utf-8?q?a=0D=0ABcc:_x=40y?="),
        ("References: " + "<a@x.example> " * 900,),
        ("References: <a\x00@x> \x0bX: y",),
        ("In-Reply-To: <" + "a" * 5000 + "@x>",),
    ],
)
def test_nothing_but_the_thread_gets_into_a_header(lines: tuple[str, ...]) -> None:
    found = read(mail(*lines))
    said = f"{found.message_id}{found.references}{found.subject}"
    assert said.isprintable()
    assert "Bcc" not in found.references
    assert len(found.references) < 8_000


def test_files_are_set_apart_from_the_words() -> None:
    found = read(with_files(("image/png", b"\x89PNG"), ("application/zip", b"PK\3\4")))
    assert found.reply
    assert found.reply.words == "See the picture."
    assert [(file.kind, file.content) for file in found.attached.files] == [
        ("image/png", b"\x89PNG"),
        ("application/zip", b"PK\3\4"),
    ]


def test_files_without_end_are_left_out_and_counted() -> None:
    many = attachments_of(with_files(*[("image/png", b"x")] * (MOST_FILES + 3)))
    assert (len(many.files), many.left_out) == (MOST_FILES, 3)
    large = attachments_of(with_files(("image/png", b"x" * (MOST_FILE_BYTES + 1)), ("image/png", b"y")))
    assert (len(large.files), large.left_out) == (1, 1)


def test_a_type_of_a_stranger_is_a_type_or_unknown() -> None:
    odd = with_files((f"image/{'x' * 100}", b"x"))
    assert [file.kind for file in attachments_of(odd).files] == ["application/octet-stream"]


def test_a_mail_built_to_be_costly_is_not_read() -> None:
    deep = "Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 60
    assert isinstance(read_incoming(f"{HEAD}{deep}".encode()), Unreadable)


def test_nothing_personal_is_shown_by_accident() -> None:
    shown = repr(read(with_files(("image/png", b"secret"))))
    assert not any(word in shown for word in ("ada", "picture", "secret", "mail.example"))
