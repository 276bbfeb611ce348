"""The words that rows are kept in."""

from django.db import models

from classifier.detector.labels import (
    BETWEEN,
    FAKE,
    INCONCLUSIVE,
    NOT_A_PHOTO,
    REAL,
    RECOMPRESSED,
    TOO_SMALL,
    UNSTABLE,
)


class Outcome(models.TextChoices):
    REAL = REAL, "Real photograph"
    FAKE = FAKE, "AI-generated"
    INCONCLUSIVE = INCONCLUSIVE, "Inconclusive"


class GroundTruth(models.TextChoices):
    REAL = REAL, "Real photograph"
    FAKE = FAKE, "AI-generated"
    UNUSABLE = "UNUSABLE", "Not usable"


class LabelKind(models.TextChoices):
    """What a row of the labels is. TAKEN_BACK undoes the last opinion of the same person."""

    OPINION = "opinion", "opinion"
    IMPORT = "import", "import"
    TAKEN_BACK = "taken back", "taken back"


class Reason(models.TextChoices):
    """Why a verdict is inconclusive."""

    BETWEEN = BETWEEN, "The score lies between the two thresholds."
    UNSTABLE = UNSTABLE, "Saving the picture again, hardly changed, moves the score too far."
    TOO_SMALL = TOO_SMALL, "The picture is too small for the detector; upload the original, not a thumbnail."
    NOT_A_PHOTO = NOT_A_PHOTO, "It looks like a drawing, a document, a screenshot or a render, not like a photograph."
    RECOMPRESSED = RECOMPRESSED, "The picture is compressed so heavily that its traces are gone."


class State(models.TextChoices):
    WAITING = "waiting", "Waiting"
    ANALYSING = "analysing", "Analysing"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    PAUSED = "paused", "Paused"
    CANCELLED = "cancelled", "Cancelled"


class DecidedBy(models.TextChoices):
    """What an image's verdict rests on: the network, or a kind of evidence in the file."""

    NETWORK = "network", "the detector"
    C2PA = "c2pa", "a signed manifest"
    IPTC = "iptc", "the file's metadata"
    GENERATOR = "generator", "a generator's own text"


class Claim(models.TextChoices):
    REAL = REAL, "It is a real photograph"
    FAKE = FAKE, "It is AI-generated"
    UNSURE = "UNSURE", "I am not sure, please look"


class Category(models.TextChoices):
    ORDINARY = "ordinary", "An ordinary photo"
    PORTRAIT = "portrait", "A portrait"
    NIGHT = "night", "A night shot"
    PRODUCT = "product", "A product shot"
    EDITED = "edited", "An edited photo"
    COMPOSITE = "composite", "A composite of several pictures"
    SCREENSHOT = "screenshot", "A screenshot"
    DRAWING = "drawing", "A drawing or painting"
    RENDERING = "rendering", "A 3D rendering"
    OTHER = "other", "Something else"


class JobState(models.TextChoices):
    """Of work that runs in the background and is not an image's analysis."""

    WAITING = "waiting", "waiting"
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


class Architecture(models.TextChoices):
    """As in `detector.networks`, which the web process does not load; a test compares them."""

    VIT = "vit", "vit: a transformer that has seen the world, last layer in closed form (minutes)"
    FUSION = "fusion", "fusion: two views and traces, last layer in closed form (minutes)"
    MOBILENET = "mobilenet", "mobilenet: fine detail and whole view"
    PATCH = "patch", "patch: native crops, small and from scratch"
    THUMBNAIL = "thumbnail", "thumbnail: for collections of tiny pictures"
    CNN32 = "cnn32", "cnn32: the original project's network"
    MOBILENETV2 = "mobilenetv2", "MobileNetV2 (keras.applications)"
    EFFICIENTNETV2 = "efficientnetv2", "EfficientNetV2B0 (keras.applications)"
    RESNET50 = "resnet50", "ResNet50 (keras.applications)"
    CONVNEXT = "convnext", "ConvNeXtTiny (keras.applications)"


class Start(models.TextChoices):
    SCRATCH = "scratch", "from scratch"
    ACTIVE = "active", "from the active detector (same architecture)"
    IMAGENET = "imagenet", "from ImageNet (keras.applications only; downloaded once)"


class DisputeState(models.TextChoices):
    OPEN = "open", "waits for a person"
    AGREED = "agreed", "a person agreed with you"
    DISAGREED = "disagreed", "a person disagreed with you"
    ANSWERED = "answered", "a person looked at it"
    WITHDRAWN = "withdrawn", "withdrawn"


class Act(models.TextChoices):
    """What staff did. TRIED: asked for something that did not follow, or not yet."""

    LISTED = "listed", "listed"
    LOOKED = "looked", "looked at"
    LABELLED = "labelled", "labelled"
    TOOK_BACK = "took back", "took back a label of"
    SKIPPED = "skipped", "skipped"
    ADDED = "added", "added"
    CHANGED = "changed", "changed"
    DELETED = "deleted", "deleted"
    CANCELLED = "cancelled", "cancelled"
    IMPORTED = "imported", "imported"
    EXPORTED = "exported", "exported"
    PROMOTED = "promoted", "promoted"
    ROLLED_BACK = "rolled back", "rolled back to"
    TRIED = "tried", "asked for"
    REFUSED = "refused", "was refused"
