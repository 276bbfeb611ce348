"""Programs that generate pictures, known by the names they sign with.

A name counts only in a field that names software, as whole words, and when nothing else stands in that field but
versions and the like. "Kendall E Smith", "Visor de imagen 3.1" and "ChatGPT Photo Renamer" name no generator.
"""

import re

NAMES: dict[str, tuple[str, ...]] = {
    "Midjourney": ("midjourney", "niji journey", "nijijourney", "mid journey"),
    "DALL·E": ("dall e", "dalle", "dall e3", "dalle3", "dalle2"),
    "OpenAI": ("openai", "open ai", "chatgpt", "chat gpt", "gpt image", "gpt 4o image", "gpt4o image", "openai sora"),
    "Stable Diffusion": (
        "stable diffusion", "stablediffusion", "stability diffusion", "stability.ai", "stability ai", "stabilityai",
        "dreamstudio", "sdxl", "sd xl", "sd3", "sd3.5", "stable image", "stable cascade", "dreamshaper",
    ),
    "NovelAI": ("novelai", "novel ai", "novelai.net"),
    "ComfyUI": ("comfyui", "comfy ui"),
    "AUTOMATIC1111": ("automatic1111", "a1111", "sd.next", "sd webui", "sdnext"),
    "InvokeAI": ("invokeai", "invoke ai"),
    "Fooocus": ("fooocus", "ruinedfooocus", "ruined fooocus"),
    "SwarmUI": ("swarmui", "stableswarmui"),
    "Draw Things": ("draw things", "drawthings"),
    "DiffusionBee": ("diffusionbee", "diffusion bee"),
    "Mochi Diffusion": ("mochi diffusion",),
    "mflux": ("mflux",),
    "Diffusers": ("diffusers", "hugging face diffusers", "huggingface diffusers"),
    "Adobe Firefly": ("adobe firefly", "firefly image", "adobe firefly image"),
    "Microsoft": (
        "bing image creator", "image creator from designer", "image creator from microsoft designer",
        "microsoft designer", "microsoft image creator", "mai image",
    ),
    "Google": (
        "google imagen", "google gemini", "gemini image", "gemini flash image", "gemini pro image",
        "nano banana", "gemini nano banana",
        "google ai studio", "imagefx", "image fx", "google whisk",
    ),
    "Meta AI": ("imagined with ai", "imagined with meta ai", "imagine with meta ai", "meta ai"),
    "Apple Image Playground": ("image playground", "apple image playground"),
    "xAI": ("xai", "x.ai", "grok imagine", "xai grok", "grok image", "grok aurora"),
    "Leonardo.Ai": ("leonardo.ai", "leonardo ai"),
    "Ideogram": ("ideogram", "ideogram.ai"),
    "Reve": ("reve.com", "reve.art", "reve image", "reve ai", "app.reve.com"),
    "Luma": ("luma ai", "lumalabs", "lumalabs.ai", "luma labs", "luma dream machine", "luma photon"),
    "FLUX": (
        "black forest labs", "flux.1", "flux.2", "flux1", "flux kontext", "flux dev", "flux schnell", "flux pro",
        "bfl.ai",
    ),
    "Playground": ("playground ai", "playgroundai", "playground.com"),
    "NightCafe": ("nightcafe", "nightcafe studio", "nightcafe creator"),
    "StarryAI": ("starryai", "starry ai"),
    "Craiyon": ("craiyon",),
    "Artbreeder": ("artbreeder",),
    "Recraft": ("recraft", "recraft.ai"),
    "Krea": ("krea.ai", "krea ai"),
    "StyleGAN": ("this person does not exist", "thispersondoesnotexist", "thispersondoesnotexist.com", "stylegan",
                 "stylegan2", "stylegan3"),
    "Dreamina": ("dreamina", "jimeng", "即梦", "即梦ai", "seedream"),
    "Doubao": ("doubao", "豆包"),
    "Kling": ("kling ai", "klingai", "可灵", "可灵ai", "kolors"),
    "Tongyi": ("tongyi wanxiang", "通义万相", "通义万相ai", "qwen image", "wanxiang"),
    "Hunyuan": ("hunyuan image", "hunyuan", "混元"),
    "Wenxin": ("wenxin yige", "文心一格", "ernie vilg"),
    "HiDream": ("hidream", "vivago.ai"),
    "Hailuo": ("hailuo ai", "minimax image"),
    "CogView": ("cogview", "zhipu cogview"),
    "TensorArt": ("tensor.art", "tensorart", "tensor art"),
    "SeaArt": ("seaart", "seaart.ai"),
    "PixAI": ("pixai", "pixai.art"),
    "Civitai": ("civitai", "civitai.com"),
    "PixArt": ("pixart alpha", "pixart sigma"),
    "Wombo": ("wombo dream", "dream by wombo"),
    "Freepik": ("freepik ai image generator", "freepik mystic", "freepik pikaso"),
}  # fmt: skip

_NEUTRAL = """
v version ver ai by from with using in and the of via generated created made rendered generator generation image
images imaging picture pictures art api web webui ui app bot discord forge reforge client sdk cli server desktop
mobile mac macos windows linux ios android python node js studio labs inc ltd llc xl turbo ultra pro fast dev
schnell flash lite mini hd large medium small base max plus standard premium alpha beta rc release final preview
edition model models raw realtime vision photon diffusion latent lcm lightning hyper kontext creator com www
https http net org text to bytedance google microsoft adobe openai xai deepmind bing automatic1111 comfyui
"""
NEUTRAL = frozenset(_NEUTRAL.split())
"""Words that may stand beside a generator's name without making it the name of something else."""
VERSION = re.compile(r"v?\d[\w.]*|[a-f0-9]{7,40}|sd\d*")
_GOOGLE = (
    (re.compile(r"\bgemini[ -]\d[\d.]*"), "gemini"),
    (re.compile(r"\bimagen-\d[\d.]*-.*generate"), "google imagen "),
)
"""Names of models with the version in the middle."""
_SPLIT = re.compile(r"[^\w.]+|_+")
_NAMES = sorted(
    ((tuple(words.split()), name) for name, known in NAMES.items() for words in known), key=lambda pair: -len(pair[0])
)


def known_generator(text: str) -> str:
    """The generator that a program's name stands for, "" for any other program."""
    text = text[:300].lower()
    for pattern, plain in _GOOGLE:
        text = pattern.sub(plain, text)
    words = [word for word in (part.strip(".") for part in _SPLIT.split(text)) if word]
    if len(words) > 24:
        return ""
    generator, rest = "", words
    for sequence, name in _NAMES:
        at = _place(rest, sequence)
        if at is not None:
            generator = generator or name
            rest = [*rest[:at], *rest[at + len(sequence) :]]
    return generator if all(word in NEUTRAL or VERSION.fullmatch(word) for word in rest) else ""


def _place(words: list[str], sequence: tuple[str, ...]) -> int | None:
    length = len(sequence)
    return next((at for at in range(len(words) - length + 1) if tuple(words[at : at + length]) == sequence), None)


def is_made_with(text: str) -> str:
    """The generator of a comment that says nothing but what made the picture ("Generated by Luma AI's Uni-1 model")."""
    said = re.fullmatch(r"\s*(?:image |picture )?generated (?:by|with|using) (.{2,120}?)[.!]?\s*", text, re.I | re.S)
    if not said:
        return ""
    plain = re.sub(r"\(?https?://\S+", " ", said[1])
    return known_generator(re.sub(r"['’]s\b", " ", re.sub(r"\buni[- ]?\d\b", " ", plain, flags=re.I)))
