"""Who runs this site, and where its source is."""

from dataclasses import dataclass

from django import template
from django.conf import settings

register = template.Library()


@dataclass(frozen=True)
class Site:
    """contact: an email address or a web address, "" where none is set; source: where the code is."""

    contact: str
    source: str

    @property
    def contact_link(self) -> str:
        return f"mailto:{self.contact}" if "@" in self.contact else self.contact


@register.simple_tag
def site() -> Site:
    return Site(settings.CONTACT, settings.SOURCE_URL)
