"""The chunking helper splits every kind of sequence."""

import pytest

from ingestion.chunking import chunk


def test_ids_are_cut_into_chunks_of_five_thousand() -> None:
    ids = [f"id-{n}" for n in range(12_000)]

    chunks = chunk(ids)

    assert [len(piece) for piece in chunks] == [5_000, 5_000, 2_000]
    assert [one for piece in chunks for one in piece] == ids


def test_a_range_is_cut_into_ranges_so_that_no_id_is_held() -> None:
    assert chunk(range(12), 5) == [range(0, 5), range(5, 10), range(10, 12)]


def test_nothing_makes_no_chunk() -> None:
    assert chunk([], 10) == []


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_below_one_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        chunk([1], size)
