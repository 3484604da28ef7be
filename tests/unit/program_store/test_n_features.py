def test_n_features__published__what_the_header_says(program_store, publisher, program):
    program_store.publish_program(program.header_bytes, sender=publisher)
    assert program_store.n_features(program.hash) == 2


def test_n_features__never_published__zero(program_store, program):
    assert program_store.n_features(program.hash) == 0
