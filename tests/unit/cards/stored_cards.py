"""Cards that are put into a datastore by hand."""

from __future__ import annotations

import json

from metaflow.cards.files import CardName
from metaflow.datastore.layout import card_key


def put_card(store, task, type="blank", id=None, hash="aaaaa11111", html="<p>a card</p>", data=None):
    """Store a card of a task, and its live data document if there is one."""
    name = CardName(type, id, hash)
    place = (task.flow, task.run_id, task.step, task.task_id)
    store.put(card_key(*place, name.page), [html.encode()])
    if data is not None:
        store.put(card_key(*place, name.data), [json.dumps(data).encode()])
    return name


def live_data(token, components=None, fragments=None, seq=1):
    """A live data document."""
    data = {
        "user": None,
        "components": components or {},
        "fragments": fragments or {},
        "render_seq": seq,
        "component_update_ts": 1.0,
        "mode": "refresh",
    }
    return {"data": data, "reload_token": token, "created_on": 1.0}
