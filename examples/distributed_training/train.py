"""A program for torchrun: every process has data of its own, and all of them train one model."""

import argparse
import os

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=40)
parser.add_argument("--out", default="weights")
options = parser.parse_args()

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()

torch.manual_seed(rank)
inputs = torch.randn(64, 3)
targets = inputs @ torch.tensor([[1.0], [-2.0], [3.0]])

model = DistributedDataParallel(torch.nn.Linear(3, 1, bias=False))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
for _ in range(options.epochs):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(inputs), targets)
    loss.backward()
    optimizer.step()

print(f"rank {rank} of {dist.get_world_size()} ends with a loss of {loss.item():.2g}")
if rank == 0:
    os.makedirs(options.out, exist_ok=True)
    torch.save(model.module.state_dict(), os.path.join(options.out, "model.pt"))
dist.barrier()  # nobody leaves while another is still at work
dist.destroy_process_group()
