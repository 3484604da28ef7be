"""An update's bytes and root."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.domain.integers import pack_features
from cairn.domain.keccak import keccak256
from cairn.domain.merkle import verify_proof
from cairn.training import (
    Update,
    UpdateError,
    data_root,
    decode_integers,
    encode_integers,
    integers_root,
    integers_tree,
)
from cairn.training.updates import CHUNK, chunk_leaf, vector

int32s = st.integers(-(2**31), 2**31 - 1)


@given(st.lists(int32s, min_size=1, max_size=200))
def test_encode_integers__any_vector__packs_as_features_do_and_reads_back(
    values: list[int],
) -> None:
    encoded = encode_integers(vector(values))
    assert encoded == pack_features(values)
    assert decode_integers(encoded, len(values)).tolist() == values


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK])
def test_integers_tree__any_chunk__is_proved_by_its_index_and_words(size: int) -> None:
    values = vector(np.random.default_rng(size).integers(-(2**31), 2**31, size))
    tree = integers_tree(values)
    data = encode_integers(values)
    data += bytes(-len(data) % (4 * CHUNK))
    assert len(tree) == -(-size // CHUNK)
    for index in range(len(tree)):
        chunk = data[256 * index : 256 * index + 256]
        leaf = chunk_leaf(index, chunk)
        assert verify_proof(tree.root, leaf, tree.proof(index))
        moved = chunk_leaf(index + 1, chunk)
        assert not verify_proof(tree.root, moved, tree.proof(index))


def test_chunk_leaf__any_chunk__hashes_its_index_and_words() -> None:
    assert chunk_leaf(5, bytes(256)) == keccak256(bytes(7) + b"\5" + bytes(256))


@given(st.lists(int32s, min_size=1, max_size=150), st.data())
def test_integers_root__one_integer_changed__is_another(
    values: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    other = [*values]
    other[place] = data.draw(int32s.filter(lambda value: value != values[place]))
    assert integers_root(vector(values)) != integers_root(vector(other))


def test_from_bytes__right_root__gives_the_update() -> None:
    update = Update(vector([1, -2, 3]), weight=40)
    again = Update.from_bytes(update.to_bytes(), n_parameters=3, weight=40, root=update.root)
    assert again.values.tolist() == [1, -2, 3]


def test_from_bytes__another_root_or_length__is_refused() -> None:
    update = Update(vector([1, -2, 3]), weight=40)
    with pytest.raises(UpdateError, match="the update's root is"):
        Update.from_bytes(bytes(12), n_parameters=3, weight=1, root=update.root)
    with pytest.raises(UpdateError, match="12 bytes where 4 parameters take 16"):
        Update.from_bytes(update.to_bytes(), n_parameters=4, weight=1, root=update.root)


def test_vector__does_not_fit__is_refused_by_place() -> None:
    with pytest.raises(UpdateError, match="parameter 1 is 2147483648"):
        vector([0, 2**31])
    with pytest.raises(UpdateError, match="give integers"):
        vector([2**70])
    with pytest.raises(UpdateError, match="give integers"):
        vector(np.array([1.0]))
    with pytest.raises(UpdateError, match="at least one"):
        vector([])


def test_update__no_weight_or_wrong_type__is_refused() -> None:
    with pytest.raises(UpdateError, match="a weight of 0"):
        Update(vector([1]), weight=0)
    with pytest.raises(UpdateError, match="one row of int32"):
        Update(np.zeros(3), weight=1)  # type: ignore[arg-type]


def test_data_root__any_order__hashes_ascending_words() -> None:
    words = b"".join(number.to_bytes(32, "big") for number in (2, 9, 30))
    assert data_root([30, 2, 9]) == data_root([2, 9, 30]) == keccak256(words)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "no batches"),
        ([1, 4, 1], "batch 1 is named twice"),
        ([0, 4], "no batch 0"),
        ([2**256], "no batch"),
    ],
)
def test_data_root__bad_ids__are_refused(ids: list[int], message: str) -> None:
    with pytest.raises(UpdateError, match=message):
        data_root(ids)
