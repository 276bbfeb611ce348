"""What c2pa-python's reader returns, as far as it is looked at. Structure and names are the library's; what stands in a
field of type object was written by whoever made the file, so it is checked before it is used."""

from typing import TypedDict


class Action(TypedDict, total=False):
    """One step in the history of a picture."""

    action: str
    when: object
    softwareAgent: object
    digitalSourceType: object
    description: object
    parameters: object


class Assertion(TypedDict, total=False):
    label: object
    data: object


class Ingredient(TypedDict, total=False):
    """A picture that went into this one. active_manifest: the name of its own manifest."""

    title: object
    relationship: object
    active_manifest: object
    validation_status: list[object]


class Signature(TypedDict, total=False):
    issuer: object
    common_name: object
    time: object


class Manifest(TypedDict, total=False):
    claim_generator: object
    claim_generator_info: list[object]
    signature_info: Signature
    assertions: list[object]
    ingredients: list[Ingredient]


Manifests = dict[str, Manifest]


class Status(TypedDict, total=False):
    code: str


class Outcomes(TypedDict, total=False):
    success: list[Status]
    failure: list[Status]


class Delta(TypedDict, total=False):
    """What had not failed before when an ingredient was added."""

    validationDeltas: Outcomes


class Results(TypedDict, total=False):
    activeManifest: Outcomes
    ingredientDeltas: list[Delta]


class Report(TypedDict, total=False):
    """All manifests of a file by name, and what was found when they were checked."""

    active_manifest: str
    manifests: Manifests
    validation_state: str
    validation_results: Results


class Validity(TypedDict, total=False):
    """ISO times."""

    notBefore: object
    notAfter: object


class DataHash(TypedDict, total=False):
    """A hash over the file but for its exclusions."""

    alg: str
    hash: str
    exclusions: list[dict[str, int]]
