"""The table of verbs: who may do what. docs/roles.md shows it, and a test holds the two against each other.

A verb is a command as it is typed after `amends`; an option stands behind the command where it asks for other people.
"""

from collections.abc import Mapping

from amends.domain.base.errors import Refusal
from amends.domain.team.member import Member, TeamRole
from amends.domain.team.roles import VerbRule, why_not, why_not_both, why_not_by_form
from amends.domain.team.vote import DECIDERS

LEAD, LEGAL, COMMUNICATIONS = TeamRole.LEAD, TeamRole.LEGAL, TeamRole.COMMUNICATIONS
SECURITY, PRIVACY, EXECUTIVE = TeamRole.SECURITY, TeamRole.PRIVACY, TeamRole.EXECUTIVE

EVERYBODY = tuple(TeamRole)
WORKERS = (*DECIDERS, TeamRole.RESPONDER)
"""All roles but the auditor."""
STEERING = (LEAD, LEGAL, EXECUTIVE)
"""The roles that answer for the case: its silence, its broken promises."""
KEEPERS = (LEAD, LEGAL, PRIVACY, EXECUTIVE)
"""The roles that answer for personal data that is destroyed or kept."""
WATCHERS = (*KEEPERS, TeamRole.AUDITOR)
"""The roles that may ask who looked at whom."""

OPEN = VerbRule()
PROGRAM = VerbRule(note="the program does so at its hours too; no member is asked for")
LOOK = VerbRule(EVERYBODY, looks=True)

HOME: Mapping[str, VerbRule] = {
    "init": OPEN,
    "doctor": OPEN,
    "demo": OPEN,
    "up": OPEN,
    "schema": OPEN,
    "audit verify": OPEN,
    "audit anchor": OPEN,
    "audit head": OPEN,
    "audit looked": VerbRule(WATCHERS, looks=True, note="recorded where it names a person"),
    "audit refused": VerbRule(WATCHERS),
    "clock show": OPEN,
    "clock trust": VerbRule(DECIDERS),
    "team add": VerbRule((LEAD,), note="anybody, until there is a lead"),
    "team list": OPEN,
    "team roles": OPEN,
    "team remove": VerbRule((LEAD,)),
    "team delegate": VerbRule(DECIDERS, note="their own word; a lead may end it"),
    "team contact": VerbRule(EVERYBODY, note="their own; a lead for others"),
}

INCIDENT: Mapping[str, VerbRule] = {
    "assess": OPEN,
    "incident new": OPEN,
    "incident check": OPEN,
    "incident facts": OPEN,
    "incident import": OPEN,
    "incident list": OPEN,
    "incident show": OPEN,
    "incident timeline": OPEN,
    "incident assessments": OPEN,
    "incident open": VerbRule(DECIDERS, note="anybody, until the team has members"),
    "incident amend": VerbRule(DECIDERS),
    "incident pause": VerbRule(WORKERS, form=True),
    "incident resume": VerbRule(DECIDERS, form=True, note="a form ends only what a form began"),
    "incident embargo": VerbRule(STEERING, form=True),
    "incident lift": VerbRule(STEERING),
    "incident close": VerbRule(STEERING),
    "incident close --override": VerbRule(STEERING, people=2, note="closing although a criterion is not met"),
    "incident destroy": VerbRule(KEEPERS, people=2),
    "timeline": OPEN,
    "report": OPEN,
    "calendar": OPEN,
    "export case": OPEN,
    "export veris": OPEN,
    "export cacao": OPEN,
    "review show": OPEN,
    "review note": VerbRule(WORKERS),
    "review lesson": VerbRule(DECIDERS),
    "review end": VerbRule(DECIDERS),
    "duty list": OPEN,
    "duty show": OPEN,
    "duty pack": OPEN,
    "duty stale": OPEN,
    "duty filed": VerbRule(DECIDERS),
    "duty substitute": VerbRule(DECIDERS),
}

