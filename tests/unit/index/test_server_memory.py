"""How much memory the embedded Postgres keeps its tables in."""

import pytest

from index.adapters.postgres.server_process import buffer_bytes

MIB = 2**20


@pytest.mark.parametrize(
    ("memory", "buffers"),
    [(256, 128), (1_024, 128), (4_096, 512), (16_384, 1_024), (262_144, 1_024)],
)
def test_an_eighth_of_the_memory_within_bounds(memory: int, buffers: int) -> None:
    assert buffer_bytes(memory * MIB) == buffers * MIB
