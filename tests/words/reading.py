"""The first letters of invented incidents, as the people in them read them, and the numbers of each letter."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from amends.cli.notice.dry_run import kinds_in, opened, rehearse
from amends.content.incident.incident import read_incident
from amends.content.notice import shipped_wording
from amends.content.playbook.library import find_playbook
from amends.content.playbook.playbook import read_playbook
from amends.delivery.compose import Composer
from amends.domain.channel.channel import ChannelKind
from amends.domain.draft.writer import Links
from amends.domain.incident.facts import DataCategory
from amends.domain.lint.letter import CHARACTER, length
from amends.domain.lint.readability import grade, sentences
from amends.domain.notice.notice import Reader, TextName
from amends.domain.people.person import AudienceCounts, Flag, Person
from amends.domain.playbook.playbook import Playbook
from amends.ledger import Claim
from amends.ledger.deliver.claims import Contact, Released

FOLDER = Path(__file__).parent
LETTERS = FOLDER / "letters"
TOLD_AT = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)
LINKS = Links("https://notices.example")
TOKEN = "mmmmmmmmmmmmmmmmmmmmmmmmmmm"


@dataclass(frozen=True)
class Letter:
    """One person of an incident whose first letter is kept."""

    name: str
    incident: str
    playbook: str
    person: Person
    reader: Reader = Reader.SELF

    def __str__(self) -> str:
        return self.name


def someone(number: int, name: str, country: str, region: str = "", data: str = "", **more: Any) -> Person:
    given: dict[str, Any] = {"locale": "en", "email": "reader@mail.example", "phone": "", "timezone": ""}
    kinds = tuple(DataCategory(kind) for kind in data.split())
    return Person(number=number, ref=str(number), name=name, country=country, region=region, data=kinds, **given | more)


PAPERS, DATA, VENDOR = "stolen-device-or-papers", "customer-data-theft", "vendor-breach"
FULL = "ssn full_name home_address treatment"
KEPT = (
    Letter("california-with-ssn", "dental", PAPERS, someone(1, "Maria Lopez", "US", "CA", FULL)),
    Letter(
        "new-york-without-ssn", "dental", PAPERS, someone(2, "Sam Reed", "US", "NY", "full_name home_address diagnosis")
    ),
    Letter("massachusetts-with-ssn", "dental", PAPERS, someone(3, "Ann Burke", "US", "MA", FULL)),
    Letter(
        "texas-guardian-with-ssn",
        "dental",
        PAPERS,
        someone(4, "Lily Tran", "US", "TX", "ssn full_name health_insurance_number", flags=frozenset({Flag.MINOR})),
        Reader.GUARDIAN,
    ),
    Letter(
        "germany",
        "shop",
        DATA,
        someone(5, "Jana Wolf", "DE", data="full_name home_address email_address account_number purchase"),
    ),
    Letter(
        "france",
        "shop",
        DATA,
        someone(6, "Luc Morel", "FR", data="full_name home_address email_address account_number"),
    ),
    Letter(
        "china",
        "insider",
        DATA,
        someone(7, "王芳", "CN", data="full_name phone_number home_address id_card", locale="zh-CN"),
    ),
    Letter("hong-kong", "insider", DATA, someone(8, "陳志明", "HK", data="full_name phone_number", locale="zh-CN")),
    Letter(
        "vendor-in-britain",
        "vendor",
        VENDOR,
        someone(9, "Grace Lowe", "GB", data="full_name home_address billing account_number"),
    ),
)


def text_of(letter: Letter) -> str:
    """The letter as an email program shows it as plain text, subject first."""
    message = composed(letter)
    return f"{message[0]}\n\n{message[1].replace(TOKEN, '…')}\n"


@cache
def composed(letter: Letter) -> tuple[str, str, str]:
    """The subject and the text of the letter, and the help at its end."""
    composer = _drafted(letter.incident, letter.playbook)
    message = composer.message(_claim(letter))
    return message.subject, message.text, message.values["help"]


@cache
def _drafted(incident: str, playbook: str) -> Composer:
    file = read_incident(FOLDER / "incidents" / f"{incident}.yaml")
    people = [one.person for one in KEPT if one.incident == incident]
    guarded = [one.person for one in KEPT if one.incident == incident and one.reader is Reader.GUARDIAN]
    guardians = [someone(100 + one.number, "Kim Tran", one.country, one.region, guardian_of=one.ref) for one in guarded]
    places = {f"{person.country}-{person.region}" if person.region else person.country: 1 for person in people}
    counts = AudienceCounts(people=len(people), by_place=places)
    case = opened(file, counts, without_commitments(playbook), TOLD_AT)
    wording = shipped_wording()
    runs = rehearse(case, wording, kinds_in([*people, *guardians], wording.addenda), LINKS, TOLD_AT)
    draft = next(run.draft for run in runs if run.draft and run.draft.template == "first-notice")
    return Composer(file, draft, wording, LINKS)


def without_commitments(playbook: str) -> Playbook:
    """The playbook with no promise of its own: the incident file has those that the lead picked."""
    return read_playbook(find_playbook(playbook)).model_copy(update={"commitments": ()})


def _claim(letter: Letter) -> Claim:
    person = letter.person
    about = Contact(
        person.number, person.name, person.email, "", "", person.data, person.country, "", region=person.region
    )
    to = about._replace(name="Kim Tran") if letter.reader is Reader.GUARDIAN else about
    addendum = shipped_wording().addenda.addendum_for(person.country, person.region)
    return Claim(
        id=1,
        lease=1,
        key="key",
        bounce="",
        released=Released("first-notice", TOLD_AT),
        attempts=1,
        channel=ChannelKind.EMAIL,
        text=TextName(person.locale, letter.reader, addendum),
        about=about,
        to=to,
        link=TOKEN,
    )


def row_of(letter: Letter) -> tuple[int, int, float | None, int]:
    """The words of the letter without its help, the words before the first step, the grade, and long Chinese sentences.

    A Chinese letter has no grade, and an English one no Chinese sentences.
    """
    _, text, help_text = composed(letter)
    language, (own, _, _) = letter.person.locale.split("-")[0], text.partition(help_text)
    first = (
        shipped_wording()
        .steps_in(letter.person.locale, letter.person.country)
        .first(letter.person.data, child=letter.reader is Reader.GUARDIAN)
    )
    before, found, _ = own.partition(first)
    assert found
    chinese = (
        [sentence for sentence in sentences(own) if len(CHARACTER.findall(sentence)) > 40] if language == "zh" else []
    )
    return length(language, own), length(language, before), None if language == "zh" else grade(own), len(chinese)


def table() -> str:
    """The table of docs/words.md: the numbers of every letter that is kept."""
    rows = [
        "| letter | words | words before the first step | reading grade | sentences over 40 characters |",
        "|---|---|---|---|---|",
    ]
    for letter in KEPT:
        words, before, school, long = row_of(letter)
        chinese = letter.person.locale.startswith("zh")
        rows.append(
            f"| {letter} | {words} | {before} | {'' if school is None else f'{school:.1f}'} | {long if chinese else ''} |"
        )
    return "\n".join(rows)
