"""What the default card tells of a task, one part each: nodes made of the task's record, its run and its process."""
