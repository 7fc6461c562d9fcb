"""Texts that try to run scripts, to ask the network for something, or to break a page, wherever they are shown."""

from __future__ import annotations

#: What an attack does if it succeeds: a test sees that this name is there.
PROOF = "attacked"
_RUN = f"window.{PROOF}=1;parent.{PROOF}=1;alert(1)"
#: A place that nobody may be asked for anything.
ELSEWHERE = "http://192.0.2.1"

MARKUP = [
    f"<script>{_RUN}</script>",
    f"</script><script>{_RUN}</script>",
    f"<img src=x onerror='{_RUN}'>",
    f'"><img src={ELSEWHERE}/a.png onerror="{_RUN}">',
    f"'><svg onload='{_RUN}'>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<svg><animate onbegin='{_RUN}' attributeName=x dur=1s>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={_RUN}&gt;'>",
    f'<iframe srcdoc="<script>{_RUN}</script>"></iframe>',
    f"<iframe src='javascript:{_RUN}'></iframe>",
    f"<object data='javascript:{_RUN}'></object><embed src='{ELSEWHERE}/x.swf'>",
    f"<link rel=stylesheet href={ELSEWHERE}/x.css><style>@import '{ELSEWHERE}/y.css';</style>",
    f"<meta http-equiv=refresh content='0;url={ELSEWHERE}'>",
    f"<base href='{ELSEWHERE}/'>",
    f"<form action={ELSEWHERE}><button autofocus onfocus='{_RUN}'>Press</button></form>",
    f"<details open ontoggle='{_RUN}'>",
    f"<body onload='{_RUN}'>",
    f"<template><script>{_RUN}</script></template>",
    f"</textarea></title></style></noscript></pre></table><script>{_RUN}</script>",
    f"--><!--><script>{_RUN}</script>",
    f"<![CDATA[<script>{_RUN}</script>]]>",
    f"\" onmouseover=\"{_RUN}\" autofocus onfocus='{_RUN}' x='",
    f"` onload={_RUN} `",
    "<!--<script>",
    "</main></body></html>",
]
ADDRESSES = [
    f"javascript:{_RUN}",
    f"JaVaScRiPt:{_RUN}",
    f" \x01javascript:{_RUN}",
    f"java\nscript:{_RUN}",
    f"data:text/html,<script>{_RUN}</script>",
    f"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='{_RUN}'><script>{_RUN}</script></svg>",
    f"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><image href='{ELSEWHERE}/z.png'/></svg>",
    f"vbscript:{_RUN}",
    f"{ELSEWHERE}/pixel.png",
    "//192.0.2.1/pixel.png",
    "file:///etc/passwd",
    "blob:null/1",
]
MARKDOWN = [
    f"[link](javascript:{_RUN})",
    f"[link](&#106;avascript:{_RUN})",
    f"[link](<java\tscript:{_RUN}>)",
    f"<javascript:{_RUN}>",
    f"[link]: javascript:{_RUN}\n\n[link]",
    f"![image]({ELSEWHERE}/pixel.png)",
    f"![image](data:text/html,<script>{_RUN}</script>)",
    f'![x](data:image/png;base64,AAAA" onerror="{_RUN})',
    f'[link](https://example.org "title\\" onmouseover=\\"{_RUN}")',
    f'```"><script>{_RUN}</script>\ncode\n```',
    f"| <script>{_RUN}</script> |\n|---|\n| <img src=x onerror={_RUN}> |",
    "[[[[" * 50 + "](" * 50 + "**_" * 50,
    "&lt;script&gt;alert(1)&lt;/script&gt; &#x202e; &#0; &#xD800;",
]
TEMPLATES = [
    "{{7*7}}",
    "${7*7}",
    "<%= 7*7 %>",
    "{% for x in y %}",
    "#{7*7}",
    "{0.__class__}",
    "%s%n",
    "$&$1\\1",
    "__proto__",
]
CHARACTERS = [
    "\u202egpj.exe\u202c \u2066isolated\u2069 \u200f\u061cmarks",
    "".join(map(chr, range(0x20))) + "\x7f\x80\x85\x9f",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07\r\b",
    "\ud800 lone \udfff \ufffe\uffff \ufdd0",
    "\u2028\u2029 \ufeff \u00ad\u200b zalgo" + "\u0300\u0341\u0489" * 40,
    "\N{FAMILY}" * 10 + "\U0001f3f3\ufe0f\u200d\U0001f308",
    "long" * 2000,
    "",
    " ",
]

ATTACKS = [*MARKUP, *ADDRESSES, *MARKDOWN, *TEMPLATES, *CHARACTERS]