PLAYBOOK: Mapping[str, VerbRule] = {
    "playbook list": OPEN,
    "playbook show": OPEN,
    "playbook new": OPEN,
    "playbook validate": OPEN,
    "playbook diff": OPEN,
    "playbook schema": OPEN,
    "playbook plan": OPEN,
    "rehearse": OPEN,
    "load": OPEN,
    "run": VerbRule(DECIDERS, form=True),
    "migrate": VerbRule((LEAD,), note="without --as it only shows the changes"),
    "migrate --with": VerbRule(DECIDERS, note="the second person, when a change is weaker"),
    "step go": VerbRule(DECIDERS),
    "step skip": VerbRule(DECIDERS),
    "step done": VerbRule(WORKERS),
}

PEOPLE: Mapping[str, VerbRule] = {
    "audience check": OPEN,
    "audience stats": OPEN,
    "audience correct": VerbRule(DECIDERS, note="--check alone asks for nobody: it shows numbers of people"),
    "audience locales": VerbRule(DECIDERS, note="with --rule; the counts are open"),
    "audience mailboxes": VerbRule(DECIDERS, note="with --rule; the counts are open"),
    "dossier make": VerbRule(EVERYBODY, looks=True),
    "dossier verify": OPEN,
    "opt-out": VerbRule(WORKERS),
    "link revoke": VerbRule(WORKERS),
    "link renew": VerbRule(WORKERS, looks=True, note="shows the new link"),
    "reports list": OPEN,
    "reports show": LOOK,
    "reports decide": VerbRule(WORKERS),
    "requests list": OPEN,
    "requests approve": VerbRule(DECIDERS, looks=True),
    "requests refuse": VerbRule(DECIDERS),
}

NOTICE: Mapping[str, VerbRule] = {
    "lint": OPEN,
    "preview": OPEN,
    "preview --people": LOOK,
    "told": OPEN,
    "told --person": LOOK,
    "approve": VerbRule(DECIDERS, note="nobody their own words; as many as the playbook says"),
    "approve --emergency": VerbRule(DECIDERS, people=2, note="one of them lead or executive"),
    "reject": VerbRule(DECIDERS),
    "deliver": VerbRule(DECIDERS, note="with a decision; sending what is approved asks for nobody"),
    "deliveries": OPEN,
    "stop": VerbRule(WORKERS, form=True),
    "reconcile": VerbRule(DECIDERS),
    "letters": VerbRule(DECIDERS, looks=True, note="with --out; how they stand is open"),
    "letters --returned": VerbRule(WORKERS),
    "bounces": PROGRAM,
    "receipts": PROGRAM,
}

FEEDBACK: Mapping[str, VerbRule] = {
    "inbox take": PROGRAM,
    "inbox kept": LOOK,
    "inbox files": LOOK,
    "inbox save": VerbRule(WORKERS, looks=True),
    "questions list": LOOK,
    "questions search": LOOK,
    "questions show": LOOK,
    "questions groups": OPEN,
    "questions groups --words": LOOK,
    "questions canned": OPEN,
    "questions answers": LOOK,
    "questions replies": VerbRule(WORKERS, note="with --again; the states are open"),
    "questions calls": LOOK,
    "questions assign": VerbRule(WORKERS),
    "questions merge": VerbRule(WORKERS),
    "questions split": VerbRule(WORKERS),
    "questions topic": VerbRule(WORKERS),
    "questions answer": VerbRule(WORKERS),
    "questions answer-group": VerbRule(WORKERS),
    "questions approve": VerbRule(WORKERS, note="not their own answer"),
    "questions reject": VerbRule(WORKERS),
    "questions correct": VerbRule(WORKERS),
    "questions close": VerbRule(WORKERS),
    "questions called": VerbRule(WORKERS),
    "questions import": VerbRule(WORKERS),
    "questions note": VerbRule(WORKERS, looks=True),
    "surveys list": OPEN,
    "surveys results": OPEN,
    "surveys comments": LOOK,
    "mentions take": VerbRule(WORKERS),
    "mentions import": VerbRule(WORKERS),
    "mentions list": OPEN,
    "mentions answer": VerbRule(WORKERS),
    "mentions approve": VerbRule(DECIDERS, note="not their own answer"),
    "mentions post": VerbRule(WORKERS),
    "mentions posted": VerbRule(WORKERS),
    "sessions list": OPEN,
    "sessions show": OPEN,
    "sessions announce": VerbRule(WORKERS),
    "sessions publish": VerbRule(WORKERS),
    "sessions publish --approve": VerbRule(DECIDERS, note="not their own answers"),
    "sessions remind": PROGRAM,
    "faq list": OPEN,
    "faq propose": VerbRule(WORKERS),
    "faq approve": VerbRule(DECIDERS, note="not their own entry"),
    "faq withdraw": VerbRule(WORKERS),
}

