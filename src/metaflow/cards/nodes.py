"""Nodes: what components render to, as plain data, and what the page makes HTML of.

A node is a dictionary that JSON can hold. Its ``type`` says which kind it is; the kinds are those of Metaflow, and some
more. An ``id``, if it has one, is that of its component. Texts in nodes are never HTML, except in ``html``, which
is shown in a frame of its own that cannot do anything to the page. A text instead of a node is
shown as text.

======================  ================================================================================================
kind                    fields (those with ``=`` may be left out)
======================  ================================================================================================
``page``                ``title=``, ``contents``: nodes
``section``             ``title=``, ``subtitle=``, ``columns=1``, ``contents``: nodes side by side in that many columns
``title``, ``subtitle`` ``text``
``heading``             ``title``, ``subtitle=``
``text``                ``text``
``markdown``            ``source``
``table``               ``columns``: names; ``data``: rows of texts, numbers, None, or nodes; ``vertical=False``:
                        headers at the left; ``label=``: what it is a table of; ``left_out=0``: number of further rows
                        that are not there
``image``               ``src``: a ``data:`` address; ``label=``
``log``                 ``data``: the text; ``at_end=False``: whether its last lines are in sight at first; ``label=``
``html``                ``html``: a fragment or document of the user's; ``height=``: in pixels; ``label=``
``artifacts``           ``data``: list of ``{"name", "type", "data"}``
``dag``                 ``data``: steps by name; see `metaflow.cards.page.elements.dag`
``pythonCode``          ``code``; ``first_line=1``; ``label=``: where it stands; ``marked=``: number of a line
``progressBar``         ``value``: a number, or a text; ``max``: None if there is no end; ``label=``, ``unit=``;
                        ``details=``: a text, or texts by name; ``rate=``: growth in a second; ``seconds_left=``
``valueBox``            ``value``, ``title=``, ``subtitle=``, ``theme=``, ``change_indicator=``
``vegaChart``           ``spec``, ``options=``: ``{"actions": whether there is a menu}``
``eventsTimeline``      ``title=``; ``events``, newest first: ``metadata`` (facts by name), ``payloads`` (nodes by
                        name), ``received_at``, ``style_theme=``, ``priority=``; ``stats=``: as of ``get_stats()``
``jsonViewer``          ``data``, ``collapsible=``, ``max_height=``, ``show_copy_button=``, ``title=``,
                        ``notes=``: texts on what is missing
``yamlViewer``          the same; ``data`` is the YAML text
``error``               ``headline``, ``message``, ``trace=``
``facts``               ``data``: list of ``{"label", "value"}``; the value a text, a number or a node
``tabs``                ``tabs``: list of ``{"label", "contents"}``
``columns``             ``contents``: list of lists of nodes; ``widths=``: a number for each
``media``               ``kind``: ``video`` or ``audio``; ``src``: a ``data:`` address; ``label=``
``artifactList``        ``data``: artifacts, one line each; see `metaflow.cards.page.elements.artifact_list`
``fold``                ``title``, ``contents``: nodes that are hidden at first; ``note=``, ``open=False``
``histogram``           ``counts``, ``low``, ``high``: how often numbers of equal ranges occur; ``label=``
``sparkline``           ``values``: numbers, or None, drawn as a line; ``label=``
``usage``               ``data``: list of ``{"label", "text", "share"=}``; a share of 1 is all that there is
``gantt``               ``rows``, ``length``: when what ran; see `metaflow.cards.page.elements.gantt`
``cardFrame``           ``document``: the page of another card; ``label``
``plotly``              ``figure``: its JSON; ``themed=``: whether it may take the page's colours; ``label=``
``bokeh``               ``item``: its JSON; ``parts=``: which of the library's scripts it needs; ``label=``
======================  ================================================================================================

What is not in the table is shown as data, under the name of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ComponentNode(dict[str, Any]):
    """The node of a component, which has an ``id``: what can change by itself on a page that somebody looks at."""


#: A node, or a text that stands for itself.
Node = Mapping[str, Any] | str
Nodes = Sequence[Node]
