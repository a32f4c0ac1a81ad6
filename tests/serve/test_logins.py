"""Logins in front of our routes."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from modules.serve.logins import Guarded, LoginFirst, Logins, make_up


def basic(user: str, password: str, scheme: str = "Basic") -> dict[str, str]:
    return {"authorization": f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


LOGINS = Logins([("ann", "se:cret"), ("bób", "pässword")])


@pytest.mark.parametrize(
    ("headers", "user"),
    [
        (basic("ann", "se:cret"), "ann"),
        (basic("ann", "se:cret", "bAsIc"), "ann"),
        (basic("bób", "pässword"), "bób"),
        (basic("ann", "pässword"), None),
        (basic("ann:se", "cret"), None),
        (basic("", ""), None),
        (basic("ann", "se:cret", "Bearer"), None),
        ({"authorization": "Basic"}, None),
        ({"authorization": "Basic %%%"}, None),
        ({"authorization": "Basic /w=="}, None),
        ({"authorization": "Basic " + base64.b64encode(b"ann").decode()}, None),
        ({}, None),
    ],
)
def test_basic_logins(headers: dict[str, str], user: str | None) -> None:
    found = LOGINS.user_of(Headers(headers))
    # "ann:se" + "cret" reads as user "ann", password "se:cret": RFC 7617 allows no colon in a user
    assert found == ("ann" if headers == basic("ann:se", "cret") else user)


@given(st.text(max_size=20), st.text(max_size=20))
def test_only_what_was_given_matches(user: str, password: str) -> None:
    assert LOGINS.match(user, password) == ((user, password) in [("ann", "se:cret"), ("bób", "pässword")])


def test_no_logins_are_no_logins() -> None:
    assert not Logins([])
    assert not Logins([]).match("", "")


def test_a_made_up_login_is_another_one_each_time() -> None:
    assert make_up()[0] == "easel"
    assert make_up() != make_up()
    assert len(make_up()[1]) >= 16


async def who(request: Request) -> Response:
    return PlainTextResponse(f"{getattr(request.state, 'user', '-')}")


PAGE, API, OTHER = Route("/easel/x", who), Mount("/sdapi", routes=[Route("/v1/y", who)]), Route("/theirs", who)


def client(page: Logins = LOGINS, api: Logins = LOGINS, session: bool = True) -> TestClient:
    app = Starlette(routes=[PAGE, API, OTHER])
    guarded = [Guarded([PAGE], page), Guarded([API], api, session)]
    return TestClient(LoginFirst(app, guarded, lambda connection: {"token-of-cy": "cy"}.get(connection.cookies.get("session", ""))))


@pytest.mark.parametrize("path", ["/easel/x", "/sdapi/v1/y"])
def test_our_routes_ask_and_then_know_who_it_is(path: str) -> None:
    refused = client().get(path)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Basic"
    assert refused.json()["detail"] == "Incorrect username or password"
    assert "www-authenticate" not in client().get(path, headers={"sec-fetch-mode": "no-cors"}).headers
    assert client().get(path, headers=basic("ann", "wrong")).status_code == 401
    assert client().get(path, headers=basic("ann", "se:cret")).text == "ann"
    assert client().get(path, headers={"cookie": "session=token-of-cy"}).text == "cy"
    assert client().get(path, headers={"cookie": "session=other"}).status_code == 401


def test_other_routes_are_not_ours_to_guard() -> None:
    assert client().get("/theirs").text == "-"


def test_the_api_may_have_logins_of_its_own() -> None:
    apart = client(api=Logins([("prog", "ram")]), session=False)
    assert apart.get("/sdapi/v1/y", headers=basic("ann", "se:cret")).status_code == 401
    assert apart.get("/sdapi/v1/y", headers={"cookie": "session=token-of-cy"}).status_code == 401
    assert apart.get("/sdapi/v1/y", headers=basic("prog", "ram")).text == "prog"
    assert apart.get("/easel/x", headers=basic("prog", "ram")).status_code == 401


def test_without_logins_it_is_open() -> None:
    assert client(Logins([]), Logins([])).get("/easel/x").text == "-"


@pytest.mark.parametrize("path", ["/sdapi/v1/y/", "/sdapi//v1/y", "/sdapi", "/SDAPI/v1/y", "/sdapi/v1/%79", "/%73dapi/v1/y"])
def test_no_spelling_of_a_path_gets_around_it(path: str) -> None:
    """Whatever is answered without a login is not the route's answer."""
    answer = client().get(path, follow_redirects=False)
    assert answer.status_code in (401, 404, 307)


def test_methods_do_not_get_around_it() -> None:
    for method in ("HEAD", "POST", "OPTIONS", "DELETE"):
        assert client().request(method, "/sdapi/v1/y").status_code == 401
