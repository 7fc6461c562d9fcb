"""``card create``: a card for a task that is over, rendered with the code as it is now."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from ..cards.exception import CardClassFoundException, CardException, UnrenderableCardException
from ..exception import CommandException, MetaflowException
from .candidates import past_tasks
from .messages import echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

    from ..cards.running.making import CardMaker
    from ..cards.running.running_card import RunningCard
    from ..client import Task
    from ..datastore.store import Buffer
    from ..metadata_store.records import TaskRecord
    from .flow_command import FlowState
    from .reading import Place


def _types(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from ..cards.types import card_types

    # Those for tests are many, and nobody's choice unless their names are begun.
    found = [each for each in card_types() if each.startswith(incomplete)]
    return [CompletionItem(each) for each in found if not each.startswith("test_") or incomplete.startswith("test")]


@click.command(
    help="Render a card for the task PATHSPEC, which is over, with the code as it is now. PATHSPEC is STEP for the "
    "latest run, RUN/STEP or RUN/STEP/TASK. The card is added to those of the task; made again, it is replaced. What "
    "the step itself put on its cards is not on it."
)
@click.argument("pathspec", shell_complete=past_tasks)
@click.option(
    "--type", "card_type", default="default", show_default=True, shell_complete=_types, help="Type of the card."
)
@click.option("--id", "card_id", help="Id of the card.")
@click.option("--options", metavar="JSON", default="{}", help="Options of the card, as in @card(options=...).")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=45, show_default=True, metavar="SECONDS"
)
@click.option("--render-error-card", is_flag=True, help="If it cannot be rendered, store a card that says why.")
@click.option(
    "--mode",
    type=click.Choice(["render", "render_runtime", "refresh"]),
    default="render",
    show_default=True,
    help="Which method of the card to use; the others are those that a running task uses.",
)
@click.pass_obj
def create(
    state: FlowState,
    pathspec: str,
    card_type: str,
    card_id: str | None,
    options: str,
    timeout: float,
    render_error_card: bool,
    mode: str,
) -> None:
    """``card create``."""
    from ..cards.running.running_card import CardDeclaration, RunningCard
    from ..cards.types import find_card_class
    from .card_place import full_pathspec, place_of_flow

    place = place_of_flow(state)
    declared = CardDeclaration(
        _name("type", card_type),
        card_id and _name("id", card_id),
        _options(options),
        timeout,
        render_error_card,
        False,
        0.0,
    )
    task = _one_task(place, full_pathspec(state.flow_class.__name__, pathspec))
    card_class, problem = None, ""
    try:
        card_class = find_card_class(card_type)
    except CardClassFoundException as error:
        if not render_error_card or mode != "render":
            raise
        problem = error.message
    card = RunningCard(declared, card_class, problem, _hash(task.pathspec, card_type, card_id))
    maker = _maker(place, task)
    file, parts = _data(card, maker) if mode == "refresh" else _page(card, maker, mode)
    maker.files.put(file, parts)
    if mode != "refresh":
        look = f"card view {'/'.join(_rest(task))} --hash {card.hash[:5]}"
        echo(f"Card {file} of {task.pathspec} written. Look at it with: {look}")
    else:
        echo(f"Data document {file} of {task.pathspec} written.")


def _name(kind: str, name: str) -> str:
    """The type or the id of a card, checked, as it becomes part of the name of a file."""
    from ..cards.files import NAME

    if not NAME.fullmatch(name):
        raise CommandException(
            f"'{name}' cannot be the {kind} of a card: that has letters, digits and underscores only."
        )
    return name


def _options(text: str) -> dict[str, Any]:
    try:
        options = json.loads(text)
    except ValueError as error:
        raise CommandException(f"What --options says is not JSON: {error}.") from error
    if not isinstance(options, dict):
        raise CommandException(f'What --options says is not a JSON object, such as {{"title": "Results"}}: {text}.')
    return options


def _one_task(place: Place, pathspec: str) -> TaskRecord:
    from .run_names import find_named, find_tasks

    tasks = find_tasks(place, find_named(place, pathspec, most=4))
    if len(tasks) > 1:
        first = tasks[0]
        raise CommandException(
            f"{first.flow}/{first.run_id}/{first.step} has {len(tasks)} tasks. Name one of them, as in "
            f"{'/'.join(_rest(first))}."
        )
    if tasks[0].status == "running":
        raise CommandException(f"Task {tasks[0].pathspec} is still running. Its cards are made when it is over.")
    return tasks[0]


def _rest(task: TaskRecord) -> tuple[str, str, str]:
    return task.run_id, task.step, task.task_id


def _hash(pathspec: str, card_type: str, card_id: str | None) -> str:
    """Never that of a card which the task made itself: what its step put on that would be lost."""
    from blake3 import blake3

    return blake3(f"created/{pathspec}/{card_type}/{card_id}".encode()).hexdigest(length=16)


def _maker(place: Place, record: TaskRecord) -> CardMaker:
    from ..cards.running.card_files import CardFiles
    from ..cards.running.making import CardMaker
    from ..client import Task
    from ..datastore.layout import card_key

    store = place.provider.store_of(record.flow, record.run_id)

    def put(name: str, parts: Sequence[Buffer]) -> None:
        store.put(card_key(record.flow, record.run_id, record.step, record.task_id, name), parts)

    task = Task(record.pathspec, _namespace_check=False)
    return CardMaker(record.pathspec, record.attempt, None, lambda: _graph(task), lambda: task, CardFiles(put))


def _graph(task: Task) -> dict[str, Any]:
    """The graph of the task's run, as ``current.graph`` has it; empty if that is not recorded."""
    from ..client import Task

    try:
        parameters = Task("/".join([*task.path_components[:2], "_parameters", "0"]), _namespace_check=False)
        graph: dict[str, Any] = parameters["_graph_info"].data
    except (MetaflowException, KeyError):
        return {}
    return graph


