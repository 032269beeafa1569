"""A real mail server (Dovecot 2.4) with one mailbox, as a process of the test with a folder and a port of its own."""

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from amends.cli.home.up import answers, free_port

DOVECOT = shutil.which("dovecot", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
PASSWORD = 'a secret "word" \\ ä'
SETTINGS = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
auth_allow_cleartext = yes
auth_mechanisms = plain
auth_failure_delay = 0
mailbox_idle_check_interval = 1 secs
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 0
first_valid_gid = 0
mail_uid = {uid}
mail_gid = {gid}
mail_driver = maildir
mail_path = {folder}/mail
mail_home = {folder}/home
passdb passwd-file {{
  passwd_file_path = {folder}/users
}}
userdb static {{
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def owner() -> tuple[int, int]:
    """User and group of the mails: Dovecot gives none to root."""
    nobody = pwd.getpwnam("nobody")
    return (nobody.pw_uid, nobody.pw_gid) if os.getuid() == 0 else (os.getuid(), os.getgid())


@dataclass
class Dovecot:
    """The server, which can be stopped and started again on the same port."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    names: Iterator[int] = field(default_factory=count)

    @property
    def maildir(self) -> Path:
        return self.folder / "mail"

    def deliver(self, raw: bytes, *, at: float | None = None) -> None:
        """Put a new mail into the mailbox as a mail server does, under a name that was never used."""
        name = f"{next(self.names)}.host"
        (self.maildir / "tmp" / name).write_bytes(raw)
        os.chown(self.maildir / "tmp" / name, *owner())
        if at:
            os.utime(self.maildir / "tmp" / name, (at, at))
        (self.maildir / "tmp" / name).rename(self.maildir / "new" / name)

    def start(self) -> None:
        assert DOVECOT
        self.process = subprocess.Popen(
            [DOVECOT, "-F", "-c", self.folder / "conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 120
        while not answers(self.port):
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError((self.folder / "log").read_text() if (self.folder / "log").exists() else "no log")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(30)


def is_usable() -> bool:
    """Whether a Dovecot is here whose settings are written like those above."""
    if DOVECOT is None:
        return False
    told = subprocess.run([DOVECOT, "--version"], capture_output=True, text=True, check=False).stdout
    return told.startswith("2.4")


@contextmanager
def served() -> Iterator[Dovecot]:
    """In a folder that the server's own users can enter too, as those of pytest cannot be."""
    folder = Path(tempfile.mkdtemp(prefix="amends-dovecot."))
    folder.chmod(0o755)
    server = Dovecot(folder, free_port())
    try:
        _prepare(server)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(server: Dovecot) -> None:
    for name in ("run", "home", "mail/new", "mail/cur", "mail/tmp"):
        (server.folder / name).mkdir(parents=True)
    for folder in (server.folder / "home", server.maildir, *server.maildir.iterdir()):
        os.chown(folder, *owner())
    me, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    is_root = os.getuid() == 0
    users = {
        "internal": "dovecot" if is_root else me,
        "group": "dovecot" if is_root else group,
        "login": "dovenull" if is_root else me,
    }
    ours = dict(zip(("folder", "port", "uid", "gid"), (server.folder, server.port, *owner()), strict=True))
    (server.folder / "conf").write_text(SETTINGS.format(**users, **ours))
    (server.folder / "users").write_text(f"care:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
    (server.folder / "users").chmod(0o644)
