"""What a verdict costs with each shipped detector, beside the original project's network, all in one run; medians."""

import io
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil

from tests.pictures import jpeg

SIDES = {"0.3": (640, 480), "1": (1152, 864), "12": (4000, 3000)}
BATCH = 8
TIMES = 7


def speed(say):
    """One column a detector; the figures of each row were measured one after the other."""
    from classifier.detector.networks.architectures import build
    from classifier.detector.serving import bundle
    from classifier.registry import detectors

    found, memory = {}, psutil.Process().memory_info
    for choice in ("thorough", "quick"):
        before = memory().rss
        loaded = bundle.load(detectors.shipped_folder(choice))
        found[choice] = dict(figures(loaded)) | {"memory it adds": f"{(memory().rss - before) / 2**20:.0f} MB"}
        say(f"{choice}:", loaded.card.version)
    for name in found["thorough"]:
        say(name, f"{found['thorough'][name]} / {found['quick'][name]}", "thorough / quick")
    model, _ = build("cnn32")
    pixels = np.asarray(decoded(jpeg(1, *SIDES["1"])).resize((32, 32)))[None] / 255.0
    say("cnn32 as the original called it, one model.predict an image", timed(lambda: model.predict(pixels, verbose=0)))


def figures(loaded):
    """(what, how much in words) of one detector."""
    from classifier.detector.serving import heat_map
    from classifier.detector.serving.judgement import judge

    for name, sides in SIDES.items():
        content = jpeg(1, *sides, quality=88)
        yield (
            f"one {name}-megapixel JPEG, from bytes to verdict",
            timed(lambda content=content: judge(loaded, [loaded.views(decoded(content))])),
        )
    image = decoded(jpeg(1, *SIDES["1"], quality=88))
    views = loaded.views(image)
    yield "  of which the score", timed(lambda: loaded.scores([views]))
    yield "  score and stability, where a verdict is at stake", timed(lambda: judge(loaded, [views]))
    yield "heat map", timed(lambda: heat_map.heat_map(loaded, views, image.size))
    files = [jpeg(number, *SIDES["1"], quality=88) for number in range(BATCH)]
    with ThreadPoolExecutor(2) as pool:
        whole = seconds(lambda: judge(loaded, list(pool.map(lambda content: loaded.views(decoded(content)), files))))
    yield f"whole path, 1-megapixel JPEGs, {BATCH} a batch", f"{BATCH / whole:.1f} images/s"


def decoded(content):
    from classifier.detector.images.decoding import Limits, read_rgb

    return read_rgb(io.BytesIO(content), Limits())


def seconds(act):
    act()
    times = []
    for _ in range(TIMES):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def timed(act):
    return f"{seconds(act) * 1000:.0f} ms"


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aidetect.settings")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    django.setup()
    speed(lambda name, value, aim="": print(f"{name:<58} {value:>20}  {aim}", flush=True))
