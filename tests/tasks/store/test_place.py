import pytest

from schemas.errors import BadInput
from tasks.store.place import local_twin, on_disk, store_at


def test_a_folder_or_a_bucket_is_a_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert store_at("store") == tmp_path / "store"
    assert on_disk(store_at("store") / "objects")
    bucket = store_at("s3://bucket/stores/one/")
    assert str(bucket / "objects") == "s3://bucket/stores/one/objects"
    assert not on_disk(bucket / "objects")


@pytest.mark.parametrize(
    "url", ["gs://bucket/store", "http://127.0.0.1/store", "s3://", "memory://store", "s3://a b/c", "s3://_/c"]
)
def test_a_url_that_promises_no_conditional_create_is_refused(url):
    with pytest.raises(BadInput, match="expected a folder, or s3://bucket/path"):
        store_at(url)


@pytest.mark.parametrize("secret", ["hidden", "hid/hidden", "hid*hidden", "hid[hidden", "hid@hidden"])
def test_a_secret_in_the_url_is_refused_and_not_repeated(secret):
    with pytest.raises(BadInput, match="no secrets in the URL") as refused:
        store_at(f"s3://AKIAKEY:{secret}@bucket/store")
    assert "hidden" not in str(refused.value)
    assert "AKIAKEY" not in str(refused.value)


def test_a_place_on_a_disk_is_its_own_twin_and_one_at_a_url_has_a_folder_here(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFPLAY_CACHE", str(tmp_path / "cache"))
    assert local_twin(tmp_path / "store") == tmp_path / "store"
    twins = {local_twin(store_at(f"s3://bucket/{name}")) for name in ("one", "two")}
    assert len(twins) == 2
    assert all(twin.is_relative_to(tmp_path / "cache") for twin in twins)
