"""Commands for keys: rotate the master key, or the key of one case."""

from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, noun
from amends.domain.base.text import counted

COPY_IT = (
    "copy keys/master.key to every other machine, and keep a copy of it apart from your backups; processes here go on "
    "by themselves"
)
IN_SETTING = (
    "the new key stands in {path}: put its text into the setting master_key, on every machine, and delete the file "
    "when `amends doctor` is content there"
)

app = noun()


@app.command()
def rotate(
    ctx: typer.Context,
    name: As,
    master: Annotated[bool, typer.Option("--master", help="The key that wraps the keys of all cases.")] = False,
    case: Annotated[str, typer.Option(metavar="INCIDENT", help="The key of one case.")] = "",
) -> None:
    """Replace the master key, or seal a whole case anew with a new key; called again, it finishes what was killed."""
    desk: Desk = ctx.obj
    if master == bool(case):
        raise typer.BadParameter("say which key: --master, or --case INCIDENT")
    if master:
        _rotate_master(desk, name)
    else:
        _rotate_case(desk, case, name)


def _rotate_master(desk: Desk, name: str) -> None:
    in_file = not desk.settings.master_key
    rotated = desk.ledger.keys.master(desk.member(name), now(), in_file=in_file)
    wrapped = f"the keys of {counted(rotated.incidents, 'case')} are wrapped by it"
    said = wrapped if rotated.incidents else "what an earlier rotation had left undone is done"
    desk.show({"incidents": rotated.incidents, "old": str(rotated.old or "")}, f"the master key is a new one; {said}")
    key_file = desk.ledger.store.keys.file
    desk.hint(COPY_IT if in_file or key_file is None else IN_SETTING.format(path=key_file.next))
    if rotated.old:
        desk.hint(f"{rotated.old} opens backups from before; delete it when they are gone")


def _rotate_case(desk: Desk, incident: str, name: str) -> None:
    from amends.delivery.forget import seal_files_in

    by = desk.member(name)
    sealed = desk.ledger.keys.case(incident, by, now(), seal_files_in(desk.settings.home))
    desk.show({"incident": incident, "sealed": sealed}, f"{incident} has a new key; {sealed} values were sealed anew")
    desk.hint("backups from before hold the old key, wrapped by the master key of their time")


@app.command("list")
def listed(ctx: typer.Context) -> None:
    """Say whether a rotation of a case's key was broken off; `amends keys rotate` finishes it."""
    desk: Desk = ctx.obj
    found = desk.ledger.keys.under_way()
    desk.show({"under_way": found}, "\n".join(found) or "no rotation is under way")
    for incident in found:
        desk.hint(f"`amends keys rotate --case {incident} --as NAME` finishes it")
