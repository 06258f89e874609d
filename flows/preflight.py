"""Preflight: everything a run needs is read and checked before anything is written."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flows.asked import asked_of, lengths_of
from flows.checking import refuse_if_the_checker_errs
from flows.libraries import load_for_models
from flows.recipes import load_recipe
from schemas.engines import OpenAIEngine
from schemas.errors import BadInput
from schemas.games import Games
from schemas.gate import Gate
from schemas.recipe import AnsweredRows, Recipe
from schemas.settings import Prompted
from tasks.cluster import check_ray
from tasks.engines.chat_template import has_chat_template, reads_the_clock, refuse_chance
from tasks.engines.check_model import check_model
from tasks.engines.clients import check_client
from tasks.engines.model_files import check_files
from tasks.engines.vllm_environment import check_vllm
from tasks.games.openspiel import game_of
from tasks.prompts import load_prompt
from tasks.sources import Sources, read_sources
from tasks.store.keys import code_of
from tasks.store.lineage import open_lineage
from tasks.store.objects import digest_of, folder_digests
from tasks.store.place import local_cache, store_at

HINTS = {
    "smollm2": "; run `make smollm2` to fetch it",
    "tiny_vllm": "; run `python scripts/make_tiny_for_vllm.py` to make it",
}


@dataclass(frozen=True)
class Plan:
    """A recipe that can be played."""

    recipe: Recipe
    recipe_text: str
    recipe_folder: Path
    store: Path
    model: Path
    own_models: dict[str, Path]
    """Role -> base of the policy that speaks in it with weights of its own."""
    sources: Sources
    fixed: dict[str, str]
    """What may not change within a lineage."""


def preflight(path: Path, store: str | Path) -> Plan:
    """Raises BadInput, one line, for whatever would stop the run later."""
    recipe, text = load_recipe(path)
    folder = path.resolve().parent
    if recipe.executor.kind == "ray":
        try:
            check_ray()
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error
    model, base = _model_folder(path, "model", recipe.model.path, folder)
    own = {role: _model_folder(path, f"models.{role}", of.path, folder) for role, of in recipe.own_models.items()}
    own_models = {role: weights for role, (weights, _) in own.items()}
    asked = [(recipe.engine, weights) for weights in (model, *own_models.values())]
    for engine, weights in (*asked, (recipe.evaluation_engine, model)):
        try:
            if engine.kind == "vllm":
                check_vllm(engine, weights)
            if engine.kind == "openai":
                check_client(engine.url)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error
    for key, section in recipe:
        if not isinstance(section, Prompted):
            continue
        weights = own_models.get(section.role, model)
        try:
            if isinstance(section, Games):
                game_of(section)
            rendered = load_prompt(section.prompt, folder).render(**section.rendered_with)
        except BadInput as error:
            raise BadInput(f"{path}: {key}.{error}") from error
        if not isinstance(rendered, str) and not has_chat_template(weights):
            raise BadInput(f"{path}: {key}.prompt is a chat, and {weights} has no chat template; use a raw prompt")
        engine = recipe.evaluation_engine if key == "evaluate" else recipe.engine
        if isinstance(engine, OpenAIEngine):
            _check_api(path, key, engine, is_chat=not isinstance(rendered, str), model=weights)
    try:
        sources = read_sources(recipe, folder)
        for source in sources.named:
            if isinstance(source.asked, AnsweredRows):
                refuse_if_the_checker_errs(source, source.asked, recipe.answers)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    fixed = {
        "base": base,
        **{f"base of the {role}": digest for role, (_, digest) in own.items()},
        "benchmarks": digest_of({b.name: source.digest for b, source in sources.benchmarks}),
        **{name: source.digest for name, source in sources.protected.items()},
        "gate": recipe.gate.model_dump_json(exclude={"approval", *_off(recipe.gate)}),
    }
    root = store_at(store)
    lineage = open_lineage(root, recipe.name)
    if lineage.manifests:
        last = lineage.manifests[-1].fixed
        for what in dict.fromkeys((*last, *(what for what in fixed if what.startswith("base")))):
            if fixed.get(what) != last.get(what):
                raise BadInput(
                    f"{path}: the {what} differ{'s' if what != 'benchmarks' else ''} from round "
                    f"{recipe.name}/{lineage.manifests[-1].round}'s, so scores could not be compared; "
                    f"give the recipe a new name to begin a new lineage"
                )
    for role, (weights, digest) in {"": (model, base), **own}.items():
        _check_model_once(path, recipe, folder, role, weights, digest, sources)
    return Plan(recipe, text, folder, root, model, own_models, sources, fixed)


def _off(gate: Gate) -> set[str]:
    """Rules that a gate has not: one that came with a later version is no part of what an earlier lineage fixed."""
    return {name for name, value in gate if value in (None, ())}


def _model_folder(path: Path, key: str, named: str, folder: Path) -> tuple[Path, str]:
    """A base, and its digest: its files are read whole, once."""
    model = folder / named
    try:
        check_files(model)
        digest = digest_of(folder_digests(model))
        refuse_chance(model)
    except BadInput as error:
        hint = "" if (model / "config.json").is_file() else HINTS.get(model.name, "")
        raise BadInput(f"{path}: {key}.path = '{named}': {error}{hint}") from error
    return model, digest


def _check_model_once(
    path: Path, recipe: Recipe, folder: Path, role: str, model: Path, base: str, sources: Sources
) -> None:
    """What was checked with the same code, libraries and prompts is not checked again: that takes seconds of
    imports. `role`: of a policy that speaks in it alone; "" for the one that speaks in all others."""
    named = (
        f"models.{role}.path = '{recipe.own_models[role].path}'" if role else f"model.path = '{recipe.model.path}'"
    )
    asked = [
        each
        for each in asked_of(recipe, folder, sources)
        if each.role == role or (not role and each.role not in recipe.own_models)
    ]
    lengths = lengths_of(recipe)
    decides = {
        "base": base,
        "sources": sources.digest,
        "code": repr(code_of(check_model)),
        **{each.key: each.digest for each in asked},
        **{key: str(length) for key, length in lengths.items()},
    }
    checked = local_cache() / "checked" / digest_of(decides)
    if checked.exists():
        return
    load_for_models()
    try:
        check_model(model, named, asked, lengths)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    with suppress(OSError):
        checked.parent.mkdir(parents=True, exist_ok=True)
        checked.touch()


def _check_api(path: Path, key: str, engine: OpenAIEngine, is_chat: bool, model: Path) -> None:
    """Raises BadInput where a template that is not there would be needed: the server's is not told."""
    if engine.api == "chat" and engine.model is None and not has_chat_template(model):
        raise BadInput(f"{path}: engine.api = 'chat', and {model} has no chat template; use api = 'completions'")
    if engine.api == "chat" and engine.model is None and reads_the_clock(model):
        raise BadInput(
            f"{path}: engine.api = 'chat', and the chat template of {model} writes the date: the server's clock "
            "would decide what is asked; use api = 'completions', with which prompts are written here"
        )
    if engine.api == "completions" and engine.model is not None and is_chat:
        raise BadInput(
            f"{path}: {key}.prompt is a chat, and the template of engine.model = '{engine.model}' is not here; "
            "set engine.api = 'chat', or use a raw prompt"
        )
