import pytest

from tests.unit.inference_market.conftest import model_id  # noqa: F401


@pytest.fixture(scope="session")
def packets(system):
    return system.packet_features
