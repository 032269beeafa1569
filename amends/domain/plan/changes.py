"""The differences between two playbooks and their words, in words for a lead and a lawyer, and which are weaker.

Every key of the model is compared, so that a key added to the playbook language later is compared too. A change is
weaker when it protects people less, or when something happens sooner than was agreed. A change without a rule in this
module counts as weaker too, so that two people must look at it.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel

from amends.domain.base.audience import EVERYONE
from amends.domain.base.text import minute
from amends.domain.base.value import Value
from amends.domain.entitlement.remedy import CORRECTED
from amends.domain.incident.commitment import PlannedCommitment
from amends.domain.law.addendum import Addenda
from amends.domain.notice.wording import Phrases, Wording
from amends.domain.playbook.playbook import Playbook, Step
from amends.domain.playbook.schedule import Delay
from amends.domain.risk.levels import Severity

RETIRED = "The playbook has this step no more; what had begun of it goes to its end."
"""The sentence of a step that stays only until its begun occurrences are over."""
SHARED = "_base"
"""The folder of templates that all notices share."""

UNKNOWN = "only a person can say whether it protects people as well"
HARMLESS = frozenset(
    {"id", "title", "for", "reads_on", "questions_owner", "complaints_owner", "owner", "deputy", "budget"}
)
MUST_KEEP = frozenset({"channels", "cascade", "waits_for", "roles"})
"""Keys whose new value must hold everything that the old value held."""
LESS_IS_WEAKER = frozenset(
    {"after", "on", "at", "every", "pause", "approve_within", "remind_before", "at_most", "needed"}
    | {"links_expire_after"}
)
MORE_IS_WEAKER = frozenset({"approval_expires_after", "within", "reply_within", "due", "size", "gap_at"})
LAWS = "a lawyer must say whether the laws of these places are still met"


class PlaybookChange(Value):
    """One difference between two playbooks or their words."""

    where: str
    """The part that differs, such as "step update", "promise audit" or "notice first-notice"."""
    what: str
    weaker: str = ""
    """The reason why two people must want the change, or empty."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" [weaker: {self.weaker}]" if self.weaker else "")


Changes = Iterator[PlaybookChange]


def changes(old: Playbook, new: Playbook) -> tuple[PlaybookChange, ...]:
    """Return the differences of the new playbook from the old one, in reading order."""
    before = {step.id: step for step in old.steps if step.reads_on != RETIRED}
    after = {step.id: step for step in new.steps}
    return (
        *_fields("the playbook", old, new, without=("steps", "commitments")),
        *_steps(before, after),
        *_order(before, after, new),
        *_commitments(
            {commitment.id: commitment for commitment in old.commitments},
            {commitment.id: commitment for commitment in new.commitments},
        ),
    )


def changes_of_words(old: Wording, new: Wording, *playbooks: Playbook) -> tuple[PlaybookChange, ...]:
    """Return the differences between the words that these playbooks use."""
    of_commitments = {"promise-kept", "promise-late", CORRECTED}
    used = {step.notice for playbook in playbooks for step in playbook.steps} | of_commitments | {SHARED}
    return (
        *_templates(old.templates, new.templates, used),
        *_phrases(old.phrases, new.phrases),
        *_addenda(old.addenda, new.addenda),
    )


# Steps and commitments


def _steps(before: Mapping[str, Step], after: Mapping[str, Step]) -> Changes:
    for step_id in dict.fromkeys((*before, *after)):
        where, old, new = f"step {step_id}", before.get(step_id), after.get(step_id)
        if old and new:
            yield from _fields(where, old, new)
        elif old:
            yield PlaybookChange(where=where, what=f"is left out ({_in_short(old)})", weaker=_weaker_without(old))
        elif new:
            yield PlaybookChange(where=where, what=f"is new ({_in_short(new)})")


def _weaker_without(step: Step) -> str:
    if step.notice or step.channels:
        return "people are told less"
    return "somebody has less to do" if step.task else "" if step.phase == "assess" else "it is looked after less"


def _in_short(step: Step) -> str:
    begins = f"{step.after} after {step.of}" if step.of else f"on {minute(step.on)}"
    says = f", {step.notice} by {', '.join(step.channels)}" if step.notice else ""
    return f"{step.phase}, {begins}{says}"


