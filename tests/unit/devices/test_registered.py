"""Addresses as people write them."""

import pytest

from cairn.devices import device_address

# A pair that IoTeX's own documentation shows.
IO1 = "io1mflp9m6hcgm2qcghchsdqj3z3eccrnekx9p0ms"
HEX = "0xDa7e12Ef57c236a06117c5e0d04a228e7181CF36"


@pytest.mark.parametrize("text", [HEX, HEX.lower(), f"did:io:{HEX.lower()}", IO1])
def test_device_address__each_way_to_write_it__is_the_same(text):
    assert device_address(text) == HEX


@pytest.mark.parametrize("position", range(3, len(IO1)))
def test_device_address__one_character_wrong__is_refused(position):
    wrong = "q" if IO1[position] != "q" else "p"
    with pytest.raises(ValueError, match="no io1 address"):
        device_address(IO1[:position] + wrong + IO1[position + 1 :])


@pytest.mark.parametrize("text", ["", "0x12", HEX[:-1], HEX + "0", "0x" + "g" * 40, IO1[:-1]])
def test_device_address__no_address__is_refused(text):
    with pytest.raises(ValueError, match="is no"):
        device_address(text)
