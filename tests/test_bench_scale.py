"""The bench about scale knows the pages that there are; its figures are nobody's test."""

import re

import pytest
from django.urls import Resolver404, resolve

from tests import bench_scale


def test_every_page_that_is_measured_exists(db):
    addresses = re.findall(r'"(/[a-z/]*)[?"]', bench_scale.PAGES)
    assert len(addresses) > 10
    for address in addresses:
        try:
            resolve(address)
        except Resolver404:
            pytest.fail(f"{address} is no page")


def test_it_is_small_unless_it_is_asked_to_be_full(monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(bench_scale, "PARTS", {"pages": seen.append})
    for arguments in ([], ["--full"], ["--rows", "7"]):
        bench_scale.main(["pages", *arguments])
    assert [options.rows for options in seen] == [20_000, 1_000_000, 7]
    assert [options.readers for options in seen] == [10, 50, 10]