def _order(before: Iterable[str], after: Iterable[str], new: Playbook) -> Changes:
    kept = [step for step in before if step in set(after)]
    if kept != [step for step in after if step in kept]:
        chosen = any(step.one_of for step in new.steps)
        weaker = "of steps of which one is taken another may come first" if chosen else ""
        yield PlaybookChange(where="the playbook", what="its steps stand in another order", weaker=weaker)


def _commitments(before: Mapping[str, PlannedCommitment], after: Mapping[str, PlannedCommitment]) -> Changes:
    for commitment_id in dict.fromkeys((*before, *after)):
        where, old, new = f"promise {commitment_id}", before.get(commitment_id), after.get(commitment_id)
        if old and new:
            yield from _fields(where, old, new)
        elif old:
            yield PlaybookChange(where=where, what="is not made any more", weaker="people are promised less")
        else:
            yield PlaybookChange(where=where, what="is new")


# Any two values of the same model


def _fields(where: str, old: BaseModel, new: BaseModel, below: str = "", *, without: tuple[str, ...] = ()) -> Changes:
    """Yield the changes of each key; a nested key has its path before it, such as waves.pause."""
    for name, field in type(old).model_fields.items():
        if name not in without:
            yield from _values(where, f"{below}{field.alias or name}", getattr(old, name), getattr(new, name))


def _values(where: str, name: str, old: Any, new: Any) -> Changes:
    if old == new:
        return
    if isinstance(old, BaseModel) and isinstance(new, BaseModel):
        yield from _fields(where, old, new, f"{name}.")
    elif isinstance(old, Mapping) or isinstance(new, Mapping):
        was, now = old or {}, new or {}
        for key in dict.fromkeys((*was, *now)):
            yield from _values(where, f"{name}.{_said(key)}", was.get(key), now.get(key))
    else:
        yield PlaybookChange(where=where, what=f"{name}: {_from_to(old, new)}", weaker=_weaker(name, old, new))


def _from_to(old: Any, new: Any) -> str:
    if isinstance(old, tuple) and isinstance(new, tuple):
        gone, come = tuple(one for one in old if one not in new), tuple(one for one in new if one not in old)
        parts = [f"without {_said(gone)}"] * bool(gone) + [f"also {_said(come)}"] * bool(come)
        return "; ".join(parts) or f"in another order: {_said(new)}"
    return f"{_said(new)} instead of {_said(old)}"


def _said(value: Any) -> str:
    """Return the value as a playbook writes it."""
    if isinstance(value, tuple | list):
        return ", ".join(map(_said, value)) or "nothing"
    if isinstance(value, BaseModel):
        return _said(value.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(part)}" for key, part in value.items()) or "nothing"
    return _plain(value)


