"""No secret value is told to anyone: the guard of every test here, and the paths most likely to."""

import json
from base64 import b64encode
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from local.kubernetes import Write
from local.kubernetes.kinds import SECRET
from tests.functional.world import World
from tests.kit.chains import PEM, PKCS12, chain_of, key_pem, pem, pfx, text_of
from tests.leaks.dye import plant, value
from tests.leaks.search import leaks


def kinds() -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield values of every kind that is known: the value, its tags and its content type."""
    login = {"username": "u", "password": value()}
    chain = chain_of("RSA-2048", 2)
    assert isinstance(chain.key, RSAPrivateKey)
    numbers = chain.key.private_numbers()
    for number in (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1):
        plant(number.to_bytes((number.bit_length() + 7) // 8))
    yield value(), {"owner": value(), value(): "x"}, value()
    yield value() * 400, {}, "text/plain"
    yield json.dumps({"a": value(), "b": [value()]}), {"k8s-expand": "json"}, "application/json"
    yield f"a: {value()}\nb: |\n  {value()}\n", {"k8s-expand": "yaml", "k8s-key": "y"}, ""
    yield f"A={value()}\nexport B='{value()}'\n", {"k8s-expand": "dotenv", "k8s-key": "d"}, ""
    yield b64encode(value().encode()).decode(), {"k8s-encoding": "base64"}, ""
    yield json.dumps(login), {"k8s-type": "basic-auth", "k8s-secret": "login"}, ""
    yield json.dumps({"server": "r", **login}), {"k8s-type": "dockerconfigjson"}, ""
    yield key_pem(chain.key) + pem(*chain.certificates), {"k8s-expand": "certificate"}, PEM
    yield text_of(pfx(chain.key, chain.certificates)), {"k8s-expand": "certificate"}, PKCS12
    items = "A=a, B=x{a:url}{a:pg}{a:ado}{a:json}, C:base64={a}"
    yield json.dumps({"a": value()}), {"k8s-expand": "json", "k8s-keys": items}, ""
    yield value(), {"k8s-keys": "D={value}"}, ""
    # From here on none can be what its tags ask for.
    yield json.dumps({"a": f"{value()}\n"}), {"k8s-expand": "json", "k8s-keys": "E={a}"}, ""
    yield json.dumps({"a": [value()]}), {"k8s-expand": "json", "k8s-keys": "F=a.b"}, ""
    yield f"{value()}=1\n", {"k8s-expand": "dotenv", "k8s-keys": "G=a"}, ""
    yield value(), {"k8s-keys": f"{value()}={value()}, {value()}"}, ""
    yield f'{{"a": "{value()}', {"k8s-expand": "json"}, ""
    yield f"a: [{value()}", {"k8s-expand": "yaml"}, ""
    yield value(), {"k8s-expand": "dotenv"}, ""
    yield f"{value()}!", {"k8s-encoding": "base64"}, ""
    yield value(), {"k8s-encoding": "hex"}, ""
    yield json.dumps({value(): 1, f"{value()} ": 2}), {"k8s-expand": "json", "k8s-path": "p"}, ""
    yield f"-----BEGIN PRIVATE KEY-----\n{value()}\n", {"k8s-expand": "certificate"}, PEM
    yield value(), {"k8s-type": "tls", "k8s-secret": "web"}, PKCS12
    yield value(), {"k8s-type": value()}, ""
    yield value(), {"k8s-key": f"{value()} {value()}"}, ""
    yield value(), {"k8s-secret": value().upper()}, ""
    yield json.dumps({"a": f"{value()}\ud800"}), {"k8s-expand": "json"}, ""


def test_no_kind_of_value_is_told(world: World) -> None:
    """Whatever a value is, wherever one stands, and whether it is of use: nothing is told of it."""
    place = world.place(silent=True)
    versions = [
        (name, place.vault.set_secret(name, text, tags=tags, content_type=kind).version)
        for number, (text, tags, kind) in enumerate(kinds())
        for name in (f"secret-{number}",)
    ]
    place.vault.set_secret("secret-0", value())
    place.vault.set_secret("gone", value())
    foreign = {"theirs": value().encode(), "secret-0": value().encode()}
    place.stack.cluster.put_secret(place.namespace, place.secret, foreign)
    for name, version in versions:
        assert world.deliver(place.event(name, version)) in {202, 500}
    for fields in (
        {},
        {"dry_run": True},
        {"removals": True, "takeover": True, "refetch": True},
        {"secret": "secret-10"},
    ):
        assert world.resync(place, **fields).status in {200, 422}
    place.vault.delete("gone")
    world.get(f"/api/status?vault={place.name}")
    for command in (("plan", "--verbose"), ("explain", "-o", "json"), ("doctor",)):
        told = place.stack.command(command[0], place.name, *command[1:])
        assert leaks(told.stdout + told.stderr) == []
    assert world.leaks() == []


def test_values_are_only_in_the_data_of_their_secret(world: World) -> None:
    """After every kind of request the log, the answers and the metadata hold no value."""
    place = world.place()
    for name in ("a", "b", "c"):
        place.vault.set_secret(name, value(), tags={"tag": value()}, content_type=value())
    world.settle()
    foreign = {"theirs": value().encode(), "a": value().encode()}
    place.stack.cluster.patch_data(place.namespace, place.secret, foreign)
    world.get(f"/api/status?vault={place.name}")
    everything = {"removals": True, "takeover": True, "refetch": True}
    for fields in ({"dry_run": True}, {"secret": "a"}, {"secret": "nosuch"}, everything):
        world.resync(place, **fields)
    assert len(world.answers) == 5
    assert world.leaks() == []


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_a_refused_write_tells_no_value(world: World, status: int) -> None:
    """However the API server refuses a document, none of it is in what the app says."""
    place = world.place()
    place.stack.cluster.faults.fail(status, None, verb="patch")
    made = place.vault.set_secret("key", value())
    assert world.deliver(place.event("key", made.version)) in {202, 500}
    assert world.resync(place).status in {422, 503}
    place.stack.cluster.faults.clear()
    assert world.leaks() == []


def test_a_broken_annotation_is_not_repeated(world: World) -> None:
    """What somebody wrote over our annotation may be a value: it is not told either."""
    place = world.filled("key")
    world.settle()
    place.stack.cluster.patch(
        SECRET,
        place.namespace,
        place.secret,
        "merge",
        {"metadata": {"annotations": {"keyvault-sync/state": value()}}},
        Write("somebody"),
    )
    world.get(f"/api/status?vault={place.name}")
    assert world.resync(place).status == 200
    assert world.leaks() == []


def test_values_in_events_and_requests_are_not_repeated(world: World) -> None:
    """Whoever puts a value where a name belongs does not find it in the log."""
    place = world.place()
    event = place.event("key") | {"data": {"VaultName": place.vault.name, "Value": value()}}
    assert world.deliver(event) == 202
    assert world.deliver({"eventType": "Other", "data": value()}) == 202
    assert world.post("/api/resync", {"all": True, "secret": {"a": value()}}).status == 400
    assert world.post("/api/resync", f'{{"a": "{value()}'.encode()).status == 400
    assert world.leaks() == []


def test_a_refused_log_in_is_told_in_our_own_words(world: World) -> None:
    """Of a token that is refused the log-in library quotes the answer; nobody is shown that."""
    place = world.place(silent=True)
    told = place.stack.command("plan", place.name, "--verbose", IDENTITY_HEADER="wrong")
    assert "Credential" in told.stderr
    assert "header is missing or wrong" not in told.stderr
    with world.app(place, IDENTITY_HEADER="wrong") as app:
        assert app.resync(place).status in {422, 503}
        assert "header is missing or wrong" not in app.log()


def test_credentials_of_the_environment_are_not_told(world: World) -> None:
    """A proxy's password, a kubeconfig in a setting, a client secret: none is in what fails."""
    place = world.filled("key", silent=True)
    proxy = f"http://user:{value()}@127.0.0.1:9"  # where nobody listens
    user = {"token": value(), "username": "u", "password": value()}
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    client = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": value()}
    proxied = {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": "", "no_proxy": ""}
    given = {"SYNC_CLUSTERS": json.dumps([{"name": "main", "kubeconfig": config}])}
    for environment in ({**given, **proxied}, {**proxied, **client}):
        with world.app(place, **environment) as app:
            assert app.resync(place).status in {422, 503}
            assert app.leaks() == []
