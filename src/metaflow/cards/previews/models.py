"""Models: estimators of scikit-learn and of those that follow it, boosters of XGBoost and LightGBM."""

from __future__ import annotations

from metaflow.cards.nodes import Node
from metaflow.cards.previews.facts import facts_node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_MOST_PARAMETERS = 60
_MOST_STEPS = 30
_MOST_FITTED = 30
_MOST_FEATURES = 12
_MOST_TEXT = 160


def estimator_nodes(value: Any, full: bool) -> list[Node] | None:
    """Steps of a pipeline, fitted attributes and parameters of an estimator."""
    if isinstance(value, type) or not callable(getattr(value, "get_params", None)):
        return None
    steps = _steps(value)
    fitted = _fitted(value)
    nodes: list[Node] = []
    if steps:
        nodes.append({"type": "table", "columns": ["step", "estimator"], "data": steps, "label": "Steps"})
    if fitted:
        nodes.append({"type": "table", "columns": ["fitted attribute", "value"], "data": fitted})
    elif not steps and not _says_it_is_fitted(value):
        nodes.append({"type": "text", "text": "Not fitted."})
    if not steps:
        nodes += _importances(value)
    return [*nodes, *_parameters(value)]


def _says_it_is_fitted(value: Any) -> bool:
    """Whether a model without fitted attributes says so: those of XGBoost, LightGBM and CatBoost can be asked."""
    asks = [getattr(value, name, None) for name in ("__sklearn_is_fitted__", "is_fitted")]
    return any(ask() for ask in asks if callable(ask))


def _steps(value: Any) -> list[list[Any]]:
    """Named parts of a pipeline, a union of features or a transformer of columns."""
    for name in ("steps", "transformer_list", "transformers", "estimators"):
        found = vars(value).get(name)
        if isinstance(found, (list, tuple)) and found and all(_is_named(each) for each in found):
            return [[str(each[0]), _text(each[1])] for each in found[:_MOST_STEPS]]
    return []


def _is_named(each: Any) -> bool:
    return isinstance(each, (list, tuple)) and len(each) >= 2 and isinstance(each[0], str)


def _fitted(value: Any) -> list[list[Any]]:
    names = [name for name in vars(value) if name.endswith("_") and not name.startswith("_")]
    return [[name, _text(vars(value)[name])] for name in sorted(names)[:_MOST_FITTED]]


def _parameters(value: Any) -> list[Node]:
    """All parameters, those that differ from what a new estimator has first."""
    parameters = value.get_params(deep=False)
    try:
        usual = type(value)().get_params(deep=False)
    except Exception:  # one that cannot be made without arguments
        usual = {}
    rows = []
    for name, parameter in list(parameters.items())[:_MOST_PARAMETERS]:
        changed = _text(usual.get(name)) != _text(parameter)
        rows.append((not changed, [name, _text(parameter), "set" if changed else "default"]))
    rows.sort(key=lambda row: row[0])
    if not rows:
        return []
    table: Node = {"type": "table", "columns": ["parameter", "value", ""], "data": [row for _, row in rows]}
    changed_count = sum(1 for is_usual, _ in rows if not is_usual)
    note = f"{len(rows)}, of which {changed_count} differ from the defaults"
    return [{"type": "fold", "title": "Parameters", "note": note, "contents": [table]}]


def _importances(value: Any) -> list[Node]:
    """What the model says that its features are worth."""
    found = vars(type(value)).get("feature_importances_") or vars(value).get("feature_importances_")
    if found is None and not any("feature_importances_" in vars(cls) for cls in type(value).__mro__):
        return []
    try:
        weights = [float(weight) for weight in value.feature_importances_]
    except Exception:  # not fitted, or none that has any
        return []
    names = vars(value).get("feature_names_in_")
    labels = [str(name) for name in names] if names is not None and len(names) == len(weights) else None
    return _weights(labels or [f"feature {index}" for index in range(len(weights))], weights)


def _weights(names: Sequence[str], weights: Sequence[float]) -> list[Node]:
    total = sum(abs(weight) for weight in weights) or 1.0
    ranked = sorted(zip(names, weights), key=lambda pair: -abs(pair[1]))[:_MOST_FEATURES]
    most = abs(ranked[0][1]) / total if ranked else 1.0
    data = [
        {"label": name, "text": f"{weight:.4g}", "share": min(0.899, abs(weight) / total / (most or 1.0) * 0.899)}
        for name, weight in ranked
    ]
    note = f"{len(data)} of {len(weights)}" if len(data) < len(weights) else f"{len(data)}"
    usage: Node = {"type": "usage", "data": data}
    return [{"type": "fold", "title": "Most important features", "note": note, "contents": [usage]}] if data else []


def xgboost_nodes(value: Any, full: bool) -> list[Node] | None:
    """A booster's rounds and features; a model in the manner of scikit-learn like one of that."""
    if callable(getattr(value, "num_boosted_rounds", None)):
        scores = value.get_score(importance_type="gain")
        facts = {"boosted rounds": value.num_boosted_rounds(), "features": value.num_features()}
        return [facts_node(facts), *_weights(list(scores), [float(score) for score in scores.values()])]
    if callable(getattr(value, "num_row", None)):
        return [facts_node({"rows": value.num_row(), "columns": value.num_col()})]
    return estimator_nodes(value, full)


def lightgbm_nodes(value: Any, full: bool) -> list[Node] | None:
    """The same for LightGBM."""
    if callable(getattr(value, "num_trees", None)):
        facts = {"trees": value.num_trees(), "features": value.num_feature()}
        weights = [float(weight) for weight in value.feature_importance(importance_type="gain")]
        return [facts_node(facts), *_weights(value.feature_name(), weights)]
    return estimator_nodes(value, full)


def _text(value: Any) -> str:
    """A value in one line. What scikit-learn and its kind say of themselves is said by their own code."""
    from metaflow.cards.previews import family_of
    from metaflow.datastore.preview import describe

    family = family_of(type(value))
    if family is not None and family.startswith("models:") and not isinstance(value, type):
        words = " ".join(repr(value).split())
    else:
        words = describe(value)[0]
    return words if len(words) <= _MOST_TEXT else f"{words[: _MOST_TEXT - 3]}..."
