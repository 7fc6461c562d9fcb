"""Multiply the one run of ``ManyFlow`` in a store of Netflix's package by copying its files. Argument: number of runs.

Every hundredth copy gets the tag ``rare``.
"""

import json
import os
import shutil
import sys
from pathlib import Path

root = Path(os.environ["METAFLOW_DATASTORE_SYSROOT_LOCAL"]) / ".metaflow" / "ManyFlow"
original = (root / "latest_run").read_text().strip()
for number in range(1, int(sys.argv[1])):
    run_id = str(int(original) + number * 1000)
    shutil.copytree(root / original, root / run_id)
    for path in (root / run_id).rglob("*.json"):
        content = json.loads(path.read_text())
        if isinstance(content, dict) and content.get("run_number") == original:
            content["run_number"] = run_id
            content["ts_epoch"] = content.get("ts_epoch", 0) + number
            if number % 100 == 0 and "tags" in content and path.name == "_self.json":
                content["tags"] = ["rare"]
            path.write_text(json.dumps(content))
    (root / "latest_run").write_text(run_id)
