"""The text formats a page may have."""

from enum import StrEnum


class Format(StrEnum):
    """How a page's text is to be read."""

    MARKDOWN = "markdown"
    RST = "rst"
    NOTEBOOK = "notebook"
    HTML = "html"


SUFFIXES: dict[str, Format] = {
    ".md": Format.MARKDOWN,
    ".mdx": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".rst": Format.RST,
    ".ipynb": Format.NOTEBOOK,
    ".html": Format.HTML,
    ".htm": Format.HTML,
}


def format_of(path: str) -> Format | None:
    """The format a file name stands for, or None for a file that is no page."""
    dot = path.rfind(".")
    return SUFFIXES.get(path[dot:].lower()) if dot > path.rfind("/") else None


class Dialect(StrEnum):
    """Which generator publishes a Markdown page: it decides the syntax beyond CommonMark and the anchors.

    AUTO is decided page by page from the syntax the page uses; GITHUB is what is left without a sign.
    """

    AUTO = "auto"
    MYST = "myst"
    MKDOCS = "mkdocs"
    DOCUSAURUS = "docusaurus"
    GITHUB = "github"
