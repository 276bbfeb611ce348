"""What settings say in one line, taken apart. Each raises ValueError for what it can't read."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import environ

Network = IPv4Network | IPv6Network


def networks(value: str) -> list[Network]:
    return [ip_network(word.strip()) for word in value.split(",")]


def database(url: str) -> dict[str, object]:
    config = {key: value for key, value in environ.Env.db_url_config(url).items() if value != ""}
    if not url.startswith(("sqlite:///", "postgres://", "postgresql://")) or "NAME" not in config:
        raise ValueError(url)
    if config["ENGINE"] == "django.db.backends.sqlite3":
        # Writers queue for the lock at BEGIN instead of failing in mid-transaction; readers never wait (WAL).
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        config["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": pragmas}
    else:
        config |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    return config


def mail(url: str) -> dict[str, object]:
    config = environ.Env.email_url_config(url)
    if not url.startswith(("smtp", "console")):
        raise ValueError(url)
    return {key: value for key, value in config.items() if value is not None}
