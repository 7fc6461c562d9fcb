"""The smallest flow worth running: three steps, a parameter, and artifacts that are kept.

    python hello.py run
    python hello.py run --name Ada

Everything that a step assigns to ``self`` is kept with the run. Look at it afterwards:

    metaflow runs show HelloFlow
    metaflow artifacts HelloFlow
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
