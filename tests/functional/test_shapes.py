"""What the tags of one vault secret make of it in the cluster: keys, values and types."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from local.event_grid import Faults
from tests.functional.secrets_held import Tags, assert_quiet, kind, other, raw
from tests.functional.world import World, changes, outcome
from tests.kit.chains import PEM, PKCS12, chain_of, key_pem, pem, pfx, text_of
from tests.leaks.dye import value


def object_of(form: str, user: str, password: str) -> str:
    """Write a credential in one of the forms that are expanded."""
    return {
        "json": json.dumps({"user": user, "password": password, "port": 5432}),
        "yaml": f"# the shop's\nuser: {user}\npassword: '{password}'\nport: 5432\n",
        "dotenv": f"export user={user}\npassword='{password}'\nport=5432\n",
    }[form]


@pytest.mark.parametrize("form", ["json", "yaml", "dotenv"])
def test_a_credential_becomes_a_key_for_each_member(world: World, form: str) -> None:
    """One event brings all members of an object, and the next version's event all of that."""
    place = world.place()
    for user, password in ((value(), value()), (value(), value())):
        secret = object_of(form, user, password)
        place.vault.set_secret("postgres", secret, tags={"k8s-expand": form, "k8s-key": "PG"})
        world.settle()
        assert place.data() == {"PG_user": user, "PG_password": password, "PG_port": "5432"}
    assert_quiet(world, place)


def test_a_member_that_is_gone_takes_its_key_along(world: World) -> None:
    """A new version's event removes the keys of members that it lacks, but never the last ones."""
    place = world.place()
    tags = {"k8s-expand": "json"}
    plain = place.vault.set_secret("plain", value()).value
    last = {"c": value()}
    for members in ({"a": value(), "b": value()}, {"b": value(), "c": value()}, last):
        place.vault.set_secret("tree", json.dumps(members), tags=tags)
        world.settle()
        assert place.data() == {"plain": plain, **members}
    assert_quiet(world, place)
    place.vault.set_secret("tree", "{}", tags=tags)
    world.settle()
    assert outcome(world.resync(place))["reason"] == "ValueNotOfFormat"
    assert place.data() == {"plain": plain, **last}


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("base64", lambda blob: base64.encodebytes(blob).decode()),
        ("base64url", lambda blob: base64.urlsafe_b64encode(blob).decode().rstrip("=")),
        ("hex", bytes.hex),
    ],
)
def test_binary_values_are_decoded(
    world: World, encoding: str, encode: Callable[[bytes], str]
) -> None:
    """An encoded value arrives as its bytes, whatever they are."""
    place = world.place()
    blob = bytes(range(256)) * 3
    place.vault.set_secret("keystore", encode(blob), tags={"k8s-encoding": encoding})
    world.settle()
    assert raw(place) == {"keystore": blob}
    assert changes(world.resync(place)) == {}


def test_tags_decide_whether_and_under_which_key(world: World) -> None:
    """No event tells of a tag: a pass leaves a secret out, takes it in, renames its key."""
    place = world.place()
    secret = place.vault.set_secret("a", value(), tags={"k8s-sync": "false", "team": "shop"}).value
    kept = place.vault.set_secret("b", value()).value
    world.settle()
    assert place.data() == {"b": kept}
    for tags, keys in (
        ({}, ["a"]),
        ({"k8s-key": "A.txt"}, ["A.txt"]),
        ({"K8S-Key": " A "}, ["A"]),
        ({"k8s-sync": "false"}, []),
    ):
        place.vault.update("a", tags=tags)
        assert world.resync(place).status == 200
        assert place.data() == {"b": kept, **dict.fromkeys(keys, secret)}
        assert_quiet(world, place)


def login(user: str, password: str) -> str:
    """Encode a log-in as registries have it."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_registry_login_becomes_a_pull_secret(world: World) -> None:
    """Registry, username and password become what imagePullSecrets needs, a whole config too."""
    place = world.place()
    pull = other(world, place, "keyvault-project-registry")
    user, password = value(), value()
    plain = {"registry": "shop.azurecr.io", "username": user, "password": password}
    whole = {"auths": {"shop.azurecr.io": {"auth": login(user, password)}}}
    for secret in (plain, whole):
        made = json.dumps(secret)
        place.vault.set_secret("registry", made, tags={"k8s-type": "dockerconfigjson"})
        world.settle()
        assert kind(pull) == "kubernetes.io/dockerconfigjson"
        config = json.loads(raw(pull)[".dockerconfigjson"])
        assert config["auths"]["shop.azurecr.io"]["auth"] == login(user, password)
    assert_quiet(world, place, pull)


def test_the_platform_decides_on_identity_tokens(world: World) -> None:
    """What az acr login writes is no log-in for the kubelet; builders get it where allowed."""
    place = world.place()
    pull = other(world, place, "keyvault-project-registry")
    entry = {"auth": login("0" * 8 + "-0000-0000-0000-" + "0" * 12, ""), "identitytoken": value()}
    config = json.dumps({"auths": {"shop.azurecr.io": entry}})
    place.vault.set_secret("registry", config, tags={"k8s-type": "dockerconfigjson"})
    refused = outcome(world.resync(place))
    assert refused["reason"] == "ValueNotOfType"
    assert "az acr login" in str(refused["message"])
    with world.app(place, SYNC_REGISTRY_IDENTITY_TOKENS="true") as app:
        app.resync(place)
        assert raw(pull) == {".dockerconfigjson": config.encode()}


def test_what_az_encoded_is_told_until_a_tag_decodes_it(world: World) -> None:
    """A plain secret's warning costs no get in a quiet pass, and ends with k8s-encoding."""
    place = world.place()
    secret = value()
    encoded = base64.b64encode(secret.encode()).decode()
    place.vault.set_secret("licence", encoded, tags={"file-encoding": "base64"})
    world.settle()
    assert place.data() == {"licence": encoded}
    for _ in range(2):
        warnings = outcome(world.resync(place))["warnings"]
        assert isinstance(warnings, list)
        assert [each["reason"] for each in warnings] == ["FileEncodingIgnored"]
    assert_quiet(world, place)
    tags = {"file-encoding": "base64", "k8s-encoding": "base64"}
    place.vault.update("licence", tags=tags)
    assert outcome(world.resync(place))["warnings"] == []
    assert place.data() == {"licence": secret}


