"""Progress of long commands: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

from tqdm import tqdm

from classifier.detector.stats.measured import Epoch


def counter(title: str, stream: TextIO | None = None, every: float = 10.0) -> Callable[[int, int], None]:
    """A function to call with (done, total); writes to standard error unless told otherwise."""
    stream = stream or sys.stderr
    if stream.isatty():
        bar = tqdm(desc=title, file=stream)

        def draw(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            if done >= total:
                bar.close()

        return draw
    started = last = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done < total and now - last < every:
            return
        last = now
        left = (now - started) / done * (total - done)
        stream.write(f"{title}: {done} of {total}, {left:.0f} s left\n")

    return say


def epoch_line(epoch: Epoch) -> str:
    """One epoch of a training run in words."""
    return (
        f"epoch {epoch['epoch']} of {epoch['epochs']}: loss {epoch['loss']:.3f}, accuracy {epoch['accuracy']:.3f}, "
        f"validation loss {epoch['val_loss']:.3f}, AUROC {epoch['val_auroc']:.3f}, "
        f"at most {epoch['left'] / 60:.0f} min left"
    )
