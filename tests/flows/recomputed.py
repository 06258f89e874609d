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
ATTEMPTS_OF = {"sft_examples": ["attempt_id"], "preference_pairs": ["chosen_attempt_id", "rejected_attempt_id"]}


class Recomputed:
    """What a story told of a row of this lineage must hold."""

    def __init__(self, lineage):
        self.lineage = lineage

    def agree(self, story):
        """Assert that a story is what this lineage holds."""
        row_id, played = story["id"], self.lineage.home(story["id"])
        row = self.lineage.row(row_id)
        assert (story["recipe"], story["round"]) == (self.lineage.recipe, played.number)
        assert story["table"].split("/")[-1] == row_id.split("-")[0]
        assert story["decision"] == played.manifest["decision"]
        assert story["arm"] == "", "no control was played"
        self.same(story["row"], row)
        assert row or played.dropped[row_id]
        self.dropped(story, row_id, played)
        self.stages(story["stages"], played)
        table, question = row_id.split("-")[0], self.question_of(row_id, row)
        if question:
            self.question(story, question, played)
        elif table == "proposals":
            self.proposal(story, row, played)
        elif table == "evaluations":
            self.same(story["item"], self.lineage.row(row["item_id"]))
            assert row["answer"] == said(row["text"])
            assert row["correct"] == (said(row["text"]) == row["reference"])
            self.checkpoints(story["checkpoints"], [row["checkpoint"]])
        elif table == "reference_logps":
            assert self.lineage.row(row["pair_id"])["prompt"]
            self.checkpoints(story["checkpoints"], [row["checkpoint"]] if row["checkpoint"] else [])
        elif table == "train_steps":
            self.checkpoints(story["checkpoints"], [played.manifest["candidate"]["digest"]])
        else:
            self.input(story, row, played)

    def same(self, told, row):
        """A row as it stands, and its prompt's digest beside it."""
        assert (told is None) == (row is None)
        if row:
            own = {name: value for name, value in row.items() if name != "_key"}
            assert {name: told[name] for name in own} == own
            assert "prompt" not in row or told["prompt_digest"] == sha(row["prompt"])

    def dropped(self, story, row_id, played):
        told = {(d["stage"], d["reason"], d["figure"], d["threshold"]) for d in story["dropped"] if d["id"] == row_id}
        assert told == {(d["stage"], d["reason"], d["figure"], d["threshold"]) for d in played.dropped[row_id]}

    def question_of(self, row_id, row):
        if row_id.split("-")[0] in ("questions", "probe"):
            return row_id
        named = (row or {}).get("question_id") or (row or {}).get("row_id") or ""
        return "" if named.startswith("seeds") else named

    def question(self, story, question_id, played):
        row, probe = self.lineage.row(question_id), question_id.startswith("probe")
        self.same(story["question"], row)
        assert story["item"] is None
        assert (story["source"] is not None) == probe
        if not probe:
            self.origins(story, question_id, row, played)
        self.votes(story, question_id, probe, played)
        if not probe:
            check_filters(story, question_id, row, played)
            chosen = row is not None and "select" not in {d["stage"] for d in played.dropped[question_id]}
            self.selected(story, row and row["text"], chosen)
        self.training(story, question_id, played)

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
        assert row is None or row["proposal_id"] == proposals[0]["id"]
        text = row["text"] if row else played.dropped[question_id][0]["text"]
        assert text in " ".join(proposals[0]["text"].split())
        self.proposal(story | {"row": story["proposal"]}, proposals[0], played, alone=False)

    def proposal(self, story, proposal, played, alone=True):
        self.same(story["row"], proposal)
        assert [shot["id"] for shot in story["fewshots"]] == proposal["fewshot_ids"]
        for shot in story["fewshots"]:
            self.same(shot, self.lineage.row(shot["id"]))
            assert (shot.get("question") or shot["text"]) in proposal["prompt"]
            assert shot["id"].startswith("seeds") or self.lineage.home(shot["id"]).manifest["decision"] == "promoted"
        self.asked(story, "propose", played.manifest["champion"]["digest"])
        if alone:
            admitted = {row["id"] for row in played.named("questions", "proposal_id", proposal["id"])}
            assert {q["id"] for q in story["questions"] if not q["refused"]} == admitted
            for q in story["questions"]:
                assert not q["refused"] or played.dropped[q["id"]][0]["reason"] == q["refused"]
                assert q["text"] in " ".join(proposal["text"].split())

    def stages(self, told, played):
        """What each stage's own marker says, and what the recipe said; the checkpoint it asked."""
        for stage in told:
            name, key = stage["stage"].split(".")[0], played.manifest["stages"][stage["stage"]]
            marker = played.markers[f"{name}-{key}"]
            own = {part: marker[part] for part in ("key", "settings", "facts", "figures", "code", "versions")}
            assert {part: stage[part] for part in own} == own
            assert stage["played_in"] == (marker["reused_from"] or f"{self.lineage.recipe}/{played.number}")
            section = played.recipe["validation" if name == "validate" else name] if name != "collect" else {}
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
        assert [a["sample"] for a in story["attempts"]] == sorted(a["sample"] for a in attempts)
        assert {a["id"] for a in story["attempts"]} == {a["id"] for a in attempts}
        if not attempts:
            assert story["verdict"] is None
            return
        ballots = {a["id"]: said(a["text"]) if a["finish_reason"] == "stop" else None for a in attempts}
        classes = Counter(ballot for ballot in ballots.values() if ballot)
        ranked = sorted(classes.items(), key=lambda entry: (-entry[1], entry[0]))
        tied = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
        label = ranked[0][0] if ranked and not tied else None
        verdict = story["verdict"]
        self.same(verdict, *played.named("probe_verdicts" if probe else "verdicts", "question_id", question_id))
        assert verdict["votes"] == (ranked[0][1] if ranked else 0)
        assert [(c["answer"], c["count"]) for c in verdict["classes"]] == ranked
        assert (verdict["answer"], verdict["tied"], verdict["num_valid"]) == (label, tied, sum(classes.values()))
        assert verdict["agreement"] == (ranked[0][1] / len(attempts) if ranked else 0)
        for told in story["attempts"]:
            self.same(told, self.lineage.row(told["id"]))
            ballot = ballots[told["id"]]
            (answer,) = played.named("answers", "attempt_id", told["id"])
            assert told["answer_id"] == answer["id"]
            for name in ("answer", "source", "invalid_reason"):
                assert told[name] == answer[name]
            assert (told["canonical"], told["valid"]) == (ballot, ballot is not None)
            assert told["reward"] == (None if label is None else float(ballot == label))
            assert told["answer_class"] == ([form for form, _ in ranked].index(ballot) if ballot else -1)
            assert told["checkpoint"] == played.manifest["champion"]["digest"]
        self.asked(story, "solve", played.manifest["champion"]["digest"])
        if probe:
            assert verdict["correct"] == (None if label is None else label == verdict["reference"])
            assert verdict["reference"] == self.lineage.row(question_id)["reference"]

    def selected(self, story, text, kept):
        selection = story["selection"]
        assert (selection is not None) == kept
        if kept:
            self.same(selection, self.lineage.row(selection["id"]))
            assert (selection["text"], selection["answer"]) == (text, story["verdict"]["answer"])
        for hit in story["contamination"]:
            assert folded(hit["protected"]["question"]) == folded(text)
            self.same(hit["protected"], self.lineage.row(hit["protected_id"]))

    def training(self, story, question_id, played):
        """The rows it became; the rounds that trained on them: its own, and while it was held, those after it."""
        rows = {
            row["id"]: (table, [row[column] for column in ATTEMPTS_OF[table]])
            for table in TRAINING
            for row in played.named(table, "question_id", question_id)
        }
        assert {row["id"]: (row["table"], row["attempts"]) for row in story["training_rows"]} == rows
        assert {row["agreement"] for row in story["training_rows"]} <= {(story["verdict"] or {}).get("agreement")}
        for attempt in story["attempts"]:
            assert set(attempt["became"]) == {i for i, (_, made_of) in rows.items() if attempt["id"] in made_of}
        weights = []
        for row in story["training_rows"]:
            trained = []
            for later in self.lineage.rounds.values():
                since = int((later.manifest["parent"] or "/0").split("/")[1])
                again = played.manifest["decision"] == "held" and since < played.number < later.number
                method = TRAINING[row["table"]]
                reads = later.number == played.number or again
                if reads and method in later.recipe["train"]["methods"] and not played.dropped[row["id"]]:
                    trained.append(
                        {"round": f"{self.lineage.recipe}/{later.number}", "method": method}
                        | {"checkpoint": later.manifest["candidate"]["digest"]}
                    )
            assert row["trained"] == trained
            weights += [t["checkpoint"] for t in trained]
        self.checkpoints(story["checkpoints"], list(dict.fromkeys(weights)))

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

    def input(self, story, row, played):
        """A seed or a benchmark's item, as it stands in the user's file."""
        if row is None:
            return
        with open(story["source"]["path"], encoding="utf-8") as file:
            line = json.loads(file.readlines()[row["source_row"]])
        assert line["question"].strip() == row["question"]
        assert story["source"]["row"] == row["source_row"]
        assert {e["id"] for e in story["evaluations"]} == {
            e["id"] for e in played.named("evaluations", "item_id", row["id"])
        }
