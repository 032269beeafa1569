"""Reading of the words of a playbook: templates, the phrases of each locale, and the addenda for places."""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

from amends.content.file.binding import bind, did_you_mean
from amends.content.file.characters import ODD_IN_TEXT, code_point, odd_characters
from amends.content.file.codes import Code
from amends.content.file.document import Document, read_document
from amends.content.file.reading import read_text
from amends.content.file.shipped import ADDENDA_FILE, library
from amends.content.law.addenda import read_addenda
from amends.content.law.help import read_help
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import LOCALE
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.commitment import FATES
from amends.domain.incident.facts import DataCategory
from amends.domain.incident.incident import StatementKey
from amends.domain.law.addendum import Addenda
from amends.domain.notice.help import Help
from amends.domain.notice.wording import PARTS, SHARED, Phrases, Wording

if TYPE_CHECKING:
    from jinja2.nodes import Template

HELP_FOLDER = "help"

_TEMPLATE_NAME = re.compile(rf"(?P<locale>{LOCALE.pattern})\.(?P<channel>[a-z]+)\.(?P<suffix>md|txt)")

ACCEPT_MISSING_VALUES = ("default", "d", "defined", "undefined", "none")
"""The filters and tests of Jinja that accept a value that does not exist."""


def read_wording(root: Path) -> Wording:
    """Return all templates, phrases and addenda below this folder. Raises ContentError with every finding.

    Templates are notices/NOTICE/LOCALE.CHANNEL.md or .txt, their shared parts are in notices/_base, phrases are
    locales/LOCALE.yaml. addenda.yaml tells how the laws of a place change a notice, and help/COUNTRY.yaml who helps
    people there; both may be absent.
    """
    findings: list[Finding] = []
    addenda = _addenda(root / ADDENDA_FILE, findings)
    templates = _templates(root / "notices", findings)
    phrases = _phrases(root / "locales", findings)
    findings += _wrong_templates(root / "notices", templates)
    if addenda:
        findings += _unknown_words(root / "notices", templates, addenda)
    findings += _untranslated(root / "locales", phrases)
    helps = _helps(root / HELP_FOLDER, phrases, addenda or Addenda(), findings)
    if findings:
        raise ContentError(*findings)
    return Wording(templates=templates, phrases=phrases, helps=helps, addenda=addenda or Addenda())


@cache
def shipped_wording() -> Wording:
    """Return the templates, phrases and addenda that come with Amends, read and checked once in each process."""
    return read_wording(library())


def _addenda(path: Path, findings: list[Finding]) -> Addenda | None:
    try:
        return read_addenda(path) if path.is_file() else Addenda()
    except ContentError as error:
        findings += error.findings
        return None


def _helps(folder: Path, phrases: Collection[str], addenda: Addenda, findings: list[Finding]) -> tuple[Help, ...]:
    try:
        return read_help(folder, phrases, addenda.items)
    except ContentError as error:
        findings += error.findings
        return ()


def _templates(folder: Path, findings: list[Finding]) -> dict[str, str]:
    templates: dict[str, str] = {}
    for path in sorted(folder.glob("*/*")):
        if path.name.startswith("."):
            continue
        try:
            _check_name(path)
            templates[path.relative_to(folder).as_posix()] = read_text(path)
        except ContentError as error:
            findings += error.findings
    return templates


def _check_name(path: Path) -> None:
    """Check that a notice can find the template under its name. Raises ContentError."""
    name = _TEMPLATE_NAME.fullmatch(path.name)
    if path.parent.name == SHARED and path.suffix in (".md", ".txt"):
        return
    if not name:
        what = "a template is named LOCALE.CHANNEL.md or LOCALE.CHANNEL.txt"
        raise ContentError(Finding(str(path), Code.WRONG_FORM, what, "as in zh-CN.email.md"))
    written = {kind: kind.suffix for kind in ChannelKind if kind.suffix}
    if name["channel"] not in written:
        advice = did_you_mean(name["channel"], written)
        raise ContentError(Finding(str(path), Code.UNKNOWN_WORD, f"{name['channel']!r} is not a channel", advice))
    if name["suffix"] != (suffix := written[ChannelKind(name["channel"])]):
        raise ContentError(Finding(str(path), Code.WRONG_FORM, f"a template for {name['channel']} ends in .{suffix}"))


def _wrong_templates(folder: Path, templates: dict[str, str]) -> Iterator[Finding]:
    from jinja2 import TemplateSyntaxError
    from jinja2.nodes import Const, Extends, FromImport, Import, Include

    from amends.domain.notice.templates import environment

    reader = environment(templates)
    for name, source in templates.items():
        yield from _odd_in_template(folder / name, source)
        try:
            tree = reader.parse(source)
        except TemplateSyntaxError as error:
            yield Finding(f"{folder / name}:{error.lineno}:1", Code.TEMPLATE_WRONG, error.message or "not a template")
            continue
        yield from _missing_values(folder / name, tree)
        for node in tree.find_all((Extends, FromImport, Import, Include)):
            used = next(node.iter_child_nodes(only=("template",)))
            if not isinstance(used, Const) or used.value not in templates:
                what = f"{used.value!r} does not exist" if isinstance(used, Const) else "name the template in quotes"
                yield Finding(f"{folder / name}:{node.lineno}:1", Code.TEMPLATE_WRONG, what)