WORD: Mapping[str, VerbRule] = {
    "commitments list": OPEN,
    "commitments library": OPEN,
    "commitments show": OPEN,
    "commitments add": VerbRule(DECIDERS),
    "commitments give": VerbRule(DECIDERS),
    "commitments step": VerbRule(WORKERS),
    "commitments file": VerbRule(WORKERS),
    "commitments keep": VerbRule(DECIDERS),
    "commitments review": VerbRule(DECIDERS, note="not who recorded the evidence"),
    "commitments late": VerbRule(DECIDERS),
    "commitments carry-over": VerbRule(DECIDERS),
    "commitments drop": VerbRule(STEERING),
    "commitments break": VerbRule(STEERING),
    "commitments spend": VerbRule(DECIDERS),
    "remedies list": OPEN,
    "remedies open": OPEN,
    "remedies import": VerbRule(DECIDERS),
    "remedies done": VerbRule(WORKERS),
    "remedies correct": VerbRule(DECIDERS, note="not who approves the notice of it"),
    "codes import": VerbRule(DECIDERS),
    "codes stock": OPEN,
    "codes redeemed": VerbRule(DECIDERS),
    "codes reissue": VerbRule(DECIDERS),
    "codes void": VerbRule(DECIDERS),
    "codes show": LOOK,
    "claims list": OPEN,
    "claims totals": OPEN,
    "claims show": LOOK,
    "claims evidence": VerbRule(WORKERS, looks=True),
    "claims add": VerbRule(WORKERS),
    "claims account": VerbRule(WORKERS),
    "claims object": VerbRule(WORKERS),
    "claims decide": VerbRule(DECIDERS, note="two above the playbook's limit, nobody a claim that they entered"),
    "claims pay": VerbRule(DECIDERS, people=2, note="one makes the file, another releases it"),
    "claims paid": VerbRule(DECIDERS),
    "forget plan": OPEN,
    "forget holds": OPEN,
    "forget hold": VerbRule(KEEPERS),
    "forget lift": VerbRule(KEEPERS),
    "forget date": VerbRule(KEEPERS),
    "forget due": VerbRule(KEEPERS),
    "forget person": VerbRule(KEEPERS, people=2),
    "keys list": OPEN,
    "keys rotate": VerbRule(DECIDERS),
}

VERBS: Mapping[str, VerbRule] = {**HOME, **INCIDENT, **PLAYBOOK, **PEOPLE, **NOTICE, **FEEDBACK, **WORD}


def rule_of(verb: str) -> VerbRule:
    """Return what a verb asks. Raises LookupError for a verb that is not in the table: nobody may call one."""
    if verb not in VERBS:
        raise LookupError(f"the verb {verb!r} is not in the table of roles")
    return VERBS[verb]


def why_not_call(member: Member, verb: str) -> Refusal | None:
    """Return why the member may not call the verb, or None. Raises LookupError for a verb out of the table."""
    return why_not(member, verb, rule_of(verb))


def why_not_call_by_form(verb: str) -> Refusal | None:
    """Return why no form in Prefect may call the verb, or None. Raises LookupError as `rule_of` does."""
    return why_not_by_form(verb, rule_of(verb))


def why_not_call_together(first: Member, second: Member, verb: str) -> Refusal | None:
    """Return why two members may not call the verb together, or None. Raises LookupError as `rule_of` does."""
    return why_not_both(first, second, verb, rule_of(verb))
