"""The formulas of gas, against figures worked out by hand."""

from types import SimpleNamespace

import pytest

from scripts._gas import Cost, GasMeter, cost_of, intrinsic_gas, iotex_gas

TO = "0x" + "11" * 20


def receipt(gas_used: int, data: bytes, receiver: str | None = TO) -> SimpleNamespace:
    return SimpleNamespace(
        gas_used=gas_used, transaction=SimpleNamespace(data=data, receiver=receiver)
    )


@pytest.mark.parametrize(
    ("data", "creates", "gas"),
    [
        (b"", False, 21_000),
        (b"\0", False, 21_004),
        (b"\1", False, 21_016),
        (b"\xa9\x05\x9c\xbb" + bytes(63) + b"\1", False, 21_332),  # 5 x 16 + 63 x 4
        (b"\1" * 32, True, 53_514),  # 21,000 + 32,000 + 32 x 16 + one word at 2
        (b"\1" * 33, True, 53_532),  # a word begun is a word
    ],
)
def test_intrinsic_gas__of_ethereum__is_as_by_hand(data, creates, gas):
    assert intrinsic_gas(data, creates) == gas


@pytest.mark.parametrize(
    ("execution", "calldata_bytes", "gas"),
    [
        (0, 0, 10_000),
        (25_000, 68, 41_800),  # 10,000 + 6,800 + 25,000; the floor is 27,000
        (1_000, 68, 27_000),  # the floor: 10,000 + 250 x 68
        (10_200, 68, 27_000),  # where both are the same
        (10_201, 68, 27_001),
    ],
)
def test_iotex_gas__of_an_execution__is_as_by_hand(execution, calldata_bytes, gas):
    assert iotex_gas(execution, calldata_bytes) == gas


def test_cost_of__call__moves_the_execution_to_the_other_schedule():
    # Intrinsic 21,332, so 30,000 of execution; on IoTeX 10,000 + 100 x 68 + 30,000.
    data = b"\xa9\x05\x9c\xbb" + bytes(63) + b"\1"
    assert cost_of("pay", receipt(51_332, data)) == Cost("pay", 51_332, 46_800, 68)


def test_cost_of__creation__is_no_dearer_than_a_call_there():
    # Intrinsic 53,514, so 200,000 of execution; on IoTeX 10,000 + 100 x 32 + 200,000.
    assert cost_of("deploy", receipt(253_514, b"\1" * 32, None)) == Cost(
        "deploy", 253_514, 213_200, 32
    )


def test_cost_of__refund_above_the_execution__leaves_the_floor():
    # 21,000 before the first instruction, and less charged in the end: no less than the floor.
    assert cost_of("clear", receipt(20_000, b"")).iotex == 10_000


def test_fits_iotex__limits__are_inclusive():
    assert Cost("at both", 0, 25_000_000, 49_152).fits_iotex
    assert not Cost("long", 0, 1, 49_153).fits_iotex
    assert not Cost("dear", 0, 25_000_001, 1).fits_iotex


def test_note__operation_noted_twice__keeps_the_dearest():
    meter = GasMeter()
    for gas_used in (40_000, 50_000, 45_000):
        meter.note("pay", receipt(gas_used, b""))
    assert [(cost.operation, cost.ethereum) for cost in meter] == [("pay", 50_000)]
