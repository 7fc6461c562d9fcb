"""Train several classifiers side by side on handwritten digits, keep the best, and load it again.

Run it (it needs scikit-learn; ``make demo`` sets everything up)::

    python examples/classifiers.py run
    python examples/classifiers.py run --test-size 0.3 --seed 7

The 1,797 scanned digits that come with scikit-learn are split in three: candidates are trained on the first
part and compared on the second; the winner's accuracy on the third is what to expect of new digits. Every
candidate is a task of its own in a foreach, so they train at the same time. scikit-learn is
imported once, for all of them.

You see a table of the candidates, the winner, and the two lines of Python that load the winning model; and a report
of it, a *card*, opens in your browser with::

    python examples/classifiers.py card view choose
"""

import os
import sys
import time

# The candidates train side by side; if each used every core as well, they would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from sklearn.datasets import load_digits
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Markdown, Table, VegaChart


def candidates(seed):
    """Models to compare, by name."""
    return {
        "naive Bayes": GaussianNB(),
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "nearest neighbours": KNeighborsClassifier(n_neighbors=3),
        "support vectors": make_pipeline(StandardScaler(), SVC(C=10, gamma=0.01)),
        "random forest": RandomForestClassifier(n_estimators=300, random_state=seed),
        "extra trees": ExtraTreesClassifier(n_estimators=300, random_state=seed),
        "gradient boosting": HistGradientBoostingClassifier(max_iter=60, random_state=seed),
    }


class ClassifiersFlow(FlowSpec):
    """Choose a classifier for handwritten digits."""

    test_size = Parameter("test-size", help="share of the digits held out for the final test", default=0.25)
    seed = Parameter("seed", help="seed of the splits and of the models", default=0)

    @step
    def start(self):
        images, labels = load_digits(return_X_y=True)
        rest, self.test, rest_labels, self.test_labels = train_test_split(
            images, labels, test_size=self.test_size, stratify=labels, random_state=self.seed
        )
        self.train, self.validation, self.train_labels, self.validation_labels = train_test_split(
            rest, rest_labels, test_size=0.25, stratify=rest_labels, random_state=self.seed
        )
        print(f"{len(self.train)} digits to train on, {len(self.validation)} to choose by")
        print(f"{len(self.test)} digits held out")
        self.candidates = list(candidates(self.seed))
        self.next(self.fit, foreach="candidates")

    @step
    def fit(self):
        self.candidate = self.input
        self.model = candidates(self.seed)[self.candidate]
        began = time.perf_counter()
        self.model.fit(self.train, self.train_labels)
        self.fit_seconds = time.perf_counter() - began
        self.validation_accuracy = self.model.score(self.validation, self.validation_labels)
        self.test_accuracy = self.model.score(self.test, self.test_labels)
        self.next(self.choose)

    @card
    @step
    def choose(self, inputs):
        ranked = sorted(inputs, key=lambda fitted: fitted.validation_accuracy, reverse=True)
        self.table = [
            (fitted.candidate, fitted.validation_accuracy, fitted.test_accuracy, fitted.fit_seconds)
            for fitted in ranked
        ]
        winner = ranked[0]
        self.winner = winner.candidate
        self.model = winner.model
        self.test_accuracy = winner.test_accuracy
        self.report()
        self.next(self.end)

    def report(self):
        """Put what was found on the step's card."""
        current.card.append(
            Markdown(f"**{self.winner.capitalize()}** wins: it reads {self.test_accuracy:.1%} of the digits right.")
        )
        rows = [[name, f"{chosen:.1%}", f"{tested:.1%}", f"{took:.2f} s"] for name, chosen, tested, took in self.table]
        current.card.append(Table(rows, headers=["Candidate", "Validation", "Test", "Time to fit"]))
        values = [{"candidate": name, "accuracy": tested, "seconds": took} for name, _, tested, took in self.table]
        current.card.append(
            VegaChart(
                {
                    "title": "Accuracy on the test digits, and the time it took",
                    "data": {"values": values},
                    "mark": {"type": "point", "filled": True, "size": 120, "tooltip": True},
                    "encoding": {
                        "x": {"field": "seconds", "type": "quantitative", "title": "seconds to fit"},
                        "y": {"field": "accuracy", "type": "quantitative", "scale": {"zero": False}},
                        "color": {"field": "candidate", "type": "nominal", "title": None},
                    },
                }
            )
        )

    @step
    def end(self):
        print(f"{'candidate':<20} {'validation':>10} {'test':>7} {'fit':>8}")
        for candidate, validation, test, fit_seconds in self.table:
            print(f"{candidate:<20} {validation:>10.1%} {test:>7.1%} {fit_seconds:>6.2f} s")
        print(f"The winner is {self.winner}: it reads {self.test_accuracy:.1%} of the held-out digits right.")
        print(f"The model is kept in {current.flow_name}/{current.run_id}/choose. Load it again with")
        print("    from metaflow import Run")
        print(f'    model = Run("{current.flow_name}/{current.run_id}")["choose"].task.data.model')
        print(f"See the report in a browser: {sys.executable} {sys.argv[0]} card view choose")


if __name__ == "__main__":
    ClassifiersFlow()
