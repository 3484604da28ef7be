import pytest


@pytest.fixture
def program_store(system):
    return system.program_store


@pytest.fixture
def evaluator(system):
    return system.evaluator


@pytest.fixture
def publish(program_store, accounts):
    def send(program):
        for function, arguments in program.publish_calls():
            getattr(program_store, function)(*arguments, sender=accounts[5])
        return program

    return send
