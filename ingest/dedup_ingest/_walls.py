"""Pages that stand in front of an article: what is behind a payment, and what is behind a question about cookies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Literal
from urllib.parse import urlsplit

Wall = Literal["paywall", "consent"]

# A page that says it is not free often carries the whole text nevertheless (metered readers); a teaser is shorter.
_TEASER_CHARACTERS: Final = 1500
_CONSENT_PHRASES: Final = 2

_CONSENT_HOST: Final = re.compile(r"^(?:consent|cmp|privacy|cookies?|guce|myprivacy)\.", re.IGNORECASE)
_CONSENT_PATH: Final = re.compile(
    r"/(?:cookie[-_]?(?:wall|consent)|consent|privacy-?gate|collectconsent)\b", re.IGNORECASE
)
_CONSENT: Final = re.compile(
    r"accept\sall(?:\scookies)?|we\suse\scookies|manage\s(?:cookies|preferences|your\sprivacy)|cookie\s(?:settings|policy)"
    r"|reject\sall|our\spartners\sstore|before\syou\scontinue|alle\s(?:cookies\s)?akzeptieren|alles\sannehmen"
    r"|wir\s(?:verwenden|nutzen)\scookies|mit\swerbung\sund\scookies|einwilligung|datenschutzeinstellungen"
    r"|tout\saccepter|accepter\set\s(?:fermer|continuer)|nous\sutilisons\sdes\scookies|continuer\ssans\saccepter"
    r"|aceptar\s(?:todas|y\scontinuar)|utilizamos\scookies|usamos\scookies|aceitar\stodos"
    r"|accetta\s(?:tutti|e\scontinua)|utilizziamo\s(?:i\s)?cookie|zaakceptuj\swszystkie|używamy\s(?:plików\s)?cookies"
    r"|tümünü\skabul|çerezleri?\s(?:kabul|kullan)|принять\sвсе|мы\sиспользуем\s(?:файлы\s)?cookie"
    r"|прийняти\sвсі|ми\sвикористовуємо\s(?:файли\s)?cookie",
    re.IGNORECASE,
)
_PAYWALL: Final = re.compile(
    r"subscribe\sto\s(?:read|continue|keep\sreading|unlock)|subscribers?[\s-]only|to\scontinue\sreading"
    r"|already\sa\ssubscriber|this\sarticle\sis\s(?:for|reserved\sfor)\ssubscribers|(?:start|begin)\syour\sfree\strial"
    r"|you\shave\sreached\syour\s(?:article\s)?limit|sign\sin\sto\scontinue|log\sin\sto\scontinue"
    r"|nur\sfür\sabonnenten|jetzt\sabonnieren|lesen\ssie\sweiter\smit|weiterlesen\smit|wählen\ssie\sihren\szugang"
    r"|réservé\saux\sabonnés|abonnez-vous\spour|il\svous\sreste\s[\d,.]+\s?%|déjà\sabonné"
    r"|suscríbe(?:te|ase)\spara|exclusivo\spara\ssuscriptores|solo\spara\ssuscriptores|regístrate\spara"
    r"|riservato\sagli\sabbonati|abbonati\sper\s(?:leggere|continuare)|exclusivo\spara\sassinantes|assine\spara"
    r"|только\sдля\sподписчиков|оформите\sподписку|доступно\sпо\sподписке|лише\sдля\sпередплатників|оформіть\sпередплату"
    r"|dla\ssubskrybentów|tylko\sdla\sprenumeratorów|czytaj\sdalej\sz\sprenumeratą|abonelere\sözel|devamı\sabonelere"
    r"|会員限定|続きをお読み",
    re.IGNORECASE,
)


def wall_of(*, url: str, text: str, visible: str, linked: Iterable[dict[str, Any]], tier: str | None) -> Wall | None:
    """What the page is in front of its article, or None.

    `text` is what was extracted, `visible` everything that can be read on the page, `linked` its JSON-LD objects,
    `tier` its `article:content_tier`. A question about cookies is a wall only when it is all there is; a payment only
    when what is left is a teaser.
    """
    parts = urlsplit(url)
    if _CONSENT_HOST.match(parts.hostname or "") or _CONSENT_PATH.search(parts.path):
        return "consent"
    said = text or visible
    if len(said) < 2 * _TEASER_CHARACTERS and len({match[0].lower() for match in _CONSENT.finditer(said)}) >= (
        _CONSENT_PHRASES
    ):
        return "consent"
    if len(text) >= _TEASER_CHARACTERS:
        return None
    declared = (tier or "").strip().lower() in ("locked", "metered") or any(map(_declares_payment, linked))
    return "paywall" if declared or _PAYWALL.search(visible) else None


def _declares_payment(data: dict[str, Any]) -> bool:
    """schema.org: `"isAccessibleForFree": false`, also written "False" and "http://schema.org/False"."""
    value = data.get("isAccessibleForFree")
    return value is False or (isinstance(value, str) and value.strip().lower().endswith("false"))
