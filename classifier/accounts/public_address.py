"""Which addresses the server itself may connect to: public ones, resolved once and then kept to."""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address

TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
"""NAT64: an IPv4 address, a private one maybe, in the clothes of a public IPv6 one (RFC 6052, RFC 8215)."""


class Refused(Exception):
    """The message is a sentence for whoever gave the address."""


@dataclass(frozen=True)
class Target:
    """host: the name that is asked for; address: the one and only that is connected to."""

    host: str
    port: int
    path: str
    encrypted: bool
    address: str


def check(url: str, private_too: bool) -> None:
    """Raises Refused unless this may be an address to send to. Resolves nothing."""
    _parts(url, private_too)


def resolve(url: str, private_too: bool) -> Target:
    """Where to connect. Every address that the name has must be public, so that none of them can be a way in. Raises
    Refused, or OSError when the name can't be resolved."""
    host, port, path, encrypted = _parts(url, private_too)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise Refused(f"{host} is no name of a host.") from error
    addresses = list(dict.fromkeys(str(known[4][0]) for known in found))
    if not private_too and (hidden := [address for address in addresses if not is_public(address)]):
        raise Refused(f"{host} leads to {hidden[0]}, which is not a public address.")
    return Target(host, port, path, encrypted, addresses[0])


def is_public(text: str) -> bool:
    """Whether everybody's internet leads there: not this machine, not its network, not a cloud's metadata."""
    address: Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(str(address.ipv4_mapped))
        inside = address.sixtofour or address.teredo or any(address in network for network in TRANSLATED)
        if inside or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _parts(url: str, private_too: bool) -> tuple[str, int, str, bool]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused("This is not an address such as https://example.org/hook.") from error
    schemes = ("https", "http") if private_too else ("https",)
    if parts.scheme not in schemes or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise Refused(f"The address must begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and a host.")
    if parts.username is not None or parts.password is not None:
        raise Refused("The address must not hold a user name or a password.")
    if port == 0:
        raise Refused("There is no port 0.")
    if not private_too and _is_hidden_literal(host):
        raise Refused(f"{host} is not a public address.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, port or (443 if parts.scheme == "https" else 80), path, parts.scheme == "https"


def _is_hidden_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
