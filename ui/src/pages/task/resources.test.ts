import { describe, expect, it } from "vitest";
import type { ResourceSuggestion, TaskResources } from "@/api/schema";
import { chartsOf, requestLine, suggestionWords } from "./resources";

const point = {
  at: 1,
  cpu: 0.5,
  memory: 2 ** 28,
  read_rate: 0,
  write_rate: 0,
  processes: 1,
  gpu: null,
  gpu_memory: null,
};
const resources: TaskResources = {
  started_at: 0,
  is_over: true,
  machine: { host: "m", cores: 2, memory: 2 ** 33, gpus: null, gpu_memory: null },
  asked: { memory: 4096 },
  points: [point, { ...point, at: 2 }],
  totals: {
    cpu_seconds: null,
    cpu_average: null,
    peak_memory: null,
    read_bytes: null,
    write_bytes: null,
    peak_gpu_memory: null,
    gpu_average: null,
  },
  suggestions: [],
};
const tooMuch: ResourceSuggestion = { kind: "memory", amount: 512, asked: 4096, used: 256, reason: "too_much" };

describe("what a task used", () => {
  it("leaves out curves of what was never used", () => {
    expect(chartsOf(resources).map((chart) => chart.title)).toEqual(["Processor cores", "Memory"]);
    const busy = { ...resources, points: [{ ...point, gpu: 1, gpu_memory: 5, write_rate: 3 }] };
    expect(chartsOf(busy).map((chart) => chart.title)).toEqual([
      "Processor cores",
      "Memory",
      "Disk",
      "GPUs",
      "GPU memory",
    ]);
    expect(chartsOf(resources)[1]?.limit?.value).toBe(4096 * 1024 * 1024);
  });

  it("suggests what to ask for", () => {
    expect(suggestionWords(tooMuch)).toBe("Memory: 256 MB at most of the 4.0 GB asked for; 512 MB would do.");
    const more: ResourceSuggestion = { kind: "cpu", amount: 4, asked: 1, used: 3.7, reason: "too_little" };
    expect(suggestionWords(more)).toBe(
      "Processors: 3.7 cores at most, more than the 1 core asked for; ask for 4 cores.",
    );
    const none: ResourceSuggestion = { kind: "gpu", amount: 0, asked: 2, used: 0, reason: "too_much" };
    expect(requestLine([tooMuch, more, none], { memory: 4096, cpu: 1, gpu: 2 })).toBe("@resources(cpu=4, memory=512)");
  });
});
