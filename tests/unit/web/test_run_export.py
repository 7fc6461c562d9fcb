"""A run as a single HTML file: what is in it, what is left out, and that nothing of a flow becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from client.stored_flow import GRAPH, StoredRun, foreach_run

from attack_strings import ATTACKS, MARKUP
from metaflow.cards.page.escaping import script_hash
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.datastore.layout import INDEX_KEY, card_key, log_key, manifest_key
from metaflow.exception import MetaflowNotFound
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.configuration import ServerSettings
from metaflow.web.export import drawings, embedded_cards, logs, subject, tasks
from metaflow.web.export.page import run_page
from metaflow.web.export.subject import Wanted
from metaflow.web.serving import create_web_app
from running_service import running_app

CARD = "default-" + "ab12" * 8


class Elements(HTMLParser):
    """What a browser would make of a page: its elements, and what these may do."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.addresses = set(), set(), []
        self.scripts, self.sandboxes = 0, []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.add(tag)
        self.attributes.update(given)
        self.addresses += [given[name] for name in ("src", "href", "action", "xlink:href", "data") if name in given]
        self.scripts += tag == "script" and "type" not in given
        if tag == "iframe":
            self.sandboxes.append(given.get("sandbox"))


def page_of(root, run_id="1", **wanted):
    return run_page(Provider(Home(str(root))), "F", run_id, Wanted(**wanted)).decode()


def put_card(run, task, content, name=CARD):
    key = card_key("F", "1", task.step, task.task_id, f"{name}.html")
    run.store.put(key, [content])


def test_a_finished_run_is_all_there(tmp_path):
    foreach_run(tmp_path, 3, tags=("nice",))
    page = page_of(tmp_path)
    for text in ("F/1", "Finished", "nice", "alpha", "0.5", "Metrics", "python flow.py run", "value 2", "_hidden"):
        assert (text in page) == (text != "_hidden"), text
    assert "What failed" not in page and "cannot be shown" not in page
    assert "3 done" in page and 'class="mf-gantt"' in page
    with pytest.raises(MetaflowNotFound, match="no run F/9"):
        page_of(tmp_path, "9")


def test_a_failed_run_begins_with_its_failure_and_leaves_out_what_is_not_wanted(tmp_path):
    run = StoredRun(tmp_path)
    task = run.finished("work", 2, status="failed", artifacts={"x": 1}, error=("builtins.ValueError", "no luck"))
    run.printed(task, "stderr", *(f"line {number}".encode() for number in range(300)))
    put_card(run, task, b"<!DOCTYPE html><p>this card</p>")
    run.ended("failed", "Step work failed.")
    page = page_of(tmp_path)
    assert (
        page.index("What failed") < page.index("no luck") < page.index("line 299") < page.index("What usually starts")
    )
    assert "line 100" in page and "line 99\n" not in page and "the last 200 lines" in page
    assert "&lt;p&gt;this card&lt;/p&gt;" in page and "resume --origin-run-id 1" in page
    bare = page_of(tmp_path, logs=False, cards=False)
    assert "line 299" not in bare and "this card" not in bare and "no luck" in bare


def test_of_many_tasks_some_are_shown_and_the_rest_is_counted(tmp_path, monkeypatch):
    for module, name, value in [
        (tasks, "MOST_TASKS", 5),
        (drawings, "MOST_ROWS", 5),
        (logs, "MOST_LINES", 2),
        (embedded_cards, "MOST_BYTES", 40),
        (subject, "FIRST_TASKS", 2),
    ]:
        monkeypatch.setattr(module, name, value)
    run = StoredRun(tmp_path)
    for number in range(12):
        place = {"index_path": (("start", number),), "foreach_stack": (("xs", f"value {number}", number, 12),)}
        bad = {"status": "failed", "error": ("builtins.KeyError", "gone")} if number == 11 else {}
        task = run.finished("work", number + 2, artifacts={"x": 1}, **place, **bad)
        run.printed(task, "stdout", b"one", b"two", b"three")
        put_card(run, task, b"<p>card number %d</p>" % number)
    run.ended("failed")
    page = page_of(tmp_path)
    assert "The first 5 of 12 tasks are listed, and those that failed." in page
    assert "There are 12 attempts." in page and "1 of the 1 that failed are shown" in page
    assert "Logs of 9 more tasks are left out." in page
    assert "Left out, as this file would be too large" in page and "Card default of work/3" in page
    assert page.count("card number") == 1 and "card number 11" in page  # what failed comes first


