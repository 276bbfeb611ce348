"""Credit lines that say how a picture was made, in the words that known services write.

A credit line is cut into statements; one of them must be such a phrase and nothing else. A negation anywhere, a given
name (Ai Weiwei, Ai Takahashi) or a topic ("protest against AI-generated images") makes it no declaration.
"""

import re
import unicodedata
from typing import Final

from classifier.provenance.evidence import Direction

PRODUCTS: Final[dict[str, Direction]] = {
    "apple image playground": "AI",
    "image playground": "AI",
    "imagined with ai": "AI",
    "apple photos clean up": "edited",
    "photos clean up": "edited",
    "apple clean up": "edited",
    "adobe generative fill": "edited",
    "galaxy ai edit": "edited",
    "ai info": "edited",
}
"""Credits that name a product and are written by that product only."""

AI = (
    r"(?:generative |generativer? |générative )?"
    r"(?:AI|A\.I\.|KI|IA|ai|ki|ia|ИИ|AIGC|生成式?AI|人工智能|人工智慧|artificial intelligence|künstlicher? intelligenz"
    r"|intelligence artificielle|inteligencia artificial|inteligência artificial|intelligenza artificiale"
    r"|kunstmatige intelligentie|искусственн\w+ интеллект\w*|нейросет\w+)"
)
SERVICE = (
    r"(?:Google|Meta|Adobe|Apple|Samsung|Galaxy|TikTok|Microsoft|OpenAI|Bing|Canva|Gemini|Instagram|Facebook|YouTube"
    r"|ByteDance|Baidu|Tencent|Alibaba|Xiaomi|OPPO|vivo|Honor|Huawei)"
)
NAMED = (
    r"(?:Adobe Firefly|(?:Apple )?Image Playground|Google Gemini|Gemini|Google Imagen|Imagen \d|Nano Banana|Midjourney"
    r"|DALL[·\-  ]?E(?: ?\d)?|ChatGPT|Stable Diffusion(?: XL)?|Bing Image Creator"
    r"|Image Creator from (?:Microsoft )?Designer"
    r"|Microsoft Designer|Grok|FLUX(?:\.\d)?|Ideogram|Leonardo\.Ai|Recraft|Krea|Doubao|豆包|即梦|Dreamina"
    r"|TikTok AI Alive)"
)
SYSTEM = (
    rf"(?:(?:the |der |l['’]|la |da |de l['’]|d['’]une |une |einer |an )?(?:{SERVICE}(?:['’]s)?[ -]?)?{AI}"
    rf"(?: (?:de|by|von|di|da|d['’]) ?{SERVICE})?(?:[ -]?(?:tools?|technology|Tools?|Technologie))?|{NAMED})"
)
WITH = (
    r"(?:with(?: the help of)?|by|using|via|through|mit(?: Hilfe von)?|von|durch|mittels"
    r"|avec|par|à l['’]aide de|grâce à|con|por"
    r"|mediante|com|da(?:ll['’])?|door|met|с помощью|с использованием)"
)
MADE = (
    r"(?:made|created|generated|imagined|produced|rendered|synthesi[sz]ed|erstellt|erzeugt|generiert|gemacht|créée?|générée?"
    r"|fait|réalisée?|conçue?|produite?|hecho|hecha|cread[oa]|generad[oa]|criad[oa]|gerad[oa]|feit[oa]|creat[oa]|generat[oa]"
    r"|gemaakt|gegenereerd|созда(?:но|н)|сгенерировано?)"
)
EDITED = (
    r"(?:edited|enhanced|retouched|modified|altered|bearbeitet|retuschiert|verändert|verbessert|modifiée?|retouchée?|éditée?"
    r"|améliorée?|editad[oa]|modificad[oa]|retocad[oa]|mejorad[oa]|modificat[oa]|ritoccat[oa]|bewerkt|отредактировано"
    r"|изменено)"
)
THING = (
    r"(?:image|picture|photo(?:graph)?|illustration|artwork|art|visual|graphic|content|media|bild|foto|grafik|inhalte?"
    r"|illustrazione|immagine|imagen|imagem|ilustración|contenu|contenido|conteúdo|afbeelding|beeld|изображение)s?"
)
SUBJECT = rf"(?:(?:this|the|all|dieses|cette|esta|este|l['’]|die|das) ?)?(?:{THING}[ :]+)?"
BE = (
    r"(?:(?:is|was|were|are|has been|have been|wurde|wird|est|a été|fue|es|foi|è)(?: stata?)? )?"
    r"(?:entirely |fully |vollständig )?"
)

_FLAGS = re.IGNORECASE
_CASED = re.compile(r"\bAi\b")


