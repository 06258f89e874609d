"""The histories of the catalogue, made anew."""

from .loading import ROOT, load


def test_the_shipped_histories_are_what_the_script_makes(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["make_catalogue.py", "--folder", str(tmp_path)])
    load("make_catalogue").main()
    for name in ("histories", "benchmark", "sealed"):
        shipped = ROOT / f"deployments/data/catalogue/{name}.jsonl"
        assert (tmp_path / f"{name}.jsonl").read_bytes() == shipped.read_bytes()