def test_nothing_of_a_flow_becomes_markup(tmp_path):
    everything = " ".join(MARKUP)
    steps = {**GRAPH["steps"], "start": {**GRAPH["steps"]["start"], "doc": everything}}
    run = StoredRun(tmp_path, tags=tuple(MARKUP), graph={"doc": everything, "steps": steps}, script=MARKUP[0])
    run.finished("_parameters", 0, artifacts={"alpha": everything})
    for number, attack in enumerate(ATTACKS):
        place = {"index_path": (("start", number),), "foreach_stack": ((attack, attack, number, 99),)}
        task = run.finished(
            "work", number + 2, status="failed", artifacts={"x": attack}, error=(attack, attack), **place
        )
        run.printed(task, "stderr", attack.encode("utf-8", "replace"))
        put_card(run, task, attack.encode("utf-8", "replace"))
    run.ended("failed", everything)
    page = page_of(tmp_path)
    assert "cannot be shown" not in page
    found = Elements()
    found.feed(page)
    assert found.tags.isdisjoint({"base", "link", "object", "embed", "form", "template", "img", "math", "animate"})
    assert not {name for name in found.attributes if name.startswith("on")}
    assert all(address.startswith(("#", "data:image/")) for address in found.addresses), found.addresses
    assert found.scripts == 2 and set(found.sandboxes) == {"allow-scripts"} and len(found.sandboxes) == 40
    # Every script is one that the policy names; what cards have added runs in frames without an origin only.
    policy, bare = policy_of(page), policy_of(page_of(tmp_path, cards=False))
    added = set(policy.pop("script-src")) - set(bare.pop("script-src"))
    assert policy == bare and policy["default-src"] == ["'none'"]
    assert added and added <= {
        script_hash(code) for each in ATTACKS for code in re.findall("(?i)<script>(.*?)</", each)
    }


def policy_of(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "unsafe-eval" not in policy and "http" not in policy
    return {words[0]: words[1:] for words in map(str.split, policy.split(";"))}


def test_scripts_of_cards_are_named_and_what_they_would_load_is_told(tmp_path):
    run = StoredRun(tmp_path)
    task = run.finished("start", 1)
    code = "\r\nlet a = 1 < 2;\n"
    data = '<script type="application/json">{}</script>'
    put_card(run, task, f"<!DOCTYPE html><script>{code}</script>{data}".encode(), name="mine-" + "a" * 10)
    put_card(run, task, b'<script defer src="https://cdn.example/x.js"></script>', name="other-" + "b" * 10)
    many = "".join(f"<script>{number}</script>" for number in range(300)).encode()
    put_card(run, task, many, name="third-" + "c" * 10)
    run.ended()
    page = page_of(tmp_path)
    named = policy_of(page)["script-src"]
    assert script_hash("\nlet a = 1 < 2;\n") in named, "as browsers read it"
    assert script_hash("{}") not in named and script_hash("") not in named
    assert script_hash("199") in named and script_hash("200") not in named
    assert page.count("loads scripts from elsewhere") == page.count("only the first 200 run") == 1


def test_what_is_damaged_is_named_and_the_rest_is_shown(tmp_path):
    run = foreach_run(tmp_path, 2)
    (tmp_path / manifest_key("F", "1", "end", "5", 0)).write_bytes(b"{")
    log = tmp_path / log_key("F", "1", "join", "4", 0)
    log.mkdir(parents=True)
    assert run.record.status == "done"
    page = page_of(tmp_path)
    assert "What end/5 left cannot be read" in page and "The log of join/4 cannot be read" in page
    assert "value 1" in page


def test_a_runs_records_may_be_elsewhere(tmp_path):
    foreach_run(tmp_path, 3)
    found = Provider(Home(str(tmp_path)))

    class Elsewhere:
        """An index that only gives records, as that of a service."""

        def __getattr__(self, name):
            assert name in ("runs", "run", "tasks", "steps", "flows"), name
            return getattr(index, name)

    index = found.index
    page = run_page(Provider(Home(str(tmp_path)), Elsewhere()), "F", "1").decode()
    assert "value 2" in page and "3 done" in page


def test_the_route_gives_a_file_with_a_safe_name(tmp_path):
    foreach_run(tmp_path, 2)
    database = SqliteMetadata(tmp_path / INDEX_KEY, keep_log=True)
    app = create_web_app(database, Provider(Home(str(tmp_path))), ServerSettings())
    with running_app(app, database) as service:
        answer = service.get("/api/v1/run/export?flow=F&run_id=1&logs=false")
        assert answer.status == 200 and b"value 1" in answer.body
        headers = {name.lower(): value for name, value in dict(answer.headers).items()}
        assert headers["content-disposition"].startswith('attachment; filename="F-1.html"')
        assert headers["content-type"].startswith("text/html")
        assert "sandbox" in headers["content-security-policy"]
        refused = service.get("/api/v1/run/export?flow=F&run_id=7")
        assert refused.status == 404 and "There is no run '7'" in refused.json["error"]["message"]
    database.close()
