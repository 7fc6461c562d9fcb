"""The same work for many things at once: a foreach, and the join that brings the results together.

    python word_count.py run
    python word_count.py run --max-workers 1

Each text is counted by a task of its own, in a process of its own. See them, and what they were about:

    metaflow tasks list WordCountFlow
"""

from collections import Counter

from metaflow import FlowSpec, step

TEXTS = {
    "rain": "the rain in spain stays mainly in the plain",
    "fox": "the quick brown fox jumps over the lazy dog",
    "rose": "a rose is a rose is a rose",
}


class WordCountFlow(FlowSpec):
    """Count the words of several texts."""

    @step
    def start(self):
        self.titles = sorted(TEXTS)
        self.next(self.count, foreach="titles")

    @step
    def count(self):
        self.title = self.input
        self.words = Counter(TEXTS[self.title].split())
        self.next(self.add_up)

    @step
    def add_up(self, inputs):
        self.by_title = {counted.title: counted.words.total() for counted in inputs}
        self.words = sum((counted.words for counted in inputs), Counter())
        self.distinct_words = len(self.words)
        self.next(self.end)

    @step
    def end(self):
        self.commonest, times = self.words.most_common(1)[0]
        print(f"{self.distinct_words} different words; the commonest is '{self.commonest}', {times} times")


if __name__ == "__main__":
    WordCountFlow()
