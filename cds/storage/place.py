"""Where a SQLite file may lie: on a disk of this machine, for locks of network disks do not hold (security.md P7)."""

from __future__ import annotations

from pathlib import Path

from cds.errors import ConfigurationError

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = frozenset(
    "9p afs ceph cifs fuse.ceph-fuse fuse.glusterfs fuse.sshfs gfs2 lustre ncpfs nfs nfs4 ocfs2 smb3 smbfs".split()
)


def check_place(file: Path, mounts: Path = _MOUNTS) -> None:
    """Raises ConfigurationError for a file on a network disk. Systems that do not tell are believed."""
    kind = _kind(file.resolve(), mounts)
    if kind in _NETWORK:
        raise ConfigurationError(
            f"the database {file} lies on a network disk ({kind}), where SQLite loses data: put it on a disk of this "
            "machine, or set CDS_DATABASE_URL to PostgreSQL"
        )


def _kind(file: Path, mounts: Path) -> str:
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    found, kind = "", ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = before.split()[4].replace("\\040", " ")
        if len(point) >= len(found) and file.is_relative_to(point):
            found, kind = point, after.split()[0]
    return kind
