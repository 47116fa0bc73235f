"""Where docs come from: the settings of sources."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.formats import Dialect


class SourceKind(StrEnum):
    """What a source is read from."""

    GIT = "git"
    FOLDER = "folder"


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One repository or folder of docs.

    `name` appears in every event, answer and metric. `location` is a URL, a path or a bundle file. `ref` is a branch,
    tag or commit; empty means the remote's default. `root` is the folder below which pages are looked for. `url` builds
    a page's address from {path}, {stem}, {dir} and {pretty}, all relative to `root`. `version` is any text, the version
    that the docs are of; questions may ask for one. `poll_s` empty means 60 for remotes and 2 for paths.
    `webhook_secret_env` names the environment variable that holds the webhook's secret. `pinned` makes a folder one of
    curated answers: each heading is a question, and the text below it is the answer where that is asked.
    `max_chunks` is the most that an answer holds of a source that others than you write, 0 any number.
    """

    name: str
    kind: SourceKind = SourceKind.GIT
    location: str
    ref: str = ""
    root: str = ""
    include: tuple[str, ...] = ("**/*.md", "**/*.mdx", "**/*.rst", "**/*.ipynb", "**/*.html")
    exclude: tuple[str, ...] = ()
    url: str = ""
    version: Annotated[str, Meta(max_length=100)] = ""
    dialect: Dialect = Dialect.AUTO
    poll_s: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    webhook_secret_env: str = ""
    pinned: bool = False
    max_chunks: Annotated[int, Meta(ge=0, le=100)] = 0
