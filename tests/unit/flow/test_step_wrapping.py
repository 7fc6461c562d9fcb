"""Users' decorators around a step: nesting, replacing, skipping, failing, without a run around them."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given, strategies as st

from metaflow import USER_SKIP_STEP, FlowSpec, UserStepDecorator, step, user_step_decorator
from metaflow.exception import InvalidNextException, UserDecoratorException
from metaflow.flow.hooks import TaskContext


class Flow(FlowSpec):
    @step
    def work(self):
        self.next(self.after)

    @step
    def after(self):
        pass


LINEAR = {"type": "linear", "next": ["after"]}


def run(decorators, body=Flow.work, described=LINEAR, inputs=None, **attributes):
    """Run `body` inside of decorations, outermost first; returns the flow."""

    @step
    def decorated(self):
        pass

    for decorator in reversed(decorators):
        decorator(decorated)
    flow = Flow(use_cli=False)
    for name, value in attributes.items():
        setattr(flow, name, value)
    task = TaskContext(
        flow, "work", 0, True, False, inputs, lambda: described, lambda name, content: None, lambda: None, {}, True
    )
    hooks = [declared.hook() for declared in decorated.decorators]
    arguments = (flow,) if inputs is None else (flow, inputs)
    reduce(lambda call, hook: hook.around(task, call), hooks, lambda: body(*arguments))()
    return flow


def targets(flow):
    return flow._transition.targets if flow._transition else None


@user_step_decorator
def swallows(step_name, flow, inputs):
    try:
        yield
    except ZeroDivisionError as error:
        flow.swallowed = error


def failing(flow):
    raise ZeroDivisionError("step")


KINDS = ["pass", "skip", "silent", "replace", "swallow", "raise before", "raise after", "raise other"]


def make(kind: str, number: int, form: str, trace: list):
    def replacement(flow, *inputs):
        trace.append(("replacement", number))
        return True

    def before():
        trace.append(("before", number))
        if kind == "raise before":
            raise KeyError(number)

    def after(error):
        trace.append(("after", number, type(error).__name__))
        if kind == "raise after" or (kind == "raise other" and error is not None):
            raise ValueError(number)
        return None if kind == "swallow" else error

    if form == "class":

        class Made(UserStepDecorator):
            def pre_step(self, step_name, flow, inputs=None):
                before()
                self.skip_step = kind in ("skip", "silent")
                return replacement if kind == "replace" else None

            def post_step(self, step_name, flow, exception=None):
                return after(exception)

        return Made

    @user_step_decorator
    def made(step_name, flow, inputs):
        before()
        if kind == "silent":
            return after(None)
        error = None
        try:
            yield {"skip": USER_SKIP_STEP, "replace": replacement}.get(kind)
        except Exception as raised:
            error = raised
        error = after(error)
        if error is not None:
            raise error

    return made


def expected(kinds: list[str], step_fails: bool, number: int = 0) -> tuple[list, str]:
    """What decorators do, by a plain recursion: their trace, and the name of the error, if any."""
    if number == len(kinds):
        return [("step",)], "ZeroDivisionError" if step_fails else "NoneType"
    kind = kinds[number]
    if kind == "raise before":
        return [("before", number)], "KeyError"
    if kind in ("skip", "silent"):
        trace, error = [], "NoneType"
    elif kind == "replace":
        trace, error = [("replacement", number)], "NoneType"
    else:
        trace, error = expected(kinds, step_fails, number + 1)
    trace = [("before", number), *trace, ("after", number, error)]
    if kind == "raise after" or (kind == "raise other" and error != "NoneType"):
        return trace, "ValueError"
    return trace, "NoneType" if kind == "swallow" else error


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(["generator", "class"])), max_size=5), st.booleans())
def test_the_topmost_is_the_outermost_whatever_each_does(layers, step_fails) -> None:
    trace: list = []

    def body(flow):
        trace.append(("step",))
        if step_fails:
            raise ZeroDivisionError("step")
        flow.next(flow.after)

    made = [make(kind, number, form, trace) for number, (kind, form) in enumerate(layers)]
    wanted, error = expected([kind for kind, _ in layers], step_fails)
    try:
        flow = run(made, body)
    except Exception as raised:
        assert type(raised).__name__ == error
    else:
        assert error == "NoneType"
        assert targets(flow) == ("after",)
    assert trace == wanted


def test_a_generator_sees_step_flow_inputs_and_attributes() -> None:
    seen = []

    @user_step_decorator
    def four(step_name, flow, inputs=None, attributes=None):
        seen.append((step_name, type(flow).__name__, inputs, attributes))
        flow.before = 1
        yield
        flow.after_step = targets(flow)

    flow = run([four(x=1), four], lambda flow, inputs: flow.next(flow.after), inputs=["input"])
    assert seen == [("work", "Flow", ["input"], {"x": 1}), ("work", "Flow", ["input"], {})]
    assert (flow.before, flow.after_step) == (1, ("after",))


def test_classes_get_their_arguments_and_keep_what_they_set() -> None:
    class Times(UserStepDecorator):
        def __init__(self):
            self.made = True

        def init(self, label="", **others):
            self.label = label, others

        def pre_step(self, step_name, flow, inputs=None):
            self.step_name = step_name

        def post_step(self, step_name, flow, exception=None):
            flow.seen = self.label, self.step_name, self.made

    assert run([Times(label="x", more=1)]).seen == (("x", {"more": 1}), "work", True)
    assert run([Times()]).seen == (("", {}), "work", True)


def yields(value, result=None):
    @user_step_decorator
    def made(step_name, flow, inputs):
        yield value
        return result

    return made


def returns(result):
    class Made(UserStepDecorator):
        def post_step(self, step_name, flow, exception=None):
            return result

    return Made


FOREACH = {"type": "split-foreach", "next": ["after"], "foreach_artifact": "items"}
PARALLEL = {"type": "split-parallel", "next": ["after"], "num_parallel": None}
SWITCH = {
    "type": "split-switch",
    "next": ["after", "work"],
    "condition": "kind",
    "switch_cases": {"1": "after", "config:cfg.key": "work"},
}


class Config:
    key = "from config"


@pytest.mark.parametrize(
    ("decorator", "described", "attributes", "way"),
    [
        (yields({}), LINEAR, {}, ("after", None)),
        (yields(lambda flow: True), LINEAR, {}, ("after", None)),
        (yields(lambda flow: flow.next(flow.work)), LINEAR, {}, ("work", None)),
        (yields(lambda flow: {"foreach": "other"}), FOREACH, {"other": "ab"}, ("after", 2)),
        (yields({}), FOREACH, {"items": "abc"}, ("after", 3)),
        (yields({"foreach": "other"}), FOREACH, {"other": "ab"}, ("after", 2)),
        (yields({}, result=(None, {"foreach": "other"})), FOREACH, {"items": "abc", "other": "ab"}, ("after", 2)),
        (yields(None, result=(None, {"foreach": "other"})), LINEAR, {"other": "ab"}, ("after", 2)),
        (yields(None, result=(None, True)), LINEAR, {}, ("after", None)),
        (yields(None, result=(None, False)), LINEAR, {}, ("after", None)),
        (yields({"num_parallel": 3}), PARALLEL, {}, ("after", 3)),
        (yields({}), {**PARALLEL, "num_parallel": 4}, {}, ("after", 4)),
        (yields({}), SWITCH, {"kind": 1, "cfg": Config}, ("after", None)),
        (yields({}), SWITCH, {"kind": "from config", "cfg": Config}, ("work", None)),
        (yields({"condition": "other"}), SWITCH, {"other": 1, "cfg": Config}, ("after", None)),
        (yields({}), {"type": "end", "next": []}, {}, None),
    ],
)
def test_the_way_that_the_flow_takes(decorator, described, attributes, way) -> None:
    flow = run([decorator], described=described, **attributes)
    assert way == (flow._transition and (*flow._transition.targets, flow._transition.num_splits))


@pytest.mark.parametrize(
    ("decorator", "described", "attributes", "says"),
    [
        (yields({}), FOREACH, {}, "the foreach variable 'items' does not exist"),
        (yields({"foreach": "none"}), FOREACH, {}, "the foreach variable 'none' does not exist"),
        (yields({}), {**FOREACH, "foreach_artifact": None}, {}, "its foreach= is not known"),
        (yields({}), PARALLEL, {}, 'its num_parallel= is not known.*yield {"num_parallel": ...}'),
        (yields({}), SWITCH, {}, "self.kind says, which does not exist. Assign flow.kind"),
        (yields({}), SWITCH, {"kind": 2, "cfg": Config}, "no case for its value '2'. Available cases: 1, config"),
        (yields({}), {**SWITCH, "condition": None}, {}, "only its own `if` knows"),
        (yields({"foreach": "x"}), SWITCH, {}, "takes no foreach="),
        (yields({"bad": 1}), LINEAR, {}, "unknown keyword argument 'bad'"),
        (yields({"foreach": "x"}), {"type": "end", "next": []}, {}, "flow's end"),
    ],
)
def test_ways_that_cannot_be_taken(decorator, described, attributes, says) -> None:
    with pytest.raises(InvalidNextException, match=says) as caught:
        run([decorator], described=described, **attributes)
    assert caught.value.source_file == __file__
    assert "work" in str(caught.value)


def test_a_transition_that_was_made_before_the_failure_is_kept() -> None:
    def fails_late(flow):
        flow.next(flow.work)
        failing(flow)

    flow = run([swallows], fails_late)
    assert targets(flow) == ("work",)
    assert str(flow.swallowed) == "step"


def test_skipping_makes_the_transition_when_the_generator_is_over() -> None:
    @user_step_decorator
    def fills(step_name, flow, inputs):
        yield {}
        flow.items = [1, 2]

    assert run([fills], described=FOREACH)._transition.num_splits == 2


class Skips(UserStepDecorator):
    def pre_step(self, step_name, flow, inputs=None):
        self.skip_step = True


class SkipsWithWords(UserStepDecorator):
    skip_step = {"foreach": "items"}  # noqa: RUF012


def test_a_class_that_skips_needs_no_post_step() -> None:
    assert targets(run([Skips])) == ("after",)
    assert run([SkipsWithWords], items="ab")._transition.num_splits == 2


def test_exceptions_pass_a_class_without_post_step() -> None:
    class Nothing(UserStepDecorator):
        pass

    with pytest.raises(ZeroDivisionError):
        run([Nothing], failing)


def test_another_exception_keeps_its_cause() -> None:
    class Returned(UserStepDecorator):
        def post_step(self, step_name, flow, exception=None):
            return ValueError("returned"), None

    class Raised(UserStepDecorator):
        def post_step(self, step_name, flow, exception=None):
            raise ValueError("raised")

    @user_step_decorator
    def generator(step_name, flow, inputs):
        try:
            yield
        except ZeroDivisionError:
            raise ValueError("generator") from None

    for decorator in (Returned, Raised, generator):
        with pytest.raises(ValueError) as caught:
            run([decorator], failing)
        origin = caught.value.__cause__ or caught.value.__context__
        assert isinstance(origin, ZeroDivisionError), decorator
    assert caught.value.__suppress_context__


def test_a_stop_iteration_of_the_step_stays_what_it_is() -> None:
    @user_step_decorator
    def transparent(step_name, flow, inputs):
        yield

    with pytest.raises(StopIteration, match="of the step"):
        run([transparent], lambda flow: raise_(StopIteration("of the step")))


def raise_(error):
    raise error


@user_step_decorator
def twice(step_name, flow, inputs):
    yield
    yield


class BadPre(UserStepDecorator):
    def pre_step(self, step_name, flow, inputs=None):
        return 5


@pytest.mark.parametrize(
    ("decorator", "says"),
    [
        (twice, "twice yielded a second time"),
        (yields(3), "yielded 3. It should yield nothing, a function"),
        (yields(None, result=7), "returned 7. It should be None, an exception"),
        (yields(lambda flow: "no"), "replaces the step by <lambda>, which returned 'no'"),
        (yields(lambda flow: None), "neither called flow.next.. nor returned True"),
        (yields(lambda flow: False), "neither called flow.next.. nor returned True"),
        (BadPre, "returned 5 from pre_step"),
        (returns((1, 2)), r"returned from post_step \(1, 2\)"),
        (returns(True), "returned from post_step True"),
        (returns((None,)), "returned from post_step"),
    ],
)
def test_misuse_names_decorator_step_file_and_line(decorator, says) -> None:
    with pytest.raises(UserDecoratorException, match=says) as caught:
        run([decorator])
    assert "Step *work*: the decorator" in caught.value.message
    assert caught.value.source_file == __file__
    assert caught.value.line_no


def test_a_second_yield_is_reported_with_its_line_and_the_failure_that_came_with_it() -> None:
    @user_step_decorator
    def again(step_name, flow, inputs):
        try:
            yield
        except ZeroDivisionError:
            yield

    with pytest.raises(UserDecoratorException) as caught:
        run([again], failing)
    first = again._generator.__code__.co_firstlineno
    assert caught.value.line_no == first + 5
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_process_that_the_step_forked_does_not_run_what_comes_after(monkeypatch) -> None:
    after = []

    @user_step_decorator
    def counts(step_name, flow, inputs):
        yield
        after.append(step_name)

    class Counts(UserStepDecorator):
        def post_step(self, step_name, flow, exception=None):
            after.append(step_name)

    def forks(flow):
        monkeypatch.setattr("metaflow.flow.step_wrapping.os.getpid", lambda: -1)

    def fails_there(flow):
        forks(flow)
        failing(flow)

    for decorator in (counts, Counts):
        run([decorator], forks)
        monkeypatch.undo()
        with pytest.raises(ZeroDivisionError):
            run([decorator], fails_there)
        monkeypatch.undo()
    assert after == []