def test_a_private_key_becomes_ssh_auth(world: World) -> None:
    """A private key goes to the Secret that k8s-secret names, under the type's key."""
    place = world.place()
    ssh = other(world, place, "keyvault-project-deploy")
    key = key_pem(chain_of("P-256", 1).key)
    tags = {"k8s-type": "ssh-auth", "k8s-secret": "deploy"}
    place.vault.set_secret("ssh-key", key.replace("\n", "\r\n"), tags=tags)
    world.settle()
    assert kind(ssh) == "kubernetes.io/ssh-auth"
    assert ssh.data() == {"ssh-privatekey": key}


def openssl(*arguments: str | Path) -> str:
    """Run openssl and return what it says; skip where there is none."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("compares with the openssl command")
    done = subprocess.run(  # noqa: S603 - the arguments are this module's own
        [program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("content_type", [PKCS12, PEM])
@pytest.mark.parametrize("algorithm", ["RSA-2048", "P-256"])
def test_a_certificate_becomes_a_tls_secret(
    world: World, tmp_path: Path, algorithm: str, content_type: str
) -> None:
    """A certificate's event brings a TLS Secret whose chain and key openssl verifies."""
    place = world.place()
    tls = other(world, place, "keyvault-project-site")
    chain = chain_of(algorithm, 4)
    leaf, *issuers = chain.certificates
    bundle = {
        PKCS12: text_of(pfx(chain.key, (leaf, *reversed(issuers)))),
        PEM: pem(*reversed(chain.certificates)) + key_pem(chain.key),
    }[content_type]
    place.vault.set_certificate("site", bundle, content_type, tags={"k8s-type": "tls"})
    world.settle()
    assert kind(tls) == "kubernetes.io/tls"
    files = {name: tmp_path / name for name in ("tls.crt", "tls.key", "ca.crt")}
    assert raw(tls).keys() == files.keys()
    for name, path in files.items():
        path.write_bytes(raw(tls)[name])
    assert files["tls.crt"].read_text() == pem(leaf, *issuers[:-1])
    assert files["ca.crt"].read_text() == pem(issuers[-1])
    certificate = files["tls.crt"]
    verified = ("verify", "-no-CApath", "-CAfile", files["ca.crt"], "-untrusted")
    openssl(*verified, certificate, certificate)
    assert openssl("pkey", "-in", files["tls.key"], "-pubout") == openssl(
        "x509", "-in", certificate, "-noout", "-pubkey"
    )
    assert_quiet(world, place, tls)


def test_a_certificate_goes_beside_the_others(world: World) -> None:
    """With k8s-expand certificate its parts are keys after its name; without a tag it stays."""
    place = world.place()
    chain = chain_of("P-256", 3)
    bundle = text_of(pfx(chain.key, chain.certificates))
    with world.app(place, SYNC_CHAIN_ROOT="keep") as app:
        place.vault.set_certificate("site", bundle, tags={"k8s-expand": "certificate"})
        place.vault.set_certificate("plain", bundle)
        app.settle()
        assert place.data() == {
            "site.crt": pem(*chain.certificates),
            "site.key": key_pem(chain.key),
            "site.ca.crt": pem(chain.certificates[-1]),
            "plain": bundle,
        }
        assert_quiet(app, place)


