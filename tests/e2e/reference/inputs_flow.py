"""Parameters of all kinds, a config, files, constants, cards and a large artifact."""

import sys

from metaflow import Config, FlowSpec, IncludeFile, JSONType, Parameter, card, step


class InputsFlow(FlowSpec):
    alpha = Parameter("alpha", default=0.5)
    options = Parameter("options", type=JSONType, default='{"a": [1, 2]}')
    text = IncludeFile("text", default="note.txt")
    raw = IncludeFile("raw", default="note.txt", is_text=False)
    nothing = IncludeFile("nothing", required=False)
    settings = Config("settings", default_value={"depth": 3, "inner": {"x": [1, {"y": 2}]}})
    constant = 42

    @step
    def start(self):
        print("to stdout")
        print("to stderr", file=sys.stderr)
        print("üñï ✓\n\n  indented")
        self.large = bytes(range(256)) * 100_000
        self.kinds = {"set": {1, 2}, "tuple": (1.5, None), "text": "ü" * 3}
        self.next(self.middle)

    @card(type="blank", id="mine")
    @step
    def middle(self):
        self.size = len(self.text)
        self.from_config = self.settings.inner.x
        self.next(self.end)

    @step
    def end(self):
        print(self.size, self.options, self.raw[:3])


if __name__ == "__main__":
    InputsFlow()
