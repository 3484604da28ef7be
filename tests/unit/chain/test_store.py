"""The store's two kinds of transaction."""

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import OperationalError

from cairn.chain import Store, key_runs, metadata

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


def test_open__columns_that_an_older_release_had_not__are_added(store, url):
    with store.begin() as db:
        db.exec_driver_sql("ALTER TABLE intents DROP COLUMN cap_wei")
        values = "1, 'answer:1', '0x', 0, '0x', x'', '0', '', 1, 'mined', 0"
        names = "id, key, account, nonce, to_address, data, value_wei, label, gas, state, displaced"
        db.exec_driver_sql(f"INSERT INTO intents ({names}) VALUES ({values})")
    again = Store(url)
    with again.read() as db:
        [row] = db.execute(select(metadata.tables["intents"])).all()
    assert (row.key, row.cap_wei) == ("answer:1", None)
    again.close()


@pytest.mark.parametrize("count", [0, 1, 500, 501, 1_500])
def test_key_runs__of_any_number__has_each_key_once_in_runs_that_fit(count):
    keys = list(range(count))
    runs = list(key_runs(keys))
    assert [key for run in runs for key in run] == keys
    assert all(0 < len(run) <= 500 for run in runs)
