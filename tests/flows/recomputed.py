"""What `why` must say of a row of played sums, worked out anew from another reading of the same files.

Nothing of the project is imported (a test looks), nor are its figures taken on trust: votes are counted from the
attempts' texts, filters from the questions' texts and the recipe (refiltered.py), scores from the answers to the
benchmark.
"""

import json
from collections import Counter

from .refiltered import check_filters
from .reread import folded, said, sha

TRAINING = {"sft_examples": "sft", "preference_pairs": "dpo"}
MADE_OF = {  # what a row was made of or speaks of, by its columns
    "proposals": ("shown_ids",),
    "questions": ("proposal_id",),
    "contamination": ("row_id", "protected_id"),
    "attempts": ("question_id",),
    "answers": ("attempt_id",),
    "rewards": ("row_id",),
    "verdicts": ("question_id",),
    "probe_verdicts": ("question_id",),
    "selections": ("question_id", "verdict_id"),
    "sft_examples": ("question_id", "attempt_id"),
    "preference_pairs": ("question_id", "chosen_attempt_id", "rejected_attempt_id"),
    "reference_logps": ("pair_id",),
    "evaluations": ("item_id",),
}
MADE_OF_ORDER = (
    "inputs/seeds", "inputs/probe", "inputs/benchmark_items", "proposals", "questions", "attempts", "answers",
    "verdicts", "probe_verdicts", "rewards", "selections", "contamination", "sft_examples", "preference_pairs",
    "reference_logps", "train_steps", "evaluations",
)  # fmt: skip
SPEAKS = {"contamination": "row_id", "answers": "attempt_id", "rewards": "row_id"} | dict.fromkeys(
    ("verdicts", "probe_verdicts", "selections"), "question_id"
)


def kind(row_id):
    prefix = row_id.split("-")[0]
    return f"inputs/{prefix}" if prefix in ("seeds", "probe", "benchmark_items") else prefix


def named_by(table, row):
    values = [row[column] for column in MADE_OF.get(table, ())]
    return {one for value in values for one in (value if isinstance(value, list) else [value])}


