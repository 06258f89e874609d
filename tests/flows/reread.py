"""The rounds of played sums read anew: from Parquet, JSON and TOML files alone.

Nothing of the project is imported (a test looks).
"""

import hashlib
import json
import re
import tomllib
from collections import defaultdict

import pyarrow.parquet as pq


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def folded(text):
    return " ".join(text.casefold().split())


class Round:
    """A round's folder, read whole."""

    def __init__(self, folder):
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.recipe = tomllib.loads((folder / "recipe.toml").read_text())
        self.number = self.manifest["round"]
        self.markers = {path.stem: json.loads(path.read_text()) for path in (folder / "stages").glob("*.json")}
        self.tables = defaultdict(list)
        for path in sorted(folder.rglob("part-*.parquet")):
            table = path.parent.parent.relative_to(folder).as_posix()
            for row in pq.ParquetFile(path).read().to_pylist():
                self.tables[table].append(row | {"_key": path.parent.name})
        self.by_id = {(table, row["id"]): row for table, rows in self.tables.items() for row in rows}
        self.naming = defaultdict(list)
        for table, rows in self.tables.items():
            for row in rows:
                for column in ("question_id", "attempt_id", "proposal_id", "row_id", "item_id"):
                    if column in row:
                        self.naming[table, column, row[column]].append(row)
        self.dropped = defaultdict(list)
        for row in self.tables["dropped"]:
            self.dropped[row["id"]].append(row)

    def named(self, table, column, value):
        return self.naming[table, column, value]

    def score(self, digest):
        """Greedy accuracy of a checkpoint, from its answers."""
        rows = [row for row in self.tables["evaluations"] if row["greedy"] and row["checkpoint"] == digest]
        right = [int(row["reference"] == said(row["text"])) for row in rows]
        return sum(right) / len(right) if right else None


def said(text):
    """The number a sum's attempt ends with; None if it names none."""
    found = re.findall(r"#(\d+)", text)
    return str(int(found[-1])) if found else None


class Lineage:
    """A recipe's published rounds, read whole."""

    def __init__(self, folder):
        self.recipe = folder.name
        self.rounds = {}
        for path in sorted(folder.glob("round-*/manifest.json")):
            found = Round(path.parent)
            self.rounds[found.number] = found
        for path in sorted(folder.glob("records/*.json")):
            record = json.loads(path.read_text())
            approved = self.rounds[record["round"]].manifest
            approved["decision"], approved["reason"] = "promoted", f"{approved['reason']}; approved by {record['by']}"

    def rows(self):
        """Every row: its table, whether `dropped` is where it stands, and its id."""
        for number, played in self.rounds.items():
            for table, rows in played.tables.items():
                for row in rows:
                    if int(row["id"].split("-")[1]) == number:
                        yield table, row["id"]

    def home(self, row_id):
        return self.rounds[int(row_id.split("-")[1])]

    def row(self, row_id):
        """A row by its id alone, from whichever table has it."""
        prefix, played = row_id.split("-")[0], self.home(row_id)
        return next(
            (played.by_id[t, row_id] for t in (prefix, f"inputs/{prefix}") if (t, row_id) in played.by_id), None
        )

    def made_of(self, row_id):
        """What came of a row: each round's ids by table, walked row by row."""
        lasting, found = {row_id}, {}
        spoken_of = {"answers": "attempt_id", "rewards": "row_id"}.get(row_id.split("-")[0])
        own = {self.row(row_id)[spoken_of]} if spoken_of else {row_id}
        for number, played in self.rounds.items():
            if number < self.home(row_id).number:
                continue
            made = defaultdict(set)
            known = lasting | (own if played is self.home(row_id) else set())

            def reach(table, *columns, made=made, known=known, played=played, also=frozenset()):
                for row in played.tables[table]:
                    named = {i for c in columns for i in (row[c] if isinstance(row[c], list) else [row[c]])}
                    if named & known or named & set().union(*made.values()) or row.get("question_id") in also:
                        made[table].add(row["id"])

            reach("proposals", "shown_ids")
            reach("questions", "proposal_id")
            reach("contamination", "row_id", "protected_id")
            reach("attempts", "question_id")
            reach("answers", "attempt_id")
            reach("rewards", "row_id")
            reach("verdicts", "question_id")
            reach("probe_verdicts", "question_id")
            reach("selections", "question_id", "verdict_id")
            chosen = made["selections"] | known
            labelled = {row["question_id"] for row in played.tables["selections"] if row["id"] in chosen}
            reach("sft_examples", "attempt_id", also=labelled)
            reach("preference_pairs", "chosen_attempt_id", "rejected_attempt_id", also=labelled)
            reach("reference_logps", "pair_id")
            reach("evaluations", "item_id")
            if spoken_of:  # what else is said of the attempt was not made of this
                made["answers"].clear()
                made["rewards"].clear()
            lasting |= made["selections"] | made["preference_pairs"]
            found[f"{self.recipe}/{number}"] = {table: ids for table, ids in made.items() if ids}
        return {name: made for name, made in found.items() if made}
