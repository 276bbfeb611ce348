"""WORKER ONLY: what is no photograph, taught to a detector on an encoder. Imports Keras."""

from collections.abc import Sequence

import numpy as np
from django.conf import settings

from classifier.detector.data.drawings import drawing
from classifier.detector.data.manifest import PHOTO, Row
from classifier.detector.errors import DatasetError, DetectorError
from classifier.detector.serving import bundle, subject
from classifier.detector.stats.measured import Report, SubjectFigures
from classifier.detector.training import linear, subject_head
from classifier.detector.training.pace import Step
from classifier.models import Detector
from classifier.registry import bundles
from classifier.worker.candidates import publish

DRAWINGS = 280


def fit_subject(detector: Detector, rows: Sequence[Row], on_image: Step | None = None) -> SubjectFigures:
    """Fit, and keep it in the bundle with its figures. Raises DetectorError for a detector without an encoder,
    DatasetError for rows that are all photographs, or none."""
    loaded = bundle.load(bundles.folder_of(detector))
    if not loaded.card.encoder:
        raise DetectorError(f"expected a detector on an encoder, such as vit; received {detector.version}")
    if len({row.kind == PHOTO for row in rows}) < 2:
        raise DatasetError("expected photographs and other pictures (kind art) in the manifest; found only one of them")
    spec = loaded.card.preprocessing
    features = linear.extract_cached(loaded.model, spec, rows, settings.FEATURES, loaded.card.encoder, on_step=on_image)
    drawn = loaded.see([loaded.views(drawing(seed)) for seed in range(DRAWINGS)])
    head, figures = subject_head.fit(features[:, 0], rows, drawn.astype(np.float16))
    with bundles.open_for_change(detector) as folder:
        report: Report = {**loaded.card.report, "subject": figures}
        publish(folder, bundle.revise(folder, subject=subject.write(folder, head), report=report))
    return figures
