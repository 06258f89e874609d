"""What READMEs say of a licence, and what they do not say."""

from pathlib import Path

import pytest

from tasks.audit.licences import stated_licence

DEPLOYMENTS = Path(__file__).resolve().parents[3] / "deployments"


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlicense: mit\n---\n# x", "mit"),
        ("---\r\nlicense: mit\r\n---\r\n", "mit"),
        ("---\nlicense: [mit, cc-by-4.0]\n---\n", "mit, cc-by-4.0"),
        ("---\nlicense: other\nlicense_name: our own\n---\n", "our own"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\ntags: [a]\n---\nlicense: mit\n", None),
        ("Licence: MIT\n", None),
        ("# x\n---\nlicense: mit\n---\n", None),
        ("---\nlicense: {a: b}\n---\n", None),
        ("---\nlicense: &x [*x]\n---\n", None),
        ("---\n- a\n---\n", None),
        ("---\nlicense: [\n---\n", None),
        ("---\n!!python/object/apply:os.system ['true']\n---\n", None),
        ("", None),
    ],
)
def test_only_what_the_yaml_head_names_is_a_licence(tmp_path, readme, licence):
    (tmp_path / "README.md").write_bytes(readme.encode())
    assert stated_licence(tmp_path / "rows.jsonl") == licence
    assert stated_licence(tmp_path) == licence


def test_a_readme_that_cannot_be_read_states_nothing(tmp_path):
    assert stated_licence(tmp_path) is None
    (tmp_path / "README.md").write_bytes(b"---\nlicense: \xff\n---\n")
    assert stated_licence(tmp_path) is None


def test_all_that_ships_states_its_licence():
    stated = {path.parent.name: stated_licence(path) for path in DEPLOYMENTS.glob("data/*/*.jsonl")}
    assert stated.pop("math") == stated.pop("topics") == "mit"
    assert stated.pop("catalogue") == stated.pop("solved_sums") == "cc0-1.0"
    assert stated and {*stated.values()} == {"apache-2.0"}
    assert stated_licence(DEPLOYMENTS / "models/tiny") == "apache-2.0"
