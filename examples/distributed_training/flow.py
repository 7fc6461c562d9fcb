"""Trains a model with PyTorch on several nodes at the same time. Needs torch: pip install torch.

python flow.py run
python flow.py run --nodes 4 --with kubernetes
"""

from metaflow import FlowSpec, Parameter, current, retry, step, torchrun


class DistributedTrainingFlow(FlowSpec):
    nodes = Parameter("nodes", default=2)
    epochs = Parameter("epochs", default=40)

    @step
    def start(self):
        self.next(self.train, num_parallel=self.nodes)

    @retry(times=1)
    @torchrun(nproc_per_node=1)
    @step
    def train(self):
        self.results = current.torch.run(
            entrypoint="train.py",
            entrypoint_args={"epochs": self.epochs, "out": "weights"},
            push_results_dir_to_cloud=True,
            local_output_dir="weights",
        )
        self.next(self.join)

    @step
    def join(self, inputs):
        # Of all processes, that of rank 0 has saved the weights, and it ran on node 0.
        self.results = inputs[0].results
        self.next(self.end)

    @step
    def end(self):
        print("The weights are in", self.results)


if __name__ == "__main__":
    DistributedTrainingFlow()
