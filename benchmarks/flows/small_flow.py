"""Many small artifacts in one step."""

import time

from metaflow import FlowSpec, Parameter, step


class SmallFlow(FlowSpec):
    artifacts = Parameter("artifacts", help="number of artifacts", default=10)

    @step
    def start(self):
        for number in range(self.artifacts):
            setattr(self, f"value_{number}", number)
        self.code_ended = time.time()
        self.next(self.end)

    @step
    def end(self):
        print("save_seconds", time.time() - self.code_ended)


if __name__ == "__main__":
    SmallFlow()
