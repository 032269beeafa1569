"""What each letter must say by law is ticked where the shipped letter says it, and crossed where none does."""

from amends.domain.assess.letters import RequiredItem, in_lines, required_letters
from amends.domain.law.addendum import Addenda
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from tests.builders import a_duty, an_assessment

ADDENDA = Addenda.model_validate(
    {
        "items": {
            "nature": {"says": "What happened", "codes": ["nature"]},
            "freeze": {"says": "How to freeze credit", "codes": ["freeze_howto"]},
        },
        "addenda": [
            {"id": "us", "places": ["US"], "adds": ["freeze"]},
            {"id": "us-ma", "places": ["US-MA"], "adds": ["freeze"], "leaves_out": ["nature"]},
        ],
    }
)


def owed(regime: str, place: str, *content: str, **changes: object) -> Duty:
    given = {"id": f"{regime}.people", "regime": regime, "places": (place,), "content": content}
    return a_duty(addressee=Addressee.PEOPLE, **given, **changes)


def lines(*duties: Duty, addenda: tuple[str, ...]) -> list[str]:
    assessment = an_assessment(duties=duties, addenda=addenda)
    return [line.strip() for line in in_lines(required_letters(assessment, ADDENDA))]


def test_an_item_that_the_shipped_letter_says_is_ticked() -> None:
    assert lines(owed("gdpr", "DE", "nature"), addenda=("general",)) == ["letter general", "✓ What happened [gdpr]"]


def test_a_code_that_no_letter_answers_is_crossed_with_its_name() -> None:
    (_, line) = lines(owed("us-nm", "US-NM", "fcra_rights"), addenda=("us",))
    assert line == "✗ fcra rights [us-nm]; no shipped letter says it: fcra_rights"


def test_an_item_of_another_letter_only_is_crossed() -> None:
    assert lines(owed("gdpr", "DE", "freeze_howto"), addenda=("general",))[1].startswith("✗ How to freeze credit")


def test_what_one_law_wants_and_another_forbids_is_said_so() -> None:
    """A letter that leaves out an item because a law of the place forbids it says so where another law asks for it."""
    federal = owed("us-hipaa", "US", "nature", "freeze_howto")
    assert lines(federal, owed("us-ma", "US-MA", "freeze_howto"), addenda=("us-ma",)) == [
        "letter us-ma",
        "✗ What happened [us-hipaa]; left out: another law there forbids it",
        "✓ How to freeze credit [us-hipaa, us-ma]",
    ]


def test_a_law_that_only_may_apply_is_marked_and_others_left_out() -> None:
    """A law that only may apply is marked; one from which an exemption is claimed, or that binds nobody, is left out."""
    exempt, guidance = DutyStanding.EXEMPT, DutyStanding.RECOMMENDED
    duties = (
        owed("may", "DE", "nature", standing=DutyStanding.MAY_APPLY),
        owed("gone", "DE", "nature", standing=exempt),
        owed("advice", "DE", "nature", standing=guidance),
    )
    (letter,) = required_letters(an_assessment(duties=duties, addenda=("general",)), ADDENDA)
    assert letter.items == (RequiredItem("nature", "What happened", ("may (may apply)",), said=True),)


def test_a_letter_for_which_no_law_asks_anything_is_not_listed() -> None:
    assert lines(owed("us-ma", "US-MA", "freeze_howto"), addenda=("general",)) == []