def _plain(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None | "":
            return "nothing"
        case Enum():
            return str(value.value)
        case datetime():
            return minute(value)
        case time():
            return f"{value:%H:%M}"
    return str(value)


# Weaker changes


def _weaker(name: str, old: Any, new: Any) -> str:
    """Return why this change of a key is weaker, or ""; the rule is chosen by the last part of the key's path."""
    own = name.rsplit(".", 1)[-1]
    if own in HARMLESS:
        return ""
    if name.startswith("when."):
        return _narrower(old, new)
    if own in MUST_KEEP and isinstance(old, tuple) and isinstance(new, tuple):
        return "something is missing that was agreed" if set(old) - set(new) else ""
    if name.startswith("urgent."):
        return _by_size("reply_within", old, new)
    if own in LESS_IS_WEAKER | MORE_IS_WEAKER:
        return _by_size(own, old, new)
    # Telling everyone, and a notice that nobody can opt out of, protect more than any other value of these keys.
    return "" if (own, new) in (("audience", EVERYONE), ("optional", False)) else UNKNOWN


def _by_size(own: str, old: Any, new: Any) -> str:
    was, now = _size(old), _size(new)
    if was is None or now is None or was[0] != now[0]:
        return UNKNOWN
    if (now < was) is not (own in LESS_IS_WEAKER):
        return ""
    amounts = {"number": ("fewer", "more"), "moment": ("earlier", "later"), "clock": ("earlier", "later")}
    amount = amounts.get(was[0], ("shorter", "longer"))
    return f"{amount[now > was]} than was agreed"


def _size(value: Any) -> tuple[str, float] | None:
    """Return the unit and size of a value that can be compared, or None; business days are no calendar days."""
    match value:
        case Delay():
            return ("business", value.business_days) if value.business_days else ("time", value.span.total_seconds())
        case timedelta():
            return "time", value.total_seconds()
        case datetime():
            return "moment", value.timestamp()
        case time():
            return "clock", value.hour * 60 + value.minute
        case int():
            return "number", value
    return None


def _narrower(old: Any, new: Any) -> str:
    """Return why the new condition is weaker, or "" when it holds in every case in which the old one held."""
    wider = (
        new in (None, ()),
        isinstance(new, tuple) and bool(old) and set(old) <= set(new),
        isinstance(new, Severity) and old is not None and new.rank < old.rank,
        type(new) is int and old is not None and new < old,
    )
    return "" if any(wider) else "it is done in fewer cases, or in others"


# Words


def _templates(old: Mapping[str, str], new: Mapping[str, str], used: set[str | None]) -> Changes:
    for path in sorted({*old, *new}):
        notice, _, name = path.partition("/")
        before, after = old.get(path), new.get(path)
        if notice not in used or before == after:
            continue
        where = "the text that all notices share" if notice == SHARED else f"notice {notice}"
        locale, *rest = name.split(".")
        text = f"{locale} {rest[0] if rest else name}"
        if after is None:
            weaker = "people may get it in another language, or not on this channel"
            yield PlaybookChange(where=where, what=f"the text for {text} is left out", weaker=weaker)
        elif before is None:
            yield PlaybookChange(where=where, what=f"a text for {text} is new")
        else:
            yield PlaybookChange(where=where, what=f"the text for {text} is another: {_lines(before, after)}")


def _lines(before: str, after: str) -> str:
    gone = set(before.splitlines()) - set(after.splitlines())
    come = set(after.splitlines()) - set(before.splitlines())
    return f"{len(come)} lines new, {len(gone)} gone"


def _phrases(old: Mapping[str, Phrases], new: Mapping[str, Phrases]) -> Changes:
    for locale in sorted({*old, *new}):
        before, after, where = old.get(locale), new.get(locale), f"language {locale}"
        if before and after:
            yield from _phrases_of(where, before, after)
        elif before:
            yield PlaybookChange(where=where, what="is left out", weaker="who reads it gets another language")
        else:
            yield PlaybookChange(where=where, what="is new")


def _phrases_of(where: str, old: Phrases, new: Phrases) -> Changes:
    for name in type(old).model_fields:
        if getattr(old, name) != getattr(new, name):
            loosened = name == "never_say" and set(old.never_say) - set(new.never_say)
            weaker = "notices may say what they had to avoid" if loosened else ""
            yield PlaybookChange(where=where, what=f"{name} is another", weaker=weaker)


def _addenda(old: Addenda, new: Addenda) -> Changes:
    before, after = ({addendum.id: addendum for addendum in one.addenda} for one in (old, new))
    for addendum_id in dict.fromkeys((*before, *after)):
        was, now, where = before.get(addendum_id), after.get(addendum_id), f"letter {addendum_id}"
        if was and now:
            yield from (change.model_copy(update={"weaker": LAWS}) for change in _fields(where, was, now))
        elif was:
            yield PlaybookChange(where=where, what=f"is left out: {', '.join(was.places)} get another", weaker=LAWS)
        else:
            yield PlaybookChange(where=where, what=f"is new, for {', '.join(now.places) if now else ''}", weaker=LAWS)
    if old.whole != new.whole:
        yield PlaybookChange(where="letters", what=f"written in full: {_from_to(old.whole, new.whole)}", weaker=LAWS)
    for name in sorted(item for item in {*old.items, *new.items} if old.items.get(item) != new.items.get(item)):
        yield PlaybookChange(where=f"letter item {name}", what=_fate(name, old.items, new.items), weaker=LAWS)


def _fate(name: str, old: Mapping[str, object], new: Mapping[str, object]) -> str:
    return "is left out" if name not in new else "is new" if name not in old else "is another"
