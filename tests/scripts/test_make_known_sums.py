"""The sums with a label that says whether the tiny model can do them, made anew."""

from .loading import ROOT, load


def test_the_shipped_files_are_what_the_script_makes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    monkeypatch.setattr("sys.argv", ["make_known_sums.py", "--folder", str(tmp_path)])
    script = load("make_known_sums")
    script.main()
    for name in script.SIZES:
        shipped = ROOT / f"deployments/data/known_sums/{name}.jsonl"
        assert (tmp_path / f"{name}.jsonl").read_bytes() == shipped.read_bytes(), name
