"""What mutators do to a flow's declaration, and what ``--with`` does."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from metaflow import FlowMutator, FlowSpec, Parameter, StepMutator, retry, step, user_step_decorator
from metaflow.decorators import extract_step_decorator_from_decospec
from metaflow.decorators.retry import RetryDecorator
from metaflow.exception import (
    BadFlowDecoratorException,
    BadStepDecoratorException,
    DuplicateStepDecoratorException,
    InvalidDecoratorAttribute,
    MetaflowException,
    UnknownFlowDecoratorException,
    UnknownStepDecoratorException,
    UserDecoratorException,
)
from metaflow.flow.declaration import FlowDeclaration
from metaflow.flow.mutable_step import MutableStep


@user_step_decorator
def noted(step_name, flow, inputs, attributes):
    yield


@user_step_decorator
def bare(step_name, flow, inputs):
    yield


class Acts(FlowMutator):
    """Does what it is given, at the given time."""

    def init(self, early=None, late=None):
        self.early, self.late = early, late

    def pre_mutate(self, mutable_flow):
        if self.early:
            self.early(mutable_flow)

    def mutate(self, mutable_flow):
        if self.late:
            self.late(mutable_flow)


class ActsOnStep(StepMutator):
    """The same, for a step."""

    def init(self, early=None, late=None):
        self.early, self.late = early, late

    def pre_mutate(self, mutable_step):
        if self.early:
            self.early(mutable_step)

    def mutate(self, mutable_step):
        if self.late:
            self.late(mutable_step)


def flow(early=None, late=None):
    @Acts(early=early, late=late)
    class Flow(FlowSpec):
        alpha = Parameter("alpha", default=1)
        limit = 3

        @noted(x=1)
        @retry(times=1)
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    return Flow


def declared(flow_class, decospecs=()):
    declaration = FlowDeclaration(flow_class)
    declaration.configure({})
    declaration.complete(decospecs)
    return declaration


def names(declaration, step_name="start"):
    return [decorator.name for decorator in declaration.steps[step_name].decorators]


# What a mutator sees.


def test_what_a_mutator_sees_of_flow_and_steps() -> None:
    seen = {}

    def look(mutable):
        seen["steps"] = [name for name, _ in mutable.steps]
        seen["parameters"] = {name: parameter.default for name, parameter in mutable.parameters}
        seen["attributes"] = mutable.start.name, mutable.alpha.name, mutable.steps["end"].flow is mutable
        seen["flow"] = [(spec.name, spec.full_name) for spec in mutable.decorator_specs]
        seen["specs"] = list(mutable.start.decorator_specs)
        seen["has"] = [mutable.start.has_decorator(name) for name in ("retry", "RetryDecorator", "noted", "nope")]
        seen["dotted"] = [
            mutable.start.has_decorator(name)
            for name in (f"{__name__}.noted", "metaflow.decorators.retry.RetryDecorator", "other.noted")
        ]
        seen["get"] = [spec.kwargs["times"] for spec in mutable.start.get_decorator_specs("retry")]
        seen["missing"] = hasattr(mutable, "nope"), "nope" in mutable.steps, len(mutable.steps)

    declared(flow(look))
    assert seen["steps"] == ["start", "end"]
    assert seen["parameters"] == {"alpha": 1}
    assert seen["attributes"] == ("start", "alpha", True)
    assert seen["flow"] == [("Acts", f"{__name__}.Acts")]
    assert seen["specs"] == [
        ("retry", "metaflow.decorators.retry.RetryDecorator", [], {"times": 1, "minutes_between_retries": "2"}),
        ("noted", f"{__name__}.noted", [], {"x": 1}),
    ]
    assert seen["has"] == [True, False, True, False]
    assert seen["dotted"] == [True, True, False]
    assert seen["get"] == [1]
    assert seen["missing"] == (False, False, 2)


# Decorators of steps.


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (("timeout:seconds=5",), "@timeout(seconds=5)"),
        (("resources", None, {"cpu": 2}), "@resources(cpu=2)"),
        ((bare,), "@bare()"),
        ((f"{__name__}.bare",), "@bare()"),
        ((noted(y=2), None, None, MutableStep.OVERRIDE), "@noted(y=2)"),
        (("noted:y=2", None, None, MutableStep.OVERRIDE), "@noted(y=2)"),
        ((retry, None, {"times": 4}, MutableStep.OVERRIDE), "@retry(times=4)"),
        ((RetryDecorator, (), {"times": 4}, MutableStep.OVERRIDE), "@retry(times=4)"),
    ],
)
def test_decorators_are_added_outermost(given, shown) -> None:
    results = []
    Flow = flow(late=lambda mutable: results.append(mutable.start.add_decorator(*given)))
    declaration = declared(Flow)
    added = declaration.steps["start"].decorators[-1]
    assert repr(added) == shown
    assert results == [added]
    assert (added.statically_defined, added.inserted_by) == (True, [f"{__name__}.Acts"])
    assert len(names(declaration)) == (3 if len(given) < 4 else 2)
    assert [repr(decorator) for decorator in Flow.start.decorators] == ["@retry(times=1)", "@noted(x=1)"]
    assert names(FlowDeclaration(Flow)) == ["retry", "noted"], "the class has changed"


@pytest.mark.parametrize("what", ["retry:times=3", noted])
def test_what_is_there_stays_unless_overridden(what) -> None:
    results = []
    late = lambda mutable: results.append(mutable.start.add_decorator(what))
    assert [repr(each) for each in declared(flow(late=late)).steps["start"].decorators] == [
        "@retry(times=1)",
        "@noted(x=1)",
    ]
    assert results == [None]
    with pytest.raises(DuplicateStepDecoratorException, match="already has the decorator"):
        declared(flow(late=lambda mutable: mutable.start.add_decorator(what, duplicates=MutableStep.ERROR)))


def test_an_error_on_duplicates_is_for_mutators_in_the_source() -> None:
    class Insists(StepMutator):
        def mutate(self, mutable_step):
            assert mutable_step.add_decorator("retry", duplicates=mutable_step.ERROR) is None or (
                mutable_step.name == "end"
            )

    declaration = declared(flow(), ["Insists"])
    assert names(declaration) == ["retry", "noted", "Insists"]
    added = declaration.steps["end"].decorators[-1]
    assert (added.name, added.statically_defined, len(added.inserted_by)) == ("retry", False, 1)


@pytest.mark.parametrize(
    ("remove", "result", "left"),
    [
        (("retry",), True, ["noted"]),
        (("retry", None, {"times": 1}), True, ["noted"]),
        (("retry", None, {"times": 2}), False, ["retry", "noted"]),
        (("retry:times=1",), True, ["noted"]),
        ((retry,), True, ["noted"]),
        ((RetryDecorator,), True, ["noted"]),
        ((noted,), True, ["retry"]),
        (("noted", None, {"x": 1}), True, ["retry"]),
        (("noted", ["positional"]), False, ["retry", "noted"]),
        ((f"{__name__}.noted",), True, ["retry"]),
        (("elsewhere.noted",), False, ["retry", "noted"]),
        (("kubernetes",), False, ["retry", "noted"]),
        (("catch",), False, ["retry", "noted"]),
    ],
)
def test_decorators_are_removed(remove, result, left) -> None:
    results = []
    declaration = declared(flow(late=lambda mutable: results.append(mutable.start.remove_decorator(*remove))))
    assert results == [result]
    assert names(declaration) == left


def test_a_removed_step_mutator_does_not_run() -> None:
    class Flow(FlowSpec):
        @ActsOnStep(early=lambda mutable: pytest.fail("it was removed"))
        @step
        def start(self):
            pass

    assert names(declared(Acts(early=lambda mutable: mutable.start.remove_decorator(ActsOnStep))(Flow))) == []


# Decorators of flows.


def test_decorators_of_flows_come_and_go() -> None:
    from metaflow import project, schedule

    results = []

    def change(mutable):
        results.append(mutable.add_decorator("project:name=mine"))
        results.append(mutable.add_decorator(schedule, deco_kwargs={"hourly": True}))
        results.append(mutable.add_decorator(project, deco_kwargs={"name": "x"}))
        results.append(mutable.has_decorator("schedule"))
        results.append(mutable.remove_decorator("schedule"))
        results.append(mutable.remove_decorator("schedule"))

    declaration = declared(flow(change))
    assert [decorator.name for decorator in declaration.decorators] == ["Acts", "project"]
    made = declaration.decorators[1]
    assert results == [made, results[1], None, True, True, False]
    assert (made.attributes["name"], made.statically_defined, made.inserted_by) == ("mine", True, [f"{__name__}.Acts"])
    assert repr(results[1]) == "@schedule(hourly=True)"


# Mutators that add mutators.


def test_mutators_add_mutators_which_run_too() -> None:
    ran = []

    def by_step(mutable):
        ran.append(f"step {mutable.name}")
        mutable.add_decorator("catch")

    def second(mutable):
        ran.append("second")
        mutable.end.add_decorator(ActsOnStep, deco_kwargs={"early": by_step, "late": by_step})

    Flow = flow(lambda mutable: mutable.add_decorator(Acts(early=second)))
    declaration = declared(Flow)
    assert ran == ["second", "step end", "step end"]
    assert [spec.name for spec in declaration.decorators] == ["Acts", "Acts"]
    mutator = f"{__name__}.Acts"
    catch = declaration.steps["end"].decorators[-1]
    assert (catch.name, catch.inserted_by) == ("catch", [mutator, mutator, f"{__name__}.ActsOnStep"])


def test_a_mutator_of_the_command_line_runs_both_its_methods() -> None:
    ran = []

    class Both(StepMutator):
        def init(self, *args, **kwargs):
            self.given = args, kwargs

        def pre_mutate(self, mutable_step):
            ran.append(("pre", mutable_step.name, self.given))
            with pytest.raises(MetaflowException, match="only allowed in the `pre_mutate`"):
                mutable_step.flow.add_parameter("late", Parameter("late", default=1))

        def mutate(self, mutable_step):
            ran.append(("mutate", mutable_step.name, self.given))

    declared(flow(), ["Both:0=a,k=[1]"])
    given = ("a",), {"k": [1]}
    assert ran == [(method, name, given) for method in ("pre", "mutate") for name in ("start", "end")]


# Parameters.


def test_parameters_come_and_go() -> None:
    def change(mutable):
        mutable.add_parameter("beta", Parameter("the-beta", default=2))
        mutable.add_parameter("alpha", Parameter("alpha", default=7), overwrite=True)
        mutable.add_parameter("gone", Parameter("gone"))
        assert mutable.remove_parameter("gone") is True

    Flow = flow(change)
    declaration = declared(Flow)
    assert {name: (each.name, each.attribute) for name, each in declaration.parameters.items()} == {
        "alpha": ("alpha", "alpha"),
        "beta": ("the-beta", "beta"),
    }
    assert declaration.parameters["alpha"].default == 7
    assert declaration.parameter_names == ("alpha", "beta")
    assert declaration.read_only["beta"] == "a parameter"
    assert Flow.alpha.default == 1
    assert not hasattr(Flow, "beta")


def test_a_decorator_cannot_assign_a_parameter_that_a_mutator_added() -> None:
    from metaflow.runtime.declared import checked_graph

    def add(mutable):
        mutable.add_parameter("beta", Parameter("beta", default=2))
        mutable.start.add_decorator("catch:var=beta")

    with pytest.raises(MetaflowException, match="@catch would assign self.beta"):
        checked_graph(declared(flow(add)))


# What cannot be done.


def nothing(mutable):
    pass


@pytest.mark.parametrize(
    ("early", "late", "kind", "says"),
    [
        (lambda m: m.remove_parameter("alpa"), None, UserDecoratorException, "no parameter 'alpa'.*mean 'alpha'"),
        (lambda m: m.add_parameter("alpha", Parameter("alpha")), None, UserDecoratorException, "overwrite=True"),
        (lambda m: m.add_parameter("beta", Parameter("ALPHA")), None, MetaflowException, "declared twice"),
        (lambda m: m.add_parameter("limit", Parameter("limit")), None, UserDecoratorException, "a member 'limit'"),
        (lambda m: m.add_parameter("start", Parameter("s"), True), None, UserDecoratorException, "a member 'start'"),
        (lambda m: m.add_parameter("a b", Parameter("b")), None, UserDecoratorException, "plain name"),
        (lambda m: m.add_parameter("beta", 3), None, UserDecoratorException, "Only a Parameter"),
        (None, lambda m: m.add_parameter("b", Parameter("b")), MetaflowException, "only allowed in the `pre_mutate`"),
        (None, lambda m: m.remove_parameter("alpha"), MetaflowException, "only allowed in the `pre_mutate`"),
        (None, lambda m: m.add_decorator(Acts), MetaflowException, "only allowed in the `pre_mutate`"),
        (None, lambda m: m.start.add_decorator(ActsOnStep), MetaflowException, "in `pre_mutate` only"),
        (lambda m: m.remove_decorator("Acts"), None, UserDecoratorException, "mutators of flows cannot be removed"),
        (lambda m: m.remove_decorator(Acts), None, UserDecoratorException, "mutators of flows cannot be removed"),
        (lambda m: m.add_decorator("projct"), None, UnknownFlowDecoratorException, "Did you mean .project."),
        (lambda m: m.add_decorator("project:nme=x"), None, InvalidDecoratorAttribute, "attribute 'nme'"),
        (lambda m: m.add_decorator("project", ["x"]), None, BadFlowDecoratorException, "no positional arguments"),
        (lambda m: m.add_decorator(retry), None, MetaflowException, "decorates steps"),
        (lambda m: m.start.add_decorator(Acts), None, BadStepDecoratorException, "decorates flows"),
        (lambda m: m.start.add_decorator("rety"), None, UnknownStepDecoratorException, "Did you mean .retry."),
        (lambda m: m.start.add_decorator(len), None, BadStepDecoratorException, "is no decorator"),
        (lambda m: m.start.add_decorator("retry:times=1", None, {"times": 2}), None, MetaflowException, "two ways"),
        (lambda m: m.start.add_decorator("retry", ["1"]), None, BadStepDecoratorException, "no positional arguments"),
        (lambda m: m.start.add_decorator("catch", None, {"x": 1}), None, InvalidDecoratorAttribute, "attribute 'x'"),
        (lambda m: m.start.add_decorator(bare, None, {"x": 1}), None, UserDecoratorException, "fourth parameter"),
        (lambda m: m.start.add_decorator("retry", duplicates=9), None, UserDecoratorException, "duplicates=9"),
        (lambda m: m.start.remove_decorator("retri"), None, UserDecoratorException, "Did you mean 'retry'"),
        (lambda m: setattr(m, "middle", None), None, UserDecoratorException, "steps and what they lead to are read"),
        (lambda m: m.stat, None, UserDecoratorException, "no step, config or parameter 'stat'"),
        (lambda m: m.steps["stat"], None, UserDecoratorException, "no step 'stat'; it has start, end"),
        (lambda m: 1 / 0, None, UserDecoratorException, "Acts.pre_mutate raised an error:.*ZeroDivisionError"),
        (None, lambda m: 1 / 0, UserDecoratorException, "Acts.mutate raised an error:.*ZeroDivisionError"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_place(early, late, kind, says) -> None:
    with pytest.raises(kind, match=f"(?s){says}") as caught:
        declared(flow(early, late))
    assert caught.value.source_file == __file__
    assert caught.value.line_no
    assert "metaflow/flow" not in str(caught.value), "a frame of ours is shown"


def test_arguments_that_init_does_not_take() -> None:
    class Flow(FlowSpec):
        @ActsOnStep(erly=nothing)
        @step
        def start(self):
            pass

    with pytest.raises(InvalidDecoratorAttribute, match=r"On step \*start\*: @ActsOnStep\(erly=.*init\(early=None"):
        declared(Flow)


# --with.


def test_with_adds_what_a_step_does_not_have() -> None:
    declaration = declared(flow(), ["retry:times=3", "noted:x=9", "timeout:seconds=1", "timeout:seconds=2", "bare"])
    assert [repr(each) for each in declaration.steps["start"].decorators] == [
        "@retry(times=1)",
        "@noted(x=1)",
        "@timeout(seconds=1)",
        "@bare()",
    ]
    end = declaration.steps["end"].decorators
    assert [repr(each) for each in end] == ["@retry(times=3)", "@noted(x=9)", "@timeout(seconds=1)", "@bare()"]
    assert {(each.statically_defined, each.inserted_by) for each in end} == {(False, None)}


def module(name: str, source: str) -> ModuleType:
    made = ModuleType(name)
    sys.modules[name] = made
    exec(f"from metaflow import *\nfrom metaflow import user_step_decorator\n{source}", vars(made))
    return made


DECORATOR = "@user_step_decorator\ndef {}(step_name, flow, inputs):\n    yield\n"


def test_users_decorators_by_any_unambiguous_end_of_their_path() -> None:
    module("ends_a.one", DECORATOR.format("same"))
    module("ends_b.one", DECORATOR.format("same"))
    both = module("ends_c", "from ends_a.one import same as renamed")
    for text, full in [
        ("ends_a.one.same", "ends_a.one.same"),
        ("ends_b.one.same", "ends_b.one.same"),
        ("ends_c.renamed", "ends_a.one.same"),
    ]:
        assert extract_step_decorator_from_decospec(text)[0].full_name == full
    for text in ("same", "one.same"):
        with pytest.raises(UnknownStepDecoratorException, match="several decorators called.*ends_a.one.same, ends_b"):
            extract_step_decorator_from_decospec(text)
    assert both.renamed


def test_a_decorator_is_imported_from_where_its_name_says(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "imported_with"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "good.py").write_text("from metaflow import user_step_decorator\n" + DECORATOR.format("found"))
    (package / "broken.py").write_text("1 / 0\n")
    (package / "lacking.py").write_text("import no_such_module_at_all\n")
    made, has_arguments = extract_step_decorator_from_decospec("imported_with.good.found")
    assert (made.full_name, has_arguments) == ("imported_with.good.found", False)
    assert extract_step_decorator_from_decospec("good.found")[0].full_name == made.full_name
    for name, says in [
        ("imported_with.nowhere.found", "there is no module 'imported_with.nowhere'"),
        ("imported_with.good.fund", "'fund' does not exist.*mean .found."),
        ("os.path.join", "'join' is no decorator"),
    ]:
        with pytest.raises(UnknownStepDecoratorException, match=f"(?s){says}.*catch"):
            extract_step_decorator_from_decospec(name)
    for name, says in [("broken", "ZeroDivisionError"), ("lacking", "No module named 'no_such_module_at_all'")]:
        with pytest.raises(UserDecoratorException, match=f"(?s)importing the module.*failed.*{says}"):
            extract_step_decorator_from_decospec(f"imported_with.{name}.found")


# Inheritance.


def test_base_classes_bring_their_own() -> None:
    ran = []
    note = lambda name: lambda mutable: ran.append(name)

    @Acts(early=note("root"))
    class Root(FlowSpec):
        alpha = Parameter("alpha", default=1)
        limit = 3

        @retry
        @step
        def start(self):
            self.next(self.work)

        @step
        def end(self):
            pass

    class Middle(Root):
        beta = Parameter("beta", default=2)

        @noted
        @retry
        @step
        def work(self):
            self.next(self.end)

    @Acts(early=note("top"))
    @Acts(early=note("low"))
    class Leaf(Middle):
        alpha = Parameter("alpha", default=9)
        limit = 4

        @bare
        @step
        def work(self):
            self.next(self.end)

    declaration = declared(Leaf)
    assert ran == ["root", "low", "top"]
    assert {name: each.default for name, each in declaration.parameters.items()} == {"alpha": 9, "beta": 2}
    assert declaration.constants == {"limit": 4}
    assert names(declaration) == ["retry"]
    assert names(declaration, "work") == ["bare"]
    assert names(declared(Middle), "work") == ["retry", "noted"]
    assert ran == ["root", "low", "top", "root"]


# Misuse in the source.


def make_class(base, name, members):
    return lambda: type(name, (base,), members)


def decorate(decorator, target):
    return lambda: decorator(target)


@step
def a_step(self):
    pass


def no_step(self):
    pass


@pytest.mark.parametrize(
    ("attempt", "says"),
    [
        (decorate(bare, no_step), "no_step, which is no step: put it above @step"),
        (decorate(bare(), no_step), "no_step, which is no step: put it above @step"),
        (lambda: ActsOnStep(nothing), "nothing, which is no step"),
        (decorate(ActsOnStep, no_step), "no_step, which is no step"),
        (decorate(Acts, a_step), "a_step, which is no flow: put it above a class"),
        (decorate(Acts(), int), "int, which is no flow"),
        (decorate(StepMutator, a_step), "Derive a class from StepMutator"),
        (decorate(user_step_decorator, no_step), "no_step cannot be made a step decorator: it contains no `yield`"),
        (decorate(user_step_decorator, 3), "takes a generator function, not 3"),
        (lambda: make_class(StepMutator, "Takes", {"__init__": lambda self, x: None})(), "Call that method init"),
    ],
)
def test_misuse_in_the_source(attempt, says) -> None:
    with pytest.raises(MetaflowException, match=f"(?s){says}"):
        attempt()


def test_generators_with_other_parameters_are_refused() -> None:
    def two(step_name, flow):
        yield

    def five(step_name, flow, inputs, attributes, more):
        yield

    def starred(step_name, flow, inputs, *more):
        yield

    for function in (two, five, starred):
        with pytest.raises(UserDecoratorException, match=r"parameters \(step_name, flow, inputs\)") as caught:
            user_step_decorator(function)
        assert (caught.value.line_no, caught.value.source_file) == (function.__code__.co_firstlineno, __file__)


def test_methods_with_other_parameters_are_refused() -> None:
    from metaflow import UserStepDecorator

    with pytest.raises(UserDecoratorException, match=r"Bad.post_step should be declared as post_step\(self, step_name"):

        class Bad(UserStepDecorator):
            def post_step(self, step_name, flow):
                pass

    with pytest.raises(UserDecoratorException, match=r"Bad.pre_step should be declared as pre_step\(self, step_name"):

        class Bad(UserStepDecorator):
            def pre_step(self, step_name, flow):
                pass

    class Good(UserStepDecorator):
        def pre_step(self, *arguments):
            pass

        def post_step(self, step_name, flow, exception=None, **more):
            pass

    assert Good(a_step) is a_step


def test_mutators_that_add_each_other_without_end_are_refused() -> None:
    class First(StepMutator):
        def pre_mutate(self, mutable_step):
            mutable_step.add_decorator(Second, duplicates=mutable_step.OVERRIDE)

    class Second(StepMutator):
        def pre_mutate(self, mutable_step):
            mutable_step.add_decorator(First, duplicates=mutable_step.OVERRIDE)

    class Flow(FlowSpec):
        @First
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    with pytest.raises(UserDecoratorException, match=r"Step \*start\*: .* without end: .*First, .*Second"):
        declared(Flow)

    class Endless(FlowMutator):
        def pre_mutate(self, mutable_flow):
            mutable_flow.add_decorator(Endless)

    with pytest.raises(UserDecoratorException, match=r"Flow \*Flow\*: .* without end: .*Endless"):
        declared(Endless(Flow))
