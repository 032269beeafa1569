"""What mail programs add to the words of a person is taken away: a table of programs and languages."""

import time

import pytest

from amends.domain.receipt.quotation import inert, without_quotation

WORDS = "Is my card safe?"
STYLES = {
    "gmail": "On Tue, 3 Nov 2026 at 10:00, Example Ltd <help@company.example> wrote:\n\n> Dear Ada\n> we write\n",
    "gmail, wrapped": "On Tue, 3 Nov 2026 at 10:00, Example Ltd\n<help@company.example> wrote:\n\n> Dear Ada\n",
    "gmail, german": "Am Di., 3. Nov. 2026 um 10:00 Uhr schrieb Example AG <h@company.example>:\n\n> Sehr geehrte\n",
    "gmail, french": "Le mar. 3 nov. 2026 à 10:00, Example <h@company.example> a écrit :\n\n> Bonjour\n",
    "gmail, chinese": "公司 <h@company.example> 于2026年11月3日周二 10:00写道：\n\n> 您好\n",
    "no marks": "On 3 Nov 2026, Example Ltd <help@company.example> wrote:\n\nDear Ada, we write to you\n",
    "apple": "> On 3 Nov 2026, at 10:00, Example <h@company.example> wrote:\n> \n> Dear Ada\n",
    "apple, german": "> Am 03.11.2026 um 10:00 schrieb Example <h@company.example>:\n> \n> Sehr geehrte\n",
    "apple, chinese": "> 2026年11月3日 10:00，公司 <h@company.example> 写道：\n> \n> 您好\n",
    "apple, chinese, wrapped": "2026年11月3日 10:00，公司\n<h@company.example> 写道：\n\n您好\n",
    "iphone": "Sent from my iPhone\n\n> On 3 Nov 2026, at 10:00, Example <h@company.example> wrote:\n> Dear Ada\n",
    "iphone, german": "Von meinem iPhone gesendet\n",
    "iphone, french": "Envoyé de mon iPhone\n",
    "iphone, chinese": "发自我的 iPhone\n",
    "outlook": "________________________________\nFrom: Example <h@company.example>\nSent: Tuesday\nTo: Ada\n\nDear Ada\n",
    "outlook, desktop": "From: Example <h@company.example>\nSent: Tuesday, 3 November 2026 10:00\nTo: Ada\n\nDear Ada\n",
    "outlook, old": "-----Original Message-----\nFrom: Example\nSent: today\n\nDear Ada\n",
    "outlook, mac": "*From:* Example <h@company.example>\n*Date:* Tuesday\n*To:* Ada\n\nDear Ada\n",
    "outlook, german": "Von: Example AG <h@company.example>\nGesendet: Dienstag, 3. November 2026\nAn: Ada\n\nSehr geehrte\n",
    "outlook, german, old": "-----Ursprüngliche Nachricht-----\nVon: Example\n\nSehr geehrte\n",
    "outlook, french": "De : Example <h@company.example>\nEnvoyé : mardi\nÀ : Ada\n\nBonjour\n",
    "outlook, french, no-break": "De\u00a0: Example <h@company.example>\nEnvoyé\u00a0: mardi\nÀ\u00a0: Ada\n\nBonjour\n",
    "outlook, french, old": "-----Message d’origine-----\nDe : Example\n\nBonjour\n",
    "outlook, chinese": "发件人: 公司 <h@company.example>\n发送时间: 2026年11月3日\n收件人: Ada\n\n您好\n",
    "outlook, ios": "Get Outlook for iOS<https://aka.ms/o0ukef>\n________________________________\nFrom: Example\n",
    "outlook, android, german": "Von Outlook für Android gesendet\n",
    "qq": "------------------ 原始邮件 ------------------\n发件人: 公司\n您好\n",
    "netease": "---- 回复的原邮件 ----\n| 发件人 | 公司 |\n您好\n",
    "netease, web": "在 2026-11-03 10:00:00，公司 <h@company.example> 写道：\n\n您好\n",
    "foxmail": "发件人： 公司\n发送时间： 2026-11-03 10:00\n收件人： Ada\n\n您好\n",
    "forwarded": "---------- Forwarded message ---------\nFrom: Example <h@company.example>\nDate: Tue\n\nDear Ada\n",
    "signature": "-- \nAda Lovelace\n+49 30 1234\n",
    "signature, bare": "--\nAda Lovelace\nAnalytical Engines\n",
    "gmx": "Gesendet mit der GMX Mail App\n",
    "galaxy": "Sent from my Galaxy\n",
    "disclaimer": (
        "This email and any attachments are confidential and intended solely for the addressee. If you are not the "
        "intended recipient, delete it.\n"
    ),
    "disclaimer, german": (
        "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind oder diese E-Mail\n"
        "irrtümlich erhalten haben, vernichten Sie diese Mail.\n"
    ),
    "disclaimer, french": (
        "Ce message est confidentiel. Si vous n'en êtes pas le destinataire ou l'avez reçu par erreur, merci de le "
        "détruire.\n"
    ),
    "disclaimer, chinese": "本邮件含有保密信息，仅供指定收件人使用。如您误收本邮件，请立即删除。\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_the_words_alone_are_left(style: str) -> None:
    assert without_quotation(f"{WORDS}\n\n{STYLES[style]}") == WORDS


@pytest.mark.parametrize("style", ["gmail", "apple", "apple, german"])
def test_words_below_what_is_quoted_are_left(style: str) -> None:
    assert without_quotation(f"{STYLES[style]}\n{WORDS}\n") == WORDS


def test_answers_between_quoted_lines_are_left() -> None:
    mixed = "> You asked where.\n\nIn Berlin.\n\n> You asked when.\n\nOn Monday.\n"
    assert without_quotation(mixed).split() == ["In", "Berlin.", "On", "Monday."]


@pytest.mark.parametrize(
    "words",
    [
        "This message is confidential: my husband must not know.",
        "为什么我的信息会泄露？请告诉我。",
        "Hello,\n\nDiese vertraulichen Daten waren bei Ihnen?\n\nAda",
        "Who is the recipient of my data?\n\nPlease delete it.",
        "From: where did you get my address?",
    ],
)
def test_what_people_write_stays(words: str) -> None:
    assert without_quotation(words) == words


def test_a_disclaimer_alone_stays() -> None:
    assert without_quotation(STYLES["disclaimer"]) == STYLES["disclaimer"].strip()


@pytest.mark.parametrize(
    ("html", "seen"),
    [
        ("<p>Is my <b>card</b> safe?</p>", WORDS),
        ("<p>Is&nbsp;my card&#32;safe?</p><script>alert(1)</script>", WORDS),
        ("<html><head><style>p {x}</style><title>t</title></head><body>Is my card safe?</body>", WORDS),
        ("Is my card safe?<!-- hidden <b>words</b> --><img src='https://spy.example/a@b.gif'>", WORDS),
        ('<a href="mailto:a@b.example">Is my card safe?</a>', WORDS),
        ("Is my card safe?<style>p {", WORDS),
    ],
)
def test_html_becomes_the_text_that_is_seen(html: str, seen: str) -> None:
    assert inert(html) == seen


@pytest.mark.parametrize("piece", ["<style>", "<!--", "<a ", "<", "&#", "</script>", "<b>" * 3, "-->", "<style><body>"])
def test_the_largest_html_takes_little_time(piece: str) -> None:
    begun = time.process_time()
    inert(piece * (256 * 1024 // len(piece)))
    assert time.process_time() - begun < 3
