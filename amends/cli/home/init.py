"""The command `amends init`: makes a home with settings, keys and an empty ledger."""

import base64
import json
import os
import shutil
import tempfile
from pathlib import Path
from shlex import quote
from string import Template
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import place
from amends.domain.base.errors import NotAllowed
from amends.system.files import replace_file, sync_folder

if TYPE_CHECKING:
    from amends.settings import Settings

SETTINGS = Path(__file__).with_name("amends.toml")


def init(
    ctx: typer.Context,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", parser=place, help="Where; it must be empty or not be there yet.")
    ],
    public_url: Annotated[
        str, typer.Option(metavar="URL", help="Where people reach the portal: https:// on a domain of your own.")
    ],
) -> None:
    """Make a home: settings, keys and an empty ledger."""
    desk: Desk = ctx.obj
    home = directory.absolute()
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise NotAllowed(f"{home} is not empty; nothing was changed")
    make_home(home, _settings_for(home, public_url))
    desk.show({"home": home, "public_url": public_url}, f"{home} is ready")
    desk.hint(f"export AMENDS_HOME={quote(str(home))}; `amends team add NAME --role lead` adds the first person")
    desk.hint(f"keep a copy of {home / 'keys' / 'master.key'} in another safe place: without it, all is lost")


def _settings_for(home: Path, public_url: str) -> "Settings":
    """Return the settings of the new home.

    Raises BadParameter when people could not reach the address, SettingsError when a variable is wrong.
    """
    from amends.settings import new_settings, why_not_public_url

    if why := why_not_public_url(public_url):
        raise typer.BadParameter(f"--public-url: {why}")
    return new_settings(home, public_url)


def make_home(home: Path, settings: "Settings") -> None:
    """Make a home beside its place and move it there when it is complete, so that it exists whole or not at all."""
    unfinished = _temporary_folder(home)
    try:
        _fill(unfinished, home, settings)
        unfinished.replace(home)
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    sync_folder(home.parent)


def _temporary_folder(home: Path) -> Path:
    """Make a folder beside the home that only its owner may enter.

    Raises NotAllowed, which names the home: nobody knows the name of the folder.
    """
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".amends-", dir=home.parent))
    except OSError as error:
        raise NotAllowed(f"{home} cannot be made: {home.parent}: {error.strerror}") from None


def _fill(unfinished: Path, home: Path, settings: "Settings") -> None:
    from amends.ledger import Keys, Ledger
    from amends.settings import ANCHOR_FILE, KEY_FILE, SETTINGS_FILE

    key = base64.b64encode(os.urandom(32)).decode()
    (unfinished / KEY_FILE.parent).mkdir(mode=0o700)
    # The key is on the disk before the ledger, which nobody can read without the key.
    replace_file(unfinished / KEY_FILE, f"{key}\n".encode())
    # A valid JSON string is a valid TOML string.
    texts = {
        "public_url": settings.public_url,
        "pages": f"{settings.public_url}/n",
        "outbox": str(home / "outbox"),
        "site": str(home / settings.site.name),
    }
    quoted = {name: json.dumps(text, ensure_ascii=False) for name, text in texts.items()}
    replace_file(unfinished / SETTINGS_FILE, Template(SETTINGS.read_text(encoding="utf-8")).substitute(quoted).encode())
    (unfinished / settings.site.name).mkdir()
    made = settings.model_copy(update={"home": unfinished})
    Ledger(made.ledger_url, Keys.from_text(key), unfinished / ANCHOR_FILE).migrate().dispose()