def test_an_application_names_its_keys(world: World) -> None:
    """What a platform's application wants comes of members, and of texts with members in them."""
    place = world.place()
    user, password, chain = value(), f"{value()}@/ %'", chain_of("P-256", 3)
    for secret, text, tags in (
        (
            "postgres-credentials",
            json.dumps(
                {"username": user, "password": password, "host": "db", "db": "x", "port": 5432}
            ),
            {
                "k8s-expand": "json",
                "k8s-keys": "POSTGRES_USER=username, POSTGRES_PASSWORD=password, POSTGRES_DB=db,",
                "k8s-keys-2": "DATABASE_URL=postgres://{username:url}:{password:url}@{host}:{port}",
            },
        ),
        (
            "api-credentials",
            f"key: k1\nsecret: {user}\n",
            {"k8s-expand": "yaml", "k8s-keys": "API_KEY=key, API_SECRET=secret"},
        ),
        ("webhook-tokens", user, {"k8s-keys": "WEBHOOK_TOKEN={value}"}),
        (
            "tls-certificates",
            pem(*chain.certificates) + key_pem(chain.key),
            {
                "k8s-expand": "certificate",
                "k8s-keys": "TLS_CRT=crt, TLS_KEY=key, CA_CRT=ca",
            },
        ),
    ):
        kind_of = PEM if secret == "tls-certificates" else ""
        place.vault.set_secret(secret, text, tags=tags, content_type=kind_of)
    world.settle()
    wanted = {
        "POSTGRES_USER": user,
        "POSTGRES_PASSWORD": password,
        "POSTGRES_DB": "x",
        "DATABASE_URL": f"postgres://{quote(user, safe='')}:{quote(password, safe='')}@db:5432",
        "API_KEY": "k1",
        "API_SECRET": user,
        "WEBHOOK_TOKEN": user,
        "TLS_CRT": pem(*chain.certificates[:-1]),
        "TLS_KEY": key_pem(chain.key),
        "CA_CRT": pem(chain.certificates[-1]),
    }
    assert place.data() == wanted
    assert_quiet(world, place)


def test_a_lost_tag_takes_no_key_along(world: World) -> None:
    """Where one of several tags of keys is gone the version is refused, and what was good stays."""
    place = world.place()
    first = json.dumps({"a": value(), "b": value()})
    tags = {"k8s-expand": "json", "k8s-keys": "A=a,", "k8s-keys-2": "B=b"}
    place.vault.set_secret("pair", first, tags=tags)
    world.settle()
    good = place.data()
    assert good == {"A": json.loads(first)["a"], "B": json.loads(first)["b"]}
    second = json.dumps({"a": value(), "b": value()})
    for lost in ("k8s-keys", "k8s-keys-2"):
        left = {tag: text for tag, text in tags.items() if tag != lost}
        place.vault.set_secret("pair", second, tags=left)
        world.settle()
        refused = outcome(world.resync(place))
        assert refused["reason"] == "TagWrong"
        assert f"{lost} " in str(refused["message"])
        assert place.data() == good
    place.vault.update("pair", tags=tags)
    world.resync(place)
    assert place.data() == {"A": json.loads(second)["a"], "B": json.loads(second)["b"]}


BAD: list[tuple[str, Tags, str]] = [
    ("TagUnknown", {"k8s-kyes": "A"}, "k8s-keys"),
    ("TagWrong", {"k8s-keys": "A={value},"}, "k8s-keys-2"),
    ("TagWrong", {"k8s-expand": "xml"}, "json"),
    ("TagWrong", {"k8s-type": "tls", "k8s-key": "a"}, "k8s-key"),
    ("TagWrong", {"k8s-secret": "keyvault-2"}, "keyvault-2"),
    ("ValueNotOfFormat", {"k8s-expand": "json"}, "json"),
    ("ValueNotDecodable", {"k8s-encoding": "base64"}, "base64"),
    ("ValueNotOfType", {"k8s-type": "dockerconfigjson"}, "registry"),
    ("CertificateUnreadable", {"k8s-type": "tls"}, "PKCS#12"),
]


@pytest.mark.parametrize(("reason", "tags", "word"), BAD)
@pytest.mark.parametrize("by_event", [True, False])
def test_one_bad_secret_holds_back_no_other(
    world: World, reason: str, tags: Tags, word: str, *, by_event: bool
) -> None:
    """It is refused with what to do, its last good value stays, and all others are written."""
    place = world.place()
    other(world, place, "keyvault-project-bad")
    good = place.vault.set_secret("bad", value()).value
    place.vault.set_secret("a", value())
    world.settle()
    world.stack.grid.inject(Faults(drop_next=0 if by_event else 2))
    place.vault.set_secret("bad", f"{value()} is odd", tags=tags)
    place.vault.set_secret("a", value())
    world.settle()
    answer = world.resync(place)
    assert (answer.status, outcome(answer)["reason"]) == (422, reason)
    message = str(outcome(answer)["message"])
    assert "'bad'" in message
    assert word in message
    assert place.data() == place.wanted() | {"bad": good}
    place.vault.update("bad", tags={})
    world.bring(place)


def test_a_bad_secret_of_a_new_vault_is_left_out(world: World) -> None:
    """What never was in stays out, and does not keep the vault's Secret from being made."""
    place = world.place()
    place.vault.set_secret("bad", value(), tags={"k8s-expand": "json"})
    good = place.vault.set_secret("good", value()).value
    world.settle()
    assert outcome(world.resync(place))["reason"] == "ValueNotOfFormat"
    assert place.data() == {"good": good}
