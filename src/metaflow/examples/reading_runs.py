"""Read from a program, or from a notebook, what runs left. Not a flow: it looks at those of the other examples.

python hello.py run
python word_count.py run
python reading_runs.py
"""

from metaflow import Metaflow, namespace


def main():
    namespace(None)  # everybody's runs, not only one's own
    for flow in Metaflow():
        run = flow.latest_run
        print(f"{flow.id}: run {run.id} of {run.created_at:%Y-%m-%d %H:%M} is {run.status}")
        if run.successful:
            for artifact in run.end_task:
                print(f"    {artifact.id} = {artifact.data!r}")


if __name__ == "__main__":
    main()
