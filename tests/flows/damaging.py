"""Ways in which a store of two rounds is damaged, and where that shows first."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.tables import TABLES
from tasks.store.chain import sealed
from tasks.store.lineage import read_lineage
from tasks.store.objects import file_digest
from tasks.store.parquet import table_ref, write_part


def part(store, table, number=1):
    m = read_lineage(store, "small")[0].manifests[number - 1]
    ref = m.tables[table][0]
    return store / "small" / ref.path / min(ref.files)


def rewrite(store, table, change, number=1):
    """Change a table's rows and everything that speaks of them, as an error in the code would: marker, manifest,
    and the chain from there on."""
    lineage = read_lineage(store, "small")[0]
    documents = manifests_of(store)
    (ref,) = lineage.manifests[number - 1].tables[table]
    folder = store / "small" / ref.path
    rows = pa.concat_tables([pq.read_table(folder / name, partitioning=None) for name in sorted(ref.files)])
    for name in sorted(ref.files)[1:]:
        (folder / name).unlink()
    write_part(folder / min(ref.files), TABLES[table], change(rows.sort_by("id")).to_pylist())
    new = table_ref(store / "small", folder, TABLES[table]).model_dump()
    documents[number]["tables"][table] = [new]
    home = lineage.round_folder(number)
    for name in [name for name in documents[number]["files"] if name.startswith("stages/")]:
        marker = json.loads((home / name).read_bytes())
        if marker["tables"].get(table, {}).get("path") == ref.path:
            marker["tables"][table] = new
            (home / name).write_text(json.dumps(marker))
            documents[number]["files"][name] = file_digest(home / name)
    chain_anew(store, documents)


def manifests_of(store):
    """Round -> its manifest as JSON, to be changed and chained anew."""
    paths = store.glob("small/round-*/manifest.json")
    return {document["round"]: document for document in (json.loads(path.read_bytes()) for path in paths)}


def chain_anew(store, documents):
    previous = ""
    for round, document in sorted(documents.items()):
        path = store / f"small/round-{round:04d}/manifest.json"
        path.write_bytes(sealed(document | {"previous": previous}))
        previous = file_digest(path)


def flip(path, at=-20):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-50])


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))


def forge(path, **changes):
    """Edited and sealed anew."""
    path.write_bytes(sealed(json.loads(path.read_bytes()) | changes))


def a_folder_instead(path):
    path.unlink()
    path.mkdir()


def base_weights(store):
    return store / "objects" / read_lineage(store, "small")[0].manifests[0].base.digest


def swap_weights(store):
    """The champion's folder holds the candidate's weights, whose own folder is whole."""
    m = read_lineage(store, "small")[0].manifests[0]
    source, target = (store / "objects" / ref.digest for ref in (m.candidate, m.base))
    for name in ("model.safetensors", "object.json"):
        shutil.copyfile(source / name, target / name)
    return target / "object.json"


DAMAGES = {
    "a flipped byte": lambda store: flip(part(store, "attempts")),
    "a flipped byte of the seeds": lambda store: flip(part(store, "inputs/seeds", 2)),
    "a missing shard": lambda store: part(store, "evaluations").unlink(),
    "a truncated file": lambda store: cut(part(store, "questions")),
    "an edited manifest": lambda store: edit(store / "small/round-0002/manifest.json", decision="promoted"),
    "an edited record": lambda store: edit(store / "small/records/0002.json", kind="approve"),
    "a lost record": lambda store: (store / "small/records/0001.json").unlink(),
    "a lost manifest": lambda store: (store / "small/round-0001/manifest.json").unlink(),
    "an edited recipe": lambda store: flip(store / "small/round-0002/recipe.toml"),
    "a swapped checkpoint": swap_weights,
    "adapters beside the weights": lambda store: (base_weights(store) / "adapter_config.json").write_text("{}"),
    "a listing of numbers": lambda store: (base_weights(store) / "object.json").write_text('{"files": [1, 2]}'),
    "a folder in a shard's place": lambda store: a_folder_instead(part(store, "attempts", 2)),
    "a folder in a manifest's place": lambda store: a_folder_instead(store / "small/round-0001/manifest.json"),
    "another round's number": lambda store: edit(store / "small/round-0002/manifest.json", round=5),
    "a forged record": lambda store: forge(store / "small/records/0002.json", kind="approve"),
    "a forged decision": lambda store: forge(store / "small/round-0002/manifest.json", decision="promoted"),
    "forged figures": lambda store: forge(store / "small/round-0002/manifest.json", figures={}),
    "files no longer named": lambda store: forge(store / "small/round-0002/manifest.json", files={}),
    "a torn manifest": lambda store: cut(store / "small/round-0002/manifest.json"),
    "a torn record": lambda store: cut(store / "small/records/0002.json"),
    "a parent that is no round": lambda store: forge(store / "small/round-0002/manifest.json", parent="<b>small</b>"),
}
UNREADABLE = {"a folder in a manifest's place", "a torn manifest", "a torn record", "a parent that is no round"}
"""What a run cannot read at all: bad input rather than damage."""
PLACES = {
    "a flipped byte": "small/round-0001/attempts/",
    "a flipped byte of the seeds": "small/round-0002/inputs/seeds/",
    "a missing shard": "small/round-0001/evaluations/",
    "a truncated file": "small/round-0001/questions/",
    "an edited manifest": "small/round-0002/manifest.json",
    "an edited record": "small/records/0002.json",
    "a lost record": "small/records/0001.json",
    "a lost manifest": "small/round-0001/manifest.json",
    "an edited recipe": "small/round-0002/recipe.toml",
    "a swapped checkpoint": "objects/",
    "adapters beside the weights": "objects/",
    "a listing of numbers": "objects/",
    "a folder in a shard's place": "small/round-0002/attempts/",
    "a folder in a manifest's place": "small/round-0001/manifest.json",
    "another round's number": "small/round-0002/manifest.json",
    "a forged record": "small/records",
    "a forged decision": "small/round-0002/manifest.json",
    "forged figures": "small/round-0002/manifest.json",
    "files no longer named": "small/round-0002/manifest.json",
    "a torn manifest": "small/round-0002/manifest.json",
    "a torn record": "small/records/0002.json",
    "a parent that is no round": "small/round-0002/manifest.json",
}
