"""What `make gas` publishes can be built: its programs need no chain."""

import pytest

from scripts._gas_programs import PROGRAMS, features_of


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs__each__builds_and_answers_its_question(name):
    program = PROGRAMS[name]()
    assert program.run_packed(features_of(program)) not in (None, b"")
    assert program.publish_calls()
