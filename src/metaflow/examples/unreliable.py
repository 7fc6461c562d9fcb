"""When things go wrong: steps that are tried again, failures that are expected, and those that stop a run.

    python unreliable.py run
    python unreliable.py run --broken yes

Fetching fails at first, and @retry tries again. One of the measurements cannot be read, and @catch lets the run go on
without it. With ``--broken yes`` the last step fails for good. What happened, and how to go on:

    metaflow runs show UnreliableFlow
    metaflow logs --failed UnreliableFlow
"""

from metaflow import FlowSpec, Parameter, catch, current, retry, step, timeout


class UnreliableFlow(FlowSpec):
    """Average what can be read."""

    broken = Parameter("broken", help="whether the last step fails: yes or no", default="no")

    @retry(times=2, minutes_between_retries=0)
    @step
    def start(self):
        if current.retry_count == 0:
            raise ConnectionError("the server did not answer")
        self.measurements = ["12.5", "11.0", "n/a", "13.1"]
        self.next(self.read, foreach="measurements")

    @catch(var="problem")
    @timeout(seconds=30)
    @step
    def read(self):
        self.value = None
        self.value = float(self.input)
        self.next(self.average)

    @step
    def average(self, inputs):
        read = [measured.value for measured in inputs if measured.value is not None]
        self.unreadable = sum(measured.problem is not None for measured in inputs)
        self.mean = sum(read) / len(read)
        self.next(self.end)

    @step
    def end(self):
        if self.broken == "yes":
            raise RuntimeError("this step was asked to fail")
        print(f"The mean is {self.mean}; {self.unreadable} could not be read.")


if __name__ == "__main__":
    UnreliableFlow()
