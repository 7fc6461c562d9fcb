"""Documents by collection and key, and series of numbers."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings, strategies as st

from .processes import all_at_once

# Letters at the borders of what an encoding can hold, where ranges of keys are easily got wrong.
letters = st.sampled_from(("a", "b", "%", "_", "/", "\ud7ff", "\ue000", "\U0010ffff", "é"))
keys = st.lists(letters, max_size=3).map("".join)
actions = st.lists(st.tuples(st.sampled_from(("put", "replace", "delete")), st.sampled_from("xy"), keys), max_size=12)


@settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(actions=actions, prefix=keys, after=st.none() | keys, limit=st.none() | st.integers(0, 3))
def test_documents_are_a_sorted_dictionary(service_database, actions, prefix, after, limit):
    store, expected = service_database.fresh(), {"x": {}, "y": {}}
    if service_database.kind == "sqlite":
        store.put_document("other", "", {})
    for number, (action, collection, key) in enumerate(actions):
        of, document = expected[collection], {"n": number, "key": key}
        if action == "delete":
            gone = [known for known in of if known.startswith(key)]
            assert store.delete_documents(collection, key) == len(gone)
            for known in gone:
                del of[known]
        else:
            is_written = action == "replace" or key not in of
            assert store.put_document(collection, key, document, replace=action == "replace") is is_written
            if is_written:
                of[key] = document
    for collection, of in expected.items():
        found = [(key, of[key]) for key in sorted(of) if key.startswith(prefix) and (after is None or key > after)]
        assert store.documents(collection, prefix, limit, after) == found[:limit]
        assert all(store.get_document(collection, key) == document for key, document in of.items())
    assert store.get_document("x", "no such key") is None


def test_several_are_put_at_once(service_database):
    store = service_database.open()
    assert store.put_document("runs", "1", {"odd": "\udce9\0", "deep": [{"a": None}]})
    assert store.put_documents("runs", {"1": {"new": 1}, "2": {"new": 2}}) == 1
    assert store.get_document("runs", "1") == {"odd": "\udce9\0", "deep": [{"a": None}]}
    assert store.put_documents("runs", {"1": {"new": 1}, "2": {"new": 2}}, replace=True) == 2
    assert store.documents("runs") == [("1", {"new": 1}), ("2", {"new": 2})]
    assert store.put_documents("runs", {}) == 0


def test_documents_that_many_write_in_any_order_never_block_each_other(service_database):
    def write(number):
        mine = service_database.open()
        keys = [str(key) for key in range(20)]
        for i in range(10):
            mine.put_documents("c", {key: {"by": number} for key in (keys if number % 2 else reversed(keys))}, i % 2)

    all_at_once(4, write)
    assert len(service_database.open().documents("c")) == 20


def test_no_number_is_given_twice(service_database, tmp_path):
    def draw(number):
        mine = service_database.open()
        numbers = [mine.next_number("runs of F") for _ in range(20)]
        assert numbers == sorted(numbers)
        (tmp_path / f"drawn-{number}").write_text(" ".join(map(str, numbers)))

    all_at_once(4, draw)
    drawn = [int(word) for number in range(4) for word in (tmp_path / f"drawn-{number}").read_text().split()]
    assert sorted(drawn) == list(range(1, 81))
    store = service_database.open()
    assert (store.next_number("runs of G"), store.next_number("log of events")) == (1, 1)
    assert store.last_event_id() == 0
