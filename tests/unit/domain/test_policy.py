import pytest

from cairn.domain.policy import FULL, UNLIMITED, Acceptance, Bucket, Credential, Limit, LimitError

LIMIT = Limit(capacity=3, refill=2, period_s=100)
SOME = "0x" + "22" * 20
CONTRACT = "0x" + "33" * 20


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ((0, 1, 0), "capacity 0"),
        ((0, 0, 1), "capacity 0"),
        ((1, 0, 1), "refill is 0"),
        ((1, 1, 0), "period_s is 0"),
        ((2**32, 1, 1), "capacity is 4294967296"),
        ((-1, 1, 1), "capacity is -1"),
        ((1, 1, 365 * 86_400 + 1), "period_s is 31536001"),
    ],
)
def test_limit__that_no_policy_can_have__is_refused(fields, said):
    with pytest.raises(LimitError, match=said):
        Limit(*fields)


def test_bucket__figures_by_hand__are_these():
    """Three at once at 1,000; a token's hundred parts flow in at two a second."""
    bucket = FULL
    for missing in (100, 200, 300):
        bucket = bucket.taken(LIMIT, 1_000)
        assert bucket == Bucket(missing, 1_000)
    assert bucket.taken(LIMIT, 1_049) is None
    assert bucket.left(LIMIT, 1_049) == 0
    assert bucket.wait_s(LIMIT, 1_049) == 1
    assert bucket.left(LIMIT, 1_050) == 1 and bucket.wait_s(LIMIT, 1_050) == 0
    assert bucket.taken(LIMIT, 1_051) == Bucket(298, 1_051)
    assert bucket.left(LIMIT, 1_150) == bucket.left(LIMIT, 10**9) == 3


def test_bucket__without_a_limit__counts_nothing():
    assert UNLIMITED.is_none
    assert FULL.taken(UNLIMITED, 5) is FULL
    assert FULL.wait_s(UNLIMITED, 5) == 0


def test_message__of_another_contract_or_chain__is_another():
    credential = Credential(SOME, SOME, SOME, 1, 2)
    acceptance = Acceptance(SOME, bytes(32), SOME)
    for written in (credential, acceptance):
        bodies = {
            (m.header, m.body)
            for m in (written.message(1, CONTRACT), written.message(2, CONTRACT),
                      written.message(1, SOME))
        }  # fmt: skip
        assert len(bodies) == 3