def _missing_values(path: Path, tree: "Template") -> Iterator[Finding]:
    """Yield a finding for each filter or test that accepts a missing value, and each null, which prints as None."""
    from jinja2.nodes import Const, Filter, Name, Test

    for asked in tree.find_all((Filter, Test)):
        if asked.name in ACCEPT_MISSING_VALUES or any(given.key == "default" for given in asked.kwargs):
            what, advice = f"`{asked.name}` hides a name that is misspelt", "every value is there, if perhaps empty"
            yield Finding(f"{path}:{asked.lineno}:1", Code.TEMPLATE_WRONG, what, advice)
    for named in tree.find_all((Const, Name)):
        if named in (Const(None), Name("null", "load")):
            where = f"{path}:{named.lineno}:1"
            yield Finding(where, Code.TEMPLATE_WRONG, "null would be printed as None", 'write "" for nothing')


def _unknown_words(folder: Path, templates: dict[str, str], addenda: Addenda) -> Iterator[Finding]:
    """Yield a finding for each item that addenda.yaml lacks and each statement that does not exist, but are named."""
    known: dict[str, tuple[Collection[str], str]] = {
        "item": (addenda.items, "addenda.yaml has no item"),
        "states": ([*StatementKey], "no statement is about"),
    }
    for name, source in templates.items():
        for line, kind, word in _words_named(source):
            words, lacking = known[kind]
            if word not in words:
                where = f"{folder / name}:{line}:1"
                yield Finding(where, Code.UNKNOWN_WORD, f"{lacking} {word!r}", did_you_mean(word, words))


def _words_named(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line of each item or statement that the template names, its kind, and the word."""
    from jinja2 import TemplateSyntaxError
    from jinja2.nodes import Call, Const, Getattr, Name

    from amends.domain.notice.templates import environment

    try:
        tree = environment({}).parse(source)
    except TemplateSyntaxError:
        return  # _wrong_templates reports the error of syntax
    for used in tree.find_all(Call):
        asked = used.node
        kind = asked.name if isinstance(asked, Name) and asked.name in ("item", "states") else ""
        if isinstance(asked, Getattr) and isinstance(asked.node, Name) and asked.node.name == "addendum":
            kind = "item"
        for argument in used.args if kind else ():
            if isinstance(argument, Const):
                yield used.lineno, kind, str(argument.value)


def _odd_in_template(path: Path, source: str) -> Iterator[Finding]:
    for number, line in enumerate(source.split("\n"), 1):
        if odd := ODD_IN_TEXT.search(line.removesuffix("\r")):
            where = f"{path}:{number}:{odd.start() + 1}"
            yield Finding(where, Code.CHARACTER, f"{code_point(odd[0])} stands in this text", "delete it")


def _phrases(folder: Path, findings: list[Finding]) -> dict[str, Phrases]:
    phrases: dict[str, Phrases] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            document = read_document(path)
            phrases[path.stem] = bind(document, Phrases)
            findings += odd_characters(document)
            findings += _wrong_phrases(phrases[path.stem], document, path.stem)
        except ContentError as error:
            findings += error.findings
    return phrases


def _wrong_phrases(phrases: Phrases, document: Document, locale: str) -> Iterator[Finding]:
    if not LOCALE.fullmatch(locale):
        advice = "a locale is written as in en, zh-CN or zh-Hant-TW"
        yield Finding(document.file, Code.WRONG_FORM, f"{locale!r} is no locale", advice)
    if phrases.locale != locale:
        yield Finding(document.where(("locale",)), Code.WRONG_FORM, f"the file of this locale is {phrases.locale}.yaml")
    yield from _wrong_parts(phrases, document)


def _wrong_parts(phrases: Phrases, document: Document) -> Iterator[Finding]:
    """Yield a finding for each text with an unknown part in braces, at which every personal page would break."""
    said: dict[tuple[str, ...], str] = {("date",): phrases.date, ("moment",): phrases.moment}
    said |= {(name,): getattr(phrases, name) for name in ("at_least", "at_most", "between")}
    said |= {("happened", form): text for form, text in phrases.happened.items()}
    said |= {("portal", word): text for word, text in phrases.portal.items()}
    for trail, text in said.items():
        known = PARTS.get(trail[-1], ())
        if not _has_only(known, text):
            advice = f"known: {', '.join(f'{{{part}}}' for part in known)}" if known else "nothing is put into this one"
            yield Finding(document.where(trail), Code.WRONG_FORM, f"{trail[-1]}: a part in braces is not known", advice)


def _has_only(known: tuple[str, ...], text: str) -> bool:
    """Return True when the text has only known parts, without a format: one could ask for a gigabyte of blanks."""
    try:
        parts = [part for part in Formatter().parse(text) if part[1] is not None]
    except ValueError:
        return False
    return all(name in known and not (shape or conversion) for _, name, shape, conversion in parts)


def _untranslated(folder: Path, phrases: dict[str, Phrases]) -> Iterator[Finding]:
    """Yield a finding for each phrase that a locale lacks.

    Each locale must name every kind of data, every fate of a commitment, and all that another locale names.
    """
    must: dict[str, Iterable[str]] = {"data": DataCategory, "steps": (), "commitment_states": FATES, "portal": ()}
    for field, named in must.items():
        wanted = {*named, *(key for spoken in phrases.values() for key in getattr(spoken, field))}
        for locale, spoken in phrases.items():
            for key in sorted(wanted - getattr(spoken, field).keys()):
                where = str(folder / f"{locale}.yaml")
                yield Finding(where, Code.NO_TRANSLATION, f"{field} says nothing for {key}")
