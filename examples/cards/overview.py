"""The default card: what a step leaves behind, shown without a line of code for it.

::

    python examples/cards/overview.py run
    python examples/cards/overview.py card view start
"""

import io
import math
import random
import struct
import zlib

from metaflow import FlowSpec, Parameter, card, step


def gradient_png(width, height):
    """A small picture, made without a library."""
    rows = b"".join(
        b"\0" + bytes(c for x in range(width) for c in (x * 255 // width, y * 255 // height, 160))
        for y in range(height)
    )

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class OverviewFlow(FlowSpec):
    """Values of many kinds, so that the card has something to show."""

    count = Parameter("count", help="how many measurements", default=500)
    city = Parameter("city", help="where they come from", default="Reykjavík")

    @card
    @step
    def start(self):
        """Make values."""
        random.seed(1)
        self.measurements = [round(random.gauss(15, 4), 2) for _ in range(self.count)]
        self.settings = {"unit": "°C", "station": {"id": 4, "name": self.city}, "sensors": ["north", "roof"]}
        self.summary = f"{self.count} measurements, mean {sum(self.measurements) / self.count:.1f} °C"
        self.picture = gradient_png(160, 60)
        self.nothing = None
        try:
            import numpy as np
            import pandas as pd
        except ImportError:
            pass
        else:
            self.array = np.array(self.measurements)
            self.grid = np.add.outer(np.arange(6), np.linspace(0, 1, 5))
            hours = pd.date_range("2026-01-01", periods=self.count, freq="h")
            self.frame = pd.DataFrame({"hour": hours, "celsius": self.measurements})
            self.frame["felt"] = self.frame.celsius.map(lambda c: "mild" if c > 12 else "cold")
        self.next(self.station, foreach="sensors")

    @property
    def sensors(self):
        """Which sensors there are."""
        return self.settings["sensors"]

    @card
    @step
    def station(self):
        """One sensor."""
        self.name = self.input
        self.height_in_metres = math.sqrt(len(self.name)) * 10
        print(f"looking at {self.name}")
        self.next(self.join)

    @step
    def join(self, inputs):
        """Bring the sensors together."""
        self.heights = {each.name: each.height_in_metres for each in inputs}
        self.next(self.end)

    @card
    @step
    def end(self):
        """Report."""
        text = io.StringIO()
        for name, height in self.heights.items():
            print(f"{name:8} {height:6.1f} m", file=text)
        self.report = text.getvalue()
        print(self.report)


if __name__ == "__main__":
    OverviewFlow()
