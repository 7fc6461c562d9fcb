"""Foreach in foreach, branches, a switch, recursion, retry and catch."""

from metaflow import FlowSpec, Parameter, catch, current, retry, step


class ShapesFlow(FlowSpec):
    fail = Parameter("fail", type=bool, default=False)

    @step
    def start(self):
        self.letters = list("abcdefghijk")
        self.next(self.letter, foreach="letters")

    @step
    def letter(self):
        self.found = self.input
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.found = [each.found for each in inputs]
        self.next(self.pair)

    @step
    def pair(self):
        self.pairs = ("x", "y")
        self.next(self.outer, foreach="pairs")

    @step
    def outer(self):
        self.numbers = range(2)
        self.next(self.inner, foreach="numbers")

    @step
    def inner(self):
        self.number = f"{self.index} of {self.foreach_stack()}"
        self.next(self.join_inner)

    @step
    def join_inner(self, inputs):
        self.numbers_found = [each.number for each in inputs]
        self.next(self.join_outer)

    @step
    def join_outer(self, inputs):
        self.numbers_found = [each.numbers_found for each in inputs]
        self.next(self.fork)

    @step
    def fork(self):
        self.next(self.left, self.right)

    @retry(times=1)
    @step
    def left(self):
        print("attempt", current.retry_count)
        self.partial = current.retry_count
        if current.retry_count < 1:
            raise ValueError("not yet")
        self.next(self.join_static)

    @catch(var="problem")
    @step
    def right(self):
        raise KeyError("caught")
        self.next(self.join_static)

    @step
    def join_static(self, inputs):
        self.problem = inputs.right.problem
        self.counter = 0
        self.next(self.loop)

    @step
    def loop(self):
        self.counter += 1
        self.again = "yes" if self.counter < 2 else "no"
        self.next({"yes": self.loop, "no": self.choose}, condition="again")

    @step
    def choose(self):
        self.way = "one"
        self.next({"one": self.one, "two": self.two}, condition="way")

    @step
    def one(self):
        if self.fail:
            raise RuntimeError("as asked")
        self.next(self.end)

    @step
    def two(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ShapesFlow()
