from engine.data import recent


def test_a_key_is_new_once_until_memory_is_full(monkeypatch):
    monkeypatch.setattr(recent, "LIMIT", 2)
    seen = recent.Recent()
    assert [seen.is_new(key) for key in "aabbca"] == [True, False, True, False, True, True]
