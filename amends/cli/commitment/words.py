"""Texts by locale, and who owns what, as the commands for commitments read and point them out."""

from collections.abc import Iterable

import typer

from amends.cli.terminal.desk import Desk
from amends.domain.base.text import listed
from amends.domain.base.value import LOCALE, Texts, text_for
from amends.domain.incident.incident import Incident


def spelled_texts(spelled: list[str]) -> Texts:
    """Return the texts by locale, from LOCALE=TEXT or from one bare text for every locale."""
    texts: Texts = {}
    for given in spelled:
        locale, equals, text = given.partition("=")
        named = equals and LOCALE.fullmatch(locale)
        texts[locale if named else "*"] = (text if named else given).strip()
    return texts


def texts_for_all(spelled: list[str], incident: Incident, option: str) -> Texts:
    """Return the texts by locale, from LOCALE=TEXT or from one bare text for every locale.

    Raises BadParameter when a locale of the incident gets no text.
    """
    texts = spelled_texts(spelled)
    missing = [locale for locale in incident.texts if not text_for(texts, locale)]
    if missing:
        raise typer.BadParameter(f"say it in {', '.join(missing)} too: {option} {missing[0]}=TEXT")
    return texts


def point_out_untranslated(desk: Desk, texts: Texts, incident: Incident, option: str) -> None:
    bare = sorted(locale for locale in incident.texts if text_for(texts, locale) == texts.get("*"))
    if len(bare) > 1:
        desk.hint(
            f"the letters in {' and '.join(bare)} all say it in these words; "
            f"until they leave, the same again with {option} {bare[0]}=TEXT and so on says it in each language"
        )


def point_out_owners(desk: Desk, names: Iterable[str]) -> None:
    """Say which of these owners and deputies no alert reaches, because they are no members or have no contact."""
    known = {member.name: member for member in desk.ledger.team.members() if member.active}
    wanted = dict.fromkeys(names)
    if missing := [name for name in wanted if name not in known]:
        desk.hint(f"{listed(missing)}: no member of the team, so that the leads are reminded instead")
    for name in wanted:
        if name in known and not known[name].can_be_reached:
            desk.hint(f"{name} has no contact, so that no reminder arrives: `amends team contact {name} --as {name}`")
