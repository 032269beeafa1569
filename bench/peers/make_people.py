"""Invented people and one message of about 5.6 KB for them, in the forms the peers read. The same for every run.

python bench/peers/make_people.py FOLDER COUNT

It writes people.csv, the message's texts as templates (letter.txt and letter.html with the loops of Jinja2 in *.j2 and
of Handlebars in *.hbs), what is the same in all messages (common.json), and one whole message (message.eml).
"""

import csv
import json
import random
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from jinja2 import Environment

COMMON = {
    "from": "Example Corp <notice@breach.example>",
    "subject": "Important: security incident affecting your Example Corp account",
    "incident_date": "12 November 2026",
    "months": 24,
}
FIRST = "Ana Björn Chloé Dmitri Eva Farid Grace Hiro Ines Jan Kwame Lea O'Neil Mia&Tom Noor Zoë".split()
LAST = "Smith García Müller Nguyen Kowalski Rossi Silva Haddad Okafor Tanaka Novák Dupont".split()
ITEMS = (
    "Full name",
    "E-mail address",
    "Postal address",
    "Date of birth",
    "Phone number",
    "Password hash",
    "Last 4 digits of payment card",
    "National ID number",
)
COLUMNS = ("id", "email", "first", "last", "account", "ref", "token", "items")
LOOPS = {
    "j2": ("{% for item in items %}", "{{ item }}", "{% endfor %}"),
    "hbs": ("{{#each items}}", "{{ this }}", "{{/each}}"),
}
"""What stands before, for and after an item; all else is the same in both languages."""

TEXT = """\
Dear {{ first }} {{ last }},

We are writing to tell you about a security incident that affects the account
{{ account }} that you hold with us. On {{ incident_date }} we found that an
unauthorised party had gained access to one of our systems. We closed that
access the same day and reported it to the supervisory authority.

The following information about you was in the affected system:
@BEGIN - @ITEM
@END
Your case reference is {{ ref }}. Please quote it whenever you contact us.

What we ask you to do now:
 1. Change the password of your account and of any account with the same one.
 2. Be careful with e-mails, calls and messages that claim to come from us.
 3. Check your statements for payments that you do not recognise.

Full notice, updates and {{ months }} months of free credit monitoring:
https://notice.example.com/c/{{ token }}

You can ask which information we hold about you, have it corrected or erased,
and complain to the supervisory authority of the country in which you live.

We are sorry that this happened and will write again as soon as we know more.
The data protection office, Example Corp
"""
HTML = """\
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ subject }}</title></head>
<body style="margin:0;padding:0;background:#f4f4f6;font-family:Helvetica,Arial,sans-serif;color:#1b1b1f">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f4f4f6">
<tr><td align="center"><table role="presentation" width="600" cellpadding="0" cellspacing="0"
style="background:#ffffff;border-radius:8px"><tr><td
style="background:#12284b;color:#ffffff;padding:20px 32px;font-size:20px;font-weight:bold">Example Corp,
security notice</td></tr>
<tr><td style="padding:28px 32px;font-size:15px;line-height:1.55">
<p>Dear {{ first }} {{ last }},</p>
<p>We are writing to tell you about a security incident that affects the account <strong>{{ account }}</strong>
that you hold with us. On {{ incident_date }} we found that an unauthorised party had gained access to one of our
systems. We closed that access the same day, reported it to the supervisory authority and engaged outside
specialists.</p>
<p>The following information about you was in the affected system:</p>
<ul>@BEGIN<li>@ITEM</li>@END</ul>
<p style="background:#fff5e0;border-left:4px solid #e0a100;padding:12px 16px">Your case reference is
<strong>{{ ref }}</strong>. Please quote it whenever you contact us. We will never ask for your password.</p>
<p>What we ask you to do now:</p>
<ol><li>Change the password of your account, and of any other account where you used the same one.</li>
<li>Be careful with e-mails, calls and text messages that claim to come from us or from your bank.</li>
<li>Check your statements for payments that you do not recognise and tell your bank at once.</li></ol>
<p>You can read the full notice, follow updates and sign up for {{ months }} months of credit monitoring at no cost
to you at<br><a href="https://notice.example.com/c/{{ token }}">https://notice.example.com/c/{{ token }}</a></p>
<h2 style="font-size:17px;margin:24px 0 8px">What happened, and what we have done</h2>
<p>An account of one of our suppliers was misused to read records in our customer database. We withdrew the access,
replaced all keys and passwords of that system, and had its logs examined. We have found no sign that your information
has been published, but we cannot rule it out, and that is why we tell you now and not at the end of the
investigation.</p>
<h2 style="font-size:17px;margin:24px 0 8px">Your rights</h2>
<p>You can ask us which information we hold about you, have it corrected or erased, and object to its use. You can also
complain to the supervisory authority of the country in which you live. None of this costs you anything, and it does
not change your contract with us.</p>
<p>Your name will be needed to sign up, {{ first }}; if your address has changed, or if you act for a child or for
somebody under your care, call the number below and quote {{ ref }}.</p>
<p>We are sorry that this happened and we will write to you again as soon as we know more.</p>
<p>Yours sincerely,<br>The data protection office, Example Corp</p></td></tr>
<tr><td style="padding:16px 32px;background:#f0f0f3;font-size:12px;color:#5a5a66">Example Corp, 1 Main Street,
Springfield. Data protection officer: dpo@example.com, +1 555 0100. You receive this notice because the law requires
us to tell you; it is not advertising and you cannot unsubscribe from it. Sent to {{ email }}.</td></tr>
</table></td></tr></table></body></html>
"""


def make(folder: Path, count: int) -> None:
    """Writes all the files, over those of before."""
    _write(folder / "common.json", json.dumps(COMMON))
    for language in LOOPS:
        _write(folder / f"letter.txt.{language}", _in(TEXT, language))
        _write(folder / f"letter.html.{language}", _in(HTML, language))
    with (folder / "people.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(_people(count))
    (folder / "message.eml").write_bytes(_message())


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _in(letter: str, language: str) -> str:
    begin, item, end = LOOPS[language]
    return letter.replace("@BEGIN", begin).replace("@ITEM", item).replace("@END", end)


def _people(count: int) -> Iterator[tuple[object, ...]]:
    """No field holds a comma or a quotation mark, so that splitting a line reads it."""
    chance = random.Random(7)
    for number in range(1, count + 1):
        yield (
            number,
            f"user{number}@d{chance.randrange(200)}.example.net",
            chance.choice(FIRST),
            chance.choice(LAST),
            f"AC-{number:09}",
            f"BR-{chance.randrange(16**8):08X}",
            f"{chance.getrandbits(128):032x}",
            "|".join(chance.sample(ITEMS, chance.randrange(2, 6))),
        )


def _message() -> bytes:
    """The first person's, with an ASCII name: what the raw wire sends to everybody."""
    person = dict(zip(COLUMNS, next(_people(1)), strict=True))
    values = {**COMMON, **person, "first": "Eva", "last": "Silva", "items": ITEMS[:4]}
    message = EmailMessage(policy=SMTP)
    message["Subject"], message["From"], message["To"] = COMMON["subject"], COMMON["from"], values["email"]
    message["Message-ID"] = "<1@breach.example>"
    message.set_content(Environment(autoescape=False).from_string(_in(TEXT, "j2")).render(values))
    html = Environment(autoescape=True).from_string(_in(HTML, "j2")).render(values)
    message.add_alternative(html, subtype="html")
    return bytes(message)


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
