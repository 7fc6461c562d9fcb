"""A report on a model: figures, a confusion matrix, what it got wrong.

::

    python examples/cards/model_report.py run      (needs scikit-learn, pandas and matplotlib)
    python examples/cards/model_report.py card view start
"""

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Columns, Image, Markdown, PythonCode, Table, ValueBox, VegaChart


def errors_by_digit(truth, predicted):
    """How often each digit was mistaken, as a Vega-Lite chart."""
    wrong = [int(t) for t, p in zip(truth, predicted, strict=True) if t != p]
    return {
        "title": "Mistakes by digit",
        "data": {"values": [{"digit": digit, "mistakes": wrong.count(digit)} for digit in range(10)]},
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": {"field": "digit", "type": "ordinal", "axis": {"labelAngle": 0}},
            "y": {"field": "mistakes", "type": "quantitative", "axis": {"tickMinStep": 1}},
        },
    }


class ModelReportFlow(FlowSpec):
    """Train a classifier of handwritten digits, and report on it."""

    trees = Parameter("trees", help="number of trees", default=100)

    @card(type="blank", options={"title": "Digits: how good is the model?"})
    @step
    def start(self):
        """Train and report; one page, made with components."""
        import pandas as pd
        from matplotlib.figure import Figure
        from sklearn.datasets import load_digits
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, classification_report
        from sklearn.model_selection import train_test_split

        digits = load_digits()
        x_train, x_test, y_train, y_test = train_test_split(digits.data, digits.target, random_state=0)
        self.model = RandomForestClassifier(self.trees, random_state=0).fit(x_train, y_train)
        predicted = self.model.predict(x_test)
        self.accuracy = accuracy_score(y_test, predicted)
        mistakes = int((y_test != predicted).sum())

        current.card.append(
            Markdown(
                f"""
                A random forest of **{self.trees} trees**, trained on {len(x_train):,} scanned digits and tested on
                {len(x_test):,} others. The table below says how it does on each digit.
                """
            )
        )
        current.card.append(
            Columns(
                [
                    [ValueBox("Accuracy", f"{self.accuracy:.1%}", theme="success")],
                    [ValueBox("Mistakes", mistakes, subtitle=f"of {len(y_test)}", theme="warning")],
                    [ValueBox("Trees", self.trees)],
                ]
            )
        )
        figure = Figure(figsize=(5, 4.4))
        ConfusionMatrixDisplay.from_predictions(y_test, predicted, ax=figure.subplots(), colorbar=False)
        current.card.append(
            Columns(
                [
                    [Image.from_matplotlib(figure, label="Confusion matrix")],
                    [VegaChart(errors_by_digit(y_test, predicted))],
                ]
            )
        )
        report = pd.DataFrame(classification_report(y_test, predicted, output_dict=True)).T.round(3)
        current.card.append(Markdown("## Each digit"))
        current.card.append(Table.from_dataframe(report, truncate=False))
        current.card.append(Markdown("## How the chart is made"))
        current.card.append(PythonCode(errors_by_digit))
        self.next(self.end)

    @step
    def end(self):
        """Done."""
        print(f"accuracy {self.accuracy:.3f}")


if __name__ == "__main__":
    ModelReportFlow()
