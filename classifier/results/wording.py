"""What a person said about a picture, in words, for pages and reports alike."""

from classifier.models import GroundTruth, Image

SAID = {GroundTruth.REAL: "a real photograph", GroundTruth.FAKE: "AI-generated"}


def human_answer(image: Image) -> str:
    """What staff, or the collection it was imported with, say that an image is; "" where nobody said anything, or they
    disagree."""
    if not image.label:
        return ""
    if image.label == GroundTruth.UNUSABLE:
        return "A person here looked at this picture and could not say what it is."
    who = "The collection it came with" if image.source else "A person here who looked at it"
    return f"{who} says that it is {SAID[GroundTruth(image.label)]}. {_beside(image)}"


def _beside(image: Image) -> str:
    if image.outcome == image.label:
        return "The automatic verdict is the same."
    if image.outcome in SAID:
        return f"The automatic verdict was another: {image.get_outcome_display()}."
    return "The automatic verdict was inconclusive."


def heading(image: Image) -> str:
    """The word above a result: what a person said counts more than what a program did."""
    if image.label in SAID:
        return f"{image.get_label_display()} (says a {'collection' if image.source else 'person'})"
    return image.get_outcome_display()
