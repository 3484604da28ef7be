"""The store's two kinds of transaction."""

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import OperationalError

from cairn.chain import Store, metadata

cursors = metadata.tables["cursors"]


def test_read__while_another_process_writes__does_not_wait(store, url):
    other = Store(url)
    row = {"name": "a", "next_block": 1, "page_blocks": 1}
    with store.begin() as writer:
        writer.execute(insert(cursors).values(row))
        with other.read() as reader:
            assert reader.execute(select(cursors)).all() == []
    with other.read() as reader:
        assert len(reader.execute(select(cursors)).all()) == 1
    other.close()


def test_begin__while_another_process_writes__waits(store, url):
    other = Store(url)
    with store.begin(), other.engine.connect() as impatient:
        impatient.connection.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(OperationalError, match="locked"), impatient.begin():
            pass
    other.close()
