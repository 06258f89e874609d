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
from schemas.recipe import AnsweredRows, Recipe
from schemas.settings import Prompted
from tasks.cluster import check_ray
from tasks.engines.check_model import check_model
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
    model = _model_folder(path, recipe, folder)
    for engine in (recipe.engine, recipe.evaluation_engine):
        try:
            if engine.kind == "vllm":
                check_vllm(engine, model)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error
    for key, section in recipe:
        if not isinstance(section, Prompted):
            continue
        try:
            if isinstance(section, Games):
                game_of(section)
            rendered = load_prompt(section.prompt, folder).render(**section.rendered_with)
        except BadInput as error:
            raise BadInput(f"{path}: {key}.{error}") from error
        if not isinstance(rendered, str) and not _has_chat_template(model):
            raise BadInput(f"{path}: {key}.prompt is a chat, and {model} has no chat template; use a raw prompt")
        engine = recipe.evaluation_engine if key == "evaluate" else recipe.engine
        if isinstance(engine, OpenAIEngine):
            _check_api(path, key, engine, is_chat=not isinstance(rendered, str), model=model)
    try:
        sources = read_sources(recipe, folder)
        for source in sources.named:
            if isinstance(source.asked, AnsweredRows):
                refuse_if_the_checker_errs(source, source.asked, recipe.answers)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    fixed = {
        "base": digest_of(folder_digests(model)),
        "benchmarks": digest_of({b.name: source.digest for b, source in sources.benchmarks}),
        **{name: source.digest for name, source in sources.protected.items()},
        "gate": recipe.gate.model_dump_json(exclude={"approval"}, exclude_defaults=True),
    }
    root = store_at(store)
    lineage = open_lineage(root, recipe.name)
    if lineage.manifests:
        for what, value in lineage.manifests[-1].fixed.items():
            if fixed[what] != value:
                raise BadInput(
                    f"{path}: the {what} differ{'s' if what != 'benchmarks' else ''} from round "
                    f"{recipe.name}/{lineage.manifests[-1].round}'s, so scores could not be compared; "
                    f"give the recipe a new name to begin a new lineage"
                )
    _check_model_once(path, recipe, folder, model, fixed["base"], sources)
    return Plan(recipe, text, folder, root, model, sources, fixed)


def _model_folder(path: Path, recipe: Recipe, folder: Path) -> Path:
    model = folder / recipe.model.path
    try:
        check_files(model)
        folder_digests(model)
    except BadInput as error:
        hint = "" if (model / "config.json").is_file() else HINTS.get(model.name, "")
        raise BadInput(f"{path}: model.path = '{recipe.model.path}': {error}{hint}") from error
    return model


def _check_model_once(path: Path, recipe: Recipe, folder: Path, model: Path, base: str, sources: Sources) -> None:
    """What was checked with the same code, libraries and prompts is not checked again: that takes seconds of
    imports."""
    asked, lengths = asked_of(recipe, folder, sources), lengths_of(recipe)
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
        check_model(model, f"model.path = '{recipe.model.path}'", asked, lengths)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    with suppress(OSError):
        checked.parent.mkdir(parents=True, exist_ok=True)
        checked.touch()


def _check_api(path: Path, key: str, engine: OpenAIEngine, is_chat: bool, model: Path) -> None:
    """Raises BadInput where a template that is not there would be needed: the server's is not told."""
    if engine.api == "chat" and engine.model is None and not _has_chat_template(model):
        raise BadInput(f"{path}: engine.api = 'chat', and {model} has no chat template; use api = 'completions'")
    if engine.api == "completions" and engine.model is not None and is_chat:
        raise BadInput(
            f"{path}: {key}.prompt is a chat, and the template of engine.model = '{engine.model}' is not here; "
            "set engine.api = 'chat', or use a raw prompt"
        )


def _has_chat_template(model: Path) -> bool:
    settings = model / "tokenizer_config.json"
    return (model / "chat_template.jinja").is_file() or (
        settings.is_file() and "chat_template" in settings.read_text()
    )
