"""Which generation a process that follows brings up, and what it leaves to a person."""

import pytest

from index.core.generations import Fingerprint, GenerationInfo, choose, differences
from schemas.ids import Generation

OLD, NEW = "old", "new"


def one(
    number: int,
    fingerprint: str,
    *,
    live: bool = False,
    kept: bool = False,
    by_hand: bool = False,
    pinned: bool = False,
) -> GenerationInfo:
    return GenerationInfo(Generation(number), fingerprint, "m", 8, live, kept, by_hand, pinned)


@pytest.mark.parametrize(
    ("known", "used", "dropped", "agreed"),
    [
        pytest.param([], None, (), False, id="the first"),
        pytest.param([one(1, NEW, live=True)], 1, (), False, id="as configured"),
        pytest.param([one(1, OLD, live=True)], None, (), False, id="another is made"),
        pytest.param([one(1, OLD, live=True), one(2, NEW)], 2, (), False, id="goes on with it"),
        pytest.param([one(1, NEW, live=True), one(2, OLD)], 1, (2,), False, id="changed back"),
        pytest.param(
            [one(1, NEW, live=True), one(2, OLD, by_hand=True)], 1, (), False, id="by hand stays"
        ),
        pytest.param(
            [one(1, NEW, live=True), one(2, OLD, kept=True)], 1, (), False, id="kept stays"
        ),
        pytest.param(
            [one(1, OLD, live=True), one(2, NEW, by_hand=True)], 1, (), False, id="by hand waits"
        ),
        pytest.param(
            [one(1, OLD, live=True, pinned=True)], 1, (), False, id="a pin keeps all as it is"
        ),
        pytest.param(
            [one(1, OLD, live=True, pinned=True), one(2, NEW, kept=True)],
            1,
            (),
            False,
            id="rolled back",
        ),
        pytest.param([one(1, NEW, live=True, pinned=True)], 1, (), True, id="agreed with a pin"),
        pytest.param(
            [one(1, NEW, kept=True), one(2, OLD, live=True)], 1, (), False, id="configured back"
        ),
    ],
)
def test_the_configuration_decides_unless_a_person_has(
    known: list[GenerationInfo], used: int | None, dropped: tuple[int, ...], agreed: bool
) -> None:
    choice = choose(known, NEW)

    assert (choice.use.generation if choice.use else None) == used
    assert (choice.drop, choice.is_agreed) == (dropped, agreed)


def test_a_fingerprint_says_what_it_was_made_of() -> None:
    fingerprint = Fingerprint("p1", "c2", 500, 256, "abc")

    assert Fingerprint.parse(str(fingerprint)) == fingerprint
    assert Fingerprint.parse("anything/else") is None


def test_a_difference_is_told_in_words() -> None:
    built, wanted = Fingerprint("p", "c", 500, 256, "a"), Fingerprint("p", "c", 800, 256, "b")
    same_size = Fingerprint("p", "c", 500, 256, "b")

    assert differences(built, wanted, model="m", wanted_model="n") == (
        "model m, configured n",
        "target_chars 500, configured 800",
    )
    assert differences(built, built, model="m", wanted_model="m") == ()
    assert "files" in differences(built, same_size, model="m", wanted_model="m")[0]
