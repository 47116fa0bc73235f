"""What the elements of a documentation page are: furniture, a break, or where the text stands.

Sources: the markup written by Sphinx (alabaster, Read the Docs, Furo, PyData and Book themes),
MkDocs (default and Material), Docusaurus, VitePress, mdBook and Asciidoctor; the HTML standard's
default display of elements.
"""

from collections.abc import Mapping

from index.core.formats.hidden import UNSEEN_TAGS, is_hidden

Attributes = Mapping[str, str | None]


def words(text: str) -> frozenset[str]:
    """The words of a table that is written as text."""
    return frozenset(text.split())


# The container of a page's own text, the surest first; the first that has text is taken.
MAIN_SELECTORS = (
    ".theme-doc-markdown",
    "article.bd-article",
    "#furo-main-content",
    "article.md-content__inner",
    "div.bodywrapper div.body",
    "div.body[role=main]",
    ".vp-doc",
    ".td-content",
    ".markdown-body",
    "main",
    "[role=main]",
    "article",
    "body",
)

BREAKING_TAGS = words("""
    address article aside blockquote caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr label legend li main menu
    ol optgroup option p pre section summary table tbody td tfoot th thead tr ul
""")
HEADING_LEVELS = {f"h{level}": level for level in range(1, 7)}

_DROPPED_TAGS = UNSEEN_TAGS | words("""
    annotation applet button footer input map nav noframes progress rp select textarea -comment
    -doctype
""")
_DROPPED_ROLES = words("""
    alertdialog banner contentinfo dialog doc-toc menu menubar navigation search toolbar tooltip
""")
_MARKS = words("""
    anchor-link footnote-backref footnote-ref hash-link header-anchor headerlink secno
    section-number
""")
_BUTTONS = words("""
    back-to-top clipboard content-icon-container copy-btn copybtn edit-link edit-this-page
    material-icons material-symbols-outlined md-clipboard md-content__button md-icon md-source-file
    octicon theme-edit-this-page theme-last-updated view-this-page viewcode-back viewcode-link
""")
_LINE_NUMBERS = words("""
    blob-num gl gutter hljs-ln-numbers lineno linenodiv linenos linenumber
""")
_NAVIGATION = words("""
    bd-footer bd-header bd-header-article bd-sidebar bd-sidebar-primary bd-sidebar-secondary bd-toc
    breadcrumb breadcrumbs footer header-article-items localtoc md-footer md-header md-nav md-search
    md-sidebar md-tabs menu nav-chapters navbar pagination pagination-nav prev-next-area
    prev-next-footer prev-next-nav related related-pages rst-footer-buttons rst-versions searchbox
    searchbox_wrapper sidebar sphinxsidebar table-of-contents theme-doc-breadcrumbs theme-doc-footer
    theme-doc-sidebar-container theme-doc-toc-desktop theme-doc-toc-mobile theme-doc-version-badge
    toc toc-drawer toc-tree toctree-wrapper wy-breadcrumbs wy-nav-side wy-side-nav-search
""")
_NOT_ON_SCREEN = words("""
    onlyprint print-only screen-reader-text skip-link sr-only visually-hidden
""")
_DROPPED_CLASSES = _MARKS | _BUTTONS | _LINE_NUMBERS | _NAVIGATION | _NOT_ON_SCREEN

_ADMONITION_CLASSES = words("""
    admonition admonitionblock alert callout custom-block markdown-alert theme-admonition
""")
_ADMONITION_DETAILS = words("""
    abstract attention bug caution danger error example failure hint important info note
    question quote success summary tip todo warning
""")
_ADMONITION_TAGS = words("""
    div section blockquote aside details
""")
_LAYOUT_TABLES = words("""
    highlighttable hljs-ln rouge-table
""")
# Sphinx names the domain on the list; before version 4 the list bore the kind of object alone.
_OBJECT_LISTS = words("""
    c cpp js py rst std attribute class classmethod cmdoption data describe envvar exception
    function macro member method module option property staticmethod type
""")


def is_dropped(tag: str, attributes: Attributes) -> bool:
    """Whether an element and all in it is furniture of the site, or never shown."""
    role = attributes.get("role") or ""
    if tag in _DROPPED_TAGS and role != "tab":
        return True
    if not attributes:
        return False
    return role in _DROPPED_ROLES or is_hidden(attributes) or _is_furniture(attributes)


def _is_furniture(attributes: Attributes) -> bool:
    classes = classes_of(attributes)
    if not _DROPPED_CLASSES.isdisjoint(classes):
        return True
    return "contents" in classes and "topic" in classes


def classes_of(attributes: Attributes) -> list[str]:
    """The class tokens of an element."""
    return (attributes.get("class") or "").split()


def is_admonition(tag: str, attributes: Attributes) -> bool:
    """Whether an element is a box that is read as one: a note, a warning, an aside."""
    if tag not in _ADMONITION_TAGS:
        return False
    classes = classes_of(attributes)
    if tag == "aside":
        return not any(name.startswith("footnote") for name in classes)
    if tag == "details" and not _ADMONITION_DETAILS.isdisjoint(classes):
        return True
    return not _ADMONITION_CLASSES.isdisjoint(classes)


def is_tab_row(attributes: Attributes) -> bool:
    """Whether an element holds the labels of tabs."""
    return attributes.get("role") == "tablist" or "tabbed-labels" in classes_of(attributes)


def is_layout_table(attributes: Attributes) -> bool:
    """Whether a table only sets line numbers beside code."""
    return not _LAYOUT_TABLES.isdisjoint(classes_of(attributes))


def is_object_list(attributes: Attributes) -> bool:
    """Whether a definition list describes objects of a program."""
    return not _OBJECT_LISTS.isdisjoint(classes_of(attributes))
