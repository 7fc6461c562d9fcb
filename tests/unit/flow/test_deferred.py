"""What stands for parts of configs in a class body, and what becomes of it."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from metaflow import Config, ConfigValue, FlowSpec, Parameter, config_expr, environment, resources, retry, step
from metaflow.exception import ConfigException, InvalidDecoratorAttribute, MetaflowException
from metaflow.flow.configs import ConfigSource
from metaflow.flow.declaration import FlowDeclaration
from metaflow.flow.deferred import holds_deferred, text_of
from metaflow.flow.resolution import KnownConfigs, resolve, resolve_attributes

SCALE = 10


def configs(**values: object) -> KnownConfigs:
    """The configs of a flow in which each has the name of its attribute."""
    known = {name: ConfigValue(value) if isinstance(value, dict) else value for name, value in values.items()}
    declarations = {name: Config(name)._origin for name in values}
    return KnownConfigs("F", declarations, known.__getitem__, {"cfg": ConfigSource("file", "--config", "/x/cfg.json")})


cfg = Config("cfg")
KNOWN = configs(cfg={"a": {"b": 1, "c": [{"d": 2}]}, "name": "n", "keys": 3, "rate": 0.5}, nothing=None)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (cfg, {"a": {"b": 1, "c": [{"d": 2}]}, "name": "n", "keys": 3, "rate": 0.5}),
        (cfg.a.b, 1),
        (cfg["a"].c[0]["d"], 2),
        (cfg.name, "n"),
        (cfg["keys"], 3),
        ([cfg.a.b, {"x": (cfg.rate, {3})}], [1, {"x": (0.5, {3})}]),
        ({**cfg.a, "b": 5}, {"b": 5, "c": [{"d": 2}]}),
        (dict(cfg.a), {"b": 1, "c": [{"d": 2}]}),
        (config_expr("cfg.a.b + SCALE"), 11),
        (config_expr("[cfg.a.b * n for n in range(cfg['keys'])]"), [0, 1, 2]),
        (config_expr("cfg.a").c[0].d, 2),
        (config_expr("""  f'{cfg.name}-{len(cfg.a.c)}'\n"""), "n-1"),
        ("plain", "plain"),
    ],
    ids=repr,
)
def test_it_becomes_the_value(written: object, value: object) -> None:
    assert resolve(written, KNOWN, "here") == value


@given(st.recursive(st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_holds_none_is_not_even_copied(value: object) -> None:
    assert resolve(value, KNOWN, "here") is value


def test_a_container_in_itself_is_searched_once() -> None:
    endless: list = [1]
    endless.append(endless)
    assert not holds_deferred(endless)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            cfg.a.bb,
            r"`cfg\.a\.bb` in here: in `cfg\.a`, there is no 'bb'.*has: b, c\. Did you mean 'b'\?.*/x/cfg\.json",
        ),
        (cfg["zzz"], r"`cfg\['zzz'\]` in here: in `cfg`, there is no 'zzz'"),
        (cfg.a.b.x, r"`cfg\.a\.b` is 1, which has no 'x'"),
        (cfg.a.c[7], r"`cfg\.a\.c` has 1 elements, so none at 7"),
        (Config("nothing").x, r"`nothing` has no value"),
        (Config("other").x, r"the config 'other' is none of the flow F"),
        (config_expr("cgf.a"), r"name 'cgf' is not defined.*configs that it can use are: cfg, nothing"),
        (config_expr("cfg.a.b / 0"), r"failed with ZeroDivisionError: division by zero"),
        (config_expr("cfg.zzz"), r"AttributeError: there is no 'zzz'"),
        ({**cfg.rate}, r"`cfg\.rate` in here: a section is needed to unpack, but it is 0\.5"),
    ],
    ids=repr,
)
def test_what_cannot_be_found_is_named_with_its_place(written: object, message: str) -> None:
    with pytest.raises(ConfigException, match=message) as caught:
        resolve(written, KNOWN, "here")
    if "none of the flow" not in message:
        assert caught.value.source_file == __file__
        assert caught.value.line_no


REFUSED = {
    "tested": lambda x: bool(x),
    "compared": lambda x: x == 1,
    "iterated over": lambda x: list(x),
    "made into text": lambda x: f"{x}",
    "computed with": lambda x: 2 * x + 1,
}


@pytest.mark.parametrize(("what", "use"), REFUSED.items(), ids=REFUSED)
def test_what_needs_the_value_now_is_refused(what: str, use) -> None:
    with pytest.raises(ConfigException, match=rf"`cfg\.a` cannot be {what} here.*config_expr") as caught:
        use(cfg.a)
    assert caught.value.source_file == __file__


def test_nothing_but_a_key_is_an_attribute() -> None:
    assert not hasattr(cfg, "_private")
    assert not callable(cfg.a)
    assert repr(cfg.a["b"]) == "<cfg.a['b'], known when the flow starts>"
    assert text_of(copy.copy(cfg.a)) == "cfg.a"
    assert text_of(pickle.loads(pickle.dumps(cfg.a.b))) == "cfg.a.b"


@pytest.mark.parametrize("wrong", ["cfg.", "x = 1", 3])
def test_an_expression_that_is_none_is_refused_where_it_stands(wrong: object) -> None:
    with pytest.raises(ConfigException, match="config_expr") as caught:
        resolve(config_expr(wrong), KNOWN, "here")
    assert caught.value.source_file == __file__


def test_arguments_given_twice_or_by_no_name_are_refused() -> None:
    def call(**attributes: object) -> dict:
        return resolve_attributes(attributes, configs(cfg={"a": {"x": 1}, "n": {1: 2}}), "@it")

    assert call(y=0, **cfg.a) == {"y": 0, "x": 1}
    with pytest.raises(ConfigException, match=r"'x' is given twice to @it.*`cfg\.a`"):
        call(x=0, **cfg.a)
    with pytest.raises(ConfigException, match="its key 1 is no text"):
        call(**cfg.n)


class Settled(FlowSpec):
    cfg = Config("my-cfg")
    size = cfg.size
    both = [cfg.size, 1]
    text = config_expr("cfg.text.upper()")
    rate = Parameter("rate", default=cfg.rate)
    count = Parameter("count", **cfg.count)

    @retry(times=cfg.times)
    @environment(vars={"A": cfg.text})
    @resources(**cfg.resources)
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


VALUES = {
    "size": {"x": 3},
    "text": "t",
    "rate": 0.25,
    "times": 2,
    "count": {"default": 7, "help": "how many"},
    "resources": {"memory": 100},
}


def declared(**changes: object) -> FlowDeclaration:
    declaration = FlowDeclaration(Settled)
    declaration.configure({"cfg": ConfigValue({**VALUES, **changes})})
    return declaration


def test_a_declaration_is_settled_and_the_class_stays_as_it_is() -> None:
    for round_ in (1, 2):
        declaration = declared(times=round_)
        assert declaration.constants == {"size": {"x": 3}, "both": [{"x": 3}, 1], "text": "T"}
        assert declaration.preset["size"].x == 3
        assert declaration.parameters["rate"].value_type.name == "float"
        assert declaration.parameters["rate"].default == 0.25
        assert declaration.parameters["count"].value_type.name == "int"
        assert declaration.parameters["count"].help == "how many"
        by_name = {decorator.name: decorator for decorator in declaration.steps["start"].decorators}
        assert by_name["retry"].attributes["times"] == round_
        assert by_name["environment"].attributes == {"vars": {"A": "t"}}
        assert by_name["resources"].attributes["memory"] == 100
        assert by_name["resources"].given == {"memory"}
    assert holds_deferred(Settled.start.decorators[0].attributes)
    assert declaration.parameter_names == ("cfg", "count", "rate")
    assert declaration.read_only["cfg"] == "a config"
    assert type(declaration.stored_values["cfg"]) is dict
    assert type(declaration.stored_values["size"]) is dict
    assert declaration.configs_by_name["my-cfg"].rate == 0.25


def test_an_attribute_that_a_decorator_does_not_have_is_refused_when_it_is_known() -> None:
    with pytest.raises(InvalidDecoratorAttribute, match=r"Step \*start\*: .*'resources' does not support.*'memroy'"):
        declared(resources={"memroy": 1})


def test_an_object_on_its_own_reads_defaults_and_can_be_given_values() -> None:
    class Alone(FlowSpec):
        cfg = Config("cfg", default_value={"rate": 2, "n": {"m": 1}})
        rate = Parameter("rate", default=cfg.rate)
        part = cfg.n
        required = Config("required", required=True)

    flow = Alone()
    assert (flow.cfg.n.m, flow.rate, flow.part.m) == (1, 2, 1)
    with pytest.raises(ConfigException, match="missing configuration for 'required'"):
        _ = flow.required
    flow.required = ConfigValue({"x": 1})
    assert flow.required.x == 1
    other = Alone()
    other.cfg = ConfigValue({"rate": 3, "n": 4})
    assert (other.rate, other.part) == (3, 4)
    assert list(other) == []


def declare(*members: object) -> FlowDeclaration:
    return FlowDeclaration(type("F", (FlowSpec,), {f"member_{number}": each for number, each in enumerate(members)}))


def test_what_is_declared_wrongly_says_where() -> None:
    with pytest.raises(ConfigException) as caught:
        declare(Config("a", parser=3))  # here
    line = Path(__file__).read_text().splitlines()[(caught.value.line_no or 0) - 1]
    assert caught.value.source_file == __file__ and line.endswith("# here")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: declare(Config("")), "needs a name"),
        (lambda: declare(Config("a", default="x", default_value="y")), "both a default .* and a default_value"),
        (lambda: declare(Config("a", defualt="x")), "cannot take 'defualt'"),
        (lambda: declare(Config("a", default={"x": 1})), "default should be the path.*goes into default_value"),
        (lambda: declare(Config("a", parser=3)), "parser should be a function"),
        (lambda: declare(Config("a", help=3)), "help should be a text"),
        (lambda: Parameter(cfg.name), "Parameter needs a name, written as text"),
        (lambda: declare(Config("x"), Config("X")), "declared twice"),
        (lambda: FlowDeclaration(type("F", (FlowSpec,), {"next": Config("x")})), r"self\.next, which every flow has"),
    ],
)
def test_what_cannot_be_declared(make, message: str) -> None:
    with pytest.raises(MetaflowException, match=message):
        make()
