"""Runs git so that neither a repository nor the surroundings can make it do more than asked."""

import asyncio
import contextlib
import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

READ_TIMEOUT_S = 120.0
_MAX_REASON = 300
_MAX_ERRORS = 64 * 2**10

# Variables by which git finds "its" repository: set in every hook, and they would point us at the
# wrong one. `env` takes them away, so that credentials, proxies and the user's own configuration
# still come from the surroundings.
_HIDDEN = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_SHALLOW_FILE",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_GRAFT_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_PROTOCOL",
    "GIT_ATTR_SOURCE",
    "GIT_ICASE_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_TRACE",
    "GIT_TRACE_PACKET",
    "GIT_TRACE_CURL",
    "GIT_CURL_VERBOSE",
    "GIT_REDIRECT_STDERR",
]
_SET = (
    "LC_ALL=C",  # messages are compared below
    "GIT_TERMINAL_PROMPT=0",
    "SSH_ASKPASS_REQUIRE=never",
    "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh",  # goes before any protocol.* setting; "file" is a path or bundle
    "GIT_NO_REPLACE_OBJECTS=1",
    "GIT_LITERAL_PATHSPECS=1",
    "GIT_OPTIONAL_LOCKS=0",
)
# The user's global configuration stays in force: credentials, proxies, insteadOf and safe.directory
# live there. Objects are not checked by fsck on arrival: real histories hold old oddities, and what
# is never checked out, only read by id, does no harm. Nothing is collected, so that an old commit
# can be compared as long as the mirror lives.
_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.logAllRefUpdates=false",
    "fetch.recurseSubmodules=false",
    "fetch.prune=false",
    "fetch.fsckObjects=false",
    "transfer.fsckObjects=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
)
_PREFIX = (
    "env",
    *(word for name in _HIDDEN for word in ("-u", name)),
    *_SET,
    "git",
    "--no-pager",
    *(word for setting in _CONFIG for word in ("-c", setting)),
)


@dataclass(frozen=True, slots=True)
class Finished:
    """How a git process ended; `errors` is its stderr, free of credentials."""

    code: int
    out: bytes
    errors: str

    @property
    def is_ok(self) -> bool:
        return self.code == 0

    @property
    def reason(self) -> str:
        """The one line of stderr that says most, for a person."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        telling = [line for line in lines if not _NOISE.search(line)] or lines
        line = telling[-1] if telling else f"git ended with status {self.code}"
        return re.sub(r"^(fatal|error): ", "", line)[:_MAX_REASON]


_NOISE = re.compile(
    r"^(warning|hint|remote: *$)|make sure you have the correct access|^and the repository exists|"
    r"Could not read from remote repository|^To add an exception|^\s*git config --global|the remote end hung up"
)


async def run_git(
    *arguments: str,
    mirror: Path | None = None,
    send: bytes = b"",
    timeout_s: float = READ_TIMEOUT_S,
) -> Finished:
    """Run one git command in the bare repository `mirror`, without shell, terminal or prompt.

    When the time is up or the task is cancelled, git and all it started are killed. Raises: TimeoutError.
    """
    place = () if mirror is None else (f"--git-dir={mirror}",)
    process = await asyncio.create_subprocess_exec(
        *_PREFIX,
        *place,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # no terminal for ssh to ask on, and one group to kill
        cwd="/",  # never inside somebody's repository
    )
    try:
        async with asyncio.timeout(timeout_s):
            out, errors = await process.communicate(send)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Finished(
        process.returncode or 0, out, mask(errors[-_MAX_ERRORS:].decode("utf-8", "replace"))
    )


def mask(text: str) -> str:
    """Hide user names, passwords and tokens of URLs, and whatever would upset a terminal."""
    hidden = re.sub(r"(\w://)[^/\s'\"]*@", r"\1***@", text)
    hidden = re.sub(r"(\w://[^\s'\"?]*)\?[^\s'\"]*", r"\1?***", hidden)
    return "".join(char for char in hidden if char in "\n\t" or char.isprintable())
