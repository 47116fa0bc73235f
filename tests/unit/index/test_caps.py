"""Row S20: pages that were made for one question, and what they can push out of its answer."""

import asyncio
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from index.core.caps import cap_sources
from index.core.rank import Candidate, ChunkKey, Ranked, RankWeights
from index.handlers import Searcher, Within, search_index
from schemas.answers import SearchResponse
from schemas.ids import SourceName
from tests.support.found import FoundStore, some_vector

DOCS, WIKI = SourceName("docs"), SourceName("wiki")
QUESTION = "How are actors restarted?"


def chunk(source: SourceName, page: int, ordinal: int = 0, *, score: float) -> Candidate:
    path = f"{page}.md"
    return Candidate(
        key=ChunkKey(source, path, ordinal),
        section=0,
        url=f"https://{source}.example/{path}",
        title="Actors",
        heading_path=("Actors",),
        anchor="",
        text=f"Actors of {source} {page} {ordinal}.",
        commit=f"commit of {source}",
        cosine=score,
        lexical=10 * score,
    )


def search(
    *chunks: Candidate, caps: Mapping[SourceName, int] | None = None, k: int = 7
) -> SearchResponse:
    searcher = Searcher(FoundStore(chunks), some_vector, RankWeights(), 100, caps=caps or {})
    return asyncio.run(search_index(QUESTION, k=k, within=Within(), searcher=searcher))


def test_s20_five_pages_made_for_a_question_fill_no_more_than_their_source_may() -> None:
    made = [chunk(WIKI, page, ordinal, score=0.99) for page in range(5) for ordinal in range(3)]
    ours = [chunk(DOCS, page, score=0.6 - page / 100) for page in range(8)]

    found = search(*made, *ours, caps={WIKI: 2})

    sources = [hit.source for hit in found.hits]
    assert sources.count("wiki") == 2
    assert sources.count("docs") == 5
    assert [hit.url for hit in found.hits if hit.source == "docs"] == [
        f"https://docs.example/{page}.md" for page in range(5)
    ]


def test_s20_a_page_stuffed_with_a_questions_words_has_two_places_at_most() -> None:
    stuffed = [chunk(WIKI, 0, ordinal, score=1.0) for ordinal in range(20)]
    ours = [chunk(DOCS, page, score=0.5) for page in range(4)]

    found = search(*stuffed, *ours)

    assert [hit.source for hit in found.hits].count("wiki") == 2


def test_s20_every_hit_tells_where_it_is_from() -> None:
    found = search(chunk(WIKI, 0, score=0.9), chunk(DOCS, 0, score=0.8))

    assert {(hit.source, hit.commit) for hit in found.hits} == {
        ("wiki", "commit of wiki"),
        ("docs", "commit of docs"),
    }


def test_a_source_without_a_cap_may_fill_an_answer() -> None:
    found = search(*(chunk(DOCS, page, score=0.5) for page in range(9)), caps={WIKI: 1})

    assert len(found.hits) == 7


rankings = st.lists(st.sampled_from(["a", "b", "c"]), max_size=30).map(
    lambda names: [
        Ranked(chunk(SourceName(name), page, score=1.0), 1.0 - page / 100)
        for page, name in enumerate(names)
    ]
)


@given(rankings, st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 4)), st.integers(1, 9))
def test_s20_a_cap_leaves_the_order_and_takes_the_best_that_it_lets(
    ranked: list[Ranked], caps: dict[str, int], k: int
) -> None:
    bounds = {SourceName(name): most for name, most in caps.items()}

    kept = cap_sources(ranked, bounds, k=k)

    names = [one.candidate.key.source for one in kept]
    assert kept == [one for one in ranked if one in kept]
    assert all(names.count(name) <= most for name, most in bounds.items())
    assert len(kept) == min(
        k,
        sum(
            min(bounds.get(name, k), sum(one.candidate.key.source == name for one in ranked))
            for name in {one.candidate.key.source for one in ranked}
        ),
    )
