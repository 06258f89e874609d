"""The corpus of solved sums, made anew."""

from .loading import ROOT, load


def test_the_shipped_documents_are_what_the_script_makes(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["make_solved_sums.py", "--folder", str(tmp_path)])
    load("make_solved_sums").main()
    shipped = ROOT / "deployments/data/solved_sums/documents.jsonl"
    assert (tmp_path / "documents.jsonl").read_bytes() == shipped.read_bytes()
