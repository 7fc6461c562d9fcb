"""``logs scrub`` takes back what was printed."""

from __future__ import annotations


def test_what_was_printed_is_overwritten(project):
    run_id = project.run(
        """
        import sys

        class F(FlowSpec):
            @step
            def start(self):
                print("password: hunter2")
                print("harmless", file=sys.stderr)
                self.next(self.end)

            @step
            def end(self):
                print("stays")
        """
    ).run_id
    scrubbed = project.call("logs", "scrub", f"{run_id}/start", "--stdout")
    assert scrubbed.code == 0 and f"Scrubbed the log of F/{run_id}/start/1, attempt 0." in scrubbed.stdout, scrubbed
    shown = project.call("logs", f"{run_id}/start")
    assert shown.stdout == "[REDACTED task stdout]\nharmless\n", shown
    assert project.call("logs", f"{run_id}/end").stdout == "stays\n"
    stored = [path.read_bytes() for path in (project.path / ".metaflow").rglob("*.log")]
    assert stored and not any(b"hunter2" in content for content in stored)
    again = project.call("logs", "scrub", f"{run_id}/start", "--all")
    assert again.code == 0, again
    assert project.call("logs", f"{run_id}/start").stdout == "[REDACTED task stdout]\n[REDACTED task stderr]\n"
    unknown = project.call("logs", "scrub", f"{run_id}/nope")
    assert unknown.code == 1 and "start" in unknown.stderr and "Traceback" not in unknown.stderr, unknown


def test_a_task_that_still_runs_goes_on_printing_into_its_scrubbed_log(project):
    go_on = project.path / "go-on"
    project.write(
        f"""
        import pathlib, time

        class F(FlowSpec):
            @step
            def start(self):
                print("password: hunter2", flush=True)
                while not pathlib.Path({str(go_on)!r}).exists():
                    time.sleep(0.01)
                print("after")
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    process = project.start("run", "--run-id-file", "run-id")
    assert process.stdout is not None
    while "hunter2" not in (line := process.stdout.readline()):
        assert line, "the run ended before its task printed"
    path = f"{(project.path / 'run-id').read_text()}/start"
    while (left := project.call("logs", "scrub", path)).code:  # the index knows of the task a moment later
        assert "does not exist" in left.stderr and process.poll() is None, left
    assert left.code == 0 and "--include-not-done" in left.stderr, left
    scrubbed = project.call("logs", "scrub", path, "--include-not-done")
    assert scrubbed.code == 0 and "Scrubbed" in scrubbed.stdout, scrubbed
    go_on.touch()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert project.call("logs", path).stdout == "[REDACTED task stdout]\nafter\n"
