"""Folders that other machines may have too: there SQLite cannot keep those apart who write at once."""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
OF_THE_NETWORK = frozenset((
    "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "gpfs", "lustre", "mfs", "nfs", "nfs4", "ocfs2", "pvfs2",
    "smb3", "smbfs",
    "fuse.ceph", "fuse.ceph-fuse", "fuse.cephfs", "fuse.davfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.gvfsd-fuse",
    "fuse.juicefs", "fuse.mfs", "fuse.mfsmount", "fuse.moosefs", "fuse.rclone", "fuse.s3fs", "fuse.seaweedfs",
    "fuse.sshfs",
))  # fmt: skip
"""As Linux names them. Most keep what is mapped into memory apart on each machine, and SQLite's locks are there."""


def shared_by(folder: Path, mounts: Path | None = None) -> str:
    """The kind of network file system that has this folder, such as nfs4; empty where it is the machine's own.

    Empty too where the system does not tell, as macOS does not.
    """
    place, told = folder.resolve(), mounts or MOUNTS
    if not told.exists():
        return ""
    kind, depth = "", 0
    for mounted, its_kind in map(_mount, told.read_text(encoding="utf-8", errors="surrogateescape").splitlines()):
        if place.is_relative_to(mounted) and len(mounted.parts) >= depth:  # the later one lies over the earlier
            kind, depth = its_kind, len(mounted.parts)
    return kind if kind in OF_THE_NETWORK else ""


def _mount(line: str) -> tuple[Path, str]:
    """Where it is mounted, and its kind; see proc_pid_mountinfo(5)."""
    before, _, after = line.partition(" - ")
    return Path(_spelled_out(before.split(" ")[4])), after.split(" ")[0]


def _spelled_out(name: str) -> str:
    """With its blanks, which stand there in octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), name)
