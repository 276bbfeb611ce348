"""ComfyUI's graphs: whether a sampler made the picture, or a picture was only loaded, enlarged and saved.

API form: {"3": {"class_type": "KSampler", "inputs": {…}}}; the editor's form: {"nodes": [{"type": "KSampler", …}]}.
"""

import json
import re
from collections.abc import Mapping
from typing import NotRequired, TypedDict, TypeGuard

from classifier.provenance.evidence import Settings


class Node(TypedDict):
    """Of a graph in API form. inputs: by name, a value or [key of another node, number of its output]."""

    class_type: str
    inputs: NotRequired[object]


Nodes = dict[str, Node]

SAMPLER = re.compile(
    r"sampler(?!_?select|.*schedul|selector)|text_?to_?image|txt2img|text2img|t2i|img2img|imagegenerat|generateimage"
    r"|imagegenerationapi|dall.?e|gptimage|openaiimage|flux.*(?:pro|ultra|max|kontext).*(?:image|node)|ideogramv|geminiimage"
    r"|stablediffusion.*pipeline|stableimage|recraft.*image|lumaimage|klingimage|seedream|bytedanceimage|grokimage"
    r"|runway.*image|nanobanana|diffusers?(?:pipeline|generate)|inpaint.*(?:sampl|generat)|wanimage|minimaximage",
    re.I,
)
PARTIAL = re.compile(r"detailer", re.I)
LOADS = re.compile(r"load_?image|imageload", re.I)
SAVES = re.compile(r"save|preview|output|send|upload", re.I)
NODES = 5000
SKIPPED = (2, 4)
"""Modes of the editor's nodes that do not run: muted and bypassed."""


def read_graph(texts: Mapping[str, str]) -> Settings | None:
    """texts: "prompt" and "workflow" with JSON. The direction is AI with a sampler, edited without one when a picture
    was loaded; None for what is no graph or says neither."""
    graph, workflow = (_object(texts.get(name, "")) for name in ("prompt", "workflow"))
    nodes = {str(key): node for key, node in list(graph.items())[:NODES] if _is_node(node)}
    kinds = _kinds_of_nodes(nodes) if nodes else _kinds_of_workflow(workflow)
    if any(_samples(kind) for kind in kinds):
        return {"generator": "ComfyUI", **_details(nodes)}
    if any(LOADS.search(kind) or PARTIAL.search(kind) for kind in kinds):
        return {"generator": "ComfyUI", "direction": "edited", "nodes": ", ".join(dict.fromkeys(kinds))}
    return None


def _kinds_of_nodes(nodes: Nodes) -> list[str]:
    """Of the nodes that lead to one that saves; of all of them when those neither sample nor load anything."""
    kinds = [str(node["class_type"]) for node in _running(nodes).values()]
    if any(_samples(kind) or LOADS.search(kind) for kind in kinds):
        return kinds
    return [str(node["class_type"]) for node in nodes.values()]


def _samples(kind: str) -> bool:
    return bool(SAMPLER.search(kind)) and not PARTIAL.search(kind)


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text[:4_000_000].rstrip("\x00 \n")) if "{" in text[:100] else {}
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def _is_node(node: object) -> TypeGuard[Node]:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str)


def _running(nodes: Nodes) -> Nodes:
    """The nodes that lead to one that saves or shows; all of them when none does."""
    waiting = [key for key, node in nodes.items() if SAVES.search(node["class_type"])]
    if not waiting:
        return nodes
    reached: Nodes = {}
    while waiting:
        key = waiting.pop()
        if key in reached or key not in nodes:
            continue
        reached[key] = nodes[key]
        inputs = nodes[key].get("inputs")
        for value in inputs.values() if isinstance(inputs, dict) else ():
            if isinstance(value, list) and value:
                waiting.append(str(value[0]))
    return reached


def _kinds_of_workflow(workflow: dict[str, object]) -> list[str]:
    definitions = workflow.get("definitions")
    parts = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    graphs = [workflow, *(part for part in (parts if isinstance(parts, list) else []) if isinstance(part, dict))]
    listed = [graph["nodes"] for graph in graphs if isinstance(graph.get("nodes"), list)]
    nodes = [node for node in [node for some in listed for node in some][:NODES] if isinstance(node, dict)]
    return [str(node.get("type", "")) for node in nodes if node.get("mode") not in SKIPPED]


def _details(nodes: Nodes) -> Settings:
    settings: Settings = {}
    for node in nodes.values():
        kind, inputs = node["class_type"], node.get("inputs")
        if not isinstance(inputs, dict):
            continue
        for name in ("seed", "noise_seed"):
            if isinstance(inputs.get(name), int):
                settings.setdefault("seed", inputs[name])
        for name in ("ckpt_name", "unet_name", "model_name"):
            if isinstance(inputs.get(name), str) and ("Loader" in kind or "Checkpoint" in kind):
                settings.setdefault("model", inputs[name])
        for name in ("text", "text_g", "prompt"):
            if isinstance(inputs.get(name), str) and inputs[name].strip() and ("Text" in kind or _samples(kind)):
                settings.setdefault("prompt", inputs[name])
    return settings


def named_in(text: str) -> dict[str, str]:
    """The graph in one text: EXIF Make and Model hold "workflow:{…}" and "prompt:{…}"; EXIF comments hold an object
    with both, or the graph itself, as Civitai writes it."""
    for name in ("prompt", "workflow"):
        if text[: len(name) + 1].lower() == f"{name}:" and "{" in text[:14]:
            return {name: text[len(name) + 1 :]}
    if "class_type" not in text and '"nodes"' not in text:
        return {}
    whole = _object(text)
    inner = {name: whole.get(name) for name in ("prompt", "workflow")}
    if any(isinstance(value, dict | str) for value in inner.values()):
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in inner.items() if value}
    return {"prompt": text} if any(_is_node(node) for node in whole.values()) else {"workflow": text}
