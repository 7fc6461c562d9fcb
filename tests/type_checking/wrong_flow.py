"""Mistakes that an editor shows before the flow is run."""
# pyright: standard
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from metaflow import (
    Config,
    FlowSpec,
    IncludeFile,
    Inputs,
    Parameter,
    catch,
    current,
    exit_hook,
    project,
    resources,
    retry,
    step,
    timeout,
)


class WrongFlow(FlowSpec):
    rounds = Parameter("rounds", default=3)
    optional = Parameter("optional", type=int)
    unnamed = Parameter(default=3)  # expect: call-overload; reportCallIssue
    misspelt = Parameter("misspelt", default=3, requird=True)  # expect: call-overload; reportCallIssue
    listed = Parameter("listed", separator=",", default=3)  # expect: call-overload; reportArgumentType, reportCallIssue
    file = IncludeFile("file", default=3)  # expect: call-overload; reportArgumentType, reportCallIssue
    config = Config("config", "a.json", default_value={})  # expect: call-overload; reportArgumentType, reportCallIssue
    optional_config = Config("optional_config")

    @step
    def start(self) -> None:
        self.score = 0.5
        self.next(self.trian)  # expect: attr-defined; reportAttributeAccessIssue

    @step
    def train(self) -> None:
        print(self.scroe)  # expect: attr-defined; reportAttributeAccessIssue
        self.next(self.train, foreach=[1, 2])  # expect: call-overload; reportArgumentType

    @step
    def no_target(self) -> None:
        self.next()  # expect: call-overload; reportCallIssue

    @step
    def by_name(self) -> None:
        self.next("train")  # expect: call-overload; reportArgumentType

    @step
    def unknown(self) -> None:
        self.next(self.train, for_each="rates")  # expect: call-overload; reportCallIssue

    @step
    def two_targets(self) -> None:
        self.next(self.start, self.train, foreach="rates")  # expect: call-overload; reportCallIssue

    @step
    def called(self) -> None:
        self.next(self.train())  # expect: call-overload; reportArgumentType

    @step
    def cases_without_condition(self) -> None:
        self.next({"a": self.start, "b": self.train})  # expect: call-overload; reportArgumentType

    @step
    def condition_without_cases(self) -> None:
        self.next(self.start, condition="score")  # expect: call-overload; reportArgumentType

    @step
    def no_cases(self) -> None:
        self.next({"a": "start"}, condition="score")  # expect: dict-item; reportArgumentType

    @step
    def join(self, inputs: Inputs[WrongFlow]) -> None:
        print(inputs[0].scroe)  # expect: attr-defined; reportAttributeAccessIssue
        print(inputs["train"].score)  # expect: index; reportArgumentType
        self.merge_artifacts(inputs, exclude="score")  # expect: arg-type; reportArgumentType

    @step
    def parameters(self) -> None:
        text: str = self.rounds  # expect: assignment; reportAssignmentType
        self.rounds = "seven"  # expect: assignment; -
        self.optional_config = {"rate": 1}  # expect: assignment; -
        print(text)

    @step
    def nothing_given(self) -> None:
        print(self.optional + 1)  # expect: operator; reportOptionalOperand
        print(self.optional_config.rate)  # expect: union-attr; reportAttributeAccessIssue, reportOptionalMemberAccess
        print(current.tags.wrong)  # expect: union-attr; reportAttributeAccessIssue

    @retry(3)  # expect: call-overload; reportArgumentType
    @step
    def positional(self) -> None: ...

    @retry(times="many")  # expect: call-overload; reportArgumentType
    @step
    def wrong_type(self) -> None: ...

    @catch(variable="error")  # expect: call-overload; reportCallIssue
    @step
    def wrong_name(self) -> None: ...

    @timeout(5)  # expect: call-overload; reportArgumentType
    @step
    def no_unit(self) -> None: ...

    @resources(memory=[16])  # expect: call-overload; reportArgumentType
    @step
    def not_a_number(self) -> None: ...

    @step(begin=True)  # expect: call-overload; reportCallIssue
    def not_an_option(self) -> None: ...


FlowSpec(cli=True)  # expect: call-arg; reportCallIssue


@project  # expect: -; reportArgumentType
class Unnamed(FlowSpec): ...  # expect: call-overload; -


@exit_hook(on_sucess=[print])  # expect: call-overload; reportCallIssue
class Misspelt(FlowSpec): ...


def imports() -> None:
    from metaflow import nothing  # expect: attr-defined; reportAttributeAccessIssue

    print(nothing)
