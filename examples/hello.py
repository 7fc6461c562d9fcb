"""The smallest flow worth running: three steps in a row, one parameter, two artifacts.

Run it::

    python examples/hello.py run
    python examples/hello.py run --name Ada

You see one line for each task that starts and ends, and the greeting in between. Everything assigned to
``self`` is kept; read it back from any Python, today or in a month::

    from metaflow import Flow
    Flow("HelloFlow").latest_run.data.greeting
"""

from metaflow import FlowSpec, Parameter, step


class HelloFlow(FlowSpec):
    """Greet somebody."""

    whom = Parameter("name", help="whom to greet", default="world")

    @step
    def start(self):
        self.greeting = f"Hello, {self.whom}!"
        self.next(self.count)

    @step
    def count(self):
        self.letters = sum(character.isalpha() for character in self.greeting)
        self.next(self.end)

    @step
    def end(self):
        print(f"{self.greeting} That is {self.letters} letters.")


if __name__ == "__main__":
    HelloFlow()
