"""The admin's search box."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("page", ["abc", "9999", "-1", "0", "1e3"])
def test_a_page_of_results_that_is_not_there_is_not_found(admin_client, page):
    assert admin_client.get("/admin/search/", {"s": "wallet", "page": page}).status_code == 404


def test_the_search_finds_pages_of_the_admin(admin_client):
    assert admin_client.get("/admin/search/", {"s": "wallet"}).status_code == 200


def test_a_stranger_is_sent_to_the_login(client):
    assert client.get("/admin/search/", {"s": "wallet"}).status_code == 302