def _phrases(verb: str) -> list[re.Pattern[str]]:
    patterns = (
        rf"{SUBJECT}{BE}{verb} {WITH} {SYSTEM}",
        rf"{SUBJECT}{BE}{verb} {WITH} {THING} {SYSTEM}",
        rf"{SUBJECT}{BE}{WITH} {SYSTEM} {verb}(?:e[sn]?)?(?: {THING})?",
        rf"{BE}{AI}[ -]{verb}(?:e[sn]?)?(?: {THING})?",
        rf"{SUBJECT}{BE}{AI}[ -]{verb}(?:e[sn]?)?",
        rf"(?:labell?ed|marked|gekennzeichnet|tagged)? ?(?:as|als) {AI}[ -]{verb}",
        rf"creator labell?ed as {AI}[ -]{verb}",
        rf"{SUBJECT}{verb} {WITH} {NAMED}[ \w.]{{0,20}}",
    )
    return [re.compile(pattern, _FLAGS) for pattern in patterns]


MADE_PHRASES, EDITED_PHRASES = _phrases(MADE), _phrases(EDITED)
_ASIAN: tuple[tuple[str, Direction], ...] = (
    (r"(?:AI|人工智能|人工智慧)[ ]?(?:编辑|編輯|修改|修图|修圖|编修|加工|編集|修正|편집|수정)", "edited"),
    (r"(?:使用|由|用|经|通过|借助).{0,20}(?:AI|人工智能|人工智慧).{0,6}(?:编辑|編輯|修改|修图|处理)", "edited"),
    (r"(?:AI|人工知能) ?(?:で|により|によって|を使用して|を使って) ?(?:編集|加工|修正)", "edited"),
    (r"AI(?:로|를 사용하여|를 사용해) ?(?:편집|수정)", "edited"),
    (r"(?:AI|人工智能|人工智慧|AIGC)[ ]?(?:生成|制作|創作|创作|合成|绘制|繪製)", "AI"),
    (
        r"(?:使用|由|用|经|通过|借助).{0,20}(?:AI|人工智能|人工智慧).{0,6}(?:生成|制作|製作|创作|創作|合成|创建|建立)",
        "AI",
    ),
    (r"(?:AI|人工知能) ?(?:で|により|によって|を使用して|を使って|が) ?(?:作成|生成|制作|製作)", "AI"),
    (r"生成AI ?(?:で|により|によって|を使用して|を使って) ?(?:作成|生成|制作)", "AI"),
    (r"AI(?:로|가|를 사용하여|를 사용해|에 의해)? ?(?:생성|제작|만든|만들)", "AI"),
)
ASIAN = tuple((re.compile(pattern, _FLAGS), direction) for pattern, direction in _ASIAN)

NOT = re.compile(
    r"\b(?:not?|non|never|without|zero|free|nothing|anti|against|isn['’]?t|wasn['’]?t|no[- ]?ai|humans?"
    r"|nicht|kein\w*|ohne"
    r"|niemals|mensch\w*|sans|pas|aucun\w*|jamais|contre|humain\w*|sin|nunca|ningun\w*|contra|humano|sem|não|nao|senza|mai"
    r"|niet|geen|zonder|не|нет|без|stop|training|train)\b|[?？]|不是|非|未|没有|沒有|無|无|禁止|反对|反對|ではな|じゃな|ません"
    r"|していな|使わ|不使用|なし|않|아닌|아님|없"
    r"|-free\b",
    _FLAGS,
)
_BENIGN = re.compile(
    r"\b(?:not|no|kein|pas|no es|nicht) (?:an? |une |ein |una )?(?:real )?(?:photo(?:graph)?|foto)\w*", _FLAGS
)
_BREAKS = re.compile(r"[\n|;/()\[\]•·–—©]+|[.,](?=\s|$)|: | - ")


def made_by_ai(credit: str) -> Direction | None:
    """AI for credit lines such as "Made with Google AI", edited for "Edited with Google AI", None for others."""
    text = _BENIGN.sub(" ", unicodedata.normalize("NFC", credit[:500]))
    if NOT.search(text):
        return None
    statements = [part.strip(" \t\"'“”„«»!*.") for part in (text, *_BREAKS.split(text))]
    found = {said for part in statements if part and (said := _said(" ".join(part.split())))}
    return "AI" if "AI" in found else "edited" if "edited" in found else None


def _said(statement: str) -> Direction | None:
    if product := PRODUCTS.get(statement.lower()):
        return product
    if len(statement) > 120 or (_CASED.search(statement) and not re.search(r"generat|gener", statement, _FLAGS)):
        return None
    if any(pattern.fullmatch(statement) for pattern in EDITED_PHRASES):
        return "edited"
    if any(pattern.fullmatch(statement) for pattern in MADE_PHRASES):
        return "AI"
    return next((direction for pattern, direction in ASIAN if len(statement) < 40 and pattern.search(statement)), None)
