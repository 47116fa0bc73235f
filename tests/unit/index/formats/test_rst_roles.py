"""What roles leave on a page when nothing they name can be resolved."""

import pytest

from index.core.formats.rst import parse_rst


def shown(text: str) -> str:
    return parse_rst(text).sections[0].blocks[0].text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (":ref:`Some title <label>`", "Some title"),
        (":ref:`label`", "label"),
        (":doc:`/serve/index`", "/serve/index"),
        (":class:`a.b.C`", "a.b.C"),
        (":class:`~a.b.C`", "C"),
        (":class:`!a.b.C`", "a.b.C"),
        (":py:class:`its title <a.b.C>`", "its title"),
        (":meth:`~a.b.C.m`", "m()"),
        (":func:`f()`", "f()"),
        (":py:func:`the call <f>`", "the call"),
        (":term:`Actors <Actor>`", "Actors"),
        (":code:`a < b`", "a < b"),
        (":kbd:`Ctrl+C`", "Ctrl+C"),
        (":math:`\\alpha_1`", "\\alpha_1"),
        (":guilabel:`&Save`", "Save"),
        (":menuselection:`File --> Open`", "File ‣ Open"),
        (":file:`/a/{name}/b`", "/a/name/b"),
        (":pep:`8`", "PEP 8"),
        (":rfc:`2822`", "RFC 2822"),
        (":bdg-primary:`new`", "new"),
        (":octicon:`report;1em` Reports", "Reports"),
        (":abbr:`LIFO (last-in, first-out)`", "LIFO (last-in, first-out)"),
        (":made-up:`text`", "text"),
        (":made-up:`title <target>`", "title"),
        ("`default`", "default"),
        ("`suffixed`:class:", "suffixed"),
        (":class:`~a.b.C`\\s", "Cs"),
    ],
)
def test_a_role_shows_its_title_or_its_target(markup: str, text: str) -> None:
    assert shown(markup) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (".. role:: bash(code)\n   :language: bash\n\n:bash:`a \\b`", "a \\b"),
        (".. role:: raw-html(raw)\n   :format: html\n\nA :raw-html:`<b>c</b><br/>`.", "A c."),
        (".. role:: red\n\n:red:`~a.b`", "~a.b"),
        (".. default-role:: py:obj\n\n`~a.b`", "b"),
    ],
)
def test_a_page_may_define_roles(page: str, text: str) -> None:
    assert shown(page) == text


def test_a_malformed_role_keeps_every_word_it_swallowed() -> None:
    assert "plus the" in shown(":class:`~a.b.C`s plus the :class:`~a.b.D`s")
