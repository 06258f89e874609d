"""How much judging is left when generation ends: solve against a server that replays solutions of real length.

The server speaks the OpenAI API on loopback and gives TOKENS_A_SECOND in all; solve, vote and what runs beside them
are the project's own.
"""

import json
import random
import re
import tempfile
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench_answers import MATH, NUM_SAMPLES, ROOT, SOLUTIONS, responses

from flows.beside import Beside
from schemas.engines import OpenAIEngine
from schemas.inputs import PROBE
from schemas.questions import QUESTIONS
from schemas.settings import Sampling, Solve, Vote
from tasks.engines.served import served_name
from tasks.prompts import load_prompt
from tasks.roles import Role
from tasks.solve import solve
from tasks.store.draft import Draft
from tasks.store.lineage import Lineage
from tasks.store.objects import keep_checkpoint
from tasks.store.parquet import table_ref, write_part
from tasks.vote import vote, vote_ahead

NUM_QUESTIONS, TOKENS_A_SECOND, CONCURRENCY = 250, 20_000, 8
CHARACTERS_A_TOKEN = 4


class Replay(BaseHTTPRequestHandler):
    served = ""

    def do_GET(self) -> None:
        self._answer({"data": [{"id": self.served}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = re.search(r"question (\d+)", asked["prompt"])
        assert number
        texts = replayed(int(number.group(1)))
        tokens = sum(map(len, texts)) // CHARACTERS_A_TOKEN
        time.sleep(tokens * CONCURRENCY / TOKENS_A_SECOND)
        choices = [{"index": i, "finish_reason": "stop", "text": text} for i, text in enumerate(texts)]
        self._answer({"choices": choices, "usage": {"completion_tokens": tokens}})

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def replayed(number: int) -> list[str]:
    """Sixteen solutions whose wrong answers are this question's own."""
    row, rival = SOLUTIONS[number % len(SOLUTIONS)], SOLUTIONS[(number + 7) % len(SOLUTIONS)]
    return responses(row, random.Random(number), rival | {"answer": f"{rival['answer']}+{number}"})


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Replay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    engine = OpenAIEngine(kind="openai", url=url, concurrency=CONCURRENCY, timeout_seconds=60)
    settings = Solve(
        prompt="solve_raw",
        num_samples=NUM_SAMPLES,
        questions_per_shard=16,
        sampling=Sampling(temperature=1.0, max_tokens=1024),
    )
    with tempfile.TemporaryDirectory() as folder:
        draft = Draft(lineage=Lineage(Path(folder), "bench", ()), round=1, stage="solve", key="0" * 32, seed=1)
        model = keep_checkpoint(draft.lineage.objects, ROOT / "deployments/models/tiny")
        Replay.served = served_name(model.digest)
        questions = [
            {
                "id": f"q{n}",
                "proposal_id": "",
                "item": 0,
                "position": n,
                "question": f"question {n}",
                "nearest_score": 0.0,
            }
            for n in range(NUM_QUESTIONS)
        ]
        refs = {}
        for table, rows in ((QUESTIONS, questions), (PROBE, [])):
            place = draft.folder / table.name / "given"
            write_part(place / "part-0000.parquet", table, rows)
            refs[table.name] = table_ref(draft.lineage.folder, place, table)
        beside = Beside(partial(vote_ahead, Vote(), MATH))
        draft.hand_over = beside.take
        began = time.perf_counter()
        prompt = load_prompt("solve_raw", Path(folder))
        probe = refs["inputs/probe"]
        solve(
            draft,
            settings=settings,
            solver=Role(engine, prompt, model),
            checks=MATH,
            round=1,
            questions=refs["questions"],
            probe=probe,
        )
        generated = time.perf_counter() - began
        work = beside.finish()
        attempts = draft.tables()["attempts"]
        began = time.perf_counter()
        vote(draft, settings=Vote(), checks=MATH, attempts=attempts, probe=probe)
        judged = time.perf_counter() - began
    left = work["waited_seconds"] + judged
    print(f"\n### Judging beside generation: {NUM_QUESTIONS} questions, {NUM_SAMPLES} replayed solutions each\n")
    print(
        "| generating | judging in all | beside generation | left when it ends | share left |\n|--:|--:|--:|--:|--:|"
    )
    total = work["seconds"] + judged
    print(
        f"| {generated:.1f} s ({TOKENS_A_SECOND:,} tokens/s) | {total:.2f} s | {total - left:.2f} s | {left:.2f} s "
        f"| {left / total:.1%} |"
    )
    server.shutdown()


if __name__ == "__main__":
    main()
