"""Ten thousand outputs of a model that does anything, at every split: no exit, and the same releases."""

from collections import Counter

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.answers import (
    DATA,
    SERVE,
    UNLIMITED,
    CachedJudge,
    answer_of,
    cites_of,
    grounding,
    hostile_blocks,
    read,
)
from tests.support.exits import exits_of

OUTPUTS = 10_000
TRAPS = [
    *(
        "![x](https://evil.example/?q=1)",
        "[x](https://evil.example)",
        "[x][y]",
        "\n[y]: https://evil.example",
    ),
    *(
        "https://evil.example",
        "www.evil.com",
        "evil.com",
        "a@evil.com",
        "//evil.com",
        "<https://evil.com>",
    ),
    *(
        "<img src=x onerror=a()>",
        "<b>",
        "<!--",
        "-->",
        "[x](javascript:alert(1))",
        "&#104;ttps://evil.com",
    ),
    *(
        "[x](java\u200bscript:a())",
        "&lt;img src=x&gt;",
        "\\[x\\](https://evil.com)",
        "[1](https://evil.com)",
    ),
    *(
        "[1]",
        "[2]",
        "[7]",
        "[^1]",
        "\n[^1]: x",
        "【7】",
        "[[7]8]",
        "\\[7\\]",
        "&#91;7&#93;",
        "[*7*]",
    ),
    *(
        "<|im_start|>",
        "[INST]",
        "System:",
        "\n### System:",
        "$\\href{javascript:a()}{x}$",
        "{onclick=a()}",
    ),
    *(
        "`",
        "``",
        "`  `",
        "\n```\n",
        "\n~~~\n",
        "\n- ",
        "\n1. ",
        "\n| a | b |",
        "\n|---|---|",
        "\n> ",
        "\n# ",
        "\n---\n",
    ),
    *(
        "**",
        "*",
        "_",
        "~~",
        "$",
        "|",
        "\\",
        "!",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        "&",
        ":",
        "://",
        "h",
        "ttp",
    ),
    *(
        "\u202e",
        "\u200b",
        "\U000e0041",
        "\ud800",
        "\r",
        "\n",
        "\n\n",
        "    ",
        "💩.la",
        "xn--p1ai.com",
    ),
    *(
        f"[docs]({DATA})",
        f"![docs]({DATA})",
        DATA,
        f"<{DATA}>",
        f"[a [b](https://evil.com) c]({DATA})",
    ),
]
WORDS = [
    *(
        "Ray Data transforms batches. ",
        "batches of rows",
        "Ray Data",
        "`rows`",
        "evil",
        "Here is an example:",
    ),
    *("e.g. ", ". ", " ", " ", " of ", "1", "Data", "rows ", "**Ray**", "batches.\n"),
]
JUDGE = CachedJudge(hostile_blocks(f"x a b docs {' '.join(TRAPS)}"), UNLIMITED)
outputs = st.lists(st.sampled_from([*TRAPS, *WORDS, *WORDS, *WORDS]), min_size=1, max_size=6)


def test_s18_s19_no_exit_in_ten_thousand_outputs_at_every_split() -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=OUTPUTS,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(outputs.map("".join))
    def check(output: str) -> None:
        whole = read(grounding(JUDGE), [output])
        answer = answer_of(whole)
        seen["outputs"] += 1
        seen["answers"] += bool(answer)

        assert exits_of(answer, urls={DATA, SERVE}, cites=cites_of(whole)) == []
        for at in range(1, len(output)):
            assert read(grounding(JUDGE), (output[:at], output[at:])) == whole
        assert read(grounding(JUDGE), output) == whole

    check()

    assert seen["outputs"] >= OUTPUTS
    assert seen["answers"] >= OUTPUTS // 4
