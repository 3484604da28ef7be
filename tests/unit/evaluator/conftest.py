import pytest


@pytest.fixture
def program_store(project, accounts):
    return accounts[0].deploy(project.ProgramStore, [])


@pytest.fixture
def evaluator(project, accounts, program_store):
    return accounts[0].deploy(project.Evaluator, program_store)


@pytest.fixture
def publish(program_store, accounts):
    def send(program):
        for function, arguments in program.publish_calls():
            getattr(program_store, function)(*arguments, sender=accounts[5])
        return program

    return send