class Recomputed:
    """What a story told of a row of this lineage must hold."""

    def __init__(self, lineage):
        self.lineage = lineage
        self.files = {}

    def agree(self, story):
        """Assert that a story is what this lineage holds."""
        row_id, played = story["id"], self.lineage.home(story["id"])
        row = self.lineage.row(row_id)
        assert (story["recipe"], story["round"]) == (self.lineage.recipe, played.number)
        assert story["table"] == kind(row_id)
        assert story["decision"] == played.manifest["decision"]
        assert (story["arm"], story["left_out"]) == ("", 0), "no control was played"
        self.same(story["row"], row)
        assert row or played.dropped[row_id]
        subject = self.subject_of(row_id, row)
        self.same(story["subject"], subject and self.lineage.row(subject))
        self.told(story, row_id, row, subject, played)
        self.dropped(story, row_id, played)
        self.stages(story, subject, played)
        if subject and not subject.startswith("seeds"):
            self.question(story, subject, played)
        elif story["table"] == "proposals":
            self.proposal(row, played)
            self.asked(story, "propose", played.manifest["champion"]["digest"])
        elif story["table"] == "evaluations":
            assert row["answer"] == said(row["text"])
            assert row["correct"] == (said(row["text"]) == row["reference"])
            self.checkpoints(story["checkpoints"], [row["checkpoint"]])
        elif story["table"] == "train_steps":
            self.checkpoints(story["checkpoints"], [played.manifest["candidate"]["digest"]])
        if story["table"].startswith("inputs"):
            self.source(story["source"], row, played)
        else:
            assert story["source"] is None
        if not subject or subject.startswith("seeds"):
            self.filters_of_no_question(story)

    def filters_of_no_question(self, story):
        """What is no question went through no filter: validation alone looked at it, if a table of it was there."""
        looked = {"stage": "validate", "filter": "row expectations", "figure": None, "threshold": None}
        assert story["filters"] in ([], [looked | {"outcome": "passed"}])

    def subject_of(self, row_id, row):
        """The question or probe row, or the seed, that others speak of."""
        while row_id.split("-")[0] not in ("questions", "probe", "seeds"):
            table = kind(row_id)
            if table not in MADE_OF or table in ("proposals", "evaluations"):
                return None
            row_id = row[SPEAKS.get(table, MADE_OF[table][0])]
            row = self.lineage.row(row_id)
        return row_id

    def told(self, story, row_id, row, subject, played):
        """Which rows, how they stand to it, where they lie, and what they say."""
        up, ids = set(), named_by(kind(row_id), row or {}) if row else set(self.parents_of(row_id, played))
        while ids:
            up |= (new := {one for one in ids if one and self.lineage.row(one)} - up)
            ids = {parent for one in new for parent in named_by(kind(one), self.lineage.row(one))}
        rounds, around = [played], set()
        if subject:
            home = self.lineage.home(subject)
            rounds = (
                [played]
                if subject.startswith(("probe", "seeds"))
                else list({home.number: home, played.number: played}.values())
            )
        ids = {subject or row_id}
        while ids:
            new = {
                other["id"]
                for number in rounds
                for table, columns in MADE_OF.items()
                for other in number.tables[table]
                for column in columns
                if (
                    other[column] in ids
                    if not isinstance(other[column], list)
                    else not subject and row_id in other[column]
                )
            }
            around |= (new := new - around)
            ids = new if subject else set()
        if kind(row_id) == "inputs/seeds":
            around |= {shown["id"] for shown in played.tables["proposals"] if row_id in shown["shown_ids"]}
        around -= {row_id, *up}
        hits = (self.lineage.row(one) for one in around if one.startswith("contamination"))
        aside = {hit["protected_id"] for hit in hits} - {row_id, *up, *around}
        down, before = {row_id}, 0
        while len(down) > before:
            before = len(down)
            down |= {
                one
                for one in around
                if (
                    named_by(kind(one), self.lineage.row(one)) - {self.lineage.row(one)[SPEAKS[kind(one)]]}
                    if kind(one) in SPEAKS
                    else named_by(kind(one), self.lineage.row(one))
                )
                & down
            }
        relation = (
            dict.fromkeys(around | aside, "beside") | dict.fromkeys(down & around, "down") | dict.fromkeys(up, "up")
        )
        relation |= {row_id: "itself"} if row else {}
        entries = {e["row"]["id"]: (table, e) for table, entries in story["tables"].items() for e in entries}
        assert {one: e["relation"] for one, (_, e) in entries.items()} == relation
        for one, (table, e) in entries.items():
            home, stands = self.lineage.home(one), self.lineage.row(one)
            self.same(e["row"], stands)
            assert (table, e["round"]) == (kind(one), f"{self.lineage.recipe}/{home.number}")
            assert home.manifest["stages"][e["stage"]] == stands["_key"]
            assert ("source" in e) == table.startswith("inputs")
            if "source" in e:
                self.source(e["source"], stands, home)
        order = [*story["tables"]]
        assert order == sorted(order, key=[*MADE_OF_ORDER].index)

    def parents_of(self, row_id, played):
        """Of a row that was refused before it was written: what its refusal says."""
        return {parent for refused in played.dropped[row_id] for parent in refused["parents"] or ()}

    def same(self, told, row):
        """A row as it stands, and its prompt's digest beside it."""
        assert (told is None) == (row is None)
        if row:
            own = {name: value for name, value in row.items() if name != "_key"}
            assert {name: told[name] for name in own} == own
            assert "prompt" not in row or told["prompt_digest"] == sha(row["prompt"])

    def dropped(self, story, row_id, played):
        known = ("id", "table", "stage", "reason", "figure", "threshold", "text", "parents")
        rounds = {f"{self.lineage.recipe}/{number}": round for number, round in self.lineage.rounds.items()}
        for d in story["dropped"]:
            (found,) = [
                r
                for r in rounds[d["round"]].dropped[d["id"]]
                if (r["stage"], r["reason"]) == (d["stage"], d["reason"])
            ]
            assert {name: found[name] for name in known} == {name: d[name] for name in known}
        told = {(d["id"], d["stage"], d["reason"]) for d in story["dropped"]}
        near = {e["row"]["id"] for entries in story["tables"].values() for e in entries if e["relation"] != "up"}
        expected = {
            (d["id"], d["stage"], d["reason"])
            for dropped in played.dropped.values()
            for d in dropped
            if d["id"] in near | {row_id} or row_id in (d["parents"] or ())
        }
        assert told >= expected

    def question(self, story, question_id, played):
        row, probe = self.lineage.row(question_id), question_id.startswith("probe")
        home = played if probe else self.lineage.home(question_id)
        if not probe:
            self.origins(story, question_id, row, home)
        self.votes(story, question_id, probe, home)
        if not probe:
            check_filters(story, question_id, row, home)
            chosen = row is not None and "select" not in {d["stage"] for d in home.dropped[question_id]}
            self.selected(story, row and row["question"], chosen, question_id)
        else:
            self.filters_of_no_question(story)
        self.training(story, question_id, home)

    def rows(self, story, table, question_id=None):
        """Rows that are told of a table; of this question alone."""
        found = [e["row"] for e in story["tables"].get(table, ())]
        return [row for row in found if question_id is None or row["question_id"] == question_id]

    def origins(self, story, question_id, row, played):
        """The proposal, by its name or by the hash that is the question's id; few-shots, whose words it was shown."""
        seed = str(played.manifest["seed"])
        proposals = [
            proposal
            for proposal in played.tables["proposals"]
            for item in range(proposal["text"].count("\n") + 1)
            if question_id.endswith(sha("\0".join(["questions", seed, "", proposal["id"], str(item)]))[:20])
        ]
        assert len(proposals) == 1
        assert {proposals[0]["id"]} == ({row["proposal_id"]} if row else self.parents_of(question_id, played))
        text = row["question"] if row else played.dropped[question_id][0]["text"]
        assert text in " ".join(proposals[0]["text"].split())
        assert proposals[0]["id"] in {told["id"] for told in self.rows(story, "proposals")}
        self.proposal(proposals[0], played)
        self.asked(story, "propose", played.manifest["champion"]["digest"])

    def proposal(self, proposal, played):
        for shot in map(self.lineage.row, proposal["shown_ids"]):
            assert shot["question"] in proposal["prompt"]
            assert shot["id"].startswith("seeds") or self.lineage.home(shot["id"]).manifest["decision"] == "promoted"
        for question in played.named("questions", "proposal_id", proposal["id"]):
            assert question["question"] in " ".join(proposal["text"].split())

    def stages(self, story, subject, played):
        """What each stage's own marker says, and what the recipe said; the checkpoint it asked. All that wrote what
        is near, refused it, looked at it or trained on it."""
        rounds = {f"{self.lineage.recipe}/{number}": round for number, round in self.lineage.rounds.items()}
        told = {(stage["round"], stage["stage"]) for stage in story["stages"]}
        assert told >= {(d["round"], d["stage"]) for d in story["dropped"]}
        entries = [e for entries in story["tables"].values() for e in entries]
        assert told >= {(e["round"], e["stage"]) for e in entries if e["relation"] in ("itself", "down")}
        assert told >= {(t["round"], t["stage"]) for e in entries for t in e.get("trained", ())}
        for stage in story["stages"]:
            played = rounds[stage["round"]]
            name, key = stage["stage"].split(".")[0], played.manifest["stages"][stage["stage"]]
            marker = played.markers[f"{name}-{key}"]
            own = {part: marker[part] for part in ("key", "settings", "facts", "figures", "code", "versions")}
            assert {part: stage[part] for part in own} == own
            assert stage["wrote"] == sorted(marker["tables"])
            assert stage["played_in"] == (marker["reused_from"] or f"{self.lineage.recipe}/{played.number}")
            section = played.recipe.get("validation" if name == "validate" else name, {}) if name != "collect" else {}
            for setting, value in section.items():
                if not isinstance(value, dict):
                    assert stage["settings"]["settings"][setting] == value
            assert {(p["name"], p["text"]) for p in stage["prompts"]} == set(marker["prompts"].items())
            for prompt in stage["prompts"]:
                assert prompt["digest"] == sha(prompt["text"]) == marker["inputs"]["prompt"]
            engine = marker["settings"].get("engine", {})
            by_url = engine if engine.get("kind") == "openai" else None
            assert stage["url_engine"] == by_url
            assert stage["teacher"] == (f"{engine['model']}@{engine['revision']}" if "model" in engine else None)
            asked = stage["checkpoint"]
            self.checkpoints([asked] if asked else [], [marker["inputs"]["model"]] if asked else [])

    def asked(self, story, name, digest):
        assert [s["checkpoint"]["digest"] for s in story["stages"] if s["stage"] == name] == [digest]

    def votes(self, story, question_id, probe, played):
        """Each attempt read anew, and counted anew."""
        attempts = played.named("attempts", "question_id", question_id)
        told = {a["id"] for a in self.rows(story, "attempts", question_id)}
        assert told == {a["id"] for a in attempts}
        verdicts = self.rows(story, "probe_verdicts" if probe else "verdicts", question_id)
        if not attempts:
            assert verdicts == []
            return
        ballots = {a["id"]: said(a["text"]) if a["finish_reason"] == "stop" else None for a in attempts}
        classes = Counter(ballot for ballot in ballots.values() if ballot)
        ranked = sorted(classes.items(), key=lambda entry: (-entry[1], entry[0]))
        tied = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
        label = ranked[0][0] if ranked and not tied else None
        (verdict,) = verdicts
        assert verdict["votes"] == (ranked[0][1] if ranked else 0)
        assert [(c["answer"], c["count"]) for c in verdict["classes"]] == ranked
        assert (verdict["answer"], verdict["tied"], verdict["num_valid"]) == (label, tied, sum(classes.values()))
        assert verdict["agreement"] == (ranked[0][1] / len(attempts) if ranked else 0)
        answers = {answer["attempt_id"]: answer for answer in self.rows(story, "answers", question_id)}
        assert answers.keys() == told
        rewards = {row["row_id"]: row["reward"] for row in self.rows(story, "rewards")}
        for attempt_id, answer in answers.items():
            ballot = ballots[attempt_id]
            assert (answer["canonical"], answer["valid"]) == (ballot, ballot is not None)
            if not probe:
                assert rewards[attempt_id] == (None if label is None else float(ballot == label))
            assert answer["answer_class"] == ([form for form, _ in ranked].index(ballot) if ballot else -1)
            assert self.lineage.row(attempt_id)["checkpoint"] == played.manifest["champion"]["digest"]
        self.asked(story, "solve", played.manifest["champion"]["digest"])
        if probe:
            assert verdict["correct"] == (None if label is None else label == verdict["reference"])
            assert verdict["reference"] == self.lineage.row(question_id)["reference"]

    def selected(self, story, text, kept, question_id):
        selections = self.rows(story, "selections", question_id)
        assert (len(selections) == 1) == kept
        for selection in selections:
            (verdict,) = self.rows(story, "verdicts", question_id)
            assert (selection["question"], selection["answer"]) == (text, verdict["answer"])
        for hit in self.rows(story, "contamination"):
            assert folded(self.lineage.row(hit["protected_id"])["question"]) == folded(text)

    def training(self, story, question_id, played):
        """The rounds that trained on the rows it became: its own, and while it was held, those after it."""
        agreement = {verdict["agreement"] for verdict in self.rows(story, "verdicts", question_id)}
        weights = []
        for table in TRAINING:
            entries = story["tables"].get(table, ())
            assert {e["row"]["id"] for e in entries} == {
                row["id"] for row in played.named(table, "question_id", question_id)
            }
            for e in entries:
                assert {e["row"]["agreement"]} == agreement
                expected = self.trainings(table, e["row"]["id"], played)
                assert e["trained"] == expected
                weights += [t["checkpoint"] for t in expected]
        wrote = [story["row"]["checkpoint"]] if (story["row"] or {}).get("checkpoint") else []
        self.checkpoints(story["checkpoints"], list(dict.fromkeys(weights + wrote)))

    def trainings(self, table, row_id, played):
        found = []
        for later in self.lineage.rounds.values():
            since = int((later.manifest["parent"] or "/0").split("/")[1])
            again = played.manifest["decision"] == "held" and since < played.number < later.number
            method = TRAINING[table]
            reads = later.number == played.number or again
            if reads and method in later.recipe["train"]["methods"] and not played.dropped[row_id]:
                found.append(
                    {"round": f"{self.lineage.recipe}/{later.number}", "stage": "train", "method": method}
                    | {"checkpoint": later.manifest["candidate"]["digest"]}
                )
        return found

    def checkpoints(self, told, digests):
        """Scores as the answers to the benchmark give them, in the round that made the weights."""
        assert {c["digest"] for c in told} == set(digests)
        rounds = self.lineage.rounds
        first = rounds[min(rounds)]
        for c in told:
            base = first.manifest["base"]["digest"] == c["digest"]
            maker = next((r for r in rounds.values() if r.manifest["candidate"]["digest"] == c["digest"]), None)
            played = first if base else maker
            made = {} if base else {"made_by": f"{self.lineage.recipe}/{maker.number}"} | maker.manifest
            assert [c[name] for name in ("made_by", "decision", "reason")] == [
                made.get(name) for name in ("made_by", "decision", "reason")
            ]
            assert (c["role"], c["weights_dropped"]) == ("base" if base else "candidate", False)
            assert c["scores"]["sums"] == played.manifest["scores"]["sums"][c["role"]]
            assert abs(c["scores"]["sums"]["accuracy"] - played.score(c["digest"])) < 1e-12
            assert c["champion_in"] == [
                f"{self.lineage.recipe}/{r.number}"
                for r in rounds.values()
                if r.manifest["champion"]["digest"] == c["digest"]
            ]

    def source(self, told, row, played):
        """A row that the user brought, as it stands in the user's file."""
        table = kind(row["id"]) if row else "inputs/seeds"
        data, benchmarks = played.recipe["data"], {b["name"]: b for b in played.recipe["benchmarks"]}
        key = {"inputs/seeds": "data.seeds", "inputs/probe": "data.probe"}.get(
            table
        ) or f"benchmarks.{row['benchmark']}"
        files = {f"data.{name}": data[name] for name in data} | {
            f"benchmarks.{name}": b for name, b in benchmarks.items()
        }
        assert (told["key"], told["path"]) == (key, files[key]["path"])
        assert told["row"] == (row and row["source_row"])
        if row:
            if told["path"] not in self.files:
                with open(told["path"], encoding="utf-8") as file:
                    self.files[told["path"]] = file.readlines()
            assert json.loads(self.files[told["path"]][row["source_row"]])["question"].strip() == row["question"]
