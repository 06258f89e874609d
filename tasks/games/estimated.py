"""A model's policy in a small game, from samples of every state that a seat may be in."""

from collections import Counter

from schemas.games import Games
from schemas.settings import Answers
from tasks.engines import Engine, Request, completed
from tasks.games.exact import Policy
from tasks.games.moves import move_in
from tasks.games.openspiel import OpenSpiel
from tasks.games.playing import noise_of, rendered
from tasks.prompts import Prompt


def estimated(
    generator: Engine, prompt: Prompt, settings: Games, checks: Answers, game: OpenSpiel, samples: int
) -> tuple[Policy, float]:
    """How often the model takes each legal action, among its legal moves: all alike where it made none. And the share
    of moves that were illegal, which the policy leaves out."""
    states = {game.observe(state)[1]: state for state in game.knowing}
    requests = [
        Request(seen, rendered(prompt, settings, game, state), settings.sampling, noise_of("policy", seen), n=samples)
        for seen, state in states.items()
    ]
    made: dict[str, Counter[str]] = {seen: Counter() for seen in states}
    for completion in completed(generator, requests):
        if (action := move_in(completion.text, settings, checks)) is not None:
            made[completion.request_id][action] += 1
    policy, legal = {}, 0
    for seen, state in states.items():
        counts = {action: made[seen][action] for action in game.legal(state)}
        total = sum(counts.values())
        policy[seen] = {action: count / total if total else 1 / len(counts) for action, count in counts.items()}
        legal += total
    return policy, 1 - legal / (len(states) * samples)
