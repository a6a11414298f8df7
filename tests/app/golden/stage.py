"""The world of the recorded app's activities; a separate module, because the recorder runs as `__main__`."""

from tests.app.world import World

ACTIVITIES = ("fetch_batch", "enqueue_chunk", "record_window", "record_failed", "load_failed", "finish_run")

world: World