def _page(card: RunningCard, maker: CardMaker, mode: str) -> tuple[str, Sequence[Buffer]]:
    """File and content of the page."""
    from ..cards.running.final import CardProblem, error_page, name_of, render_final, title_of

    if mode == "render":
        page, problem, _ = render_final(card, maker)
    else:
        page, problem = None, None
        try:
            page = _runtime_page(card, maker)
        except CardException as error:
            problem = CardProblem(f"{title_of(card)} cannot be rendered", error.message)
    if problem is not None:
        if not card.declared.save_errors:
            raise UnrenderableCardException(str(problem))
        echo(str(problem))
        page = error_page(maker, problem)
    return name_of(card).page, page or ()


def _runtime_page(card: RunningCard, maker: CardMaker) -> list[bytearray]:
    from ..cards.pieces import pieces_of
    from ..cards.running.buffers import page_buffers
    from ..cards.running.containment import Contained

    with Contained(card.declared.timeout, False):
        render = maker.instance(card, []).render_runtime
        return page_buffers(pieces_of(render, maker.task(), _data_given(card, "render_runtime")), "render-seq-0")


def _data(card: RunningCard, maker: CardMaker) -> tuple[str, Sequence[Buffer]]:
    """File and content of the live data document."""
    from ..cards.running.containment import Contained
    from ..cards.running.final import name_of

    given = _data_given(card, "refresh")
    with Contained(card.declared.timeout, False):
        data = maker.instance(card, []).refresh(maker.task(), given)
        content = json.dumps({"data": data, "reload_token": "render-seq-0", "created_on": time.time()})
    return name_of(card).data, [content.encode()]


def _data_given(card: RunningCard, mode: str) -> dict[str, Any]:
    return {"user": None, "components": {}, "render_seq": 0, "component_update_ts": time.time(), "mode": mode}
