"""The comparison at the end of a run counts each kind of fault, and only that."""

from local.demo.tally import Comparison, Tally


def compared(served: str, arrived: str) -> Comparison:
    tally = Tally()
    for name in served:
        tally.serve(name)
    for name in arrived:
        tally.arrive(name)
    return tally.compare()


def test_the_same_ids_in_any_order_are_a_match() -> None:
    expected = Comparison(served=3, enqueued=3, unique=3, lost=0, duplicates=0, foreign=0)
    assert compared("abc", "cab") == expected


def test_each_fault_is_counted_as_what_it_is() -> None:
    expected = Comparison(served=4, enqueued=6, unique=4, lost=1, duplicates=2, foreign=1)
    assert compared("abcd", "aaabcx") == expected


def test_an_id_that_the_api_serves_twice_is_expected_twice() -> None:
    assert compared("aab", "aab").duplicates == 0
    assert compared("aab", "ab").lost == 1
    assert compared("aab", "aaab").duplicates == 1
