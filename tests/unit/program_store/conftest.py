import pytest

from cairn.domain.programs import FeatureRule, Program, linear_program


@pytest.fixture
def program_store(system):
    return system.program_store


@pytest.fixture
def publisher(accounts):
    return accounts[5]


@pytest.fixture
def program() -> Program:
    rules = [FeatureRule(-100, 100, 0, 10, 3), FeatureRule(0, 5000, -(2**31), 2500, -7)]
    return linear_program(rules, bias=1000, shift=2)
